"""Volatility regimes of industries: Gaussian hidden Markov models, fitted by hmmlearn and filtered forward by us."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from hmmlearn.base import ConvergenceMonitor
from hmmlearn.hmm import GaussianHMM
from numba import njit

from configs.settings import Regimes
from feature_store.schemas.regimes import HMM_FITS, VOLATILITY_STATES
from quant_assets.features.panel import Array, panel, window, window_sessions

PERCENT = 100.0  # EM on raw daily returns is swamped by its own variance prior (reference/README.md)
PERSISTENCE = 0.95  # where EM starts: states last 20 sessions
SMOOTHING = 5  # sessions of |return| that sort the observations into starting states
PSEUDO_TRANSITIONS = 0.5  # per pair of states: no transition is impossible because a window did not show it


@dataclass(frozen=True)
class HmmFit:
    """A one-dimensional Gaussian hidden Markov model of K states, calmest first.

    Attributes:
        mean, variance: (K,) percent, percent squared, per session.
        initial: (K,) stationary probabilities of `transition`, since a window begins anywhere in a state's life.
        transition: (K, K), rows sum to 1; [i, j] is P(j at t+1 | i at t).
        log_likelihood: nats, of the returns it was fitted to.
        converged: False where EM reached its last iteration first.
        n_iterations: of EM.
    """

    mean: Array
    variance: Array
    initial: Array
    transition: Array
    log_likelihood: float
    converged: bool
    n_iterations: int


def filter_states(log_likelihood: Array, transition: Array, initial: Array) -> Array:
    """Filtered state probabilities of a hidden Markov model.

    Args:
        log_likelihood: (T, K) log density of observation t under state k; zeros where nothing was observed.
        transition: (K, K), rows sum to 1; [i, j] is P(j at t+1 | i at t).
        initial: (K,) probabilities before the first observation.

    Returns:
        (T, K); row t conditions on observations 0..t, never on t+1..T.

    Raises:
        ValueError: probabilities that do not sum to 1, shapes that do not fit, a NaN or an impossible observation.

    Source: Hamilton (1989), Econometrica 57(2).
    """
    return _checked_filter(log_likelihood, transition, initial)[0]


def log_likelihood(log_density: Array, transition: Array, initial: Array) -> float:
    """Log probability of all observations, in nats; arguments as for `filter_states`."""
    return float(_checked_filter(log_density, transition, initial)[1].sum())


def log_density(returns: Array, mean: Array, variance: Array) -> Array:
    """(T, K) Gaussian log density of (T,) returns under K states; zeros where a return is NaN."""
    density = -0.5 * (np.log(2 * np.pi * variance) + (returns[:, None] - mean) ** 2 / variance)
    return np.where(np.isnan(returns)[:, None], 0.0, density)


def _checked_filter(log_likelihood: Array, transition: Array, initial: Array) -> tuple[Array, Array]:
    """Filtered (T, K) probabilities and (T,) log predictive densities."""
    _require_shapes(log_likelihood, transition, initial)
    _require_stochastic(transition)
    _require_probabilities(initial)
    _require_no_nan(log_likelihood)
    filtered, evidence = _filter(
        np.ascontiguousarray(log_likelihood), np.ascontiguousarray(transition), np.ascontiguousarray(initial)
    )
    if not np.isfinite(evidence).all():
        t = int(np.flatnonzero(~np.isfinite(evidence))[0])
        raise ValueError(f"observation {t} is impossible under every reachable state; widen a variance or a transition")
    return filtered, evidence


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _filter(log_likelihood: Array, transition: Array, initial: Array) -> tuple[Array, Array]:
    n, k = log_likelihood.shape
    filtered, evidence = np.empty((n, k)), np.empty(n)
    predicted, joint = initial.astype(np.float64), np.empty(k)
    for t in range(n):  # each row needs the one before
        # In logs, so that a state of tiny probability can still win; subtracting the largest avoids underflow.
        for j in range(k):
            joint[j] = np.log(predicted[j]) + log_likelihood[t, j] if predicted[j] > 0 else -np.inf
        top = joint.max()
        if not np.isfinite(top):
            evidence[t:] = top
            filtered[t:] = np.nan
            break
        total = 0.0
        for j in range(k):
            filtered[t, j] = np.exp(joint[j] - top)
            total += filtered[t, j]
        evidence[t] = top + np.log(total)
        for j in range(k):
            filtered[t, j] /= total
        for j in range(k):
            predicted[j] = 0.0
            for i in range(k):
                predicted[j] += filtered[t, i] * transition[i, j]
    return filtered, evidence


def fit(
    returns: Array, n_states: int, max_iterations: int = 200, tolerance: float = 1e-3, variance_floor: float = 0.01
) -> HmmFit:
    """Gaussian hidden Markov model of one series by EM, from a start that the data fixes.

    The observations are sorted by their trailing mean |return| into `n_states` groups of equal size, whose moments
    start the states. The variance of each state is shrunk by one pseudo-observation of the sample variance, so that no
    state can collapse on a single return.

    Args:
        returns: (T,) percent per session, without NaN.
        n_states: K.
        max_iterations: of EM; reaching it is reported in `converged`.
        tolerance: EM ends when the log likelihood moves by less, nats.
        variance_floor: percent squared; smaller variances are raised to it.

    Returns:
        Parameters with states ordered by variance, and the log likelihood under exactly these parameters.

    Raises:
        ValueError: NaN or infinite returns, or fewer than 10 a state.
    """
    _require_returns(returns, n_states)
    model = _starting_model(returns, n_states, max_iterations, variance_floor)
    monitor = _Monitor(tolerance, max_iterations, verbose=False)
    model.monitor_ = monitor
    model.fit(returns[:, None])
    variance = np.maximum(model.covars_.reshape(n_states), variance_floor)
    calm_first = np.argsort(variance, kind="stable")
    mean, variance = model.means_[calm_first, 0], variance[calm_first]
    transition = model.transmat_[np.ix_(calm_first, calm_first)]
    initial = stationary(transition)
    evidence = log_likelihood(log_density(returns, mean, variance), transition, initial)
    return HmmFit(mean, variance, initial, transition, evidence, monitor.settled, monitor.iter)


class _Monitor(ConvergenceMonitor):  # type: ignore[misc]
    """Ends EM when the likelihood settles, and keeps the verdict instead of logging it.

    hmmlearn's own calls the last iteration converged, and warns when the likelihood falls: with a prior on the variance
    it is the posterior that never falls.
    """

    def report(self, log_prob: float) -> None:
        self.history.append(log_prob)
        self.iter += 1

    @property
    def settled(self) -> bool:
        return len(self.history) >= 2 and abs(self.history[-1] - self.history[-2]) < self.tol

    @property
    def converged(self) -> bool:
        return self.settled


def _starting_model(returns: Array, n_states: int, max_iterations: int, variance_floor: float) -> GaussianHMM:
    scale = max(float(returns.var()), variance_floor)
    model = GaussianHMM(
        n_states,
        covariance_type="diag",
        n_iter=max_iterations,
        params="tmc",
        init_params="",
        covars_prior=scale,  # with covars_weight 2: (sum of squares + scale) / (weight of the state + 1)
        covars_weight=2.0,
        transmat_prior=1.0 + PSEUDO_TRANSITIONS,
    )
    groups = _groups(returns, n_states)
    model.startprob_ = np.full(n_states, 1.0 / n_states)
    model.transmat_ = _sticky(n_states)
    model.means_ = np.array([[returns[group].mean()] for group in groups])
    model.covars_ = np.array([[max(float(returns[group].var()), variance_floor)] for group in groups])
    return model


def _groups(returns: Array, n_states: int) -> list[Array]:
    """Indices of the observations in groups of equal size, by trailing mean |return|, calmest first."""
    size = np.abs(returns)
    trailing = np.array([size[max(0, t - SMOOTHING + 1) : t + 1].mean() for t in range(len(size))])
    return np.array_split(np.argsort(trailing, kind="stable"), n_states)


def _sticky(n_states: int) -> Array:
    leave = (1.0 - PERSISTENCE) / max(n_states - 1, 1)
    return np.where(np.eye(n_states, dtype=bool), 1.0 - leave * (n_states - 1), leave)


def stationary(transition: Array) -> Array:
    """(K,) probabilities p with p = p @ transition, for a chain in which every state can be reached."""
    k = len(transition)
    equations = np.vstack([transition.T - np.eye(k), np.ones(k)])
    solution = np.linalg.lstsq(equations, np.append(np.zeros(k), 1.0), rcond=None)[0]
    positive = np.clip(solution, 0.0, 1.0)
    probabilities: Array = positive / positive.sum()
    return probabilities


def hmm_fits(returns: pl.DataFrame, session: dt.date, settings: Regimes, seed: int) -> pl.DataFrame:
    """Parameters in force from the refit `session` on, an independent fit for each industry.

    Args:
        returns: rows of INDUSTRY_RETURNS; the last `lookback_sessions` up to the session are used. Sessions on which an
            industry has no return are left out of its series.
        session: the refit.
        settings: states, window and EM's limits.
        seed: not used; the start is a function of the data.

    Returns:
        Rows of HMM_FITS, sorted by industry and state; none for an industry with fewer than `min_observations` returns.
        A fit that stopped at EM's last iteration keeps its parameters and says `converged` = false.
    """
    del seed
    seen = window(returns, session, settings.lookback_sessions).drop_nulls("log_return").sort("industry", "event_date")
    rows: list[dict[str, object]] = []
    for (industry,), series in seen.group_by(["industry"], maintain_order=True):
        if len(series) >= settings.min_observations:
            rows += _fit_rows(str(industry), series["log_return"].to_numpy() * PERCENT, session, settings)
    return pl.DataFrame(rows, schema=_stored(HMM_FITS.schema))


def _fit_rows(industry: str, returns: Array, session: dt.date, settings: Regimes) -> list[dict[str, object]]:
    model = fit(returns, settings.n_states, settings.max_iterations, settings.tolerance, settings.variance_floor)
    return [
        {
            "event_date": session,
            "industry": industry,
            "state": k,
            "fit_session": session,
            "mean": float(model.mean[k]),
            "variance": float(model.variance[k]),
            "initial": float(model.initial[k]),
            **{f"to_{j}": float(model.transition[k, j]) for j in range(settings.n_states)},
            "log_likelihood": model.log_likelihood,
            "converged": model.converged,
            "n_observations": len(returns),
        }
        for k in range(settings.n_states)
    ]


def volatility_states(returns: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Filtered state probabilities of the session, under the parameters in force on it.

    The filter starts at the stationary probabilities and walks the trailing window; a session without a return moves
    the probabilities by the transition alone.

    Args:
        returns: rows of INDUSTRY_RETURNS; the last `lookback_sessions` up to the session are used.
        fits: rows of HMM_FITS in force on the session.
        session: the partition.
        settings: `lookback_sessions`.

    Returns:
        Rows of VOLATILITY_STATES, sorted by industry, for every industry with a fit and a return in the window.
    """
    seen = window(returns, session, settings.lookback_sessions).drop_nulls("log_return")
    in_force = fits.filter(pl.col("event_date") == session, pl.col("industry").is_in(seen["industry"].implode()))
    rows: list[dict[str, object]] = []
    if len(in_force):
        where = panel(seen, window_sessions(session, settings.lookback_sessions), key="industry")
        series = dict(zip(where.symbols, where.dense(seen["log_return"]).T * PERCENT, strict=True))
        states = in_force.sort("industry", "state").partition_by("industry", maintain_order=True)
        rows = [_state_row(series[model["industry"][0]], model, session) for model in states]
    return pl.DataFrame(rows, schema=_stored(VOLATILITY_STATES.schema))


