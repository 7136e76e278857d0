import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Risk
from feature_store.schemas.features import STOCK_FEATURES
from feature_store.schemas.market import UNIVERSE
from feature_store.schemas.risk import EXPOSURES, STYLES
from quant_assets.risk.exposures import betas, exposure_matrix, exposures, standardized
from tests.oracles import factor_model as oracle
from tests.oracles.panels import adjusted, assert_stored_as, industries, random_returns, sessions, stored
from tests.risk.markets import cross_section, on

RISK = Risk(lookback_sessions=30, min_observations=20)
DAYS = sessions(40)
TODAY = DAYS[-1]
NO_BARS = adjusted(DAYS, {"A": [0.01] * 40}).clear()


def universe(dollars: dict[str, float | None], day: dt.date = TODAY, tradable: bool = True) -> pl.DataFrame:
    rows = [(day, symbol, tradable, True, 100.0, adv, None) for symbol, adv in dollars.items()]
    return pl.DataFrame(rows, schema=stored(UNIVERSE), orient="row")


def features(values: dict[str, dict[str, float]], day: dt.date = TODAY) -> pl.DataFrame:
    """STOCK_FEATURES by symbol and name; what is not given is null."""
    rows = [{"event_date": day, "symbol": symbol} | row for symbol, row in values.items()]
    return pl.DataFrame(rows, schema=stored(STOCK_FEATURES))


def row(frame: pl.DataFrame, symbol: str) -> dict[str, object]:
    return frame.row(by_predicate=pl.col("symbol") == symbol, named=True)


# known values


def test_weights_go_with_the_root_of_the_dollar_volume_and_liquidity_with_its_log():
    members = universe({"A": 1e8, "B": 4e8, "C": 9e8})
    frame = exposures(NO_BARS, features({}), members, industries([(TODAY, "B", "Energy")]), TODAY, RISK)
    assert frame["weight"].to_list() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert frame["industry"].to_list() == ["Unknown", "Energy", "Unknown"]
    x = np.log([1, 4, 9])
    wanted = (x - (x[0] + 2 * x[1] + 3 * x[2]) / 6) / x.std(ddof=1)
    assert frame["liquidity"].to_list() == pytest.approx(wanted.tolist())
    assert_stored_as(frame, EXPOSURES)


def test_the_styles_are_the_features_of_the_session_standardized():
    named = {"momentum": "momentum_252_21", "volatility": "volatility_63", "reversal": "reversal_21"}
    today = features({"A": dict.fromkeys(named.values(), 0.1), "B": dict.fromkeys(named.values(), 0.3)})
    stale = features({"A": dict.fromkeys(named.values(), 9.0)}, DAYS[-2])
    frame = exposures(NO_BARS, pl.concat([stale, today]), universe({"A": 1e7, "B": 1e7}), industries([]), TODAY, RISK)
    for style in named:
        assert frame[style].to_list() == pytest.approx([-1 / math.sqrt(2), 1 / math.sqrt(2)])


def test_a_stock_that_moves_twice_as_much_has_twice_the_beta():
    path = np.random.default_rng(1).normal(0, 0.01, 40)
    returns = np.column_stack([path, 2 * path, 3 * path])
    assert betas(returns, 20) == pytest.approx([0.5, 1.0, 1.5])  # to the mean of the three
    frame = adjusted(DAYS, {s: np.log1p(returns[:, i]).tolist() for i, s in enumerate("ABC")})
    members = universe(dict.fromkeys("ABC", 1e7))
    got = exposures(frame, features({}), members, industries([]), TODAY, RISK)["beta"].to_list()
    assert got == pytest.approx([-1.0, 0.0, 1.0])


def test_an_unknown_style_enters_as_zero_the_weighted_mean():
    path = np.random.default_rng(1).normal(0, 0.01, 40)
    young = [None] * 30 + path[30:].tolist()
    bars = adjusted(DAYS, {"A": path.tolist(), "B": (2 * path).tolist(), "YOUNG": young})
    known = features({"A": {"momentum_252_21": 0.2}, "B": {"momentum_252_21": -0.1}})
    frame = exposures(bars, known, universe({"A": 1e7, "B": 2e7, "YOUNG": 3e7}), industries([]), TODAY, RISK)
    assert row(frame, "YOUNG")["beta"] == row(frame, "YOUNG")["momentum"] == 0.0
    assert row(frame, "A")["momentum"] > 0 > row(frame, "B")["momentum"]
    for style in STYLES:
        assert (frame[style] * frame["weight"]).sum() == pytest.approx(0, abs=1e-12)


