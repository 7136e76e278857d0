"""Trend and volatility of each industry: weekly hidden Markov fits, and the states of a session filtered under them."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

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
from quant_assets.regimes.detectors.hmm import HmmFit, fit, last_states, moves

PERCENT = 100.0


@dataclass(frozen=True)
class Model:
    """What a hidden Markov model of an industry sees, and what its states are called.

    Attributes:
        signals: expressions over INDUSTRY_FEATURES; null or infinite where there is none. The first orders the states.
        labels: of three states, by their mean of the first signal.
        labels_of_two: of two states.
        dataset: of the filtered probabilities.
    """

    name: str
    signals: tuple[pl.Expr, ...]
    labels: tuple[str, ...]
    labels_of_two: tuple[str, ...]
    dataset: Dataset


BEAR, _, BULL = TREND_STATES_IN_ORDER
CALM, TURBULENT, _ = VOLATILITY_STATES_IN_ORDER
TREND = Model(
    "trend",
    (pl.col("return_10") * PERCENT, pl.col("ma_gap_50") * PERCENT),
    TREND_STATES_IN_ORDER,
    (BEAR, BULL),
    TREND_STATES,
)
VOLATILITY = Model(
    "volatility", (pl.col("volatility_10").log(),), VOLATILITY_STATES_IN_ORDER, (CALM, TURBULENT), VOLATILITY_STATES
)
SIGNAL_COLUMNS = ("return_10", "ma_gap_50", "volatility_10")


def hmm_fits(features: pl.DataFrame, session: dt.date, settings: Regimes, seed: int) -> pl.DataFrame:
    """Parameters in force from the refit `session` on: two independent fits for each industry.

    `trend` sees the mean return of 10 sessions and the gap to the mean of 50, in percent; `volatility` the log of the
    volatility of 10 sessions. The labels of the states are those of the window: in a window without a crisis, "crisis"
    is the most volatile part of it.

    Args:
        features: rows of INDUSTRY_FEATURES; the last `lookback_sessions` up to the session are used. Sessions on which
            an industry lacks a signal are left out of its series.
        session: the refit.
        settings: states, window, starts and EM's limits.
        seed: of the random starts; each industry and model draws its own.

    Returns:
        Rows of HMM_FITS, sorted by model, industry and state; none for an industry with fewer than `min_observations`
        sessions or a signal that never moves. A fit that stopped at EM's last iteration keeps its parameters and says
        `converged` = false.
    """
    seen = window(features, session, settings.lookback_sessions)
    rows: list[dict[str, object]] = []
    for model in (TREND, VOLATILITY):
        for industry, signals in _series(seen, model).items():
            if len(signals) >= settings.min_observations and moves(signals):
                rng = np.random.default_rng([seed, *f"{model.name}/{industry}".encode()])
                rows += _fit_rows(model.name, industry, signals, session, settings, rng)
    return pl.DataFrame(rows, schema=HMM_FITS.computed_schema)


def _series(seen: pl.DataFrame, model: Model) -> dict[str, Array]:
    """(T, D) complete signals of each industry, in the order of the sessions."""
    signals = [signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(model.signals)]
    frame = seen.sort("industry", "event_date").select("industry", *signals)
    complete = frame.filter(pl.all_horizontal(pl.exclude("industry").is_finite().fill_null(False)))
    parts = complete.partition_by("industry", maintain_order=True)
    return {part.item(0, "industry"): part.drop("industry").to_numpy() for part in parts}


def _fit_rows(
    model: str, industry: str, signals: Array, session: dt.date, settings: Regimes, rng: np.random.Generator
) -> list[dict[str, object]]:
    fitted_model = fit(
        signals,
        settings.n_states,
        settings.max_iterations,
        settings.tolerance,
        settings.variance_floor,
        settings.random_starts,
        rng,
    )
    same = {
        "event_date": session,
        "model": model,
        "industry": industry,
        "fit_session": session,
        "log_likelihood": fitted_model.log_likelihood,
        "converged": fitted_model.converged,
        "n_observations": len(signals),
    }
    return [same | _state_columns(fitted_model, k) for k in range(settings.n_states)]


def _state_columns(fitted_model: HmmFit, k: int) -> dict[str, object]:
    return {
        "state": k,
        **{f"mean_{d}": float(x) for d, x in enumerate(fitted_model.mean[k])},
        **{f"variance_{d}": float(x) for d, x in enumerate(fitted_model.variance[k])},
        "initial": float(fitted_model.initial[k]),
        **{f"to_{j}": float(p) for j, p in enumerate(fitted_model.transition[k])},
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
        settings: `lookback_sessions`.

    Returns:
        Rows of TREND_STATES, sorted by industry, for every industry with a fit and a row in the window. With two
        states the first is bear, the last bull, and sideways has probability 0.
    """
    return _states(TREND, features, fits, session, settings)


def volatility_states(features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Filtered probabilities of calm, turbulent and crisis in each industry, under the parameters in force.

    As `trend_states`, from the log of the volatility of 10 sessions, and as sticky and sure of itself.

    Returns:
        Rows of VOLATILITY_STATES, sorted by industry. With two states they are calm and turbulent, and crisis has
        probability 0.
    """
    return _states(VOLATILITY, features, fits, session, settings)


def _states(
    model: Model, features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes
) -> pl.DataFrame:
    seen = window(features, session, settings.lookback_sessions)
    in_force = fits.filter(
        pl.col("event_date") == session,
        pl.col("model") == model.name,
        pl.col("industry").is_in(seen["industry"].implode()),
    ).sort("industry", "state")
    fitted = in_force.filter(state=0).select("event_date", "industry", "fit_session")
    if fitted.is_empty():
        return model.dataset.empty().drop("known_at")
    n_states = len(in_force) // len(fitted)
    signals = _signals(seen, model, fitted["industry"], window_sessions(session, settings.lookback_sessions))
    probabilities = last_states(signals, *_parameters(in_force, n_states, len(model.signals)))
    labels = model.labels if n_states == len(model.labels) else model.labels_of_two
    fitted_model = dict(zip(labels, probabilities.T, strict=True))
    named = {f"p_{label}": fitted_model.get(label, np.zeros(len(fitted))) for label in model.labels}
    return fitted.with_columns(pl.Series(name, p) for name, p in named.items()).select(
        "event_date", "industry", *named, "fit_session"
    )


def _signals(seen: pl.DataFrame, model: Model, industries: pl.Series, days: list[dt.date]) -> Array:
    """(N, T, D) signals of the industries, NaN where there is none."""
    where = panel(seen, days, key="industry")
    columns = seen.select(signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(model.signals))
    dense = np.stack([where.dense(column) for column in columns], axis=-1)
    signals = dense.transpose(1, 0, 2)[np.searchsorted(where.symbols, industries.to_list())]
    return np.where(np.isfinite(signals), signals, np.nan)


def _parameters(in_force: pl.DataFrame, n_states: int, n_signals: int) -> tuple[Array, Array, Array, Array]:
    """(N, K, D) means and variances, (N, K, K) transitions and (N, K) initial probabilities."""
    columns = {
        "mean": [f"mean_{d}" for d in range(n_signals)],
        "variance": [f"variance_{d}" for d in range(n_signals)],
        "transition": [f"to_{j}" for j in range(n_states)],
    }
    mean, variance, transition = (
        in_force.select(names).to_numpy().reshape(-1, n_states, len(names)) for names in columns.values()
    )
    return mean, variance, transition, in_force["initial"].to_numpy().reshape(-1, n_states)