def _state_row(returns: Array, model: pl.DataFrame, session: dt.date) -> dict[str, object]:
    columns = model.to_dict(as_series=False)
    transition = np.array([columns[f"to_{j}"] for j in range(len(model))], dtype=np.float64).T
    density = log_density(returns, np.array(columns["mean"]), np.array(columns["variance"]))
    today = filter_states(density, transition, np.array(columns["initial"]))[-1]
    return {
        "event_date": session,
        "industry": columns["industry"][0],
        **{f"p_{k}": float(p) for k, p in enumerate(today)},
        "fit_session": columns["fit_session"][0],
    }


def _stored(schema: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
    """The columns a function returns: all but the stamp."""
    return {name: dtype for name, dtype in schema.items() if name != "known_at"}


def _require_shapes(log_likelihood: Array, transition: Array, initial: Array) -> None:
    k = len(initial)
    if transition.shape != (k, k) or log_likelihood.ndim != 2 or log_likelihood.shape[1] != k:
        raise ValueError(
            f"log_likelihood {log_likelihood.shape}, transition {transition.shape} and initial {initial.shape} "
            "do not fit; pass (T, K), (K, K) and (K,)"
        )


def _require_stochastic(transition: Array) -> None:
    sums = transition.sum(axis=1)
    if not np.allclose(sums, 1.0):
        raise ValueError(f"transition rows sum to {sums}, not 1; pass P[i, j] = P(j | i), not its transpose")
    if (transition < 0).any():
        raise ValueError(f"transition holds {transition.min()}; probabilities are 0 or more")


def _require_probabilities(initial: Array) -> None:
    if not np.isclose(initial.sum(), 1.0) or (initial < 0).any():
        raise ValueError(f"initial is {initial}; pass probabilities that sum to 1")


def _require_no_nan(log_likelihood: Array) -> None:
    rows = np.flatnonzero(np.isnan(log_likelihood).any(axis=1))
    if len(rows):
        raise ValueError(f"log_likelihood row {rows[0]} holds NaN; pass zeros where nothing was observed")


def _require_returns(returns: Sequence[float] | Array, n_states: int) -> None:
    if not np.isfinite(returns).all():
        raise ValueError("returns hold NaN or infinities; drop sessions without a return before fitting")
    if len(returns) < 10 * n_states:
        raise ValueError(f"{len(returns)} returns cannot carry {n_states} states; pass at least {10 * n_states}")
