"""Trend and volatility of each industry: weekly fits of a detector, and the states of a session filtered under them."""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.errors import ConfigError
from configs.settings import Regimes
from feature_store.dataset import Dataset
from feature_store.schemas.features import INDUSTRY_FEATURES
from feature_store.schemas.regimes import HMM_FITS, TREND_STATES, VOLATILITY_STATES
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import panel, window, window_sessions
from quant_assets.regimes.characteristics import (
    durations,
    labels_of,
    median_volatility,
    state_volatility,
    weighted_correlation,
    weighted_mean,
)
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect, StateFit, StateParameters
from quant_assets.regimes.detectors.registry import DETECTORS, FITS

DATASETS: Mapping[Aspect, Dataset] = {"trend": TREND_STATES, "volatility": VOLATILITY_STATES}
RETURN = "return_1"  # what the states' volatility is measured by
MARKET = ("vix", "equity_return_1", "bonds_return_1")  # what they are described by
KEPT_REFITS = 4  # for which a fit that does not converge leaves the last one in force
WEEK_SESSIONS = 5


def fit_window(settings: Regimes) -> int:
    """Sessions that a fit may read: its window, and those of the refits before, which may still be in force."""
    return settings.lookback_sessions + KEPT_REFITS * WEEK_SESSIONS


def hmm_fits(
    features: pl.DataFrame, market: pl.DataFrame, session: dt.date, settings: Regimes, seed: int
) -> pl.DataFrame:
    """Parameters in force from the refit `session` on: two independent fits for each industry, of trend and volatility.

    A fit that does not converge leaves the last one in force: that of the latest of the four windows before, each a
    week earlier, that converges; `fit_session` says which. Where none does, the session's own stays, and says
    `converged` = false. A detector without parameters (`regimes.industry`) has no rows.

    Args:
        features: rows of INDUSTRY_FEATURES; the last `lookback_sessions` up to the session are used, fewer while
            history is shorter. Sessions on which an industry lacks the first signal are left out of its series.
        market: rows of MARKET_FEATURES, which describe the states and do not move them.
        session: the refit.
        settings: `industry`, the detector; window, `min_observations`, and the levels of a crisis.
        seed: of random draws; each industry and aspect draws its own.

    Returns:
        Rows of HMM_FITS, sorted by model, industry and state; none for an industry with fewer than `min_observations`
        sessions or a signal that never moves.
    """
    rows: list[dict[str, object]] = []
    if settings.industry.kind in FITS:
        seen = window(features, session, fit_window(settings))
        for aspect, signals in DETECTORS[settings.industry.kind].signals.items():
            for industry, series in _series(seen, signals, market).items():
                draws = [seed, *f"{aspect}/{industry}".encode()]
                fitted = _in_force_from(session, aspect, series, settings, draws)
                rows += _fit_rows(aspect, industry, session, *fitted, settings) if fitted else []
    return pl.DataFrame(rows, schema=HMM_FITS.computed_schema)


def fit_metadata(fits: pl.DataFrame) -> dict[str, float]:
    """Of a session's HMM_FITS: models that did not converge, and those that a week before left in force."""
    models = fits.filter(state=0)
    week = [pl.col(day).dt.truncate("1w") for day in ("fit_session", "event_date")]
    return {
        "not_converged": float((~models["converged"]).sum()),
        "kept_from_before": float(models.select((week[0] != week[1]).sum()).item()),
    }


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


def fit_columns(kind: str) -> tuple[str, ...]:
    """Columns of INDUSTRY_FEATURES that fits read: those of the signals, and the return."""
    return tuple(dict.fromkeys([*signal_columns(kind, INDUSTRY_FEATURES), RETURN]))


@dataclass(frozen=True)
class _Series:
    """An industry's sessions that have the first signal: (T,) days and returns, (T, D) signals, (T, 3) of MARKET."""

    days: list[dt.date]
    signals: Array
    returns: Array
    market: Array

    def between(self, first: dt.date, last: dt.date) -> "_Series":
        begin, end = bisect_left(self.days, first), bisect_right(self.days, last)
        return _Series(self.days[begin:end], self.signals[begin:end], self.returns[begin:end], self.market[begin:end])


