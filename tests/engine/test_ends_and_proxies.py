"""Laws 5 and 6 where stocks end, known at once, late or never, and where a fund takes its members' place."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from configs.load import load
from configs.settings import Profile
from feature_store import sessions
from feature_store.schemas.features import (
    FORWARD_RETURNS,
    INDUSTRY_FEATURES,
    INDUSTRY_RETURNS,
    LABELS,
    MARKET_FEATURES,
)
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from tests.engine.market import assert_any_order_stores_the_same, copy_store, failures, make_runner, needed_for, run

SESSIONS = sessions.between(dt.date(2015, 12, 1), dt.date(2016, 2, 12))
LATER = SESSIONS[25:]
STOCKS = ("BOUGHT", "FAILED", "HALTED", "KEPT", "QUIET", "STEADY")
STOPS = {"BOUGHT": 30, "FAILED": 33, "QUIET": 36}  # last session with a bar
FUND_FROM = 28
JUDGED = [dataset.name for dataset in (FORWARD_RETURNS, LABELS, INDUSTRY_RETURNS, INDUSTRY_FEATURES, MARKET_FEATURES)]


def drop(folder: Path) -> Path:
    """Six stocks: one bought for cash, one that failed, which is told four sessions late, one that stops without a
    word, one that halts. The fund of their industry is listed on the way.
    """
    rng, rows = np.random.default_rng(5), []
    for symbol in (*STOCKS, "FUND", "SPY"):
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, len(SESSIONS))))
        for t, day in enumerate(SESSIONS):
            halted = symbol == "HALTED" and 29 <= t < 33
            if t <= STOPS.get(symbol, len(SESSIONS)) and not halted and not (symbol == "FUND" and t < FUND_FROM):
                opened = float(close[t] * np.exp(rng.normal(0, 0.01)))
                high, low = max(opened, close[t]) * 1.01, min(opened, close[t]) * 0.99
                rows.append((symbol, day, opened, high, low, float(close[t]), 1_000_000))
    names = ["symbol", "date", "open", "high", "low", "close", "volume"]
    bars = pl.DataFrame(rows, schema=names, orient="row")
    funds = pl.col("symbol").is_in(["FUND", "SPY"])
    bars.filter(~funds).write_parquet(folder / "bars.parquet")
    bars.filter(funds).write_parquet(folder / "benchmarks.parquet")
    ends = [
        ("BOUGHT", SESSIONS[31], "merger", 0.0, 60.0, SESSIONS[20]),
        ("FAILED", SESSIONS[34], "delisting", -0.9, None, SESSIONS[38]),
    ]
    columns = ["symbol", "ex_date", "action", "value", "cash_usd", "known_at"]
    pl.DataFrame(ends, schema=columns, orient="row").write_parquet(folder / "corporate_actions.parquet")
    groups = [(s, "Energy" if s != "QUIET" else "Tech", SESSIONS[0]) for s in STOCKS]
    published = pl.DataFrame(groups, schema=["symbol", "industry", "recorded"], orient="row")
    published.write_parquet(folder / "industries.parquet")
    return folder


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    told = {
        "history.start": SESSIONS[0],
        "history.end": SESSIONS[-1],
        "features.horizons": "[3, 8]",
        "features.delisted_after_sessions": 6,
        "features.min_observations_fraction": 0.4,
        "features.industry_proxies": "{Energy: FUND}",
        "market.restate_sessions": 10,
        "market.min_price_usd": 0,
        "vendor.corporate_actions": "[{file: corporate_actions, columns: {event_date: ex_date}, "
        "known_at: {column: known_at}}]",
    }
    folder = drop(tmp_path_factory.mktemp("drop"))
    return load("files", folder, {key: str(value) for key, value in told.items()})


BY_NAME = {asset.name: asset for asset in core_assets()}


@pytest.fixture(scope="module")
def range_store(chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends") / "range"
    runner = make_runner(folder, chosen)
    for asset in needed_for(*JUDGED):
        run(runner, asset, SESSIONS)
    runner.store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture
def again(range_store: Path, chosen: Profile, tmp_path: Path) -> Runner:
    return make_runner(copy_store(range_store, tmp_path / "again"), chosen)


# -- known values ------------------------------------------------------------------------------------------------------


def test_an_end_is_learned_when_it_is_known(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    rows = store.versions(FORWARD_RETURNS, SESSIONS[0], SESSIONS[-1]).filter(horizon_sessions=3)
    learned = {
        (row["symbol"], SESSIONS.index(row["event_date"]), SESSIONS.index(row["session"])): row["ended"]
        for row in rows.filter(pl.col("symbol").is_in([*STOPS])).iter_rows(named=True)
    }
    assert learned["BOUGHT", 29, 32] == "merged"
    # the failure was told in session 38; what matured before that is learned again six sessions after the last bar
    assert learned["FAILED", 31, 34] is None
    assert learned["FAILED", 31, 39] == "delisted"
    assert learned["QUIET", 35, 38] is None
    assert learned["QUIET", 35, 42] == "written_off"
    known = store.read(LABELS, SESSIONS[-1], columns=["label_log"]).filter(horizon_sessions=3)
    lost = known.filter(symbol="FAILED", event_date=SESSIONS[31])["label_log"][0]
    assert lost < -1.5  # a tenth is left
    assert known.filter(symbol="HALTED", event_date=SESSIONS[27])["label_log"].to_list() == [None]


def test_a_fund_takes_its_members_place_once_it_has_a_return(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    rows = store.read(INDUSTRY_FEATURES, SESSIONS[-1], columns=["proxy", "momentum_5"]).filter(industry="Energy")
    proxies = dict(rows.select("event_date", "proxy").iter_rows())
    assert [proxies[SESSIONS[t]] for t in (5, FUND_FROM, FUND_FROM + 1)] == ["dollar_volume", "dollar_volume", "FUND"]
    assert rows["momentum_5"].null_count() < 10


# -- law 5 -------------------------------------------------------------------------------------------------------------


def test_daily_runs_and_chunks_in_any_order_store_what_one_range_stores(again: Runner) -> None:
    assert_any_order_stores_the_same(again, needed_for(*JUDGED), LATER[:3], [LATER[3:14], LATER[14:15], LATER[15:]])


# -- law 6 -------------------------------------------------------------------------------------------------------------


def test_no_session_is_accused_of_knowing_the_future(again: Runner) -> None:
    checker = Checker(again)
    for asset in (BY_NAME[name] for name in JUDGED):
        results = [checker.recompute(asset, t) for t in LATER[::4]]
        results += [v for cut in (LATER[8], LATER[14]) for v in checker.scrambled(asset, cut, LATER[-1])]
        assert len(results) > 8
        assert failures(results) == []
        assert all(results)
