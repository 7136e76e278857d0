"""The simulated vendor: a market from a seed, told as a real vendor would, and its planted truth."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from configs.settings import Profile, SimulatedVendor
from feature_store import sessions as calendar
from feature_store.dataset import KNOWN_AT, Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day, morning_of
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, INDUSTRIES, MACRO, MEMBERS
from quant_resources.vendors import moments
from quant_resources.vendors import simulated_market as model
from quant_resources.vendors import simulated_surroundings as surroundings
from quant_resources.vendors.canonical import EVENTS, events_left_out, parse_events, raw_schema, refuse_later_than
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.simulated_market import Market
from quant_resources.vendors.snapshots import INDUSTRY_SCHEMA, MEMBER_SCHEMA, parse_industries, parse_members

SOURCE = "simulated"
# The tape is published this long after the close.
DELAY = dt.timedelta(minutes=90)
WRONG_BY = 0.03  # deviation of the log error in the close of a bar that is corrected later
WORST_CORRECTION, WORST_DELAY = 5, 3  # sessions


@dataclass(frozen=True)
class Truth:
    """What was planted; for tests and benchmarks, never for an asset.

    Attributes:
        regimes: session, turbulent, market_log_return (the factor's).
        switches: first sessions of a new regime.
        alpha: event_date, symbol, momentum (deviations) and alpha (expected log return of the next session), known at
            event_date, and idiosyncratic_log_return of event_date itself.
        beta: symbol, beta.
        momentum_ic: correlation of momentum with the idiosyncratic return of the next 21 sessions.
    """

    regimes: pl.DataFrame
    switches: list[dt.date]
    alpha: pl.DataFrame
    beta: pl.DataFrame
    momentum_ic: float


@dataclass(frozen=True)
class Tape:
    """Raw payloads by dataset, and the truth behind them."""

    payloads: dict[str, pl.DataFrame]
    truth: Truth


class SimulatedMarket:
    """The simulated vendor of a profile; the generated market is kept per process."""

    def __init__(self, profile: Profile) -> None:
        if not isinstance(profile.vendor, SimulatedVendor):
            raise VendorError(f"profile {profile.name} is not simulated")
        self._settings = profile.vendor
        self._tape = _tape(profile.vendor, profile.seed)
        self._clock = DecisionClock(profile.decision_minutes_before_open)

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name not in self._tape.payloads:
            raise VendorError(f"the simulated market serves {', '.join(self._tape.payloads)}, not {dataset.name}")
        start, end = self._settings.start, self._settings.end
        if min(sessions) < start or max(sessions) > end:
            raise VendorError(
                f"the simulated market runs from {start} to {end}, not from {min(sessions)} to {max(sessions)}; "
                "--set vendor.start or vendor.end, or ask for other sessions"
            )
        payload = self._tape.payloads[dataset.name]
        last = min(until, self._clock.decision_time(max(sessions)))
        rows = payload.filter(pl.col("known_at") <= last)
        if dataset.name in EVENTS:
            after = self._clock.decision_time(calendar.shift(min(sessions), -1))
            return refuse_later_than(rows.filter(pl.col("known_at") > after), until)
        # an end that had not been announced by then is not known
        ended = moments.end_of_day(pl.col("until")) <= moments.literal(last)
        return refuse_later_than(rows.with_columns(pl.when(ended).then("until").alias("until")), until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name in EVENTS:
            return parse_events(dataset, raw, sessions, self._clock)
        parse = parse_members if dataset.name == MEMBERS.name else parse_industries
        return parse(raw, sessions, self._clock)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """See `protocol.Vendor`."""
        return events_left_out(dataset, raw, sessions, self._clock) if dataset.name in EVENTS else {}

    def truth(self) -> Truth:
        """The planted regimes, switches and alpha, up to the vendor's end."""
        return self._tape.truth


@lru_cache(maxsize=2)
def _tape(settings: SimulatedVendor, seed: int) -> Tape:
    market = model.simulate(settings, seed)
    payloads = {
        BARS.name: _bars(market, settings, seed),
        CORPORATE_ACTIONS.name: _actions(market),
        MEMBERS.name: _members(market),
        INDUSTRIES.name: _industries(market),
        BENCHMARKS.name: _benchmarks(market, settings, seed),
        MACRO.name: _macro(market, settings, seed),
    }
    return Tape(
        {name: rows.sort(rows.columns, nulls_last=True) for name, rows in payloads.items()}, _truth(market, settings)
    )


def _truth(market: Market, settings: SimulatedVendor) -> Truth:
    days = pl.Series("session", market.sessions, pl.Date)
    regimes = pl.DataFrame({"session": days, "turbulent": market.turbulent, "market_log_return": market.factors})
    regimes = regimes.filter(pl.col("session") <= settings.end)
    switched = regimes.filter(pl.col("turbulent") != pl.col("turbulent").shift(1))
    alpha = _long(
        market,
        {"momentum": market.momentum, "alpha": market.alpha, "idiosyncratic_log_return": market.idiosyncratic},
    )
    return Truth(
        regimes=regimes,
        switches=switched["session"].to_list(),
        alpha=alpha.filter(pl.col("event_date") <= settings.end),
        beta=pl.DataFrame({"symbol": market.symbols, "beta": market.beta}),
        momentum_ic=settings.momentum_ic,
    )


def _long(market: Market, values: dict[str, model.Array]) -> pl.DataFrame:
    """One row a session and symbol, by symbol and session."""
    T, N = len(market.sessions), len(market.symbols)
    return pl.DataFrame(
        {
            "event_date": pl.Series(market.sessions, dtype=pl.Date).gather(np.tile(np.arange(T), N)),
            "symbol": pl.Series(market.symbols).gather(np.repeat(np.arange(N), T)),
            **{name: np.ascontiguousarray(x.T).reshape(-1) for name, x in values.items()},
        }
    )


def _published(sessions: list[dt.date]) -> pl.Series:
    return pl.Series("known_at", [calendar.closes_at(day) + DELAY for day in sessions], KNOWN_AT)


def _bars(market: Market, settings: SimulatedVendor, seed: int) -> pl.DataFrame:
    """Every version of every bar: some come late, some are wrong at first and corrected within a week."""
    T, N = len(market.sessions), len(market.symbols)
    draws = {
        name: np.stack([model.stream(seed, model.SYMBOL_STREAM, i, 9, place).random(T) for i in range(N)], axis=1)
        for place, name in enumerate(("late", "late_by", "wrong", "wrong_by", "error"))
    }
    prices = {name: getattr(market, name) for name in ("open", "high", "low", "close", "volume")}
    rows = _long(market, {**prices, **draws}).with_columns(
        row=pl.lit(np.tile(np.arange(T), N)),
        arrival=_delay("late", settings.late_rate, WORST_DELAY),
        correction=_delay("wrong", settings.correction_rate, WORST_CORRECTION),
    )
    rows = rows.filter(pl.col("close").is_not_nan()).with_columns(pl.col("volume").cast(pl.Int64))
    corrected = rows.filter(pl.col("correction") > 0)
    first = pl.concat([rows.filter(pl.col("correction") == 0), _with_error(corrected)])
    versions = pl.concat(
        [
            first.with_columns(published=pl.col("row") + pl.col("arrival")),
            corrected.with_columns(published=pl.col("row") + pl.col("arrival") + pl.col("correction")),
        ]
    )
    moments = _published(market.sessions).to_frame().with_row_index("published").cast({"published": pl.Int64})
    known = versions.join(moments, on="published", how="inner").filter(_told(settings))
    return _payload(BARS, known, Grade.OBSERVED)


def _delay(name: str, rate: float, worst: int) -> pl.Expr:
    """Sessions of delay, 1 to `worst` for a share `rate` of the rows, else 0."""
    sessions = 1 + (pl.col(f"{name}_by") * worst).floor().cast(pl.Int64)
    return pl.when(pl.col(name) < rate).then(sessions).otherwise(0)


def _with_error(rows: pl.DataFrame) -> pl.DataFrame:
    """The bar as first published: its close off by a few percent, its range stretched to hold it."""
    # uniform with deviation WRONG_BY, at least half a percent off
    error = (pl.col("error") - 0.5) * (2 * np.sqrt(3) * WRONG_BY)
    error = error + pl.when(error < 0).then(-0.005).otherwise(0.005)
    close = (pl.col("close") * (1 + error)).round(2).clip(lower_bound=0.01)
    return rows.with_columns(close=close, high=pl.max_horizontal("high", close), low=pl.min_horizontal("low", close))


def _told(settings: SimulatedVendor) -> pl.Expr:
    """What the vendor has told by the last session of its range; bars speak of no later session."""
    return (pl.col("event_date") <= settings.end) & (pl.col("known_at") <= _last_moment(settings))


def _last_moment(settings: SimulatedVendor) -> dt.datetime:
    """The latest decision time that any profile may set for the last session."""
    return DecisionClock(1).decision_time(calendar.at_or_before(settings.end))


def _payload(dataset: Dataset, rows: pl.DataFrame, grade: Grade) -> pl.DataFrame:
    return rows.with_columns(
        file=pl.lit(SOURCE),
        version=pl.lit(None, pl.Int64),
        may_be_off_calendar=pl.lit(False),
        grade=pl.lit(int(grade), pl.Int8),
    ).select(raw_schema(dataset).keys())


def _benchmarks(market: Market, settings: SimulatedVendor, seed: int) -> pl.DataFrame:
    """Bars of the fund that holds the market, published with the tape."""
    bars = surroundings.fund(market, settings, seed)
    days = pl.Series("event_date", market.sessions, pl.Date)
    rows = pl.DataFrame({"event_date": days, **bars, "known_at": _published(market.sessions)})
    rows = rows.with_columns(pl.col("volume").cast(pl.Int64), symbol=pl.lit(surroundings.FUND))
    return _payload(BENCHMARKS, rows.filter(_told(settings)), Grade.OBSERVED)


def _macro(market: Market, settings: SimulatedVendor, seed: int) -> pl.DataFrame:
    """A value of each series a session, known at the end of the day."""
    values = surroundings.macro(market, settings, seed)
    days = pl.DataFrame({"event_date": pl.Series(market.sessions, dtype=pl.Date)})
    rows = pl.concat(days.with_columns(series=pl.lit(name), value=pl.Series(x)) for name, x in values.items())
    rows = rows.with_columns(known_at=moments.end_of_day(pl.col("event_date")))
    return _payload(MACRO, rows.filter(_told(settings)), Grade.DATED)


def _actions(market: Market) -> pl.DataFrame:
    """Splits by their declaration, dividends by the morning of the ex-date, and the delisting."""
    days, symbols = market.sessions, market.symbols
    rows: list[tuple[dt.date, str, str, float, dt.datetime, int]] = []
    for t, i in np.argwhere(market.split != 1):
        declared = end_of_day(days[t - model.NOTICE])
        rows.append((days[t], symbols[i], "split", float(market.split[t, i]), declared, Grade.DATED))
    for t, i in np.argwhere(market.dividend > 0):
        value = float(market.dividend[t, i])
        rows.append((days[t], symbols[i], "cash_dividend", value, morning_of(days[t]), Grade.RULED))
    if len(days) > model.DELISTING_SESSION:
        day = days[model.DELISTING_SESSION]
        gone = symbols[model.DELISTED]
        rows.append((day, gone, "delisting", model.DELISTING_RETURN, morning_of(day), Grade.RULED))
    schema = {**CORPORATE_ACTIONS.schema, "grade": pl.Int8()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return _payload(CORPORATE_ACTIONS, frame, Grade.DATED).with_columns(frame.get_column("grade"))


def _members(market: Market) -> pl.DataFrame:
    """All symbols from the start; one joins late, one leaves the index, one is delisted. Recorded days ahead."""
    rows = [_member(market, i) for i in range(len(market.symbols))]
    return pl.DataFrame([row for row in rows if row], schema=MEMBER_SCHEMA, orient="row")


def _member(market: Market, i: int) -> tuple[object, ...] | None:
    days, symbol = market.sessions, market.symbols[i]
    joined = model.JOIN_SESSION + 10 if i == model.JOINS_LATE else 0
    ends = {model.DELISTED: model.DELISTING_SESSION, model.LEAVES_INDEX: model.LEAVE_SESSION}
    until = days[ends[i]] if i in ends and ends[i] < len(days) else None
    if joined >= len(days):
        return None
    recorded = days[max(joined - 2, 0)]
    known_at = end_of_day(days[joined])
    return (SOURCE, symbol, symbol, days[joined], until, recorded, known_at, True, int(Grade.DATED))


def _industries(market: Market) -> pl.DataFrame:
    """Published on the first session; one symbol is reclassified later."""
    days, rows = market.sessions, []
    for i, symbol in enumerate(market.symbols):
        rows.append((symbol, model.INDUSTRIES[i % len(model.INDUSTRIES)], days[0]))
    if len(days) > model.RECLASSIFIED_SESSION:
        moved = (model.CHANGES_INDUSTRY + 1) % len(model.INDUSTRIES)
        rows.append((market.symbols[model.CHANGES_INDUSTRY], model.INDUSTRIES[moved], days[model.RECLASSIFIED_SESSION]))
    facts = [
        {
            "file": SOURCE,
            "symbol": symbol,
            "ticker": symbol,
            "recorded": day,
            "known_at": end_of_day(day),
            "grade": int(Grade.DATED),
            "kind": "sector",
            "industry": industry,
            "carried_back": False,
        }
        for symbol, industry, day in rows
    ]
    return pl.DataFrame(facts, schema=INDUSTRY_SCHEMA)
