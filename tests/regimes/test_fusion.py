import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Regimes
from feature_store.schemas.regimes import (
    MARKET_REGIME,
    STATES,
    TREND_STATES,
    TREND_STATES_IN_ORDER,
    VOLATILITY_STATES,
    VOLATILITY_STATES_IN_ORDER,
)
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.fusion import smoothing_sessions, states
from tests.oracles.panels import assert_stored_as, sessions, stored
from tests.oracles.regimes import Triple, smoothed_state

DAYS = sessions(40)
SESSION = DAYS[-1]
Own = dict[tuple[dt.date, str], tuple[Triple, Triple]]
CALM, BULL = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def own_frames(own: Own) -> tuple[pl.DataFrame, pl.DataFrame]:
    trend = [(day, industry, *t, day) for (day, industry), (t, _) in own.items()]
    volatility = [(day, industry, *v, day) for (day, industry), (_, v) in own.items()]
    return tuple(
        pl.DataFrame(rows, schema=stored(d), orient="row").sort("event_date", "industry")
        for rows, d in ((trend, TREND_STATES), (volatility, VOLATILITY_STATES))
    )


def market_frame(words: dict[dt.date, tuple[str | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame([(d, t, v, None) for d, (t, v) in words.items()], schema=stored(MARKET_REGIME), orient="row")


def fused(own: Own, words: dict[dt.date, tuple[str | None, str | None]], **chosen: float) -> pl.DataFrame:
    return states(*own_frames(own), market_frame(words), SESSION, Regimes(**chosen))


def random_own(seed: int, holes: float = 0.2) -> tuple[Own, dict[dt.date, tuple[str | None, str | None]]]:
    rng = np.random.default_rng(seed)
    own: Own = {
        (day, industry): (tuple(rng.dirichlet([0.3] * 3)), tuple(rng.dirichlet([0.3] * 3)))
        for day in DAYS
        for industry in ("A", "B", "C")
        if rng.random() > holes or (day == SESSION and industry == "A")
    }
    words = {
        day: (
            rng.choice([*TREND_STATES_IN_ORDER, None]),
            rng.choice([*VOLATILITY_STATES_IN_ORDER, None]),
        )
        for day in DAYS
        if rng.random() > holes
    }
    return own, words


# known values


def test_the_market_has_its_weight_and_the_industry_the_rest():
    found = fused({(SESSION, "A"): ((0.2, 0.3, 0.5), CALM)}, {SESSION: ("bear", "crisis")}, market_weight=0.25)
    assert found.row(0)[2:] == pytest.approx((0.4, 0.225, 0.375, 0.75, 0.0, 0.25))
    assert_stored_as(found, STATES)
    assert found.columns == list(stored(STATES))


def test_without_the_markets_word_the_industry_stands_alone():
    own: Own = {(SESSION, "A"): ((0.2, 0.3, 0.5), CALM)}
    assert fused(own, {SESSION: (None, "calm")}).row(0)[2:] == pytest.approx((0.2, 0.3, 0.5, 1.0, 0.0, 0.0))
    assert fused(own, {}).row(0)[2:] == pytest.approx((0.2, 0.3, 0.5, 1.0, 0.0, 0.0))


def test_a_half_life_ago_counts_half():
    own: Own = {(DAYS[-4], "A"): (BULL, BULL), (SESSION, "A"): (CALM, CALM)}
    found = fused(own, {}, half_life_sessions=3.0)
    assert found.row(0)[2:] == pytest.approx((2 / 3, 0, 1 / 3, 2 / 3, 0, 1 / 3))


def test_the_average_ends_after_ten_half_lives():
    assert smoothing_sessions(Regimes(half_life_sessions=3.0)) == 31
    assert smoothing_sessions(Regimes(half_life_sessions=0.25)) == 3
    own: Own = {(SESSION, "A"): (CALM, CALM), (DAYS[-32], "A"): (BULL, BULL)}
    assert fused(own, {}).row(0)[2:] == (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    own = {(SESSION, "A"): (CALM, CALM), (DAYS[-31], "A"): (BULL, BULL)}
    assert fused(own, {})["p_bull"].item() == pytest.approx(2**-10 / (1 + 2**-10))


# properties


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0.1, 4.0))
@settings(max_examples=40, deadline=None)
def test_states_are_those_of_the_definition_and_sum_to_one(seed: int, weight: float, half_life: float):
    own, words = random_own(seed)
    found = fused(own, words, market_weight=weight, half_life_sessions=half_life)
    assert found["industry"].to_list() == sorted(industry for day, industry in own if day == SESSION)
    assert probabilities_sum_to_one(found) is None
    for row in found.rows():
        for i, in_order in enumerate((TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER)):
            mine = {day: pair[i] for (day, industry), pair in own.items() if industry == row[1]}
            said = {day: pair[i] for day, pair in words.items()}
            slow = smoothed_state(mine, said, in_order, DAYS, weight, half_life)
            assert row[2 + 3 * i : 5 + 3 * i] == pytest.approx(slow, abs=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_neither_the_window_before_nor_later_sessions_nor_other_industries_matter(seed: int):
    own, words = random_own(seed)
    trend, volatility = own_frames(own)
    day, regimes = DAYS[-5], Regimes(half_life_sessions=1.0)
    whole = states(trend, volatility, market_frame(words), day, regimes)
    inside = pl.col("event_date").is_between(DAYS[-5 - 10], day)
    cut = [f.filter(inside) for f in (trend, volatility, market_frame(words))]
    assert_frame_equal(states(*cut, day, regimes), whole, check_exact=True)
    alone = [f.filter(industry="B") for f in (trend, volatility)]
    assert_frame_equal(states(*alone, market_frame(words), day, regimes), whole.filter(industry="B"), check_exact=True)


# refusals


def test_an_industry_without_both_of_its_own_states_on_the_session_has_no_row():
    own: Own = {(SESSION, "A"): (CALM, CALM), (DAYS[-2], "B"): (CALM, CALM)}
    trend, volatility = own_frames(own)
    market = market_frame({SESSION: ("bull", "calm")})
    assert states(trend, volatility, market, SESSION, Regimes())["industry"].to_list() == ["A"]
    for nothing in (
        states(trend.clear(), volatility, market, SESSION, Regimes()),
        states(trend, volatility.clear(), market, SESSION, Regimes()),
    ):
        assert nothing.is_empty()
        assert_stored_as(nothing, STATES)
