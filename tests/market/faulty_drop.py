"""A drop of a made-up market with one fault of each kind, and where each was planted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from configs.settings import FilesVendor, History, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.quality import DATA_QUALITY
from quant_assets.engine.computation import Calculation
from quant_assets.market.assets import ASSETS
from quant_resources.vendors.files.vendor import FileDrop

DAYS = calendar.between(dt.date(2017, 1, 3), dt.date(2017, 3, 31))
SYMBOLS = [f"S{i:02d}" for i in range(40)]
CLOCK = DecisionClock()
DAY, WEEKEND, LOST = DAYS[40], dt.date(2017, 3, 4), DAYS[50]
Row = dict[str, object]


@dataclass
class Planted:
    """What was put in, by what should be said of it.

    Attributes:
        kept_out: (source, symbol, rule) of each bad row.
        found: (symbol, session, rule) of each finding.
        spoilt: good bars that a fault took the place of.
    """

    kept_out: list[tuple[str, str | None, str]] = field(default_factory=list)
    found: set[tuple[str, dt.date, str]] = field(default_factory=set)
    spoilt: int = 0


def clean_bars() -> pl.DataFrame:
    """Quiet bars of every symbol on every day, with vwap, trades and the date of knowledge."""
    rng = np.random.default_rng(5)
    frames = []
    for i, symbol in enumerate(SYMBOLS):
        close = (30 + i) * np.exp(np.cumsum(rng.normal(0, 0.008, len(DAYS))))
        open_ = np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.002, len(DAYS)))
        frames.append(
            pl.DataFrame(
                {
                    "symbol": symbol,
                    "date": DAYS,
                    "open": open_,
                    "high": np.maximum(open_, close) * 1.003,
                    "low": np.minimum(open_, close) * 0.997,
                    "close": close,
                    "volume": np.round(1e6 * np.exp(rng.normal(0, 0.1, len(DAYS)))),
                    "vwap": (open_ + close) / 2,
                    "transactions": np.full(len(DAYS), 500),
                    "known_at": [end_of_day(day) for day in DAYS],
                }
            )
        )
    return pl.concat(frames)


class Faults:
    """Plants one fault after the other, each on a symbol of its own."""

    def __init__(self) -> None:
        self.bars = clean_bars()
        self.second = self.bars.clone()
        self.actions: list[Row] = []
        self.macro: list[Row] = [_observed("VIX_CLOSE", day, 12.0, day) for day in DAYS]
        self.members = dict.fromkeys(SYMBOLS, DAYS[0])
        self.planted = Planted()
        self._symbols = iter(SYMBOLS)

    def bad_bar(self, rule: str, **values: object) -> None:
        """Values of one bar are wrong."""
        symbol = next(self._symbols)
        self._set(symbol, [DAY], **values)
        self.planted.kept_out.append(("market/bars", symbol, rule))
        self.planted.spoilt += 1
        self._hole(symbol, DAY)

    def more_bars(self, rule: str, spoils: int, *changes: Row) -> None:
        """Rows beside one bar of a symbol; of those that contradict it, it goes too."""
        symbol = next(self._symbols)
        own = self.bars.filter(symbol=symbol, date=DAY)
        for change in changes:
            self.bars = pl.concat([self.bars, own.with_columns(**{k: _value(own, k, v) for k, v in change.items()})])
        told = None if changes and changes[0].get("symbol", "") is None else symbol
        self.planted.kept_out += [("market/bars", told, rule)] * (len(changes) + spoils)
        self.planted.spoilt += spoils
        if spoils:
            self._hole(symbol, DAY)

    def bad_action(self, rule: str, action: str, value: float) -> None:
        symbol = next(self._symbols)
        self.actions.append({"symbol": symbol, "ex_date": DAY, "action": action, "value": value})
        self.planted.kept_out.append(("market/corporate_actions", symbol, rule))

    def bad_observation(self, rule: str, day: dt.date, value: float, known: dt.date) -> None:
        self.macro.append(_observed("DGS10", day, value, known))
        self.planted.kept_out.append(("market/macro", "DGS10", rule))

    def finding(self, *rules: str, days: Sequence[dt.date] = (DAY,)) -> str:
        symbol = next(self._symbols)
        self.planted.found |= {(symbol, day, rule) for rule in rules for day in days}
        return symbol

    def _hole(self, symbol: str, day: dt.date) -> None:
        self.planted.found.add((symbol, day, "missing_bar"))

    def _set(self, symbol: str, days: Sequence[dt.date], **values: object) -> None:
        here = (pl.col("symbol") == symbol) & pl.col("date").is_in(list(days))
        changed = [pl.when(here).then(pl.lit(v, self.bars.schema[k])).otherwise(k).alias(k) for k, v in values.items()]
        self.bars = self.bars.with_columns(changed)

    def scale(self, symbol: str, factor: float, *columns: str, since: dt.date, until: dt.date = DAYS[-1]) -> None:
        """Values of a stretch of sessions, in both vendors' bars alike."""
        here = (pl.col("symbol") == symbol) & pl.col("date").is_between(since, until)
        change = [pl.when(here).then(pl.col(c) * factor).otherwise(c).alias(c) for c in columns]
        self.bars, self.second = self.bars.with_columns(change), self.second.with_columns(change)


