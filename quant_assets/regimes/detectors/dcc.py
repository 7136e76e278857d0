"""Dynamic conditional correlations, DCC(1,1): a fit in two steps, and correlations filtered forward under it.

Each series' variance follows a GARCH(1,1). Its standardized residuals e have the correlations R(t) of
Q(t) = (1 - a - b) Q_bar + a e(t-1) e(t-1)' + b Q(t-1), where Q_bar is their covariance (about their mean, divisor
T - 1) and the residuals before the first are ones: Q(0) = (1 - a - b) Q_bar + a 11' + b Q_bar.

Source: Engle (2002), Journal of Business and Economic Statistics 20(3); composite likelihood: Pakel, Shephard, Sheppard
and Engle (2021), Journal of Business and Economic Statistics 39(3).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.garch import GarchFit, conditional_variances, fit_garch

MAX_PERSISTENCE = 0.9999  # a + b; at one, correlations have no mean
STARTS = [(a, persistence - a) for a in (0.01, 0.03, 0.08) for persistence in (0.8, 0.95, 0.99)]
STEP = 1e-4  # of differences in a and b, for standard errors

Likelihood = Callable[[Array, Array, float, float], Array]


@dataclass(frozen=True)
class DccFit:
    """Parameters of N series; a filter needs nothing from `log_likelihood` on.

    Attributes:
        a, b: of the correlations.
        q_bar: (N, N) covariance of the standardized residuals.
        omega, alpha, beta, initial_variance: (N,) of the variances; see `numerics.garch`.
        log_likelihood: nats, of all series and sessions, whichever likelihood was maximized.
        standard_errors: of a and b, of the second step alone, robust to the distribution (White's); NaN where a or
            b lies at a bound.
        converged: false where an optimizer says that it did not end at a maximum.
    """

    a: float
    b: float
    q_bar: Array
    omega: Array
    alpha: Array
    beta: Array
    initial_variance: Array
    log_likelihood: float = math.nan
    standard_errors: tuple[float, float] = (math.nan, math.nan)
    converged: bool = True


def fit(returns: Array, *, composite: bool = False) -> DccFit:
    """Quasi maximum likelihood: each series' variance first, then a and b of all.

    The full likelihood is biased towards no dynamics where the panel is large for its window: with a, b = .03, .95 and
    252 sessions, 49 series give .014, .895. The composite one, of pairs of neighbours alone, gives .022, .932, and
    takes time proportional to N instead of to its cube.

    Args:
        returns: (T, N) without NaN, N at least 2.
        composite: maximize the likelihood of the pairs (i, i + 1).

    Raises:
        ValueError: a panel of one series, or a series without a GARCH(1,1).
    """
    returns = np.asarray(returns, dtype=np.float64)
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ValueError(f"returns have the shape {returns.shape}; pass (T, N) of at least two series")
    univariate = [fit_garch(x) for x in returns.T]
    omega, alpha, beta, initial = (
        np.array([getattr(one, name) for one in univariate]) for name in ("omega", "alpha", "beta", "initial_variance")
    )
    residuals = _residuals(returns, omega, alpha, beta, initial)[0]
    q_bar = np.cov(residuals, rowvar=False)
    likelihood = _pairs if composite else _full
    a, b, settled = _maximum(likelihood, residuals, q_bar)
    evidence = sum(one.log_likelihood for one in univariate) + float(_full(residuals, q_bar, a, b).sum())
    errors = _standard_errors(likelihood, residuals, q_bar, a, b)
    return DccFit(a, b, q_bar, omega, alpha, beta, initial, evidence, errors, settled and _converged(univariate))


def filter_correlations(returns: Array, fit: DccFit) -> Array:
    """(T, N, N) correlations of each session given the sessions before it, under a fit.

    Args:
        returns: (T, N) without NaN, in the order of the fit's series.

    Raises:
        ValueError: another number of series, or a return that is not finite.
    """
    return _path(returns, fit)[0][:-1]


def forecast_correlations(returns: Array, fit: DccFit) -> Array:
    """(T, N, N) correlations of the session after each, given the sessions up to it; see `filter_correlations`."""
    return _path(returns, fit)[0][1:]


def forecast_volatilities(returns: Array, fit: DccFit) -> Array:
    """(T, N) standard deviations of the session after each, given the sessions up to it, units of the returns."""
    return np.sqrt(_path(returns, fit)[1][1:])


def _path(returns: Array, fit: DccFit) -> tuple[Array, Array]:
    """(T + 1, N, N) correlations and (T + 1, N) variances."""
    returns = np.asarray(returns, dtype=np.float64)
    n = len(fit.omega)
    if returns.ndim != 2 or returns.shape[1] != n or not np.isfinite(returns).all():
        raise ValueError(f"returns have the shape {returns.shape}; pass (T, {n}), the fit's series, without NaN")
    residuals, variances = _residuals(returns, fit.omega, fit.alpha, fit.beta, fit.initial_variance)
    correlations: Array = _correlations(residuals, fit.q_bar, fit.a, fit.b)
    return correlations, variances


def _residuals(returns: Array, omega: Array, alpha: Array, beta: Array, initial: Array) -> tuple[Array, Array]:
    """(T, N) returns over their standard deviations, and (T + 1, N) variances."""
    parameters = zip(returns.T, omega, alpha, beta, initial, strict=True)
    variances = np.column_stack([conditional_variances(*one) for one in parameters])
    return np.ascontiguousarray(returns / np.sqrt(variances[:-1])), variances


def _converged(univariate: list[GarchFit]) -> bool:
    return all(one.converged for one in univariate)


# -- the second step ---------------------------------------------------------------------------------------------------


def _maximum(likelihood: Likelihood, residuals: Array, q_bar: Array) -> tuple[float, float, bool]:
    """a, b and whether the optimizer ended at a maximum, from the best of a few starts."""
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second that filtering can do without

    def loss(ab: Array) -> float:
        return -float(likelihood(residuals, q_bar, ab[0], ab[1]).mean())

    start = min(STARTS, key=lambda ab: loss(np.array(ab)))
    below_one = {"type": "ineq", "fun": lambda ab: MAX_PERSISTENCE - ab[0] - ab[1]}
    bounds, options = [(0.0, 1.0), (0.0, MAX_PERSISTENCE)], {"ftol": 1e-10, "maxiter": 200}
    ended = minimize(loss, start, method="SLSQP", bounds=bounds, constraints=[below_one], options=options)
    return float(ended.x[0]), float(ended.x[1]), bool(ended.success)


def _standard_errors(likelihood: Likelihood, residuals: Array, q_bar: Array, a: float, b: float) -> tuple[float, float]:
    """White's, from the scores and the curvature of the second step at (a, b), by central differences."""
    if min(a, b) <= 2 * STEP or a + b >= MAX_PERSISTENCE - 2 * STEP:
        return math.nan, math.nan

    def at(i: int, j: int) -> Array:
        return likelihood(residuals, q_bar, a + i * STEP, b + j * STEP)

    scores = np.column_stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)]) / (2 * STEP)
    here = at(0, 0)
    mixed = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)).sum() / 4
    second_a, second_b = ((at(*step) - 2 * here + at(-step[0], -step[1])).sum() for step in ((1, 0), (0, 1)))
    curvature = np.array([[second_a, mixed], [mixed, second_b]]) / STEP**2
    bread = np.linalg.pinv(curvature)
    of_a, of_b = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))
    return float(of_a), float(of_b)


