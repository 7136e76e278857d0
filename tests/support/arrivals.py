"""Late arrivals: a vendor who says something of stored sessions that it did not say when they were stored."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from configs.settings import Profile
from feature_store import sessions as calendar
from feature_store.dataset import KNOWN_AT, Dataset
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.runner import Runner
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.simulated.vendor import SimulatedMarket
from tests.engine.market import make_runner

STATES = ("market/members", "market/industries")
Cells = dict[tuple[str, dt.date], tuple[str, str]]


@dataclass(frozen=True)
class Arrival:
    """Rows of a raw payload of one source that are there now, and those that are not any more."""

    kind: str
    dataset: str
    added: pl.DataFrame
    removed: pl.DataFrame

    def __str__(self) -> str:
        rows = self.added if self.added.height else self.removed
        return f"{self.kind} of {self.dataset}: {rows.head(1).to_dicts()}"


class Amended:
    """The simulated vendor with an arrival."""

    def __init__(self, vendor: Vendor, arrival: Arrival, clock: DecisionClock) -> None:
        self._vendor = vendor
        self._arrival = arrival
        self._clock = clock

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        raw = self._vendor.fetch(dataset, sessions, until)
        if dataset.name != self._arrival.dataset:
            return raw
        # an end is told only once it has come: it does not name a row
        same = [name for name in raw.columns if name != "until"]
        kept = raw.join(self._arrival.removed, on=same, how="anti", nulls_equal=True)
        last = min(until, self._clock.decision_time(max(sessions)))
        added = self._arrival.added.filter(pl.col("known_at") <= last)
        if dataset.name in STATES:
            ended = moments.end_of_day(pl.col("until")) <= moments.literal(last)
            added = added.with_columns(pl.when(ended).then("until").alias("until"))
        else:
            after = self._clock.decision_time(calendar.shift(min(sessions), -1))
            added = added.filter(pl.col("known_at") > after)
        return pl.concat([kept, added.select(kept.columns)])

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        return self._vendor.parse(dataset, raw, sessions)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        return self._vendor.left_out(dataset, raw, sessions)


# A fingerprint names the vendor's code: this one is the same vendor, with another payload.
Amended.__module__, Amended.__qualname__ = SimulatedMarket.__module__, SimulatedMarket.__qualname__


class Arrivals:
    """Random arrivals in a history, by what kind of row comes.

    Args:
        days: the stored sessions; what arrives was known in one of them.
    """

    def __init__(self, vendor: Vendor, profile: Profile, days: Sequence[dt.date]) -> None:
        self._clock = DecisionClock(profile.decision_minutes_before_open)
        self._days = list(days)
        until = self._clock.decision_time(days[-1])
        after = self._clock.decision_time(calendar.shift(days[0], -1))
        self._payloads = {}
        for name in SOURCES_WITH_ROWS:
            raw = vendor.fetch(DATASETS[name], days, until)
            known = raw if name in STATES else raw.filter(pl.col("known_at") > after)
            if known.height:
                self._payloads[name] = known

    def draw(self, rng: np.random.Generator) -> Arrival:
        kind = str(rng.choice(list(KINDS), p=np.array(list(KINDS.values())) / sum(KINDS.values())))
        return self.of(kind, rng)

    def of(self, kind: str, rng: np.random.Generator) -> Arrival:
        """One arrival of a kind."""
        what, name = kind.split(" ")
        payload = self._payloads[f"market/{name}"]
        row = payload.slice(int(rng.integers(payload.height)), 1)
        nothing = payload.clear()
        if name in STATES_BY_NAME:
            return self._of_state(kind, f"market/{name}", payload, row, rng)
        changed = row.with_columns(pl.col(pl.Float64) * float(rng.uniform(0.97, 1.03)))
        added = {
            "corrected": lambda: changed,  # as if it had been right at once
            "gone": lambda: nothing,
            "amended": lambda: self._known_later(changed, rng),  # a second version, some sessions later
            "late": lambda: self._known_later(row, rng),
            "new": lambda: self._of_another_day(payload, row, rng),
            "split": lambda: self._split(row, rng),
        }[what]()
        removed = row if what in ("corrected", "gone", "late") else nothing
        return Arrival(kind, f"market/{name}", added, removed)

    def _known_later(self, row: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        at = row.item(0, "known_at") + dt.timedelta(days=int(rng.integers(1, 8)), minutes=int(rng.integers(1, 60)))
        return row.with_columns(known_at=pl.lit(min(at, self._clock.decision_time(self._days[-1])), KNOWN_AT))

    def _of_another_day(self, payload: pl.DataFrame, row: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """The row's bar, on a session on which its symbol has none, or once more on one that it has."""
        symbol = row.item(0, "symbol")
        there = set(payload.filter(symbol=symbol)["event_date"])
        gaps = [day for day in self._days if day not in there] or self._days
        day = gaps[int(rng.integers(len(gaps)))]
        at = calendar.closes_at(day) + dt.timedelta(minutes=int(rng.integers(1, 300)))
        return row.with_columns(event_date=pl.lit(day), known_at=pl.lit(at, KNOWN_AT))

    def _split(self, row: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """Recorded late, dated early: announced three sessions before its ex-date."""
        day = self._days[int(rng.integers(5, len(self._days)))]
        at = calendar.closes_at(calendar.shift(day, -3)) + dt.timedelta(minutes=5)
        return row.with_columns(
            event_date=pl.lit(day),
            action=pl.lit("split"),
            value=pl.lit(2.0),
            known_at=pl.lit(at, KNOWN_AT),
        )

    def _of_state(
        self, kind: str, name: str, payload: pl.DataFrame, row: pl.DataFrame, rng: np.random.Generator
    ) -> Arrival:
        """Membership or industry: dated to another day, gone, or (industry) another word."""
        day = self._days[int(rng.integers(len(self._days)))]
        moved = row.with_columns(recorded=pl.lit(day), known_at=pl.lit(calendar.closes_at(day), KNOWN_AT))
        what, _ = kind.split(" ")
        if name == "market/members":
            moved = moved.with_columns(pl.lit(day).alias("from"))
            # only an end after the new beginning is one
            moved = moved.with_columns(pl.when(pl.col("until") > pl.col("from")).then("until").alias("until"))
        else:
            words = payload["industry"].drop_nulls().unique().sort()
            moved = moved.with_columns(industry=pl.lit(words[int(rng.integers(len(words)))]))
        if what == "gone":
            return Arrival(kind, name, payload.clear(), row)
        return Arrival(kind, name, moved, row if what == "moved" else payload.clear())


STATES_BY_NAME = tuple(name.removeprefix("market/") for name in STATES)
# how often each kind comes: most of what comes late is prices
KINDS = {
    "corrected bars": 20,
    "amended bars": 10,
    "late bars": 8,
    "gone bars": 5,
    "new bars": 5,
    "split corporate_actions": 8,
    "corrected corporate_actions": 5,
    "late corporate_actions": 3,
    "gone corporate_actions": 3,
    "moved members": 5,
    "gone members": 2,
    "another industries": 5,
    "gone industries": 2,
    "corrected macro": 8,
    "amended macro": 4,
    "gone macro": 3,
    "corrected benchmarks": 4,
}
SOURCES_WITH_ROWS = tuple(dict.fromkeys(f"market/{kind.split(' ')[1]}" for kind in KINDS))


def rebuild(
    folder: Path, profile: Profile, vendor: Vendor, assets: Sequence[SessionAsset], days: Sequence[dt.date]
) -> Runner:
    """A store of its own, from nothing."""
    runner = make_runner(folder, profile, vendor, datasets=[a.dataset for a in assets])
    for asset in assets:
        for _ in runner.run(asset, days):
            pass
    return runner


def differing(a: Store, b: Store, assets: Sequence[SessionAsset]) -> Cells:
    """Content hashes in either store, by (dataset, session), where they differ."""
    found: Cells = {}
    for asset in assets:
        then, now = ({p.session: p.content_hash for p in s.partitions(asset.dataset)} for s in (a, b))
        found |= {(asset.name, t): (then[t], now[t]) for t in then if then[t] != now[t]}
        assert then.keys() == now.keys()
    return found


def differing_orders(a: Store, b: Store) -> list[tuple[object, ...]]:
    """(session, symbol, side, shares, price in a, the same in b) of orders that differ; None where there is none."""
    sent, instead = (
        {
            (r["event_date"], r["symbol"]): (r["side"], r["shares"], r["reference_price_usd"])
            for day in s.sessions("execution/orders")
            for r in s.read("execution/orders", day, first=day, last=day).iter_rows(named=True)
        }
        for s in (a, b)
    )
    none = (None, None, None)
    each = sorted(sent.keys() | instead.keys())
    return [(*k, *sent.get(k, none), *instead.get(k, none)) for k in each if sent.get(k, none) != instead.get(k, none)]
