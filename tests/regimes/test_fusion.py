import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Fusion, Regimes
from feature_store.schemas.fused_regimes import EVERY_STATE, MARKET_REGIME, STATES
from feature_store.schemas.regimes import (
    TREND_STATES,
    TREND_STATES_IN_ORDER,
    VOLATILITY_STATES,
    VOLATILITY_STATES_IN_ORDER,
)
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.confirmation import CONFIRMATION_WINDOW
from quant_assets.regimes.fusion import sector_members, states, window_length
from tests.oracles.panels import assert_stored_as, sessions, stored
from tests.oracles.regimes import Triple, confirmed_state, pool, smoothed_state

DAYS = sessions(40)
SESSION = DAYS[-1]
Pair = tuple[Triple, Triple]
Own = dict[tuple[dt.date, str], Pair]
Market = dict[dt.date, Pair]
CALM, BULL = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
MIXED = (0.2, 0.3, 0.5)
FAST = [f"p_{state}" for state in EVERY_STATE]
SLOW = [f"slow_p_{state}" for state in EVERY_STATE]


def own_frames(own: Own) -> tuple[pl.DataFrame, pl.DataFrame]:
    trend = [(day, industry, *t, day) for (day, industry), (t, _) in own.items()]
    volatility = [(day, industry, *v, day) for (day, industry), (_, v) in own.items()]
    return tuple(
        pl.DataFrame(rows, schema=stored(d), orient="row").sort("event_date", "industry")
        for rows, d in ((trend, TREND_STATES), (volatility, VOLATILITY_STATES))
    )


def market_frame(market: Market) -> pl.DataFrame:
    columns = ["event_date", *FAST]
    rows = [dict(zip(columns, (day, *t, *v), strict=True)) for day, (t, v) in market.items()]
    return pl.DataFrame(rows, schema=stored(MARKET_REGIME))


def fused(own: Own, market: Market, day: dt.date = SESSION, **changed: object) -> pl.DataFrame:
    found = states(*own_frames(own), market_frame(market), day, Regimes(fusion=Fusion(**changed)))
    assert_stored_as(found, STATES)
    assert found.columns == list(stored(STATES))
    assert probabilities_sum_to_one(found) is None
    return found


def random_own(seed: int, holes: float = 0.2) -> tuple[Own, Market]:
    rng = np.random.default_rng(seed)
    drawn = lambda: tuple(rng.dirichlet([0.3] * 3))  # noqa: E731
    own: Own = {
        (day, industry): (drawn(), drawn())
        for day in DAYS
        for industry in ("A", "B", "C")
        if rng.random() > holes or (day == SESSION and industry == "A")
    }
    return own, {day: (drawn(), drawn()) for day in DAYS if rng.random() > holes}


# known values


def test_the_market_has_its_weight_and_the_industry_the_rest() -> None:
    found = fused(
        {(SESSION, "A"): (MIXED, CALM)}, {SESSION: (CALM, BULL)}, market_weight=0.25, floor=0.1, max_contradiction=1.0
    )
    powers = np.array(MIXED) ** 0.75 * np.array([1.0, 0.1, 0.1]) ** 0.25
    assert found.select(FAST[:3]).row(0) == pytest.approx(tuple(powers / powers.sum()))
    sure, other = 0.1**0.25, 0.1**0.75
    assert found["p_calm"].item() == pytest.approx(sure / (sure + other + 0.1))
    assert found["p_crisis"].item() == pytest.approx(other / (sure + other + 0.1))


def test_without_the_market_the_industry_stands_alone() -> None:
    found = fused({(SESSION, "A"): (MIXED, CALM)}, {})
    assert found.select(FAST).row(0) == pytest.approx((*MIXED, *CALM))
    assert found["contradiction"].item() is None


def test_a_contradiction_of_the_market_is_capped_and_shown() -> None:
    found = fused({(SESSION, "A"): (MIXED, CALM)}, {SESSION: (MIXED, BULL)}, market_weight=0.0, max_contradiction=0.6)
    assert found.select(FAST).row(0) == pytest.approx((*MIXED, 0.6, 0.0, 0.4))
    assert found["contradiction"].item() == pytest.approx(1.0)


def test_a_sector_stands_between_its_industries_and_the_market() -> None:
    own: Own = {(SESSION, "A"): (MIXED, CALM), (SESSION, "B"): (CALM, CALM), (SESSION, "C"): (CALM, CALM)}
    weights = {"market_weight": 0.5, "sector_weight": 0.4, "floor": 0.1, "max_contradiction": 1.0}
    found = fused(own, {SESSION: (BULL, CALM)}, sectors={"A": "Cyclical", "B": "Cyclical"}, **weights)
    both = tuple(np.sqrt(np.maximum(MIXED, 0.1) * np.maximum(CALM, 0.1)))
    sector = pool(tuple(p / sum(both) for p in both), BULL, 0.5, 0.1, 1.0)
    assert found.select(FAST[:3]).row(0) == pytest.approx(tuple(pool(MIXED, tuple(sector), 0.4, 0.1, 1.0)))
    assert found.select(FAST[:3]).row(2) == pytest.approx(tuple(pool(CALM, BULL, 0.5, 0.1, 1.0)))
    assert sector_members(["A", "B", "C"], {"A": "X", "C": "X", "D": "Y", "B": "Z"}) == [[0, 2], [1]]


