"""Corrections and their reach: `impact` says what two full rebuilds differ by, and `refresh` mends it."""

import datetime as dt
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.execution import EQUAL_WEIGHT_BOOK
from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.store import Store
from quant_assets.engine import opening
from quant_assets.engine.asset import CrossSection, ModelFit, SessionAsset, same, trailing
from quant_assets.engine.recomputation import StaleStoreError
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_assets.operations.impact import Impact, impact
from quant_assets.operations.refresh import stale_spans
from quant_assets.operations.what_if import WhatIfError
from quant_resources.home import Home
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.registry import make_vendor
from tests.engine.assets import ASSETS
from tests.engine.market import SESSIONS, contents, copy_store, make_runner, profile, valued
from tests.support.arrivals import KINDS, Amended, Arrival, Arrivals, Cells, differing, differing_orders, rebuild
from tests.support.tiny import asof

DAYS = SESSIONS[30:50]  # 2015-12-15 to 2016-01-13: a split and the year's edge
DAY = DAYS[8]


def market(**overrides: str) -> Profile:
    return profile(history__start=str(DAYS[0]), history__end=str(DAYS[-1]), **overrides)


def level(returns: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Mean return of each industry."""
    means = returns.group_by("industry").agg(value=pl.col("log_return").mean()).sort("industry")
    return means.select(pl.lit(session, pl.Date).alias("event_date"), "industry", "value")


def above(returns: pl.DataFrame, fits: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Return of each industry over the level in force."""
    today = returns.filter(event_date=session).join(fits.select("industry", "value"), on="industry")
    return today.select("event_date", "industry", value=pl.col("log_return") - pl.col("value")).sort("industry")


RETURNS = trailing(INDUSTRY_RETURNS, 10, ("log_return",))
LEVEL = ModelFit(valued("laws/level", key="industry"), level, {"returns": RETURNS}, entity="industry")
ABOVE = CrossSection(
    valued("laws/above", key="industry"), above, {"returns": RETURNS, "fits": same(LEVEL.dataset)}, entity="industry"
)
# every kind of asset: sources, time series (restating, anchored, per industry), cross sections, model fits (chained,
# and independent per industry), a recursive one, and its orders
WANTED = ("features/industry_features", "execution/equal_weight_book")


def graph() -> list[SessionAsset]:
    every = core_assets()
    wanted = set(WANTED)
    for asset in reversed(every):
        if asset.name in wanted:
            wanted |= {window.dataset.name for window in asset.inputs.values()}
    by_name = {asset.name: asset for asset in every}
    of_equal_weights = replace(by_name["execution/orders"], inputs={"book": same(EQUAL_WEIGHT_BOOK)})
    return [*(asset for asset in every if asset.name in wanted), *ASSETS, LEVEL, ABOVE, of_equal_weights]


GRAPH = graph()


@dataclass(frozen=True)
class Stored:
    """The small market, stored once; never written to."""

    folder: Path
    profile: Profile
    vendor: Vendor
    arrivals: Arrivals

    def runner(self, arrival: Arrival | None = None, folder: Path | None = None) -> Runner:
        return make_runner(
            folder or self.folder, self.profile, self.amended(arrival), datasets=[a.dataset for a in GRAPH]
        )

    def amended(self, arrival: Arrival | None) -> Vendor:
        clock = DecisionClock(self.profile.decision_minutes_before_open)
        return Amended(self.vendor, arrival, clock) if arrival else self.vendor

    def rebuilt(self, arrival: Arrival, folder: Path) -> Store:
        return rebuild(folder, self.profile, self.amended(arrival), GRAPH, DAYS).store

    def impact(self, arrival: Arrival, **bounds: dt.date) -> Impact:
        return impact(self.runner(arrival), assets=GRAPH, **bounds)

    def learned(self, arrival: Arrival) -> dt.date:
        """The session that knows the row."""
        return self.runner().store.clock.session_of(arrival.added.item(0, "known_at"))

    def what_if(self, rows: pl.DataFrame | Path, dataset: str = "market/bars") -> Impact:
        return impact(self.runner(), rows, dataset, assets=GRAPH)

    def bar(self, day: dt.date = DAY, by: float = 1.05) -> pl.DataFrame:
        """The stored bar of one symbol with other prices."""
        rows = self.runner().store.versions("market/bars", day, day).filter(pl.col("event_date") == day)
        return (
            rows.sort("symbol")
            .head(1)
            .drop("session")
            .with_columns(pl.col("open", "high", "low", "close", "vwap") * by)
        )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing here outlives a crash
        chosen = market()
        vendor = make_vendor(chosen)
        folder = tmp_path_factory.mktemp("impact") / "base"
        rebuild(folder, chosen, vendor, GRAPH, DAYS)
        yield Stored(folder, chosen, vendor, Arrivals(vendor, chosen, DAYS))


def cells(found: Impact) -> Cells:
    return {(d.dataset, d.session): (d.stored, d.instead) for d in found.differences}


# -- known values ------------------------------------------------------------------------------------------------------


def test_nothing_arrives_and_nothing_would_differ(stored: Stored) -> None:
    found = impact(stored.runner(), assets=GRAPH)
    assert found.differences == ()
    assert found.orders.height == 0


def test_one_corrected_bar_reaches_its_return_and_the_next_of_its_symbol_alone(stored: Stored) -> None:
    bar = stored.bar()
    (symbol,) = bar["symbol"]
    found = stored.what_if(bar)
    of = {name: [d for d in found.differences if d.dataset == name] for name in ("market/bars", "market/adjusted_bars")}
    assert [(d.session, d.changed, d.rows) for d in of["market/bars"]] == [(DAY, 1, 1)]
    returns = found.frame("market/adjusted_bars")
    assert set(returns["symbol"]) == {symbol}
    assert set(returns["event_date"]) == {DAY, sessions.shift(DAY, 1)}
    then, now = (
        returns.filter(pl.col("version") == version, pl.col("event_date") == DAY)
        for version in ("stored", "recomputed")
    )
    assert now["log_return"][0] - then["log_return"][0] == pytest.approx(np.log(1.05))


def test_a_mean_of_five_closes_is_reached_for_five_sessions(stored: Stored) -> None:
    found = stored.what_if(stored.bar())
    reached = [d.session for d in found.differences if d.dataset == "laws/mean_close"]
    assert reached == [sessions.shift(DAY, i) for i in range(5)]


def test_a_corrected_volume_does_not_reach_what_reads_no_volume(stored: Stored) -> None:
    bar = stored.bar(by=1.0).with_columns(pl.col("volume") + 1)
    reached = {d.dataset for d in stored.what_if(bar).differences}
    assert {"market/universe", "features/industry_returns"} <= reached  # by its dollar volume
    assert not {"laws/mean_close", "features/forward_returns"} & reached


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "corrected bars",
        "amended bars",
        "late bars",
        "new bars",
        "split corporate_actions",
        "gone corporate_actions",
        "moved members",
        "another industries",
        "corrected macro",
    ],
)
def test_what_arrives_late_reaches_what_two_full_rebuilds_say(stored: Stored, kind: str, tmp_path: Path) -> None:
    arrival = stored.arrivals.of(kind, np.random.default_rng([3, list(KINDS).index(kind)]))
    before = contents(stored.runner().store, GRAPH)
    found, whole = stored.impact(arrival), stored.rebuilt(arrival, tmp_path / "rebuilt")
    store = stored.runner().store
    assert cells(found) == differing(store, whole, GRAPH), str(arrival)
    assert list(found.orders.iter_rows()) == differing_orders(store, whole), str(arrival)
    assert contents(store, GRAPH) == before  # nothing is written