# -- kernels -----------------------------------------------------------------------------------------------------------


@njit()
def _first(q_bar: Array, a: float, b: float) -> Array:
    """Q of the first session: the residuals before it are ones."""
    first: Array = (1.0 - a - b) * q_bar + a + b * q_bar
    return first


@njit()
def _advance(q: Array, e: Array, q_bar: Array, a: float, b: float) -> None:
    """Q of the next session, in the place of this one's."""
    for i in range(len(e)):
        for j in range(i + 1):
            q[i, j] = (1.0 - a - b) * q_bar[i, j] + a * e[i] * e[j] + b * q[i, j]
            q[j, i] = q[i, j]


@njit()
def _correlations(residuals: Array, q_bar: Array, a: float, b: float) -> Array:
    """(T + 1, N, N); the last is the forecast."""
    n_sessions, n = residuals.shape
    path, q = np.empty((n_sessions + 1, n, n)), _first(q_bar, a, b)
    for t in range(n_sessions + 1):
        for i in range(n):
            path[t, i, i] = 1.0
            for j in range(i):
                path[t, i, j] = path[t, j, i] = q[i, j] / np.sqrt(q[i, i] * q[j, j])
        if t < n_sessions:
            _advance(q, residuals[t], q_bar, a, b)
    return path


@njit()
def _log_density(q: Array, e: Array, lower: Array, u: Array) -> float:
    """-1/2 (log|R| + e' R^-1 e - e'e) of the correlations R of Q, by the Cholesky factor of Q, kept in `lower`.

    With u = e sqrt(diag Q), e' R^-1 e is u' Q^-1 u and log|R| is log|Q| less the sum of the logs of its diagonal.
    """
    total = 0.0
    for i in range(len(e)):
        u[i] = e[i] * np.sqrt(q[i, i])
        for j in range(i + 1):
            left = q[i, j]
            for k in range(j):
                left -= lower[i, k] * lower[j, k]
            if i > j:
                lower[i, j] = left / lower[j, j]
            elif left <= 0:
                return -np.inf
            else:
                lower[i, i] = np.sqrt(left)
        for k in range(i):
            u[i] -= lower[i, k] * u[k]
        u[i] /= lower[i, i]
        total += u[i] * u[i] - e[i] * e[i] + np.log(lower[i, i] * lower[i, i] / q[i, i])
    return -0.5 * total


