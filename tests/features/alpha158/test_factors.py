import datetime as dt
import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features, Market
from feature_store import sessions as calendar
from feature_store.schemas.alpha158 import FACTORS
from feature_store.schemas.features import ALPHA158
from quant_assets.engine.asset import Source
from quant_assets.engine.identity import settings_of
from quant_assets.features.alpha158.factors import BAR_COLUMNS, LOOKBACK_SESSIONS, alpha158, factors
from quant_assets.graph import core_assets
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.numerics.sorting_network import ordering
from tests.engine.market import (
    SESSIONS,
    contents,
    failures,
    forget,
    make_runner,
    needed_for,
    profile,
    run,
    run_and_check,
)
from tests.oracles import alpha158 as twin
from tests.oracles.bundle import bundle_actions, bundle_bars, needs
from tests.oracles.panels import adjusted, assert_stored_as, random_traded, sessions

ON = Features(min_observations_fraction=0.8, alpha158=True)
NAMES = tuple(FACTORS)


def last_of(frame: pl.DataFrame, days: list[dt.date]) -> dict[str, float | None]:
    return alpha158(frame, days, days[0], ON).select(*FACTORS).row(-1, named=True)


# known values


def test_a_steady_climber_by_hand():
    days = sessions(61)
    last = last_of(adjusted(days, {"A": [math.log(1.01)] * 61}), days)
    levels = 1.01 ** -np.arange(60.0)
    assert last["ROC5"] == pytest.approx(1.01**-5)
    assert last["MA60"] == pytest.approx(levels.mean())
    assert last["STD10"] == pytest.approx(levels[:10].std(ddof=1))
    assert last["MAX5"] == pytest.approx(1.01)
    assert last["MIN5"] == pytest.approx(0.99 * levels[4])
    assert last["RANK30"] == last["CNTP20"] == last["SUMP20"] == last["IMAX10"] == 1.0
    assert last["IMIN10"] == pytest.approx(0.1)
    assert last["IMXD10"] == pytest.approx(0.9)
    assert (last["CNTN20"], last["SUMN20"]) == (0.0, 0.0)
    assert last["RSQR5"] == pytest.approx(1.0, abs=1e-3)
    assert last["KLEN"] == pytest.approx(0.02)
    assert (last["HIGH0"], last["LOW0"], last["VWAP0"]) == (pytest.approx(1.01), pytest.approx(0.99), None)


def test_a_straight_line_is_fitted_and_its_last_point_has_no_residual():
    days = sessions(61)
    price = np.arange(61) + 40.0
    path = [0.0, *np.diff(np.log(price))]
    last = last_of(adjusted(days, {"A": path}), days)
    assert last["BETA20"] == pytest.approx(1 / 100)
    assert (last["RSQR20"], last["RESI20"]) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))


def test_volumes_are_in_todays_shares_and_a_split_is_no_change():
    days = sessions(61)
    frame = adjusted(days, {"A": [0.01, -0.01] * 30 + [0.01]}, dollars=1e8)
    cut = pl.col("event_date") >= days[40]
    halved = frame.with_columns(
        pl.when(cut).then(pl.col(name) / 2).otherwise(name) for name in ("open", "high", "low", "close")
    ).with_columns(split_ratio=pl.when(pl.col("event_date") == days[40]).then(2.0).otherwise("split_ratio"))
    whole, parted = (
        {name: math.nan if value is None else value for name, value in last_of(f, days).items()}
        for f in (frame, halved)
    )
    assert whole == pytest.approx(parted, rel=1e-6, abs=1e-6, nan_ok=True)
    assert last_of(halved, days)["VMA60"] == pytest.approx(1.0)


def test_a_price_that_stands_still_has_no_fit_no_correlation_and_the_middle_rank():
    days = sessions(61)
    last = last_of(adjusted(days, {"A": [0.0] * 61}), days)
    assert (last["RSQR5"], last["CORR5"], last["CORD5"]) == (None, None, None)
    assert (last["RANK5"], last["STD5"], last["BETA5"], last["SUMP5"]) == (pytest.approx(0.6), 0.0, 0.0, 0.0)
    assert (last["IMAX5"], last["IMIN5"]) == (pytest.approx(0.2), pytest.approx(0.2))  # the oldest of equal ones