def test_an_overlay_says_what_the_vendor_would(stored: Stored) -> None:
    bar = stored.bar()
    raw = stored.vendor.fetch(DATASETS["market/bars"], [DAY], stored.runner().store.clock.decision_time(DAY))
    row = raw.join(bar, on=["event_date", "symbol", "known_at"], how="semi")
    arrival = Arrival("corrected", "market/bars", row.update(bar, on=["event_date", "symbol"]).select(raw.columns), row)
    found = stored.what_if(bar)
    assert len(found.differences) > 20
    assert cells(found) == cells(stored.impact(arrival))


def test_a_row_taken_out_and_put_back_is_as_it_was(stored: Stored) -> None:
    bar = stored.bar(by=1.0)
    gone = stored.what_if(bar.with_columns(removed=True))
    assert [(d.removed, d.rows) for d in gone.differences if d.dataset == "market/bars"] == [(1, 1)]
    assert stored.what_if(bar).differences == ()


def test_a_correction_that_came_later_touches_nothing_before_its_session(stored: Stored) -> None:
    learned = sessions.shift(DAY, 4)
    bar = stored.bar().with_columns(
        known_at=pl.lit(sessions.closes_at(learned) + dt.timedelta(minutes=90)).cast(pl.Datetime("us", "UTC"))
    )
    found = stored.what_if(bar)
    assert min(d.session for d in found.differences) == learned
    assert {d.dataset for d in found.differences} > {"market/bars", "market/adjusted_bars", "market/universe"}
    restated = found.frame("market/adjusted_bars").filter(pl.col("session") == learned)
    assert DAY in restated["event_date"].to_list()