@njit()
def _full(residuals: Array, q_bar: Array, a: float, b: float) -> Array:
    """(T,) log density of the correlations of all series, beside that of their variances."""
    n_sessions, n = residuals.shape
    density, q, lower, u = np.empty(n_sessions), _first(q_bar, a, b), np.zeros((n, n)), np.empty(n)
    for t in range(n_sessions):
        density[t] = _log_density(q, residuals[t], lower, u)
        _advance(q, residuals[t], q_bar, a, b)
    return density


@njit(error_model="numpy")
def _pairs(residuals: Array, q_bar: Array, a: float, b: float) -> Array:
    """(T,) mean log density of the correlations of neighbours (i, i + 1), beside that of their variances."""
    n_sessions, n = residuals.shape
    first, density = _first(q_bar, a, b), np.zeros(n_sessions)
    own, cross = np.diag(first).copy(), np.array([first[i, i + 1] for i in range(n - 1)])
    for t in range(n_sessions):
        e = residuals[t]
        for i in range(n - 1):
            squared = cross[i] * cross[i] / (own[i] * own[i + 1])
            rest = 1.0 - squared
            both = cross[i] / np.sqrt(own[i] * own[i + 1]) * e[i] * e[i + 1]
            density[t] -= 0.5 * (np.log(rest) + (squared * (e[i] * e[i] + e[i + 1] * e[i + 1]) - 2.0 * both) / rest)
        for i in range(n):
            own[i] = (1.0 - a - b) * q_bar[i, i] + a * e[i] * e[i] + b * own[i]
        for i in range(n - 1):
            cross[i] = (1.0 - a - b) * q_bar[i, i + 1] + a * e[i] * e[i + 1] + b * cross[i]
    mean: Array = density / (n - 1)
    return mean