PRICES = ("open", "high", "low", "close", "vwap")


def faulty() -> Faults:
    """One of each kind."""
    f = Faults()
    for rule, values in (
        ("close_not_positive", {"close": 0.0}),
        ("open_not_positive", {"open": -5.0}),
        ("high_not_positive", {"high": float("nan")}),
        ("low_not_positive", {"low": float("inf")}),
        ("high_below_low", {"high": 20.0, "low": 21.0, "open": 20.5, "close": 20.5, "vwap": None}),
        ("open_outside_range", {"open": 99.0}),
        ("close_outside_range", {"close": 99.0}),
        ("vwap_outside_range", {"vwap": 99.0}),
        ("volume_negative", {"volume": -7.0}),
        ("transactions_negative", {"transactions": -1}),
        ("unreadable", {"volume": 2.5}),
    ):
        f.bad_bar(rule, **values)
    f.more_bars("duplicate", 0, {})
    f.more_bars("duplicate_conflicting", 1, {"volume": 123.0})
    f.more_bars("future_date", 0, {"date": DAYS[43]})
    f.more_bars("off_calendar", 0, {"date": WEEKEND, "known_at": end_of_day(WEEKEND)})
    f.bad_action("action_unknown", "spinoff", 1.0)
    f.bad_action("value_out_of_bounds", "split", 0.0)
    f.bad_action("value_out_of_bounds", "cash_dividend", -0.2)
    f.bad_action("value_out_of_bounds", "delisting", -1.5)
    f.bad_observation("known_before_its_day", DAYS[41], 2.4, DAYS[40])
    f.bad_observation("value_not_finite", DAYS[40], float("inf"), DAYS[40])
    _strange(f)
    f.more_bars("symbol_missing", 0, {"symbol": None})
    return f


def _strange(f: Faults) -> None:
    """What the door lets in and the rules on stored prices find."""
    jumps = f.finding("jump_without_action", "wide_range")
    f.scale(jumps, 0.5, "close", "low", "vwap", since=DAY, until=DAY)
    f.scale(jumps, 0.5, *PRICES, since=DAYS[41])
    splits = f.finding("jump_without_action", "suspected_action")  # quietly, as a split that nobody recorded
    f.scale(splits, 0.5, *PRICES, since=DAY)
    f.scale(splits, 2.0, "volume", since=DAY)
    unmatched = f.finding("split_not_matched_by_price", "suspected_action")
    f.actions.append({"symbol": unmatched, "ex_date": DAY, "action": "split", "value": 2.0})
    pays = f.finding("large_distribution", "jump_without_action")
    f.actions.append({"symbol": pays, "ex_date": DAY, "action": "cash_dividend", "value": 60.0})
    stale = f.finding("stale_price", days=DAYS[43:45])
    for day in DAYS[41:45]:
        same = f.bars.filter(symbol=stale, date=DAY).with_columns(date=pl.lit(day), known_at=pl.lit(end_of_day(day)))
        f.bars = pl.concat([f.bars.filter(~((pl.col("symbol") == stale) & (pl.col("date") == day))), same])
        f.second = f.second.filter(~((pl.col("symbol") == stale) & (pl.col("date") == day)))
    f.scale(f.finding("volume"), 50.0, "volume", since=DAY, until=DAY)
    f.scale(f.finding("volume_missing"), 0.0, "volume", since=DAY, until=DAY)
    f._set(f.finding("vwap_outside"), [DAY], vwap=None)
    outside = (pl.col("symbol") == SYMBOLS[SYMBOLS.index(unmatched) + 5]) & (pl.col("date") == DAY)
    f.bars = f.bars.with_columns(vwap=pl.when(outside).then(pl.col("high") * 1.005).otherwise("vwap"))
    _disagree(f)
    gone = f.finding("missing_bar", days=DAYS[40:42])
    f.bars = f.bars.filter(~((pl.col("symbol") == gone) & pl.col("date").is_in(DAYS[40:42])))
    delisted = next(f._symbols)  # a name that ended should have no bar
    f.actions.append({"symbol": delisted, "ex_date": DAYS[55], "action": "delisting", "value": -0.5})
    f.bars = f.bars.filter(~((pl.col("symbol") == delisted) & (pl.col("date") >= DAYS[55])))
    f.members["NOBAR"] = DAY
    f.planted.found |= {("NOBAR", day, "member_without_bars") for day in DAYS[40:]}
    # a whole session did not come
    f.bars = f.bars.filter(pl.col("date") != LOST)
    f.planted.found |= {(symbol, LOST, "missing_bar") for symbol in SYMBOLS}


