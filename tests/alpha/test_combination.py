import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Alpha, EarningsBlackout, Portfolio
from feature_store.schemas.alpha import COMBINED, PREDICTIONS
from feature_store.schemas.companies import EARNINGS_DATES
from feature_store.schemas.risk import EXPOSURES, STYLES
from quant_assets.alpha.combination import combined, merge, residual
from tests.oracles import alpha as oracle
from tests.oracles.panels import assert_stored_as, sessions, stored

DAY, BEFORE = sessions(2)[1], sessions(2)[0]
PORTFOLIO = Portfolio(horizon_sessions=21)
NEUTRAL, RAW = Alpha(), Alpha(neutralize=False)
NO_DATES = pl.DataFrame(schema=stored(EARNINGS_DATES))


def predicted(rows: list[tuple[str, str, int, float | None, float | None]]) -> pl.DataFrame:
    """PREDICTIONS from (symbol, model, horizon, alpha, variance)."""
    whole = [(DAY, symbol, model, k, alpha, alpha, variance, DAY) for symbol, model, k, alpha, variance in rows]
    return pl.DataFrame(whole, schema=stored(PREDICTIONS), orient="row")


def exposed(rows: list[tuple[str, str, float]], weight: float = 0.1) -> pl.DataFrame:
    """EXPOSURES from (symbol, industry, beta); no other style."""
    whole = [(DAY, symbol, industry, beta, 0.0, 0.0, 0.0, 0.0, weight) for symbol, industry, beta in rows]
    return pl.DataFrame(whole, schema=stored(EXPOSURES), orient="row")


def random_session(seed: int, n_symbols: int = 30) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    names = [f"S{i:02d}" for i in range(n_symbols)]
    rows = [
        (name, model, k, *((None, None) if rng.random() < 0.2 else (rng.normal(0, 0.01), rng.uniform(0.001, 0.02))))
        for name in names
        for model in ("lightgbm", "ridge")
        for k in (21, 63)
    ]
    exposures = pl.DataFrame({"event_date": [DAY] * n_symbols, "symbol": names}).with_columns(
        pl.Series("industry", rng.choice(["a", "b", "c", "one"], n_symbols, p=[0.4, 0.3, 0.28, 0.02])),
        *(pl.Series(style, rng.normal(size=n_symbols)) for style in STYLES),
        pl.Series("weight", rng.uniform(0.01, 1.0, n_symbols)),
    )
    kept = exposures.filter(pl.Series(rng.random(n_symbols) < 0.9))
    return predicted(rows), kept


# known values


def test_a_longer_horizon_is_rescaled_before_it_is_merged():
    merged = merge(predicted([("A", "ridge", 21, 0.01, 0.004), ("A", "ridge", 63, 0.06, 0.012)]), 21)
    # both have a variance of 0.004 over 21 sessions; 0.01 and 0.02
    assert merged.row(0) == pytest.approx(("A", 0.015, 0.002, 2))


def test_a_surer_prediction_weighs_more():
    merged = merge(predicted([("A", "lightgbm", 21, 0.03, 0.001), ("A", "ridge", 21, 0.01, 0.003)]), 21)
    assert merged.row(0) == pytest.approx(("A", 0.025, 0.00075, 2))


def test_one_prediction_is_kept_as_it_is():
    merged = merge(predicted([("A", "ridge", 63, 0.03, 0.009), ("A", "lightgbm", 63, None, 0.009)]), 21)
    assert merged.row(0) == pytest.approx(("A", 0.01, 0.003, 1))


def test_a_prediction_that_is_worth_nothing_draws_the_others_to_zero():
    merged = merge(predicted([("A", "ridge", 21, 0.02, 0.004), ("A", "lightgbm", 21, 0.0, 0.004)]), 21)
    assert merged.row(0) == pytest.approx(("A", 0.01, 0.002, 2))


def test_a_stock_of_which_nothing_is_said_stays_null():
    rows = combined(predicted([("A", "ridge", 21, None, None)]), exposed([]), NO_DATES, DAY, NEUTRAL, PORTFOLIO)
    assert_stored_as(rows, COMBINED)
    assert rows.row(0) == (DAY, "A", None, None, None, 0, None)


def test_alpha_is_what_industry_and_style_leave():
    alphas = {"A": 0.01, "B": 0.03, "C": 0.05, "D": -0.02, "E": 0.02}
    said = predicted([(symbol, "ridge", 21, alpha, 0.004) for symbol, alpha in alphas.items()])
    plain = exposed([("A", "x", 0.0), ("B", "x", 0.0), ("C", "y", 0.0), ("D", "y", 0.0)])
    rows = combined(said, plain, NO_DATES, DAY, NEUTRAL, PORTFOLIO)
    assert_stored_as(rows, COMBINED)
    # E has no exposures
    assert rows["alpha"].to_list() == pytest.approx([-0.01, 0.01, 0.035, -0.035, None])
    assert rows["raw_alpha"].to_list() == pytest.approx(list(alphas.values()))
    beta = exposed([("A", "x", -1.0), ("B", "x", 1.0), ("C", "y", 1.0), ("D", "y", -1.0)])
    # the slope on beta within industries is (0.01 + 0.035) / 2
    assert combined(said, beta, NO_DATES, DAY, NEUTRAL, PORTFOLIO)["alpha"].to_list() == pytest.approx(
        [0.0125, -0.0125, 0.0125, -0.0125, None]
    )