def test_a_bar_without_a_range_has_no_shape_rather_than_an_infinite_one():
    days = sessions(1)
    flat = adjusted(days, {"A": [0.0]}).with_columns(high=100.0, low=100.0)
    assert last_of(flat, days)["KMID2"] == 0.0


def test_without_volume_there_are_no_factors_of_volume():
    days = sessions(61)
    frame = adjusted(days, {"A": [0.01, -0.01] * 30 + [0.01]}, dollars=None)
    last = last_of(frame, days)
    missing = {name for name, value in last.items() if value is None}
    families = {"CORR", "CORD", "VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD"}
    assert missing == {"VWAP0", *(f"{family}{n}" for family in families for n in twin.WINDOWS)}


def test_four_of_five_sessions_are_enough_and_three_are_not():
    days = sessions(8)
    path = [0.01, 0.01, 0.01, 0.01, None, 0.01, 0.01, 0.01]
    rows = alpha158(adjusted(days, {"A": path}), days, days[5], ON)
    assert rows["MA5"].is_null().to_list() == [False, False, False]
    # a change needs the session before too
    assert rows["CNTP5"].is_null().to_list() == [True, True, True]
    strict = ON.model_copy(update={"min_observations_fraction": 1.0})
    assert alpha158(adjusted(days, {"A": path}), days, days[5], strict)["MA5"].null_count() == 3


def test_no_rows_unless_the_settings_ask_for_them():
    days = sessions(61)
    frame = adjusted(days, {"A": [0.01] * 61})
    assert_stored_as(alpha158(frame, days, days[0], ON), ALPHA158)
    for none in (alpha158(frame, days, days[0], Features()), alpha158(frame.clear(), days, days[0], ON)):
        assert_stored_as(none, ALPHA158)
        assert none.is_empty()


@pytest.mark.parametrize(("n", "ordered"), [(n, ordered) for n in range(1, 9) for ordered in range(n)])
def test_the_exchanges_order_every_row_of_zeros_and_ones(n: int, ordered: int):
    """And so every row of numbers (Knuth's zero-one principle)."""
    for row in itertools.product([0, 1], repeat=n):
        x = [*sorted(row[:ordered]), *row[ordered:]]
        for i, j in ordering(n, ordered):
            x[i], x[j] = min(x[i], x[j]), max(x[i], x[j])
        assert x == sorted(row)


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.8, 1.0]), st.sampled_from([0.0, 0.05, 0.3]))
@settings(max_examples=8, deadline=None)
def test_every_factor_is_the_slow_one(seed: int, share: float, holes: float):
    frame, days = random_traded(seed, 150, 2, holes)
    assert_twins(frame, days, factors(frame, days, days[0], NAMES, share).gather_every(37), share)


@pytest.mark.shared
@needs("data/prices_daily.parquet")
@pytest.mark.parametrize(("symbol", "last"), [("AAPL", dt.date(2014, 8, 1)), ("C", dt.date(2011, 6, 1)), ("AA", None)])
def test_every_factor_of_real_bars_is_the_slow_one(symbol: str, last: dt.date | None):
    days = calendar.between(calendar.shift(last or dt.date(2018, 3, 20), -200), last or dt.date(2018, 3, 20))
    frame = adjusted_bars(bundle_bars(symbol, first=days[0], last=days[-1]), bundle_actions(symbol), days, Market())
    assert_twins(frame, days, factors(frame, days, days[0], NAMES, 0.8).gather_every(31), 0.8)


