"""Trend and volatility of each industry: weekly fits of a detector, and the states of a session filtered under them."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from configs.errors import ConfigError
from configs.settings import Regimes
from feature_store.dataset import Dataset
from feature_store.schemas.regimes import (
    HMM_FITS,
    TREND_STATES,
    TREND_STATES_IN_ORDER,
    VOLATILITY_STATES,
    VOLATILITY_STATES_IN_ORDER,
)
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import panel, window, window_sessions
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect, StateFit, StateParameters
from quant_assets.regimes.detectors.registry import DETECTORS, FITS

DATASETS: Mapping[Aspect, Dataset] = {"trend": TREND_STATES, "volatility": VOLATILITY_STATES}
LABELS_OF_TWO: Mapping[Aspect, tuple[str, str]] = {
    "trend": (TREND_STATES_IN_ORDER[0], TREND_STATES_IN_ORDER[2]),
    "volatility": (VOLATILITY_STATES_IN_ORDER[0], VOLATILITY_STATES_IN_ORDER[1]),
}


def hmm_fits(features: pl.DataFrame, session: dt.date, settings: Regimes, seed: int) -> pl.DataFrame:
    """Parameters in force from the refit `session` on: two independent fits for each industry, of trend and volatility.

    A detector without parameters (`regimes.industry`) has no rows.

    Args:
        features: rows of INDUSTRY_FEATURES; the last `lookback_sessions` up to the session are used. Sessions on which
            an industry lacks a signal are left out of its series.
        session: the refit.
        settings: `industry`, the detector; window and `min_observations`.
        seed: of random draws; each industry and aspect draws its own.

    Returns:
        Rows of HMM_FITS, sorted by model, industry and state; none for an industry with fewer than `min_observations`
        sessions or a signal that never moves. A fit that was stopped early keeps its parameters and says
        `converged` = false.
    """
    rows: list[dict[str, object]] = []
    fit = FITS.get(settings.industry.kind)
    if fit is None:
        return pl.DataFrame(rows, schema=HMM_FITS.computed_schema)
    seen = window(features, session, settings.lookback_sessions)
    for aspect, signals in DETECTORS[settings.industry.kind].signals.items():
        for industry, series in _series(seen, signals).items():
            if len(series) >= settings.min_observations:
                rng = np.random.default_rng([seed, *f"{aspect}/{industry}".encode()])
                fitted = fit(aspect, series, settings.industry, rng)
                rows += _fit_rows(aspect, industry, fitted, session, len(series)) if fitted else []
    return pl.DataFrame(rows, schema=HMM_FITS.computed_schema)


def signal_columns(kind: str, dataset: Dataset) -> tuple[str, ...]:
    """Columns that a detector's signals read.

    Raises:
        ConfigError: the dataset lacks one.
    """
    signals = [signal for signals in DETECTORS[kind].signals.values() for signal in signals]
    columns = tuple(dict.fromkeys(name for signal in signals for name in signal.meta.root_names()))
    if absent := [name for name in columns if name not in dataset.values]:
        raise ConfigError(f"detector {kind} reads {', '.join(absent)}, which {dataset.name} lacks; choose another")
    return columns


def _series(seen: pl.DataFrame, signals: Sequence[pl.Expr]) -> dict[str, Array]:
    """(T, D) complete signals of each industry, in the order of the sessions."""
    named = [signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(signals)]
    frame = seen.sort("industry", "event_date").select("industry", *named)
    complete = frame.filter(pl.all_horizontal(pl.exclude("industry").is_finite().fill_null(False)))
    parts = complete.partition_by("industry", maintain_order=True)
    return {part.item(0, "industry"): part.drop("industry").to_numpy() for part in parts}


def _fit_rows(
    aspect: Aspect, industry: str, fitted: StateFit, session: dt.date, n_observations: int
) -> list[dict[str, object]]:
    same = {
        "event_date": session,
        "model": aspect,
        "industry": industry,
        "fit_session": session,
        "log_likelihood": fitted.log_likelihood,
        "converged": fitted.converged,
        "n_observations": n_observations,
    }
    return [same | _state_columns(fitted, k) for k in range(len(fitted.mean))]


def _state_columns(fitted: StateFit, k: int) -> dict[str, object]:
    return {
        "state": k,
        **{f"mean_{d}": float(x) for d, x in enumerate(fitted.mean[k])},
        **{f"variance_{d}": float(x) for d, x in enumerate(fitted.variance[k])},
        "initial": float(fitted.initial[k]),
        **{f"to_{j}": float(p) for j, p in enumerate(fitted.transition[k])},
    }


def trend_states(features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Filtered probabilities of bear, sideways and bull in each industry, under the parameters in force.

    The filter starts at the stationary probabilities at the beginning of the trailing window; a session without both
    signals moves the probabilities by the transition alone. The signals are means of 10 and 50 sessions, so
    neighbouring observations have most of their returns in common, which the model takes for independent evidence: the
    probabilities are stickier and surer of themselves than the data warrant, and speak of the last weeks rather than of
    the session. Bear is mostly the widest state too: a rally steeper than any in the fit's window can be taken for it
    for some weeks (Financials in March and April 2009).

    Args:
        features: rows of INDUSTRY_FEATURES; the last `lookback_sessions` up to the session are used.
        fits: rows of HMM_FITS in force on the session.
        session: the partition.
        settings: `industry`, the detector, and `lookback_sessions`.

    Returns:
        Rows of TREND_STATES, sorted by industry, for every industry with a fit and a row in the window. With two
        states the first is bear, the last bull, and sideways has probability 0.
    """
    return _states("trend", features, fits, session, settings)


