"""Law 5 where corrections arrive: segments, restated rows, anchors and chains."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Profile
from feature_store import sessions
from feature_store.schemas.market import ADJUSTED_BARS, BARS, CORPORATE_ACTIONS
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.computation import Calculation
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.runner import Runner
from quant_assets.engine.stored_versions import StoredVersions
from quant_assets.market.adjustment import adjusted_bars
from tests.engine.assets import ASSETS, AVERAGE, MEAN_CLOSE, WARM, mean_close
from tests.engine.laws import TAIL
from tests.engine.market import (
    SESSIONS,
    failures,
    forget,
    make_runner,
    run_and_check,
)
from tests.oracles.market import holder

# -- law 5: segments and restatements ----------------------------------------------------------------------------------


def test_time_series_are_those_of_the_bars_as_known_at_each_session(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    for t in SESSIONS[6:]:
        days = sessions.between(sessions.shift(t, -4), t)
        known = store.read(BARS, t, first=days[0], last=t).drop("known_at")
        alone = mean_close(known.sort("symbol", "event_date"), days).filter(event_date=t).sort("symbol")
        found = store.read(MEAN_CLOSE.dataset, t, first=t, last=t).drop("known_at")
        assert found.equals(alone.select(found.columns)), t


def test_restated_rows_give_at_every_session_what_the_bars_known_then_give(range_store: Path, chosen: Profile) -> None:
    store, reach = make_runner(range_store, chosen).store, chosen.market.restate_sessions
    restated = 0
    for t in SESSIONS:
        first = max(sessions.shift(t, -reach), SESSIONS[0])
        bars = store.read(BARS, t, first=SESSIONS[0]).drop("known_at")
        actions = store.read(CORPORATE_ACTIONS, t, first=SESSIONS[0]).drop("known_at")
        days = sessions.between(SESSIONS[0], t)
        truth = adjusted_bars(bars, actions, days, chosen.market).filter(pl.col("event_date") >= first)
        found = store.read(ADJUSTED_BARS, t, first=first, last=t)
        assert found.drop("known_at").equals(truth.sort("event_date", "symbol").select(found.columns[:-1])), t
        versions = store.versions(ADJUSTED_BARS, t, t)
        restated += versions.filter(pl.col("event_date") < t).height
    assert restated > 50


def test_returns_as_known_are_those_of_a_holder_informed_day_by_day(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    compared = 0
    for t in (dt.date(2015, 12, 28), dt.date(2015, 12, 30), dt.date(2016, 1, 15), dt.date(2016, 1, 21)):
        bars = store.read(BARS, t)
        actions = store.read(CORPORATE_ACTIONS, t)
        found = store.read(ADJUSTED_BARS, t, first=sessions.shift(t, -10), last=t)
        for row in found.drop_nulls("log_return").rows(named=True):
            own = bars.filter(symbol=row["symbol"])
            before = own.filter(pl.col("event_date") < row["event_date"]).row(-1, named=True)
            mine = actions.filter(symbol=row["symbol"])
            simple, shares, _ = holder(before["event_date"], before["close"], row["event_date"], row["close"], mine)
            assert pl.Series([simple]).log1p()[0] == pytest.approx(row["log_return"], abs=1e-12)
            assert shares == pytest.approx(row["split_ratio"])
            compared += 1
    assert compared > 200


def test_an_average_starts_at_the_first_session_of_its_year_less_the_window(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    t, symbol = dt.date(2016, 1, 8), "S0003"
    days = sessions.between(sessions.shift(dt.date(2016, 1, 4), -9), t)
    known = store.read(ADJUSTED_BARS, t, first=days[0], last=t).filter(symbol=symbol)
    returns = dict(known.select("event_date", "log_return").rows())
    level = 0.0
    for day in days:
        level = level if returns.get(day) is None else 0.9 * level + 0.1 * returns[day]
    found = store.read(AVERAGE.dataset, t, first=t, last=t).filter(symbol=symbol)["value"].item()
    assert found == level


def test_a_chain_of_fits_restarts_cold_at_the_years_first_refit(range_store: Path, chosen: Profile) -> None:
    runner = make_runner(range_store, chosen)
    cold = replace(WARM, chained=False, function=without_previous)
    calculation = Calculation(chosen, runner.store.clock, runner.calculation.vendor)
    data = StoredVersions(runner.store)
    first_of_year = dt.date(2016, 1, 4)
    value = {}
    for asset in (WARM, cold):
        frames = calculation.compute(asset, [first_of_year, dt.date(2016, 1, 11)], data)
        value[asset.chained] = {t: rows.sort("symbol")["value"].to_list() for t, rows in frames.items()}
    assert value[True][first_of_year] == value[False][first_of_year]
    assert value[True][dt.date(2016, 1, 11)] != value[False][dt.date(2016, 1, 11)]


def without_previous(bars: pl.DataFrame, session: dt.date, seed: int) -> pl.DataFrame:
    return WARM.function(bars, None, session, seed)


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.name)
def test_anchored_chained_and_segmented_assets_pass(again: Runner, asset: SessionAsset) -> None:
    forget(again.store, asset.dataset, SESSIONS)
    assert failures(run_and_check(again, asset, SESSIONS)) == []
    checker = Checker(again)
    results = [checker.recompute(asset, s) for s in (*TAIL[::3], SESSIONS[-1])]
    results += checker.scrambled(asset, TAIL[2], SESSIONS[-1])
    assert all(results)
    assert failures(results) == []