def _series(seen: pl.DataFrame, signals: Sequence[pl.Expr], market: pl.DataFrame) -> dict[str, _Series]:
    """By industry, in the order of the sessions; what is not finite is NaN."""
    numbers = [signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(signals)]
    described = market.select("event_date", *(pl.col(name).cast(pl.Float64) for name in MARKET))
    columns = [str(d) for d in range(len(signals))]
    frame = (
        seen.select("industry", "event_date", pl.col(RETURN).cast(pl.Float64), *numbers)
        .join(described, on="event_date", how="left")
        .with_columns(_finite(name) for name in (*columns, RETURN, *MARKET))
        .filter(pl.col("0").is_not_nan())
        .sort("industry", "event_date")
    )
    parts = frame.partition_by("industry", maintain_order=True)
    return {
        part.item(0, "industry"): _Series(
            part["event_date"].to_list(),
            part.select(columns).to_numpy(),
            part[RETURN].to_numpy(),
            part.select(MARKET).to_numpy(),
        )
        for part in parts
    }


def _finite(name: str) -> pl.Expr:
    return pl.when(pl.col(name).is_finite()).then(name).otherwise(float("nan")).alias(name)


def _in_force_from(
    session: dt.date, aspect: Aspect, series: _Series, settings: Regimes, draws: list[int]
) -> tuple[dt.date, _Series, StateFit] | None:
    """The end of the window, the window, and the fit that the session's refit puts in force."""
    own = None
    for age in range(KEPT_REFITS + 1):
        days = window_sessions(session, settings.lookback_sessions + age * WEEK_SESSIONS)
        end = days[-1 - age * WEEK_SESSIONS] if len(days) > age * WEEK_SESSIONS else days[0]
        part = series.between(days[0], end)
        if len(part.days) < settings.min_observations:
            break
        rng = np.random.default_rng(draws)
        fitted = FITS[settings.industry.kind](aspect, part.signals, settings.industry, rng)
        if fitted and fitted.converged:
            return end, part, fitted
        if fitted and own is None:
            own = end, part, fitted
    return own


def _fit_rows(
    aspect: Aspect,
    industry: str,
    session: dt.date,
    end: dt.date,
    series: _Series,
    fitted: StateFit,
    settings: Regimes,
) -> list[dict[str, object]]:
    volatility, median = state_volatility(series.returns, fitted.posterior), median_volatility(series.returns)
    crisis_from = min(settings.crisis_median_multiple * median, settings.crisis_volatility_annual)
    same = {
        "event_date": session,
        "model": aspect,
        "industry": industry,
        "fit_session": end,
        "log_likelihood": fitted.log_likelihood,
        "converged": fitted.converged,
        "n_observations": len(series.days),
        "median_volatility_annual": _known(median),
    }
    labels, lengths = labels_of(aspect, volatility, crisis_from), durations(fitted.posterior)
    return [
        same
        | {"label": labels[k], "volatility_annual": _known(volatility[k]), "duration_sessions": _known(lengths[k])}
        | _state_columns(fitted, k)
        | _characteristics(fitted.posterior[:, k], series.market)
        for k in range(len(labels))
    ]


def _state_columns(fitted: StateFit, k: int) -> dict[str, object]:
    return {
        "state": k,
        **{f"mean_{d}": _known(x) for d, x in enumerate(fitted.mean[k])},
        **{f"variance_{d}": _known(x) for d, x in enumerate(fitted.variance[k])},
        **{f"degrees_{d}": _known(x) for d, x in enumerate(fitted.degrees)},
        "initial": float(fitted.initial[k]),
        **{f"to_{j}": float(p) for j, p in enumerate(fitted.transition[k])},
    }