def test_only_tradable_stocks_with_a_dollar_volume_have_exposures():
    members = pl.concat([
        universe({"A": 1e7, "NOVOLUME": None, "STILL": 0.0}),
        universe({"ILLIQUID": 1e3}, tradable=False),
        universe({"OLD": 1e7}, DAYS[-2]),
    ])  # fmt: skip
    frame = exposures(NO_BARS, features({}), members, industries([]), TODAY, RISK)
    assert frame["symbol"].to_list() == ["A"]
    assert frame["weight"].to_list() == [1.0]


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    assert_stored_as(exposures(NO_BARS, features({}), universe({}), industries([]), TODAY, RISK), EXPOSURES)
    assert exposure_matrix(on(cross_section(np.random.default_rng(0), 6), TODAY).clear())[0] == []


def test_a_lone_outlier_ends_at_the_limit_and_leaves_the_others_their_spread():
    x = np.append(np.linspace(-1, 1, 400), 1e6)
    z = standardized(x, np.full(401, 1 / 401), 3.0)
    assert z[-1] == 3.0
    assert z[:-1].std() == pytest.approx(1.0, abs=0.05)


def test_the_factors_are_market_industries_and_the_styles_that_differ():
    rows = cross_section(np.random.default_rng(3), 30).with_columns(momentum=pl.lit(0.0))
    factors, matrix = exposure_matrix(on(rows, TODAY))
    industry = [f"industry:{name}" for name in ("Energy", "Health Care", "Utilities")]
    assert factors == ["market", *industry, "beta", "volatility", "liquidity", "reversal"]
    np.testing.assert_array_equal(matrix[:, 0], 1.0)
    np.testing.assert_array_equal(matrix[:, 1:4].sum(axis=1), 1.0)
    np.testing.assert_array_equal(matrix[:, 1] == 1, rows["industry"] == "Energy")
    np.testing.assert_array_equal(matrix[:, -1], rows["reversal"])


@pytest.mark.parametrize(
    ("n", "kinds"),
    [
        (1, {"market"}),
        (5, {"market"}),
        (6, {"market", "industry"}),
        (15, {"market", "industry"}),
        (16, {"market", "industry", "style"}),
    ],
)
def test_with_fewer_than_two_stocks_a_coefficient_factors_are_left_out(n: int, kinds: set[str]):
    factors, _ = exposure_matrix(on(cross_section(np.random.default_rng(n), n), TODAY))
    assert {"style" if f in STYLES else f.split(":")[0] for f in factors} == kinds


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2]))
@settings(max_examples=15, deadline=None)
def test_betas_are_lines_through_each_stocks_own_sessions(seed: int, holes: float):
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 0.01, (40, 1)) * rng.uniform(0.5, 1.5, 6) + rng.normal(0, 0.01, (40, 6))
    returns[rng.random(returns.shape) < holes] = np.nan
    np.testing.assert_allclose(betas(returns, 30), oracle.betas(returns, 30), rtol=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 80), st.floats(1.5, 4))
@settings(max_examples=40, deadline=None)
def test_standardized_values_are_centred_scaled_limited_and_in_order(seed: int, n: int, limit: float):
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_t(3, n), rng.uniform(0.1, 1, n)
    x[rng.random(n) < 0.1] = np.nan
    z = standardized(x, weight, limit)
    seen = ~np.isnan(x)
    assert np.abs(z).max() <= limit
    assert (z[~seen] == 0).all()
    order = np.argsort(x[seen])
    assert (np.diff(z[seen][order]) >= 0).all()
    if seen.sum() > 1 and np.abs(z).max() < limit:
        assert weight @ z == pytest.approx(0, abs=1e-9)
        assert z[seen].std(ddof=1) == pytest.approx(1)


@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-10, 10))
@settings(max_examples=20, deadline=None)
def test_units_and_origin_of_a_style_do_not_matter(seed: int, unit: float, origin: float):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(0, 1, 20), rng.uniform(0.1, 1, 20)
    np.testing.assert_allclose(standardized(x * unit + origin, weight, 3.0), standardized(x, weight, 3.0), atol=1e-9)


def test_equal_values_are_zero():
    np.testing.assert_array_equal(standardized(np.full(5, 0.1) * 3, np.ones(5), 3.0), 0.0)
    np.testing.assert_array_equal(standardized(np.array([np.nan, 2.0]), np.ones(2), 3.0), 0.0)


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_the_window_is_exact_and_nothing_later_or_of_others_matters(seed: int):
    frame, days = random_returns(seed, 40, n_symbols=6)
    today = days[-5]
    members = universe({f"S{i}": 1e6 * (i + 1) for i in range(5)}, today)  # S5 is a stranger
    cut = frame.filter(pl.col("event_date").is_between(days[-34], today), pl.col("symbol") != "S5")
    assert_frame_equal(
        exposures(cut, features({}), members, industries([]), today, RISK),
        exposures(
            frame.sample(fraction=1.0, shuffle=True, seed=1),
            features({"S1": {"momentum_252_21": 1.0}}, days[-4]),
            pl.concat([members.reverse(), universe({"S1": 1.0, "S5": 1.0}, days[-4])]),
            industries([(days[-4], "S1", "Energy")]),
            today,
            RISK,
        ),
        check_exact=True,
    )
