import datetime as dt
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features, Macro
from feature_store.schemas.features import MARKET_FEATURES, STOCK_FEATURES
from feature_store.schemas.market import ADJUSTED_BENCHMARKS
from quant_assets.features.aggregate import cross_asset
from quant_assets.features.aggregate.index_features import LOOKBACK_SESSIONS
from quant_assets.features.aggregate.market import (
    market_features,
    market_return,
    mean_correlation,
    percentile,
)
from tests.oracles import aggregates as oracle
from tests.oracles.panels import adjusted, assert_stored_as, industry_returns, macro, sessions, stored, universe

NAN = float("nan")
DAYS = sessions(LOOKBACK_SESSIONS)
TODAY = DAYS[-1]
FEATURES = Features(min_observations_fraction=0.8)
NO_INDUSTRIES = industry_returns([], {})


def stocks(rows: dict[str, tuple[float | None, float | None]], day: dt.date = TODAY) -> pl.DataFrame:
    """STOCK_FEATURES with `reversal_21` and both gaps to a mean as given."""
    schema = {name: stored(STOCK_FEATURES)[name] for name in ("event_date", "symbol", "reversal_21", "ma_gap_200")}
    frame = pl.DataFrame([(day, symbol, *values) for symbol, values in rows.items()], schema=schema, orient="row")
    return frame.with_columns(ma_gap_50=-pl.col("ma_gap_200"))


FUNDS = ("SPY", "TLT", "HYG", "LQD", "GLD")


def funds(paths: dict[str, list[float | None]], days: list[dt.date] | None = None) -> pl.DataFrame:
    """ADJUSTED_BENCHMARKS of the last sessions of DAYS."""
    n = max((len(path) for path in paths.values()), default=0)
    frame = adjusted(days or DAYS[len(DAYS) - n :], paths)
    return frame.select(stored(ADJUSTED_BENCHMARKS).keys()).sort("event_date", "symbol")


def row(industries: pl.DataFrame = NO_INDUSTRIES, session: dt.date = TODAY, **given: Any) -> dict[str, Any]:
    """The session's features of the given inputs, the others being empty."""
    frame = market_features(
        industries,
        given.get("features", stocks({})),
        given.get("universe", universe([])),
        given.get("benchmarks", funds({})),
        given.get("macro", macro([])),
        session,
        given.get("settings", FEATURES),
        Macro(),
    )
    assert_stored_as(frame, MARKET_FEATURES)
    return frame.row(0, named=True)


def random_paths(seed: int, n: int, holes: float = 0.0) -> dict[str, list[float | None]]:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.01, n)
    return {
        name: [None if rng.random() < holes else float(x) for x in common + rng.normal(0, 0.01, n)] for name in "ABC"
    }


# known values


def test_the_market_is_the_mean_of_all_members_of_all_industries():
    returns = np.log([[1.10, 1.02], [1.0, 1.0], [1.5, 1.0]])
    returns[1, 0], returns[2] = NAN, NAN
    found = market_return(returns, np.array([[1.0, 3.0], [0.0, 2.0], [0.0, 0.0]]))
    assert found[:2] == pytest.approx([math.log(1.04), 0.0], abs=1e-15)  # (10 % + 3 times 2 %) / 4
    assert np.isnan(found[2])
    assert np.isnan(market_return(np.empty((2, 0)), np.empty((2, 0)))).all()


def test_a_steady_market_by_hand():
    last = row(industry_returns(DAYS, {"A": [0.001] * len(DAYS), "B": [0.001] * len(DAYS)}))
    assert last["return_1"] == pytest.approx(0.001)
    assert last["momentum_63"] == pytest.approx(0.063)
    assert last["ma_gap_200"] == pytest.approx(-math.log(np.exp(-0.001 * np.arange(200)).mean()))
    assert last["drawdown_252"] == 0.0
    assert last["volatility_21"] == pytest.approx(0.0, abs=1e-15)


def test_volatility_ranks_among_its_own_last_year():
    assert percentile(np.array([3.0, 1.0, NAN, 2.0]), 3) == pytest.approx(2 / 3)
    assert percentile(np.array([1.0, 2.0, 3.0]), 3) == 1.0
    assert percentile(np.array([3.0, 2.0, 1.0]), 3) == pytest.approx(1 / 3)
    assert percentile(np.array([3.0, 2.0, NAN]), 2) is None
    assert percentile(np.array([NAN, 2.0, 1.0]), 3) is None


def test_a_burst_of_volatility_has_the_highest_rank_and_a_calm_the_lowest():
    swings = [0.01 * (-1) ** i for i in range(len(DAYS))]
    loud, quiet = ([*swings[:-21], *(x * by for x in swings[-21:])] for by in (3.0, 0.1))
    assert row(industry_returns(DAYS, {"A": loud}))["volatility_percentile"] == 1.0
    assert row(industry_returns(DAYS, {"A": quiet}))["volatility_percentile"] == pytest.approx(1 / 252)