def assert_twins(frame: pl.DataFrame, days: list[dt.date], rows: pl.DataFrame, share: float) -> None:
    for row in rows.iter_rows(named=True):
        window = twin.window_of(frame, days, row["symbol"], days.index(row["event_date"]))
        slow = twin.Alpha158(window, share).factors()
        assert slow.keys() == FACTORS.keys()
        for name, expected in slow.items():
            known = None if expected is None else pytest.approx(expected, rel=1e-6, abs=2e-7)
            assert row[name] == known, (name, row["symbol"], row["event_date"])


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(0, 30), st.sampled_from([1, 3, 128]))
@settings(max_examples=8, deadline=None)
def test_a_day_alone_has_the_bits_of_a_range(seed: int, n_symbols: int, end: int, rows_at_once: int):
    """Its own window only, which begins and ends elsewhere, beside other symbols and in other blocks."""
    frame, days = random_traded(seed, 220, n_symbols)
    t = 188 + end
    window = days[t - LOOKBACK_SESSIONS + 1 : t + 1]
    own = pl.col("event_date").is_in(window) & pl.col("symbol").is_in(["S0", "S1", "S5"])
    alone = factors(frame.filter(own), window, window[-1], NAMES, 0.8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quant_assets.features.alpha158.factors.BLOCK_ROWS", rows_at_once)
        whole = factors(frame, days, days[0], NAMES, 0.8)
    assert_frame_equal(alone, whole.join(alone, on=["event_date", "symbol"], how="semi"), check_exact=True)


@given(st.integers(0, 10**6), st.lists(st.sampled_from(NAMES), min_size=1, max_size=9, unique=True))
@settings(max_examples=10, deadline=None)
def test_some_factors_are_what_all_are(seed: int, names: list[str]):
    frame, days = random_traded(seed, 80, 2)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed)
    whole = factors(frame, days, days[70], NAMES, 0.8).select("event_date", "symbol", *names)
    assert_frame_equal(factors(shuffled, days, days[70], names, 0.8), whole, check_exact=True)


def test_every_column_that_is_read_is_used_and_no_other():
    frame, days = random_traded(2, 100, 2)
    whole = alpha158(frame, days, days[-30], ON)
    assert_frame_equal(alpha158(frame.select("event_date", "symbol", *BAR_COLUMNS), days, days[-30], ON), whole)
    for column in BAR_COLUMNS:
        spoilt = frame.with_columns(pl.when(pl.col("event_date").dt.day() % 2 == 0).then(pl.col(column) * 1.01)
                                    .otherwise(column).alias(column))  # fmt: skip
        assert not alpha158(spoilt, days, days[-30], ON).equals(whole), column


def test_days_store_what_a_range_stores_where_the_settings_ask_for_it(tmp_path: Path):
    chosen = profile(features__alpha158="true")
    runner = make_runner(tmp_path, chosen)
    *before, asset = needed_for(ALPHA158.name)
    for each in before:
        run(runner, each, SESSIONS)
    run(runner, asset, SESSIONS)
    ranged = contents(runner.store, [asset])
    assert sum(p.rows for p in runner.store.partitions(ALPHA158)) > 300
    days = SESSIONS[30:34]
    forget(runner.store, ALPHA158, days)
    for day in days:
        assert failures(run_and_check(runner, asset, [day])) == []
    assert contents(runner.store, [asset]) == ranged


def test_asking_for_them_makes_nothing_else_stale():
    on, off = profile(features__alpha158="true"), profile()
    for asset in core_assets():
        if not isinstance(asset, Source):
            assert (settings_of(asset, on) == settings_of(asset, off)) == (asset.name != ALPHA158.name)


# refusals


def test_what_cannot_be_placed_is_refused():
    days = sessions(3)
    frame = adjusted(days, {"A": [0.1, 0.1, 0.1], "B": [0.1, 0.1, 0.1]})
    with pytest.raises(ValueError, match=r"Alpha158 has no factor \['MA7'\]"):
        factors(frame, days, days[0], ["MA7"], 0.8)
    with pytest.raises(ValueError, match=f"B has two rows on {days[1]}"):
        factors(pl.concat([frame, frame.filter(symbol="B", event_date=days[1])]), days, days[0], ["MA5"], 0.8)
    with pytest.raises(ValueError, match=f"rows of {days[0]} lie outside the window of 2 sessions"):
        factors(frame, days[1:], days[1], ["MA5"], 0.8)