def _disagree(f: Faults) -> None:
    """The second vendor has another close of one name, and another volume of one."""
    near = (PRICES, 1.002, None)
    for columns, factor, rule in (
        near,
        (PRICES, 0.99, "vendors_disagree"),
        (("volume",), 3.0, "vendors_disagree_on_volume"),
    ):
        symbol = f.finding(rule) if rule else next(f._symbols)
        here = (pl.col("symbol") == symbol) & (pl.col("date") == DAY)
        f.second = f.second.with_columns(pl.when(here).then(pl.col(c) * factor).otherwise(c).alias(c) for c in columns)


def _observed(series: str, day: dt.date, value: float, known: dt.date) -> Row:
    return {"series": series, "date": day, "value": value, "known_at": known}


def _value(own: pl.DataFrame, name: str, value: object) -> pl.Expr:
    return pl.lit(value, own.schema[name])


def written(faults: Faults, folder: Path) -> Profile:
    """The drop as Parquet, and the profile that reads it."""
    folder.mkdir(exist_ok=True)
    faults.bars.sample(fraction=1.0, shuffle=True, seed=3).write_parquet(folder / "bars.parquet")
    narrow = faults.second.select("symbol", "date", "open", "high", "low", "close", "volume", "known_at")
    narrow.write_parquet(folder / "compared_bars.parquet")
    pl.DataFrame(faults.actions).write_parquet(folder / "corporate_actions.parquet")
    pl.DataFrame(faults.macro).write_parquet(folder / "macro.parquet")
    members = pl.DataFrame({"symbol": list(faults.members), "from": list(faults.members.values())})
    ended = {row["symbol"]: row["ex_date"] for row in faults.actions if row["value"] == -0.5}
    members.with_columns(
        until=pl.Series([ended.get(symbol) for symbol in faults.members], dtype=pl.Date)
    ).write_parquet(folder / "members.parquet")
    vendor = FilesVendor(kind="files", folder=folder)
    return Profile(name="faulty", history=History(start=DAYS[0]), vendor=vendor)


def told(profile: Profile, dataset: Dataset, days: Sequence[dt.date] = DAYS) -> pl.DataFrame:
    vendor = FileDrop(profile)
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(max(days))), days)


class FromVendor:
    """Versions as the vendor tells them, without a store."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = told(self._profile, dataset, calendar.between(first, last))
        return rows.select("session", *columns).sort("session", *DATASETS[dataset.name].sort_key)

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return None


def findings(profile: Profile, days: Sequence[dt.date] = DAYS) -> dict[dt.date, pl.DataFrame]:
    """Rows of DATA_QUALITY by session."""
    (asset,) = (asset for asset in ASSETS if asset.name == DATA_QUALITY.name)
    return Calculation(profile, CLOCK, FileDrop(profile)).compute(asset, list(days), FromVendor(profile))