def test_a_half_life_ago_counts_half_in_the_fast_and_in_the_slow_average() -> None:
    own: Own = {(DAYS[-4], "A"): (BULL, BULL), (SESSION, "A"): (CALM, CALM)}
    found = fused(own, {}, half_life_fast_sessions=3.0, half_life_slow_sessions=12.0)
    assert found.select(FAST).row(0) == pytest.approx((2 / 3, 0, 1 / 3) * 2)
    slow = 2 ** (-3 / 12)
    assert found.select(SLOW).row(0) == pytest.approx((1 / (1 + slow), 0, slow / (1 + slow)) * 2)


def test_the_windows_are_those_of_the_slow_average_and_of_confirmation() -> None:
    assert window_length(Regimes()) == 30 + CONFIRMATION_WINDOW
    assert window_length(Regimes(fusion=Fusion(half_life_slow_sessions=20.0))) == 201
    own: Own = {(SESSION, "A"): (CALM, CALM), (DAYS[-32], "A"): (BULL, BULL)}
    assert fused(own, {}).select(FAST).row(0) == (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    own = {(SESSION, "A"): (CALM, CALM), (DAYS[-31], "A"): (BULL, BULL)}
    assert fused(own, {})["p_bull"].item() == pytest.approx(2**-10 / (1 + 2**-10))


def test_a_state_is_that_of_an_industry_once_three_sessions_agree() -> None:
    quick = {"half_life_fast_sessions": 0.1, "half_life_slow_sessions": 0.1, "confirmation_sessions": 3}
    own: Own = {(day, "A"): (CALM, CALM) for day in DAYS[-10:-3]} | {(day, "A"): (BULL, BULL) for day in DAYS[-3:]}
    labels = [fused(own, {}, day, **quick).select("trend", "volatility").row(0) for day in DAYS[-9:]]
    assert labels == [(None, None), *[("bear", "calm")] * 7, ("bull", "crisis")]


# properties


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0.1, 4.0), st.floats(0.05, 1.0))
@settings(max_examples=25, deadline=None)
def test_states_are_those_of_the_definition(seed: int, weight: float, half_life: float, cap: float) -> None:
    own, market = random_own(seed)
    changed = {"market_weight": weight, "half_life_fast_sessions": half_life, "max_contradiction": cap}
    found = fused(own, market, half_life_slow_sessions=4.0, confirmation_sessions=2, **changed)
    assert found["industry"].to_list() == sorted(industry for day, industry in own if day == SESSION)
    for row in found.rows(named=True):
        for i, in_order in enumerate((TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER)):
            mine = {day: pair[i] for (day, industry), pair in own.items() if industry == row["industry"]}
            above = {day: pair[i] for day, pair in market.items()}
            of = lambda days, life: smoothed_state(mine, above, days, life, weight, 0.02, cap)  # noqa: E731, B023
            fast = of(DAYS, half_life)
            assert [row[f"p_{state}"] for state in in_order] == pytest.approx(fast, abs=1e-12)
            assert [row[f"slow_p_{state}"] for state in in_order] == pytest.approx(of(DAYS, 4.0), abs=1e-12)
            paths = [of(DAYS[: t + 1], half_life) if day in mine else None for t, day in enumerate(DAYS)]
            place = confirmed_state([None if p is None else int(np.argmax(p)) for p in paths], 2)
            assert row[("trend", "volatility")[i]] == (None if place is None else in_order[place])


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_neither_the_window_before_nor_later_sessions_nor_other_industries_matter(seed: int) -> None:
    own, market = random_own(seed)
    trend, volatility = own_frames(own)
    regimes = Regimes(fusion=Fusion(half_life_fast_sessions=1.0, half_life_slow_sessions=1.5))
    day = DAYS[-5]
    whole = states(trend, volatility, market_frame(market), day, regimes)
    cut = [f.filter(pl.col("event_date") <= day) for f in (trend, volatility, market_frame(market))]
    assert_frame_equal(states(*cut, day, regimes), whole, check_exact=True)
    short = [f.filter(pl.col("event_date") >= DAYS[-5 - 25]) for f in cut]
    probabilities = ["industry", *FAST, *SLOW, "contradiction"]
    assert_frame_equal(
        states(*short, day, regimes).select(probabilities), whole.select(probabilities), check_exact=True
    )
    alone = [f.filter(industry="B") for f in (trend, volatility)]
    assert_frame_equal(states(*alone, market_frame(market), day, regimes), whole.filter(industry="B"), check_exact=True)


# refusals


def test_an_industry_without_both_of_its_own_states_on_the_session_has_no_row() -> None:
    own: Own = {(SESSION, "A"): (CALM, CALM), (DAYS[-2], "B"): (CALM, CALM)}
    trend, volatility = own_frames(own)
    market = market_frame({SESSION: (BULL, CALM)})
    assert states(trend, volatility, market, SESSION, Regimes())["industry"].to_list() == ["A"]
    for nothing in (
        states(trend.clear(), volatility, market, SESSION, Regimes()),
        states(trend, volatility.clear(), market, SESSION, Regimes()),
    ):
        assert nothing.is_empty()
        assert_stored_as(nothing, STATES)


def test_half_lives_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="half_life_fast_sessions must not be above"):
        Fusion(half_life_fast_sessions=5.0, half_life_slow_sessions=4.0)
