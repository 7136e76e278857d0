"""Performance of a series of returns, by itself and beside a benchmark."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant_assets.backtest import metrics
from quant_assets.backtest.metrics import FEWEST, Drawdown, Performance, Relative
from tests.backtest.books import DAYS

NOTHING = np.zeros(24)
# 2 % up and 1 % down in turn: the mean is 0.5 %, the deviation with divisor T − 1 is 1.5 % √(24/23)
SWINGS = np.array([0.02, -0.01] * 12)
DEVIATION = 0.015 * math.sqrt(24 / 23)

T = np.arange(500.0)
RETURNS = 0.011 * np.sin(1.7 * T) + 0.004 * np.cos(0.3 * T * T) + 0.0006
BENCHMARK = 0.009 * np.sin(1.7 * T + 0.5) + 0.0004
RISK_FREE = 0.0001 + 0.00005 * np.sin(T / 50)


def days(n: int) -> list:
    return [DAYS[i % len(DAYS)] for i in range(n)]


returns_of_any_length = st.lists(st.floats(-0.2, 0.2), min_size=FEWEST, max_size=60).map(np.array)

# --- known values ----------------------------------------------------------------------------------------------------


def test_figures_of_swings_worked_by_hand() -> None:
    found = metrics.performance(SWINGS, NOTHING, DAYS[:24])
    assert found.drawdown is not None
    assert found.drawdown.depth == pytest.approx(-0.01)  # which of twelve equal falls, rounding says
    assert found == Performance(
        n_sessions=24,
        total_return=pytest.approx((1.02 * 0.99) ** 12 - 1),
        annual_return=pytest.approx((1.02 * 0.99) ** (252 / 2) - 1),
        annual_volatility=pytest.approx(DEVIATION * math.sqrt(252)),
        sharpe=pytest.approx(0.005 / DEVIATION * math.sqrt(252)),
        sortino=pytest.approx(0.005 / math.sqrt(0.01**2 / 2) * math.sqrt(252)),
        drawdown=found.drawdown,
        calmar=pytest.approx(((1.02 * 0.99) ** 126 - 1) / 0.01),
        hit_rate=0.5,
        sharpe_per_session=pytest.approx(0.005 / DEVIATION),
        skewness=pytest.approx(0.0, abs=1e-12),
        kurtosis=pytest.approx(1.0),  # of two equally likely values
    )


def test_figures_beside_a_benchmark_worked_by_hand() -> None:
    # twice the benchmark less 0.1 %: active returns are the benchmark's less 0.1 %
    found = metrics.relative(2 * SWINGS - 0.001, SWINGS, NOTHING)
    assert found == Relative(
        n_sessions=24,
        active_return=pytest.approx(0.004 * 252),
        tracking_error=pytest.approx(DEVIATION * math.sqrt(252)),
        information_ratio=pytest.approx(0.004 / DEVIATION * math.sqrt(252)),
        beta=pytest.approx(2.0),
        correlation=pytest.approx(1.0),
    )


def test_what_trading_cost_worked_by_hand() -> None:
    n = FEWEST + 1
    nav = np.full(n, 1e6)
    # the first session has nothing before it
    found = metrics.trading(np.r_[9.0, np.full(n - 1, 0.1)], np.full(n, 50.0), np.full(n, 2.0), nav)
    assert found == metrics.Trading(
        turnover=pytest.approx(25.2), cost_bp=pytest.approx(126.0), borrow_bp=pytest.approx(5.04)
    )


def test_cash_earns_over_calendar_days_of_a_year_of_360() -> None:
    friday = DAYS.index(next(d for d in DAYS if d.weekday() == 4))
    found = metrics.cash_returns(np.full(3, 0.036), DAYS[friday - 1 : friday + 2])
    assert found.tolist() == pytest.approx([math.nan, 0.0001, 0.0003], nan_ok=True)


def test_the_deepest_drawdown_has_its_dates() -> None:
    #            peak               trough             recovered
    path = [0.0, 0.10, -0.05, 0.02, -0.10, 0.05, 0.20, 0.0]
    found = metrics.maximum_drawdown(np.array(path), DAYS[:8])
    assert found == Drawdown(pytest.approx(0.95 * 1.02 * 0.9 - 1), DAYS[1], DAYS[4], DAYS[6])


def test_a_fall_from_the_start_has_no_peak_and_one_that_lasts_no_recovery() -> None:
    found = metrics.maximum_drawdown(np.array([-0.5, 0.2]), DAYS[:2])
    assert found == Drawdown(pytest.approx(-0.5), None, DAYS[0], None)


def test_levels_give_returns_where_both_ends_are_known() -> None:
    found = metrics.simple_returns(np.array([100.0, 110.0, np.nan, 120.0, 90.0]))
    assert found.tolist() == pytest.approx([math.nan, 0.1, math.nan, math.nan, -0.25], nan_ok=True)


def test_figures_are_those_of_an_independent_package() -> None:
    """By empyrical-reloaded 0.7.1, with daily periods; the information ratio is its `excess_sharpe` by √252."""
    own = metrics.performance(RETURNS, RISK_FREE, days(500))
    beside = metrics.relative(RETURNS, BENCHMARK, RISK_FREE)
    assert own.drawdown is not None
    assert {
        "cum_returns_final": own.total_return,
        "annual_return": own.annual_return,
        "annual_volatility": own.annual_volatility,
        "sharpe_ratio": own.sharpe,
        "sortino_ratio": own.sortino,
        "max_drawdown": own.drawdown.depth,
        "calmar_ratio": own.calmar,
        "beta": beside.beta,
        "excess_sharpe": beside.information_ratio,
    } == pytest.approx(
        {
            "cum_returns_final": 0.4196671534526164,
            "annual_return": 0.19316914269869567,
            "annual_volatility": 0.13251721802692307,
            "sharpe_ratio": 1.1914996575674222,
            "sortino_ratio": 1.8221692687351358,
            "max_drawdown": -0.03094186705876747,
            "calmar_ratio": 6.242969835395263,
            "beta": 1.0814715768741894,
            "excess_sharpe": 1.0911665531043642,
        },
        rel=1e-10,
    )


def test_moments_and_correlation_are_those_of_scipy() -> None:
    excess = RETURNS - RISK_FREE
    own = metrics.performance(RETURNS, RISK_FREE, days(500))
    assert own.skewness == pytest.approx(stats.skew(excess), rel=1e-12)
    assert own.kurtosis == pytest.approx(stats.kurtosis(excess, fisher=False), rel=1e-12)
    expected = np.corrcoef(excess, BENCHMARK - RISK_FREE)[0, 1]
    assert metrics.relative(RETURNS, BENCHMARK, RISK_FREE).correlation == pytest.approx(expected, rel=1e-12)


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(returns_of_any_length, st.data())
def test_missing_returns_count_for_nothing(returns: np.ndarray, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(returns)))
    holed = np.insert(returns, at, np.nan)
    rate = np.zeros(len(returns))
    whole = metrics.performance(returns, rate, DAYS[: len(returns)])
    with_hole = metrics.performance(holed, np.insert(rate, at, 0.0), DAYS[: len(holed)])
    shown = {k: v for k, v in vars(whole).items() if k != "drawdown"}
    assert {k: v for k, v in vars(with_hole).items() if k != "drawdown"} == shown
    assert (with_hole.drawdown is None) == (whole.drawdown is None)
    if whole.drawdown and with_hole.drawdown:
        assert with_hole.drawdown.depth == whole.drawdown.depth


@settings(max_examples=50, deadline=None)
@given(returns_of_any_length)
def test_a_drawdown_is_the_worst_of_all_pairs_of_sessions(returns: np.ndarray) -> None:
    value = np.r_[1.0, np.cumprod(1 + returns)]
    slow = min(value[j] / value[i] - 1 for i in range(len(value)) for j in range(i, len(value)))
    found = metrics.maximum_drawdown(returns, DAYS[: len(returns)])
    assert (found.depth if found else 0.0) == pytest.approx(slow, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(returns_of_any_length, st.floats(0.1, 3.0))
def test_leverage_leaves_the_sharpe_ratio_of_excess_returns(returns: np.ndarray, leverage: float) -> None:
    rate = np.full(len(returns), 0.0002)
    geared = rate + leverage * (returns - rate)
    one, other = metrics.sharpe_ratio(returns, rate), metrics.sharpe_ratio(np.maximum(geared, -1.0), rate)
    if one is not None and other is not None:
        assert other == pytest.approx(one, rel=1e-6, abs=1e-9)


def test_a_benchmark_may_gain_more_than_all_that_could_be_lost() -> None:
    benchmark = np.where(T[:24] == 7, 1.5, BENCHMARK[:24])
    found = metrics.relative(SWINGS, benchmark, NOTHING)
    assert found.tracking_error == pytest.approx((SWINGS - benchmark).std(ddof=1) * math.sqrt(252))


@pytest.mark.parametrize("n", [0, 1, FEWEST - 1])
def test_a_short_sample_has_no_annual_figure(n: int) -> None:
    few = SWINGS[:n]
    own = metrics.performance(few, NOTHING[:n], DAYS[:n])
    assert own.n_sessions == n
    shown = [v for k, v in vars(own).items() if k not in ("n_sessions", "total_return", "drawdown")]
    assert shown == [None] * len(shown)
    assert (own.total_return is None) == (n == 0)
    beside = metrics.relative(few, few, NOTHING[:n])
    assert list(vars(beside).values()) == [n, None, None, None, None, None]


def test_without_spread_there_is_no_ratio() -> None:
    steady = np.full(30, 0.001)
    rate = np.zeros(30)
    own = metrics.performance(steady, rate, DAYS[:30])
    assert (own.sharpe, own.sortino, own.calmar, own.drawdown, own.skewness) == (None,) * 5
    assert own.hit_rate == 1.0
    beside = metrics.relative(SWINGS, SWINGS, NOTHING)
    assert (beside.tracking_error, beside.information_ratio) == (0.0, None)
    assert metrics.relative(steady, steady, rate).beta is None


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-1.5, math.inf])
def test_returns_that_cannot_be_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="simple returns per session"):
        metrics.annual_return(np.r_[SWINGS, bad])


def test_series_of_other_sessions_are_refused() -> None:
    with pytest.raises(ValueError, match="align them"):
        metrics.relative(SWINGS, SWINGS[1:], NOTHING)
    with pytest.raises(ValueError, match="align them"):
        metrics.maximum_drawdown(SWINGS, DAYS[:3])
