import dataclasses
import datetime as dt
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import Regimes
from configs.settings.correlations import Correlations
from feature_store.schemas.correlations import CORRELATIONS, DCC_FITS, PAIR_CORRELATIONS
from quant_assets.regimes.correlations import correlations, dcc_fits, fit_sessions
from quant_assets.regimes.detectors import dcc
from tests.oracles.dcc import simulated
from tests.oracles.panels import assert_stored_as, sessions

DAYS = sessions(420)
SESSION = DAYS[-1]
SETTINGS = Regimes(correlations=Correlations(lookback_sessions=400, min_observations=150))
NAMES = ["Energy", "Health", "Tech", "Utilities"]
R_BAR = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
X = 0.01 * simulated(np.random.default_rng(2), len(DAYS), R_BAR, 0.05, 0.9, (0.05, 0.05, 0.9))


def frame(x: np.ndarray, names: list[str]) -> pl.DataFrame:
    """INDUSTRY_RETURNS of a (T, N) panel; NaN is a null."""
    long = {
        "event_date": [day for day in DAYS[-len(x) :] for _ in names],
        "industry": names * len(x),
        "proxy_log_return": x.ravel(),
    }
    return pl.DataFrame(long, nan_to_null=True)


RETURNS = frame(X, NAMES)
FITS = dcc_fits(RETURNS, SESSION, SETTINGS)


def on(day: dt.date, fits: pl.DataFrame = FITS) -> pl.DataFrame:
    return fits.with_columns(event_date=pl.lit(day))


REAL_FIT = dcc.fit


def failing_fit(x: np.ndarray, composite: bool, calls: list[int], succeeds_after: int = 1) -> dcc.DccFit:
    calls.append(len(x))
    return dataclasses.replace(REAL_FIT(x, composite=composite), converged=len(calls) > succeeds_after)


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_fit_is_that_of_the_window_and_stored_pair_by_pair():
    assert_stored_as(FITS, DCC_FITS)
    assert FITS.columns == list(DCC_FITS.computed_schema)
    assert FITS.height == 10
    assert FITS.select("industry", "other_industry").rows()[:5] == [
        ("Energy", "Energy"), ("Energy", "Health"), ("Energy", "Tech"), ("Energy", "Utilities"), ("Health", "Health"),
    ]  # fmt: skip
    whole = dcc.fit(X[-400:])
    assert FITS.select("a", "b", "log_likelihood").unique().row(0) == (whole.a, whole.b, whole.log_likelihood)
    assert FITS["q_bar"].to_list() == whole.q_bar[np.triu_indices(4)].tolist()
    assert FITS["alpha"].drop_nulls().to_list() == whole.alpha.tolist()
    assert FITS["likelihood"].unique().to_list() == ["full"]
    assert FITS["n_observations"].unique().to_list() == [400]


def test_correlations_are_the_forecast_under_the_stored_fit():
    summary, pairs = correlations(RETURNS, FITS, SESSION, SETTINGS)
    assert_stored_as(summary, CORRELATIONS)
    assert_stored_as(pairs, PAIR_CORRELATIONS)
    path = dcc.forecast_correlations(X[-400:], dcc.fit(X[-400:]))
    i, j = np.triu_indices(4, 1)
    np.testing.assert_array_equal(pairs["correlation"].to_numpy(), path[-1][i, j])
    row = summary.row(0, named=True)
    mean, top = path[:, i, j].mean(axis=1), np.linalg.eigvalsh(path)[:, -1] / 4
    assert row["mean_correlation"] == pytest.approx(mean[-1])
    assert row["mean_correlation_rank"] == pytest.approx(np.mean(mean <= mean[-1] + 1e-12))
    assert row["top_eigenvalue_fraction"] == pytest.approx(top[-1])
    assert row["concentration"] == pytest.approx(np.square(np.linalg.eigvalsh(path[-1]) / 4).sum())
    assert (row["n_industries"], row["fit_session"]) == (4, SESSION)
    assert 0 < row["p_systemic"] < 1


def test_common_shocks_are_systemic_and_opposite_ones_are_not():
    shock = np.where(np.arange(4) < 2, 1.0, -1.0)
    together, apart = X.copy(), X.copy()
    together[-8:], apart[-8:] = 0.04, 0.02 * shock
    p = {}
    for name, x in {"together": together, "apart": apart}.items():
        summary, _ = correlations(frame(x, NAMES), FITS, SESSION, SETTINGS)
        p[name] = summary.item(0, "p_systemic")
    assert p["together"] > 0.9
    assert p["apart"] < 0.1


def test_correlations_that_stand_still_have_no_rank_and_are_not_systemic():
    still = FITS.with_columns(a=pl.lit(0.0), b=pl.lit(0.9))
    summary, _ = correlations(RETURNS, still, SESSION, SETTINGS)
    assert_stored_as(summary, CORRELATIONS)
    columns = ("mean_correlation_rank", "top_eigenvalue_rank", "p_systemic")
    assert summary.select(columns).row(0) == (None, None, None)
    assert summary.item(0, "mean_correlation") == pytest.approx(0.5, abs=0.1)


