"""GARCH(1,1) variances of a series with mean zero: fitted by `arch`, filtered here.

h(t) = omega + alpha x(t-1)^2 + beta h(t-1), where h(0) is the mean square of the fit's window: a filter under stored
parameters sees nothing of what comes after.

Source: Bollerslev (1986), Journal of Econometrics 31(3).
"""

from dataclasses import dataclass

import numpy as np

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit

MIN_OBSERVATIONS = 60
ROUNDING = 1e-9  # a root mean square of less, relative to the largest value, is noise of the arithmetic


@dataclass(frozen=True)
class GarchFit:
    """Quasi maximum likelihood under normal innovations.

    Attributes:
        omega, alpha, beta: omega in units of the series, squared.
        initial_variance: h(0), the mean square of the window.
        log_likelihood: nats, of the window under exactly these parameters and h(0).
        converged: false where the optimizer says that it did not end at a maximum.
    """

    omega: float
    alpha: float
    beta: float
    initial_variance: float
    log_likelihood: float
    converged: bool


def fit_garch(x: Array) -> GarchFit:
    """Parameters of one series.

    Args:
        x: (T,) without NaN, with mean zero or near it.

    Raises:
        ValueError: too few observations, one that is not finite, or a series that never moves.
    """
    # arch brings pandas and statsmodels: a second or two that filtering can do without
    from arch import arch_model  # noqa: PLC0415

    x = _checked(x)
    # the optimizer's steps and tolerances are made for numbers around one
    mean_square = float(np.mean(x * x))
    scale = np.sqrt(mean_square)
    model = arch_model(x / scale, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    fitted = model.fit(disp="off", show_warning=False, backcast=1.0)
    omega, alpha, beta = (float(p) for p in np.asarray(fitted.params))
    parameters = (omega * mean_square, alpha, beta, mean_square)
    evidence = _log_likelihood(x, conditional_variances(x, *parameters)[:-1])
    return GarchFit(*parameters, evidence, fitted.convergence_flag == 0)


def conditional_variances(x: Array, omega: float, alpha: float, beta: float, initial_variance: float) -> Array:
    """(T + 1,) variance of each of T observations given those before it; the last is the forecast of the next."""
    variances: Array = _variances(np.ascontiguousarray(x, dtype=np.float64), omega, alpha, beta, initial_variance)
    return variances


def _log_likelihood(x: Array, variances: Array) -> float:
    return float(-0.5 * np.sum(np.log(2 * np.pi * variances) + x * x / variances))


def _checked(x: Array) -> Array:
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("the series holds NaN or infinities; drop sessions without a return before fitting")
    if len(x) < MIN_OBSERVATIONS:
        raise ValueError(f"{len(x)} observations carry no GARCH(1,1); pass at least {MIN_OBSERVATIONS}")
    if np.std(x) <= ROUNDING * np.abs(x).max():
        raise ValueError("the series never moves and has no variance; leave it out")
    return x


@njit()
def _variances(x: Array, omega: float, alpha: float, beta: float, initial_variance: float) -> Array:
    h = np.empty(len(x) + 1)
    h[0] = initial_variance
    for t in range(len(x)):  # each variance needs the one before
        h[t + 1] = omega + alpha * x[t] * x[t] + beta * h[t]
    return h
