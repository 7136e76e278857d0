"""Metrics of a series of returns, and hidden Markov models of a user's own signals."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from asof import detectors, metrics
from feature_store import sessions

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))
RETURNS = np.random.default_rng(3).normal(0.0005, 0.01, len(DAYS))
SWITCHING = np.concatenate([np.random.default_rng(i).normal(0, s, 120) for i, s in enumerate((0.01, 0.04, 0.01))])

# -- known values ------------------------------------------------------------------------------------------------------


def test_metrics_are_those_of_the_formulas_whatever_holds_the_returns() -> None:
    sharpe = RETURNS.mean() / RETURNS.std(ddof=1) * np.sqrt(252)
    for series in (RETURNS, pl.Series(RETURNS), pd.Series(RETURNS), RETURNS.tolist()):
        assert metrics.sharpe_ratio(series) == pytest.approx(sharpe)
    assert metrics.sharpe_ratio(RETURNS, risk_free=0.0001) < sharpe
    assert metrics.total_return([0.1, -0.1]) == pytest.approx(-0.01)
    assert metrics.drawdowns([0.1, -0.1, 0.2]).tolist() == pytest.approx([0.0, -0.1, 0.0])
    assert metrics.simple_returns([100.0, 110.0])[1] == pytest.approx(0.1)
    whole = metrics.performance(pl.Series(RETURNS), DAYS)
    assert (whole.sharpe, whole.sortino) == (pytest.approx(sharpe), metrics.sortino_ratio(RETURNS))
    assert whole.drawdown == metrics.maximum_drawdown(RETURNS, [str(day) for day in DAYS])
    assert metrics.relative(RETURNS, RETURNS).beta == pytest.approx(1.0)
    assert whole.annual_volatility == metrics.annual_volatility(RETURNS)
    assert whole.calmar == metrics.calmar_ratio(RETURNS)
    assert whole.hit_rate == metrics.hit_rate(RETURNS)
    assert whole.annual_return == metrics.annual_return(RETURNS)


def test_more_trials_make_the_best_one_less_credible() -> None:
    probability = metrics.probabilistic_sharpe_ratio(RETURNS)
    one = metrics.deflated_sharpe_ratio(RETURNS, [0.8])
    many = metrics.deflated_sharpe_ratio(RETURNS, np.random.default_rng(0).normal(0, 1, 50))
    assert one == probability
    assert many < one
    assert metrics.probabilistic_sharpe_ratio(RETURNS, benchmark_annual=5.0) < 0.01


def test_a_hidden_markov_model_finds_the_volatile_months() -> None:
    fit = detectors.fit_hmm(np.log(np.abs(SWITCHING) + 1e-4), n_states=2, random_starts=2, seed=1)
    assert fit.mean[0, 0] < fit.mean[1, 0]
    states = detectors.hmm_states(fit, pl.Series(np.log(np.abs(SWITCHING) + 1e-4)))
    assert states.shape == (360, 2)
    assert states[150:240, 1].mean() > 0.8
    assert states[270:, 1].mean() < 0.2


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_filter_never_sees_tomorrow_and_missing_signals_move_by_the_transition() -> None:
    signals = np.log(np.abs(SWITCHING) + 1e-4)
    fit = detectors.fit_hmm(signals)
    whole = detectors.hmm_states(fit, signals)
    assert np.array_equal(detectors.hmm_states(fit, signals[:100]), whole[:100])
    gap = signals.copy()
    gap[50] = np.nan
    filtered = detectors.hmm_states(fit, gap)
    assert filtered[50] == pytest.approx(filtered[49] @ fit.transition)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_metrics_reject_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"returns has shape \(2, 2\), expected \(T,\)"):
        metrics.sharpe_ratio(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"benchmark has shape \(2,\), expected \(T,\) with T = 3, as of returns"):
        metrics.relative([0.1] * 3, [0.1] * 2)
    with pytest.raises(ValueError, match=r"sessions has shape \(2,\), expected \(T,\) with T = 252"):
        metrics.performance(RETURNS, DAYS[:2])
    with pytest.raises(ValueError, match=r"risk_free has shape \(1,\)"):
        metrics.sharpe_ratio([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match=r"returns reach -2\.0"):
        metrics.total_return([-2.0])
    with pytest.raises(ValueError, match="returns: 3 of them, or without spread, have no Sharpe ratio"):
        metrics.deflated_sharpe_ratio([0.1, 0.2, 0.3], [1.0])


def test_detectors_reject_what_does_not_fit() -> None:
    fit = detectors.fit_hmm(np.log(np.abs(SWITCHING) + 1e-4))
    with pytest.raises(ValueError, match=r"mean has shape \(2, 1\), expected \(K, D\) with D = 3, as of signals"):
        detectors.hmm_states(fit, np.zeros((10, 3)))
    with pytest.raises(ValueError, match=r"signals holds nan at \[0, 0\]"):
        detectors.fit_hmm(np.full(100, np.nan))
    with pytest.raises(ValueError, match="15 observations cannot carry 2 states"):
        detectors.fit_hmm(RETURNS[:15])
    with pytest.raises(ValueError, match="n_states is 0"):
        detectors.fit_hmm(RETURNS, n_states=0)
    with pytest.raises(ValueError, match=r"initial has shape \(3,\), expected \(K,\) with K = 2"):
        detectors.filter_states(np.zeros((4, 2)), np.eye(2), [1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="transition rows sum to"):
        detectors.filter_states(np.zeros((4, 2)), np.ones((2, 2)), [1.0, 0.0])
