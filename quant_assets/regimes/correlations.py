"""Correlations of industries: weekly fits of a DCC(1,1), and what they say of the next session."""

import datetime as dt

import numpy as np
import polars as pl
from scipy.special import ndtr

from configs.settings import Regimes
from configs.settings.correlations import Correlations
from feature_store import sessions as calendar
from feature_store.schemas.correlations import CORRELATIONS, DCC_FITS, PAIR_CORRELATIONS
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import panel, window, window_sessions
from quant_assets.regimes.detectors import dcc
from quant_assets.regimes.detectors.dcc import DccFit, forecast_correlations

MAX_WEEKS_KEPT = 3
ROUNDING = 1e-12
RETURN = "proxy_log_return"
OF_INDUSTRY = ("omega", "alpha", "beta", "initial_variance")
PARAMETERS = ("fit_session", "a", "b", "q_bar", *OF_INDUSTRY)


def fit_sessions(settings: Regimes) -> int:
    """Sessions that a fit reads: its window, and those of the refits whose place an earlier one may keep."""
    return settings.correlations.lookback_sessions + 5 * MAX_WEEKS_KEPT


def dcc_fits(returns: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Parameters in force from the refit `session` on, of all industries that have a place in the panel.

    A fit that does not end at a maximum leaves those of the week before in force, or of up to three weeks before: they
    keep their own `fit_session`, and `failed_refit` is this one. Where none of these ends at one, the newest is stored
    and says `converged` = false.

    Args:
        returns: rows of INDUSTRY_RETURNS; `lookback_sessions` up to each refit are used.
        session: the refit.
        settings: `correlations`.

    Returns:
        Rows of DCC_FITS, sorted by industry and other industry, the second not before the first. None with fewer than
        two industries, or than `min_observations` sessions on which all of them have a return.
    """
    newest = _fit(returns, session, settings.correlations)
    if newest.is_empty() or newest.item(0, "converged"):
        return newest
    for weeks in range(1, MAX_WEEKS_KEPT + 1):
        monday = session - dt.timedelta(days=session.weekday() + 7 * weeks)
        kept = _fit(returns, calendar.at_or_after(monday), settings.correlations)
        if kept.height and kept.item(0, "converged"):
            refit = pl.lit(session, pl.Date)
            return kept.with_columns(event_date=refit, failed_refit=refit)
    return newest


def correlations(
    returns: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How much industries move together in the session after this one, and each pair of them.

    The filter starts at the beginning of the trailing window. Its path under the parameters in force is what today's
    mean and top eigenvalue are ranked within. Correlations are systemic where both exceed their percentile; the
    probability is that of a normal change over `systemic_sessions`, as spread as the window's, taking the less probable
    of the two.

    Args:
        returns: rows of INDUSTRY_RETURNS; the last `lookback_sessions` up to the session are used. Sessions on which
            an industry of the fit has no return are left out.
        fits: rows of DCC_FITS in force on the session.
        session: the partition.
        settings: `correlations`.

    Returns:
        One row of CORRELATIONS and rows of PAIR_CORRELATIONS; none without a fit, or without `min_observations`.
    """
    industries = fits["industry"].unique().sort().to_list()
    x = _matrix(returns, session, settings.correlations.lookback_sessions, industries)
    if not industries or len(x) < settings.correlations.min_observations:
        return CORRELATIONS.empty().drop("known_at"), PAIR_CORRELATIONS.empty().drop("known_at")
    path = forecast_correlations(x, _stored(fits, industries))
    summary = _summary(path, session, settings.correlations).with_columns(fit_session=pl.lit(fits["fit_session"].max()))
    return summary.select(list(CORRELATIONS.computed_schema)), _pairs(path[-1], industries, session)


# -- the fit -----------------------------------------------------------------------------------------------------------


def _fit(returns: pl.DataFrame, session: dt.date, settings: Correlations) -> pl.DataFrame:
    """Rows of DCC_FITS from the window that ends with the session; none where that is too little."""
    industries, x = _complete(returns, session, settings)
    if len(industries) < 2 or len(x) < settings.min_observations:
        return pl.DataFrame(schema=DCC_FITS.computed_schema)
    is_short = len(x) < settings.full_likelihood_sessions * len(industries)
    return _rows(dcc.fit(x, composite=is_short), industries, session, "pairs" if is_short else "full", len(x))


# -- the panel ---------------------------------------------------------------------------------------------------------


def _complete(returns: pl.DataFrame, session: dt.date, settings: Correlations) -> tuple[list[str], Array]:
    """Industries with returns enough that move, and the (T, N) returns of sessions on which all have one."""
    seen = window(returns, session, settings.lookback_sessions).filter(pl.col(RETURN).is_finite())
    counts = seen.group_by("industry").agg(n=pl.len(), moves=pl.col(RETURN).n_unique() > 2).sort("industry")
    has_enough = pl.col("n") >= settings.min_panel_fraction * pl.col("n").max()
    placed = counts.filter(pl.col("moves") & has_enough)
    industries = placed["industry"].to_list()
    return industries, _matrix(returns, session, settings.lookback_sessions, industries)


def _matrix(returns: pl.DataFrame, session: dt.date, length: int, industries: list[str]) -> Array:
    """(T, N) returns of the window's sessions on which all industries have one, in the order of the sessions."""
    seen = window(returns, session, length).filter(pl.col("industry").is_in(industries))
    if not industries or seen["industry"].n_unique() < len(industries):
        return np.empty((0, len(industries)))
    dense = panel(seen, window_sessions(session, length), key="industry").dense(seen[RETURN])
    complete: Array = dense[np.isfinite(dense).all(axis=1)]
    return complete


# -- what is stored ----------------------------------------------------------------------------------------------------


def _rows(
    fitted: DccFit, industries: list[str], session: dt.date, likelihood: str, n_observations: int
) -> pl.DataFrame:
    i, j = np.triu_indices(len(industries))
    errors = [None if np.isnan(error) else float(error) for error in fitted.standard_errors]
    of_all = {
        "fit_session": session,
        "a": fitted.a,
        "b": fitted.b,
        "a_standard_error": errors[0],
        "b_standard_error": errors[1],
        "log_likelihood": fitted.log_likelihood,
        "likelihood": likelihood,
        "n_observations": n_observations,
        "converged": fitted.converged,
        "failed_refit": None,
    }
    of_pairs = {
        "event_date": [session] * len(i),
        "industry": [industries[k] for k in i],
        "other_industry": [industries[k] for k in j],
        "q_bar": fitted.q_bar[i, j],
        **{name: np.where(i == j, getattr(fitted, name)[i], np.nan) for name in OF_INDUSTRY},
    }
    frame = pl.DataFrame(of_pairs, nan_to_null=True).with_columns(
        pl.lit(value, DCC_FITS.schema[name]).alias(name) for name, value in of_all.items()
    )
    return frame.select(list(DCC_FITS.computed_schema))


def _stored(fits: pl.DataFrame, industries: list[str]) -> DccFit:
    """The fit of the rows, as far as a filter needs it."""
    position = {name: k for k, name in enumerate(industries)}
    i, j = ([position[name] for name in fits[column]] for column in ("industry", "other_industry"))
    q_bar = np.empty((len(industries), len(industries)))
    q_bar[i, j] = q_bar[j, i] = fits["q_bar"].to_numpy()
    own = fits.filter(pl.col("industry") == pl.col("other_industry")).sort("industry")
    omega, alpha, beta, initial = (own[name].to_numpy() for name in OF_INDUSTRY)
    return DccFit(fits.item(0, "a"), fits.item(0, "b"), q_bar, omega, alpha, beta, initial)


def _pairs(correlation: Array, industries: list[str], session: dt.date) -> pl.DataFrame:
    i, j = np.triu_indices(len(industries), 1)
    return pl.DataFrame(
        {
            "event_date": [session] * len(i),
            "industry": [industries[k] for k in i],
            "other_industry": [industries[k] for k in j],
            "correlation": correlation[i, j],
        },
        schema=PAIR_CORRELATIONS.computed_schema,
    )


# -- how much they move together ---------------------------------------------------------------------------------------


def _summary(path: Array, session: dt.date, settings: Correlations) -> pl.DataFrame:
    n = path.shape[1]
    eigenvalues = np.linalg.eigvalsh(path) / n  # ascending, one matrix after the other
    mean, top = (path.sum(axis=(1, 2)) - n) / (n * (n - 1)), eigenvalues[:, -1]
    systemic = np.minimum(_probability_above(mean, settings), _probability_above(top, settings))
    values = {
        "mean_correlation": mean[-1],
        "mean_correlation_rank": _rank(mean),
        "top_eigenvalue_fraction": top[-1],
        "top_eigenvalue_rank": _rank(top),
        "concentration": np.square(eigenvalues[-1]).sum(),
        "p_systemic": systemic,
    }
    of_panel = {"event_date": [session], "n_industries": pl.Series([n], dtype=pl.Int32)}
    return pl.DataFrame(of_panel | {name: [float(x)] for name, x in values.items()}).fill_nan(None)


def _rank(path: Array) -> float:
    """Fraction of the path that is not above its last value; NaN where it never moves."""
    return float(np.mean(path <= path[-1])) if _moves(path) else np.nan


def _probability_above(path: Array, settings: Correlations) -> float:
    """That the value after the horizon exceeds the window's percentile, were its change normal and as wide as here."""
    horizon = settings.systemic_sessions
    changes = path[horizon:] - path[:-horizon]
    if not (len(changes) and _moves(path)):
        return np.nan
    quantile = np.quantile(path, settings.systemic_percentile)
    return float(ndtr((path[-1] - quantile) / np.sqrt(np.mean(changes * changes))))


def _moves(path: Array) -> bool:
    """Beyond rounding; with a = 0 correlations stand still."""
    return bool(np.ptp(path) > ROUNDING)