def test_without_a_risk_model_or_when_told_so_alpha_is_the_raw_one():
    said, exposures = random_session(1)
    for rows in (
        combined(said, exposures.clear(), NO_DATES, DAY, NEUTRAL, PORTFOLIO),
        combined(said, exposures.with_columns(event_date=pl.lit(BEFORE)), NO_DATES, DAY, NEUTRAL, PORTFOLIO),
        combined(said, exposures, NO_DATES, DAY, RAW, PORTFOLIO),
    ):
        assert_stored_as(rows, COMBINED)
        assert rows["alpha"].equals(rows["raw_alpha"])
        assert rows["alpha"].count() > 20


def test_with_as_many_factors_as_stocks_nothing_is_left():
    said = predicted([("A", "ridge", 21, 0.01, 0.004), ("B", "ridge", 21, 0.03, 0.004)])
    rows = combined(said, exposed([("A", "x", 1.0), ("B", "y", -1.0)]), NO_DATES, DAY, NEUTRAL, PORTFOLIO)
    assert rows["alpha"].to_list() == pytest.approx([0.0, 0.0], abs=1e-15)


def test_a_session_without_predictions_has_no_alpha():
    said, exposures = random_session(1)
    rows = combined(said, exposures, NO_DATES, BEFORE, NEUTRAL, PORTFOLIO)
    assert_stored_as(rows, COMBINED)
    assert rows.is_empty()


def test_a_stock_in_a_blackout_has_no_alpha_and_those_beside_it_keep_theirs():
    said, exposures = random_session(1)
    whole = combined(said, exposures, NO_DATES, DAY, NEUTRAL, PORTFOLIO)
    assert whole["in_blackout"].null_count() == len(whole)  # nobody asked
    dates = pl.DataFrame([(DAY, "S03", "unknown")], schema=stored(EARNINGS_DATES), orient="row")
    rows = combined(said, exposures, dates, DAY, Alpha(earnings_blackout=EarningsBlackout(after=1)), PORTFOLIO)
    assert_stored_as(rows, COMBINED)
    assert rows.filter("in_blackout")["symbol"].to_list() == ["S03"]
    assert rows["alpha"].null_count() == whole["alpha"].null_count() + 1
    others = pl.col("symbol") != "S03"
    assert_frame_equal(rows.filter(others).drop("in_blackout"), whole.filter(others).drop("in_blackout"))
    assert rows["raw_alpha"].equals(whole["raw_alpha"])


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_merging_is_what_a_loop_over_stocks_gives(seed: int):
    said, _ = random_session(seed)
    merged = merge(said, 21)
    slow = oracle.merge(said, 21)
    for symbol, alpha, variance, n in merged.iter_rows():
        assert (alpha, variance, n) == pytest.approx(slow.get(symbol, (None, None, 0)))
    assert_frame_equal(merge(said.sample(fraction=1.0, shuffle=True, seed=seed), 21), merged, check_exact=True)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_neutral_alpha_is_orthogonal_to_every_factor_by_weight(seed: int):
    said, exposures = random_session(seed)
    rows = combined(said, exposures, NO_DATES, DAY, NEUTRAL, PORTFOLIO)
    both = rows.drop_nulls("raw_alpha").join(exposures, on="symbol")
    assert rows["alpha"].count() == len(both)
    weighted = both["weight"].to_numpy() * both["alpha"].to_numpy()
    for factor in (np.ones(len(both)), *both.select(STYLES), *both["industry"].to_dummies()):
        assert weighted @ np.asarray(factor, dtype=np.float64) == pytest.approx(0.0, abs=1e-12)
    assert both["alpha"].to_numpy() == pytest.approx(oracle.residual(both, "raw_alpha"), abs=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_factors_that_repeat_others_change_nothing(seed: int):
    rng = np.random.default_rng(seed)
    values, factors, weights = rng.normal(size=20), rng.normal(size=(20, 3)), rng.uniform(0.1, 1.0, 20)
    twice = np.column_stack([factors, factors @ rng.normal(size=(3, 2))])
    assert residual(values, twice, weights) == pytest.approx(residual(values, factors, weights), abs=1e-10)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_does_not_matter(seed: int):
    said, exposures = random_session(seed)
    mixed = [frame.sample(fraction=1.0, shuffle=True, seed=seed) for frame in (said, exposures)]
    assert_frame_equal(
        combined(*mixed, NO_DATES, DAY, NEUTRAL, PORTFOLIO),
        combined(said, exposures, NO_DATES, DAY, NEUTRAL, PORTFOLIO),
        check_exact=True,
    )