def _characteristics(held: Array, market: Array) -> dict[str, object]:
    """What the market was like while a state held, by the (T,) probabilities that it did."""
    return {
        "fraction": float(held.mean()),
        "mean_vix": weighted_mean(market[:, 0], held),
        "equity_bond_correlation": weighted_correlation(market[:, 1], market[:, 2], held),
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def trend_states(features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Filtered probabilities of bear, sideways and bull in each industry, under the parameters in force.

    The filter starts at the stationary probabilities at the beginning of its window; a session without signals moves
    the probabilities by the transition alone. A trend is seen late, if at all: a drift of a tenth of a standard
    deviation a session takes a hundred sessions to stand out.

    Args:
        features: rows of INDUSTRY_FEATURES; the last `filter_sessions` up to the session are used.
        fits: rows of HMM_FITS in force on the session.
        session: the partition.
        settings: `industry`, the detector, and `filter_sessions`.

    Returns:
        Rows of TREND_STATES, sorted by industry, for every industry with a fit and a row in the window. States that
        have a label in common count together; a label that no state has, as sideways where there are two, has
        probability 0.
    """
    return _states("trend", features, fits, session, settings)


def volatility_states(features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Filtered probabilities of calm, turbulent and crisis in each industry, under the parameters in force.

    As `trend_states`. A window that has known no crisis has none to give a probability.

    Returns:
        Rows of VOLATILITY_STATES, sorted by industry.
    """
    return _states("volatility", features, fits, session, settings)


def _states(
    aspect: Aspect, features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes
) -> pl.DataFrame:
    detector, dataset = DETECTORS[settings.industry.kind], DATASETS[aspect]
    seen = window(features, session, settings.filter_sessions)
    if detector.is_fitted:
        groups = _by_number_of_states(_in_force(aspect, seen, fits, session))
        parts = [_filtered(aspect, seen, session, settings, group) for group in groups]
    else:
        parts = [_unfitted_states(aspect, seen, session, settings)] if len(seen) else []
    rows = pl.concat([dataset.empty().select(*dataset.computed_schema), *parts]).sort("industry")
    return rows.filter(pl.all_horizontal(pl.col("^p_.*$").is_not_nan()))


def _filtered(
    aspect: Aspect, seen: pl.DataFrame, session: dt.date, settings: Regimes, in_force: pl.DataFrame
) -> pl.DataFrame:
    """Of industries whose models have as many states."""
    detector = DETECTORS[settings.industry.kind]
    industries = in_force.filter(state=0).select("event_date", "industry", "fit_session")
    days = window_sessions(session, settings.filter_sessions)
    signals = _signals(seen, detector.signals[aspect], industries["industry"], days)
    parameters = _parameters(in_force, len(industries), signals.shape[-1])
    of_states = detector.probabilities(aspect, signals, parameters, settings.industry)
    labels = in_force["label"].to_numpy().reshape(of_states.shape)
    named = {f"p_{label}": (of_states * (labels == label)).sum(axis=1) for label in STATES_IN_ORDER[aspect]}
    return _rows(aspect, industries, named)


def _unfitted_states(aspect: Aspect, seen: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Of every industry of the window."""
    detector, industries = DETECTORS[settings.industry.kind], _unfitted(seen, session)
    days = window_sessions(session, settings.filter_sessions)
    signals = _signals(seen, detector.signals[aspect], industries["industry"], days)
    of_labels = detector.probabilities(aspect, signals, None, settings.industry)
    return _rows(aspect, industries, {f"p_{n}": p for n, p in zip(STATES_IN_ORDER[aspect], of_labels.T, strict=True)})


def _rows(aspect: Aspect, industries: pl.DataFrame, named: Mapping[str, Array]) -> pl.DataFrame:
    rows = industries.with_columns(pl.Series(name, p, dtype=pl.Float64) for name, p in named.items())
    return rows.select(*DATASETS[aspect].computed_schema)


def _in_force(aspect: Aspect, seen: pl.DataFrame, fits: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    return fits.filter(
        pl.col("event_date") == session,
        pl.col("model") == aspect,
        pl.col("industry").is_in(seen["industry"].implode()),
    ).sort("industry", "state")


def _by_number_of_states(in_force: pl.DataFrame) -> list[pl.DataFrame]:
    counted = in_force.with_columns(pl.len().over("industry").alias("n_states"))
    return [part.drop("n_states") for part in counted.partition_by("n_states", maintain_order=True)]


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
    names = ([f"{moment}_{d}" for d in range(n_signals)] for moment in ("mean", "variance", "degrees"))
    mean, variance, degrees, transition = (
        in_force.select(pl.col(columns).fill_null(float("nan"))).to_numpy().reshape(-1, n_states, len(columns))
        for columns in (*names, [f"to_{j}" for j in range(n_states)])
    )
    initial = in_force["initial"].to_numpy().reshape(-1, n_states)
    return StateParameters(mean, variance, degrees[:, 0], initial, transition)