def test_the_oldest_volatility_of_the_year_has_a_month_of_its_own_and_the_oldest_drawdown_a_year():
    calm = [0.0001 * (-1) ** i for i in range(len(DAYS))]
    whole, by_one = Features(min_observations_fraction=1.0), {}
    for gone in (-273, -272, 0):
        path = [None if i == gone % len(DAYS) else x for i, x in enumerate(calm)]
        by_one[gone] = row(industry_returns(DAYS, {"A": path}), settings=whole)
    assert by_one[-272]["volatility_percentile"] is None
    assert by_one[-273]["volatility_percentile"] is not None
    assert by_one[0]["drawdown_z_252"] is None  # the first session of the window
    assert row(industry_returns(DAYS, {"A": calm}), settings=whole)["drawdown_z_252"] is not None


def test_correlation_of_one_of_opposites_and_of_three_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert mean_correlation(np.column_stack([x, 2 * x + 1])) == 1.0
    assert mean_correlation(np.column_stack([x, -x])) == -1.0
    three = np.column_stack([x, -x, [1.0, -1.0, -1.0, 1.0]])  # -1 and twice 0
    assert mean_correlation(three) == pytest.approx(-1 / 3)


def test_correlation_needs_two_that_vary():
    x = np.array([1.0, 2.0, 3.0])
    assert mean_correlation(np.column_stack([x, [0.1] * 3])) is None
    assert mean_correlation(x[:, None]) is None
    assert mean_correlation(np.empty((3, 0))) is None


def test_correlation_is_over_named_industries_with_every_return_of_63_sessions():
    rng = np.random.default_rng(1)
    a, b, c = (list(rng.normal(0, 0.01, len(DAYS))) for _ in range(3))
    c[-63] = None
    pair = np.corrcoef(a[-63:], b[-63:])[0, 1]
    paths = {"A": a, "B": b, "C": c, "Unknown": list(rng.normal(0, 0.01, len(DAYS)))}
    assert row(industry_returns(DAYS, paths))["mean_correlation_63"] == pytest.approx(pair)
    c[-63], c[-64] = 0.01, None
    assert row(industry_returns(DAYS, paths))["mean_correlation_63"] != pytest.approx(pair)


def test_dispersion_and_breadth_are_of_the_tradable_stocks_that_have_a_value():
    features = stocks({"A": (-0.1, 0.2), "B": (0.1, -0.1), "C": (None, 0.0), "D": (0.0, None), "X": (9.0, 9.0)})
    members = universe([(TODAY, s, True) for s in "ABCDE"] + [(TODAY, "X", False)])
    last = row(features=features, universe=members)
    assert last["dispersion_21"] == pytest.approx(0.1)
    assert last["breadth_200"] == pytest.approx(1 / 3)  # A of A, B and C; at the mean is not above it
    assert last["breadth_50"] == pytest.approx(1 / 3)  # B


def test_without_anything_there_is_one_row_of_nulls():
    last = row()
    assert last.pop("event_date") == TODAY
    assert set(last.values()) == {None}


def test_the_first_session_of_a_history_knows_no_return():
    last = row(industry_returns([TODAY], {"A": [NAN]}))
    assert last["return_1"] is None
    assert last["volatility_21"] is None


def test_macro_series_come_as_last_known():
    table = macro([(TODAY, "VIX_CLOSE", 20.0), (TODAY, "DGS10", 3.0), (DAYS[-2], "DGS2", 1.25)])
    last = row(macro=table)
    assert (last["vix"], last["slope_10y2y"], last["credit_spread"]) == (20.0, 1.75, None)


def test_relative_strength_is_against_equity():
    flat = {"SPY": [0.001] * 63, "GLD": [0.003] * 63, "TLT": [-0.001] * 63}
    last = row(benchmarks=funds(flat))
    assert last["gold_relative_63"] == pytest.approx(0.126)
    assert last["bonds_relative_63"] == pytest.approx(-0.126)
    assert last["range_volatility_21"] == pytest.approx(math.log(101 / 99) * math.sqrt(252 / (4 * math.log(2))))


def test_equity_and_bonds_that_move_against_one_another_have_correlation_minus_one():
    path = [float(x) for x in np.random.default_rng(1).normal(0, 0.01, 63)]
    assert row(benchmarks=funds({"SPY": path, "TLT": [-x / 2 for x in path]}))[
        "equity_bond_correlation_63"
    ] == pytest.approx(-1)
    assert row(benchmarks=funds({"SPY": path, "TLT": [0.0] * 63}))["equity_bond_correlation_63"] is None