def volatility_states(features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Filtered probabilities of calm, turbulent and crisis in each industry, under the parameters in force.

    As `trend_states`, from the log of the volatility of 10 sessions, and as sticky and sure of itself.

    Returns:
        Rows of VOLATILITY_STATES, sorted by industry. With two states they are calm and turbulent, and crisis has
        probability 0.
    """
    return _states("volatility", features, fits, session, settings)


def _states(
    aspect: Aspect, features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes
) -> pl.DataFrame:
    detector, dataset = DETECTORS[settings.industry.kind], DATASETS[aspect]
    seen = window(features, session, settings.lookback_sessions)
    in_force = _in_force(aspect, seen, fits, session)
    industries = _fitted(in_force) if detector.is_fitted else _unfitted(seen, session)
    if industries.is_empty():
        return dataset.empty().select(*dataset.computed_schema)
    days = window_sessions(session, settings.lookback_sessions)
    signals = _signals(seen, detector.signals[aspect], industries["industry"], days)
    parameters = _parameters(in_force, len(industries), signals.shape[-1]) if detector.is_fitted else None
    probabilities = detector.probabilities(aspect, signals, parameters, settings.industry)
    labels = STATES_IN_ORDER[aspect] if probabilities.shape[1] != 2 else LABELS_OF_TWO[aspect]
    by_label = dict(zip(labels, probabilities.T, strict=True))
    named = {f"p_{label}": by_label.get(label, np.zeros(len(industries))) for label in STATES_IN_ORDER[aspect]}
    rows = industries.with_columns(pl.Series(name, p) for name, p in named.items())
    known = rows.filter(pl.all_horizontal(pl.col(*named).is_not_nan()))
    return known.select("event_date", "industry", *named, "fit_session")


def _in_force(aspect: Aspect, seen: pl.DataFrame, fits: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    return fits.filter(
        pl.col("event_date") == session,
        pl.col("model") == aspect,
        pl.col("industry").is_in(seen["industry"].implode()),
    ).sort("industry", "state")


def _fitted(in_force: pl.DataFrame) -> pl.DataFrame:
    return in_force.filter(state=0).select("event_date", "industry", "fit_session")


def _unfitted(seen: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Every industry of the window."""
    return (
        seen.select("industry")
        .unique()
        .sort("industry")
        .select(pl.lit(session, pl.Date).alias("event_date"), "industry", pl.lit(None, pl.Date).alias("fit_session"))
    )


def _signals(seen: pl.DataFrame, signals: Sequence[pl.Expr], industries: pl.Series, days: list[dt.date]) -> Array:
    """(N, T, D) signals of the industries, NaN where there is none."""
    where = panel(seen, days, key="industry")
    columns = seen.select(signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(signals))
    dense = np.stack([where.dense(column) for column in columns], axis=-1)
    of_industries = dense.transpose(1, 0, 2)[np.searchsorted(where.symbols, industries.to_list())]
    return np.where(np.isfinite(of_industries), of_industries, np.nan)


def _parameters(in_force: pl.DataFrame, n_industries: int, n_signals: int) -> StateParameters:
    n_states = len(in_force) // n_industries
    columns = {
        "mean": [f"mean_{d}" for d in range(n_signals)],
        "variance": [f"variance_{d}" for d in range(n_signals)],
        "transition": [f"to_{j}" for j in range(n_states)],
    }
    mean, variance, transition = (
        in_force.select(names).to_numpy().reshape(-1, n_states, len(names)) for names in columns.values()
    )
    return StateParameters(mean, variance, in_force["initial"].to_numpy().reshape(-1, n_states), transition)
