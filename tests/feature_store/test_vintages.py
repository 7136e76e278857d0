"""Law 1 on prices that were really revised."""

import datetime as dt
import random
from pathlib import Path

import polars as pl
import pytest

from feature_store import sessions
from feature_store.dataset import KNOWN_AT
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition, Provenance
from feature_store.schemas.market import BARS
from feature_store.store import Store
from tests.oracles.bundle import SHARED, needs

FILE = "data/prices_vintages_2015_2017.parquet"
FIRST, LAST = dt.date(2015, 11, 2), dt.date(2016, 2, 26)
PRICES = ["open", "high", "low", "close", "volume"]

pytestmark = [pytest.mark.shared, needs(FILE)]


@pytest.fixture(scope="module")
def captured() -> pl.DataFrame:
    """Four months of captured versions; the highest `version` of those captured at one moment."""
    days = sessions.between(FIRST, LAST)
    return (
        pl.read_parquet(SHARED / FILE)
        .filter(pl.col("date").is_in(days))
        .sort("symbol", "date", "knowledge_time", "version")
        .unique(["symbol", "date", "knowledge_time"], keep="last", maintain_order=True)
        .with_columns(
            known_at=pl.col("knowledge_time").dt.replace_time_zone("UTC").cast(KNOWN_AT),
            event_date="date",
            vwap=pl.lit(None, pl.Float64),
            transactions=pl.lit(None, pl.Int64),
        )
    )


@pytest.fixture(scope="module")
def store(captured: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Store:
    clock = DecisionClock()
    told = clock.assign_sessions(captured).select("session", *BARS.schema)
    assert told.select("session", "event_date").filter(pl.col("session") < pl.col("event_date")).is_empty()
    store = Store(tmp_path_factory.mktemp("vintages") / "store")
    group = [
        NewPartition(session, frame.drop("session"), Provenance(str(session), {}))
        for (session,), frame in told.partition_by("session", as_dict=True).items()
    ]
    store.write(BARS, group)
    return store


def moments(captured: pl.DataFrame, rng: random.Random, n: int) -> list[tuple[str, dt.date, dt.datetime]]:
    """Half around captures of pairs with several versions, half anywhere."""
    revised = captured.filter(pl.len().over("symbol", "date") > 1).select("symbol", "event_date", "known_at").rows()
    anything = captured.select("symbol", "event_date", "known_at").rows()
    chosen = []
    for i in range(n):
        symbol, day, moment = rng.choice(revised if i % 2 else anything)
        near = moment + dt.timedelta(microseconds=rng.randint(-1, 1))
        far = moment + dt.timedelta(hours=rng.randint(-48, 96))
        chosen.append((symbol, day, rng.choice([near, far])))
    return chosen


# properties


def test_the_reader_returns_the_version_captured_by_then(store: Store, captured: pl.DataFrame):
    assert captured.filter(pl.len().over("symbol", "date") > 1).height > 5_000
    versions: dict[tuple[str, dt.date], list[tuple[object, ...]]] = {}
    for symbol, day, *version in captured.select("symbol", "event_date", "known_at", *PRICES).rows():
        versions.setdefault((symbol, day), []).append(tuple(version))
    outcomes = set()
    for symbol, day, as_of in moments(captured, random.Random(7), 1000):
        found = store.read(BARS, as_of, day, day, ["known_at", *PRICES], symbols=[symbol]).drop("event_date", "symbol")
        by_then = [version for version in versions[symbol, day] if version[0] <= as_of]
        assert found.rows() == by_then[-1:]
        outcomes.add(len(by_then))
    assert {0, 1, 2} <= outcomes


def test_a_whole_day_as_known_at_its_decision_is_the_file_as_captured_by_then(store: Store, captured: pl.DataFrame):
    clock = DecisionClock()
    for day in sessions.between(dt.date(2015, 12, 1), dt.date(2015, 12, 11)):
        expected = (
            captured.filter(pl.col("known_at") <= clock.decision_time(day))
            .unique(["symbol", "event_date"], keep="last", maintain_order=True)
            .sort("event_date", "symbol")
        )
        assert store.read(BARS, day).equals(expected.select(list(BARS.schema)))


def test_every_bar_lies_in_the_session_that_first_knew_it(store: Store):
    found = store.versions(BARS, FIRST, sessions.shift(LAST, 20), ["known_at"])
    assert found.equals(DecisionClock().assign_sessions(found))
    assert Path(store.layout.index).exists()