def test_high_yield_that_lost_on_the_last_session_alone_is_far_below_its_own_year():
    rich, poor = [0.0] * 252, [*[0.0] * 251, -0.1]
    last = row(benchmarks=funds({"HYG": poor, "LQD": rich}))
    assert last["credit_ratio_z_252"] == pytest.approx(-251 / math.sqrt(252))  # one of n equals: (n-1)/sqrt(n)
    assert row(benchmarks=funds({"HYG": rich, "LQD": rich}))["credit_ratio_z_252"] is None
    assert row(benchmarks=funds({"HYG": poor[60:], "LQD": rich[60:]}))["credit_ratio_z_252"] is None  # too short


def test_a_history_that_breaks_off_leads_no_further_back():
    level = cross_asset.log_level(
        np.array([[0.1], [NAN], [0.2], [NAN], [0.3]]), np.array([[True], [True], [True], [False], [True]])
    )
    assert level[:, 0] == pytest.approx([NAN, -0.5, -0.3, NAN, 0.0], nan_ok=True)


def test_a_fund_by_another_name_is_one_by_the_settings():
    named = FEATURES.model_copy(update={"market_proxies": FEATURES.market_proxies.model_copy(update={"gold": "IAU"})})
    held = funds({"SPY": [0.0] * 63, "IAU": [0.001] * 63})
    assert row(benchmarks=held, settings=named)["gold_relative_63"] == pytest.approx(0.063)
    assert row(benchmarks=held)["gold_relative_63"] is None


def test_the_volume_of_the_market_is_a_mean_over_all_members_with_one():
    frame = industry_returns(DAYS, {"A": [0.0] * len(DAYS), "B": [0.0] * len(DAYS)})
    dollars = pl.when(event_date=TODAY, industry="A").then(8e6).when(industry="A").then(2e6).otherwise(6e6)
    told = frame.with_columns(
        dollar_volume_usd=dollars, n_volumes=pl.when(industry="A").then(1).otherwise(3).cast(pl.Int32)
    )
    logs = [math.log(2e6)] * 62 + [math.log(3.5e6)]  # 8 and three times 2 million
    assert row(told)["volume_z_63"] == pytest.approx((logs[-1] - np.mean(logs)) / np.std(logs, ddof=1))
    assert row(frame)["volume_z_63"] is None


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.8]))
@settings(max_examples=6, deadline=None)
def test_other_assets_are_the_slow_ones(seed: int, share: float):
    rng = np.random.default_rng(seed)
    roles = dict(zip(("equity", "bonds", "high_yield", "investment_grade", "gold"), FUNDS, strict=True))
    paths = {role: [None if rng.random() < 0.02 else float(x) for x in rng.normal(0, 0.01, 252)] for role in roles}
    held = funds({of: paths[role] for role, of in roles.items()})
    fast = row(benchmarks=held, settings=Features(min_observations_fraction=share))
    bars = {role: [None if r is None else {"r": r, "high": 101.0, "low": 99.0} for r in paths[role]] for role in paths}
    for name, value in oracle.cross_asset(bars, share).items():
        assert fast[name] == (None if value is None else pytest.approx(value, rel=1e-8, abs=1e-12)), name


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.8]), st.sampled_from([0.0, 0.05]))
@settings(max_examples=6, deadline=None)
def test_the_market_is_the_slow_one(seed: int, share: float, holes: float):
    paths, members = random_paths(seed, len(DAYS), holes), {"A": 3, "B": 1, "C": 7}
    fast = row(industry_returns(DAYS, paths, members), settings=Features(min_observations_fraction=share))
    for name, value in oracle.market_features(paths, members, share).items():
        assert fast[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), name


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_neither_order_nor_what_lies_outside_the_window_matters(seed: int):
    days = sessions(len(DAYS) + 5)
    paths = random_paths(seed, len(days), 0.02)
    whole = industry_returns(days, paths)
    inside = whole.filter(pl.col("event_date") >= days[5])
    assert row(inside.sample(fraction=1.0, shuffle=True, seed=1), days[-1]) == row(inside, days[-1])
    with pytest.raises(ValueError, match="outside the window"):
        row(whole, days[-1])


def test_an_industry_that_is_gone_changes_no_digit_of_the_market():
    paths = random_paths(4, len(DAYS))
    gone = {"0": [0.01, *[None] * (len(DAYS) - 1)], **paths}
    later = row(industry_returns(DAYS, paths), settings=Features(min_observations_fraction=0.9))
    assert_frame_equal(
        pl.DataFrame([row(industry_returns(DAYS, gone), settings=Features(min_observations_fraction=0.9))]).select(
            "return_1", "momentum_63", "ma_gap_200", "drawdown_252", "volatility_21"
        ),
        pl.DataFrame([later]).select("return_1", "momentum_63", "ma_gap_200", "drawdown_252", "volatility_21"),
        check_exact=True,
    )