def test_bounds_hold_what_refreshing_those_sessions_alone_would_change(stored: Stored, tmp_path: Path) -> None:
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(5))
    day = stored.learned(arrival)
    last = min(sessions.shift(day, 3), DAYS[-1])
    runner = stored.runner(arrival, copy_store(stored.folder, tmp_path / "copy"))
    found = stored.impact(arrival, first=day, last=last)
    assert {d.session for d in found.differences} == set(sessions.between(day, last))
    refreshed(runner, day, last)
    assert cells(found) == differing(stored.runner().store, runner.store, GRAPH)


def test_a_refresh_that_was_killed_is_taken_up_and_stores_what_a_rebuild_does(stored: Stored, tmp_path: Path) -> None:
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(6))
    runner = stored.runner(arrival, copy_store(stored.folder, tmp_path / "copy"))
    refreshed(runner, None, None, killed_after=len(GRAPH) // 2)
    refreshed(runner, None, None)
    assert contents(runner.store, GRAPH) == contents(stored.rebuilt(arrival, tmp_path / "rebuilt"), GRAPH)
    assert stale_spans(runner, GRAPH, None, None) == []
    assert impact(runner, assets=GRAPH).differences == ()


def refreshed(runner: Runner, first: dt.date | None, last: dt.date | None, killed_after: int | None = None) -> None:
    """As `asof refresh` does, without Dagster."""
    by_name = {asset.name: asset for asset in GRAPH}
    for name, (begin, end) in stale_spans(runner, GRAPH, first, last)[:killed_after]:
        for _ in runner.run(by_name[name], sessions.between(begin, end)):
            pass


def test_a_half_refreshed_store_says_what_is_left(stored: Stored, tmp_path: Path) -> None:
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(6))
    whole = stored.impact(arrival)
    runner = stored.runner(arrival, copy_store(stored.folder, tmp_path / "copy"))
    refreshed(runner, None, None, killed_after=len(GRAPH) // 2)
    stale = {d.dataset for d in impact(runner, assets=GRAPH).differences}
    done = {name for name, _ in stale_spans(stored.runner(arrival), GRAPH, None, None)[: len(GRAPH) // 2]}
    left = {key: hashes for key, hashes in cells(whole).items() if key[0] not in done}
    assert left
    assert stale.isdisjoint(done)
    assert cells(impact(runner, assets=GRAPH)) == left


def test_sessions_that_are_not_stored_are_not_refreshed(stored: Stored, tmp_path: Path) -> None:
    """Stored with a gap, before the correction came and then asked again."""
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(6))
    day = stored.learned(arrival)
    bars = next(asset for asset in GRAPH if asset.name == "market/bars")
    i = DAYS.index(day)
    spans = DAYS[: i + 2], DAYS[i + 5 :]
    runner = stored.runner(None, tmp_path / "gap")
    for span in spans:
        for _ in runner.run(bars, span):
            pass
    asked = stored.runner(arrival, tmp_path / "gap")
    assert stale_spans(asked, [bars], None, None) == [
        (bars.name, (day, DAYS[i + 1])),
        (bars.name, (DAYS[i + 5], DAYS[-1])),
    ]


# -- through the command line ------------------------------------------------------------------------------------------


def test_refresh_stores_new_generations_and_leaves_nothing_stale(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_first = dt.datetime.now(dt.UTC)
    chosen = Home(home).profile
    days = Home(home).open_store().sessions("market/bars")
    arrivals = Arrivals(make_vendor(chosen), chosen, days[-9:-4])
    arrival = arrivals.of("corrected bars", np.random.default_rng(1))
    (day,) = arrival.added["event_date"]
    clock = DecisionClock(chosen.decision_minutes_before_open)
    monkeypatch.setattr(opening, "make_vendor", lambda p, _=None: Amended(make_vendor(p), arrival, clock))

    found = asof(home, "impact", "--json")
    assert found.code == 1, found.err
    told = json.loads(found.out)
    before = {(p["dataset"], p["session"]): p["instead"] for p in told["partitions"]}
    assert ("market/bars", str(day)) in before
    shown = asof(home, "impact")
    assert shown.code == 1
    assert f"{len(told['partitions'])} partitions" in shown.out

    answer = asof(home, "refresh")
    assert answer.code == 0, answer.out + answer.err
    store = Home(home).open_store()
    assert {k: store.history(k[0], dt.date.fromisoformat(k[1]))[-1].content_hash for k in before} == before
    assert {row["stale"] for row in json.loads(asof(home, "status", "--json").out)} == {0}
    again = asof(home, "impact")
    assert again.code == 0
    assert "every stored session" in again.out
    assert "nothing is stale" in asof(home, "refresh").out

    (symbol,) = arrival.added["symbol"]
    of_day = {"first": day, "last": day, "symbols": [symbol]}
    assert store.read("market/bars", day, **of_day)["close"].to_list() == arrival.added["close"].to_list()
    old = store.read("market/bars", day, **of_day, written_before=at_first)
    assert old["close"].to_list() == arrival.removed["close"].to_list()


def test_the_command_line_answers_what_if_and_stores_nothing(stored_home: Path, tmp_path: Path) -> None:
    store = Home(stored_home).open_store()
    day = store.sessions("market/bars")[-3]
    bar = store.versions("market/bars", day, day).sort("symbol").head(1).drop("session")
    bar.with_columns(pl.col("open", "high", "low", "close", "vwap") * 1.02).write_parquet(tmp_path / "bar.parquet")
    before = {name: store.partitions(name) for name in DATASETS}
    answer = asof(stored_home, "impact", "--overlay", tmp_path / "bar.parquet", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert {"dataset": "market/bars", "session": str(day), "changed": 1}.items() <= told["partitions"][0].items()
    assert min(p["session"] for p in told["partitions"]) == str(day)
    assert {name: store.partitions(name) for name in DATASETS} == before


# -- refusals ----------------------------------------------------------------------------------------------------------


def overlay_of(rows: Sequence[str], folder: Path) -> Path:
    path = folder / "overlay.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


HEADER = "event_date,symbol,open,high,low,close,volume,known_at"
GOOD = f"{DAY},S0001,10,11,9,10,1000,{DAY}T22:00:00+00:00"


def test_a_csv_is_read_as_a_frame_is(stored: Stored, tmp_path: Path) -> None:
    bar = stored.bar()
    bar.with_columns(pl.col("known_at").dt.strftime("%Y-%m-%dT%H:%M:%S%z")).write_csv(tmp_path / "bar.csv")
    bar.write_parquet(tmp_path / "bar.parquet")
    wanted = cells(stored.what_if(bar))
    assert cells(stored.what_if(tmp_path / "bar.csv")) == wanted
    assert cells(stored.what_if(tmp_path / "bar.parquet")) == wanted


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([f"{HEADER},vendor", f"{GOOD},me"], "has no column vendor"),
        (
            ["event_date,symbol,known_at", f"{DAY},S0001,{DAY}T22:00:00+00:00"],
            "column open, high, low, close is missing",
        ),
        ([HEADER], "holds no rows"),
        ([HEADER, GOOD.replace(f"{DAY}T", "2017-03-01T")], "belongs to session 2017-03-01, which is not stored"),
        ([HEADER, GOOD.replace(",11,", ",8,")], "S0001 .*low"),
        ([HEADER, GOOD.replace(",1000,", ",many,")], "column volume is not Int64"),
        ([HEADER, GOOD.replace(f"{DAY}T22:00:00+00:00", "")], "row 1 has no known_at"),
        ([HEADER, GOOD, GOOD], "occurs 2 times"),
        ([f"{HEADER},removed", f"{GOOD},true"], "is to be removed, but session .* does not hold it"),
    ],
)
def test_a_bad_overlay_is_refused_with_the_row_and_the_mend(
    stored: Stored, rows: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WhatIfError, match=said):
        stored.what_if(overlay_of(rows, tmp_path))


def test_an_overlay_of_what_is_computed_is_refused(stored: Stored) -> None:
    with pytest.raises(WhatIfError, match="market/adjusted_bars is not a source"):
        stored.what_if(stored.bar(), "market/adjusted_bars")


def test_a_member_known_after_its_session_was_decided_is_refused(stored: Stored) -> None:
    decided = stored.runner().store.clock.decision_time(DAY)
    late = pl.DataFrame({"event_date": [DAY], "symbol": ["S0001"], "linked": [True]}).with_columns(
        known_at=pl.lit(decided + dt.timedelta(seconds=1)).cast(pl.Datetime("us", "UTC"))
    )
    with pytest.raises(WhatIfError, match=r"S0001 .* after the decision time of its session"):
        stored.what_if(late, "market/members")


def test_a_what_if_on_stale_sessions_is_refused_with_the_mend(stored: Stored) -> None:
    runner = make_runner(stored.folder, market(market__adv_sessions="5"), datasets=[a.dataset for a in GRAPH])
    with pytest.raises(StaleStoreError, match=r"stored sessions from .* are stale.*asof refresh"):
        impact(runner, stored.bar(), assets=GRAPH)


def test_the_command_line_names_a_bad_overlay(stored_home: Path, tmp_path: Path) -> None:
    answer = asof(stored_home, "impact", "--overlay", tmp_path / "no.csv")
    assert answer.code == 2
    assert "no.csv does not exist" in answer.err
    answer = asof(stored_home, "impact", "--overlay", tmp_path / "no.csv", "--dataset", "market/universe")
    assert answer.code == 2
    assert "is not a source" in answer.err