def test_an_industry_joins_the_panel_once_it_has_half_of_the_window():
    late = X.copy()
    late[:210, 3] = np.nan
    three = dcc_fits(frame(late, NAMES), SESSION, SETTINGS)
    assert three["industry"].unique().sort().to_list() == NAMES  # 210 of 400
    late[:230, 3] = np.nan
    assert dcc_fits(frame(late, NAMES), SESSION, SETTINGS)["industry"].unique().sort().to_list() == NAMES[:3]


def test_sessions_without_a_return_of_all_are_left_out():
    holes = X.copy()
    holes[30::40, 1] = np.nan
    fits = dcc_fits(frame(holes, NAMES), SESSION, SETTINGS)
    complete = holes[-400:][~np.isnan(holes[-400:]).any(axis=1)]
    assert fits["n_observations"].unique().to_list() == [len(complete)] == [390]
    assert fits.item(0, "a") == dcc.fit(complete).a


def test_a_short_window_is_fitted_by_pairs():
    settings = Regimes(correlations=Correlations(lookback_sessions=159, min_observations=150))
    fits = dcc_fits(RETURNS, SESSION, settings)
    assert fits["likelihood"].unique().to_list() == ["pairs"]
    assert fits.item(0, "a") == dcc.fit(X[-159:], composite=True).a


def test_a_fit_that_fails_keeps_that_of_the_week_before_and_says_so():
    monday = SESSION - dt.timedelta(days=SESSION.weekday() + 7)
    before = dcc_fits(RETURNS, monday, SETTINGS)
    calls: list[int] = []
    with patch("quant_assets.regimes.correlations.dcc.fit") as patched:
        patched.side_effect = lambda x, composite: failing_fit(x, composite, calls)
        kept = dcc_fits(RETURNS, SESSION, SETTINGS)
    assert kept["failed_refit"].unique().to_list() == [SESSION]
    assert kept["fit_session"].unique().to_list() == [monday]
    assert_frame_equal(
        kept.drop("failed_refit", "event_date"), before.drop("failed_refit", "event_date"), check_exact=True
    )


def test_where_four_refits_fail_the_newest_is_stored_and_says_so():
    calls: list[int] = []
    with patch("quant_assets.regimes.correlations.dcc.fit") as patched:
        patched.side_effect = lambda x, composite: failing_fit(x, composite, calls, 9)
        stored = dcc_fits(RETURNS, SESSION, SETTINGS)
    assert len(calls) == 4
    assert stored.select("fit_session", "converged", "failed_refit").unique().rows() == [(SESSION, False, None)]


# -- properties --------------------------------------------------------------------------------------------------------


def test_only_the_window_counts_and_nothing_after_the_session():
    day = DAYS[-30]
    until = RETURNS.filter(pl.col("event_date") <= day)
    assert_frame_equal(dcc_fits(RETURNS, day, SETTINGS), dcc_fits(until, day, SETTINGS), check_exact=True)
    window = RETURNS.filter(pl.col("event_date") >= DAYS[20])
    assert_frame_equal(dcc_fits(window, SESSION, SETTINGS), FITS, check_exact=True)
    for whole, cut in zip(
        correlations(RETURNS, on(day), day, SETTINGS), correlations(until, on(day), day, SETTINGS), strict=True
    ):
        assert_frame_equal(whole, cut, check_exact=True)
    assert fit_sessions(SETTINGS) == 415


def test_the_order_of_rows_does_not_matter():
    shuffled = RETURNS.sample(fraction=1, shuffle=True, seed=1)
    assert_frame_equal(dcc_fits(shuffled, SESSION, SETTINGS), FITS, check_exact=True)
    ours = correlations(shuffled, FITS.sample(fraction=1, shuffle=True, seed=2), SESSION, SETTINGS)
    for one, other in zip(ours, correlations(RETURNS, FITS, SESSION, SETTINGS), strict=True):
        assert_frame_equal(one, other, check_exact=True)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_too_little_has_no_fit_and_no_correlations():
    for few in (RETURNS.clear(), RETURNS.filter(industry="Tech"), RETURNS.filter(pl.col("event_date") > DAYS[-150])):
        fits = dcc_fits(few, SESSION, SETTINGS)
        assert fits.is_empty()
        assert fits.schema == dict(DCC_FITS.computed_schema)
        summary, pairs = correlations(RETURNS, fits, SESSION, SETTINGS)
        assert summary.schema == dict(CORRELATIONS.computed_schema)
        assert summary.height == pairs.height == 0


def test_an_industry_that_never_moves_has_no_place():
    flat = np.where(np.arange(4) == 1, 0.0, X)
    assert "Health" not in dcc_fits(frame(flat, NAMES), SESSION, SETTINGS)["industry"].to_list()


def test_without_returns_of_an_industry_of_the_fit_there_are_no_correlations():
    summary, pairs = correlations(RETURNS.filter(pl.col("industry") != "Tech"), FITS, SESSION, SETTINGS)
    assert summary.height == pairs.height == 0
