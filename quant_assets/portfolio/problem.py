"""The cost-aware mean-variance programme and its evaluation outside any solver.

    maximize    alpha'w + r c − γ/2 w'(BFB' + diag d)w − Σ l1|w − w0| − Σ l2(w − w0)²
    subject to  1'w + c = 1,  cash bounds,  lower ≤ w ≤ upper,  bl ≤ Aw ≤ bu,
                Σ|w − w0| ≤ τ over trades that nobody forced,  sqrt(w'Σw) ≤ the volatility cap

All over one horizon, as fractions of NAV.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Matrix = Any  # a scipy sparse array or matrix, or a NumPy array


@dataclass(frozen=True)
class Problem:
    """One programme over N names and K factors; see the module for the formula.

    Attributes:
        alpha: (N,) expected simple return over the horizon.
        exposures: (N, K) B, sparse or dense.
        factor_covariance: (K, K) F, over the horizon.
        specific_variance: (N,) d, over the horizon.
        risk_aversion: γ.
        previous: (N,) w0, weights before the trade.
        lower, upper: (N,) bounds of the weights; equal ones fix a name.
        linear_cost, quadratic_cost: l1 and l2, for all names or (N,).
        cash_return: r, simple, over the horizon.
        cash_bounds: least and largest cash; (0, 0) is fully invested.
        turnover_cap: τ; None for no cap.
        forced: (N,) True where a trade does not count against τ.
        bands: (M, N) A, with band_lower and band_upper (M,); infinite where a side is open.
        volatility_cap: deviation over the horizon; None for no cap.
    """

    alpha: Array
    exposures: Matrix
    factor_covariance: Array
    specific_variance: Array
    risk_aversion: float
    previous: Array
    lower: Array
    upper: Array
    linear_cost: float | Array = 0.0
    quadratic_cost: float | Array = 0.0
    cash_return: float = 0.0
    cash_bounds: tuple[float, float] = (0.0, np.inf)
    turnover_cap: float | None = None
    forced: NDArray[np.bool_] | None = None
    bands: Matrix | None = None
    band_lower: Array | None = None
    band_upper: Array | None = None
    volatility_cap: float | None = None

    def __post_init__(self) -> None:
        _require_shapes(self)
        _require_values(self)

    @property
    def size(self) -> int:
        return len(self.alpha)

    def per_name(self, value: float | Array) -> Array:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (self.size,))

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Names whose trades count against the turnover cap."""
        return np.ones(self.size, dtype=bool) if self.forced is None else ~self.forced


def constraint_violations(problem: Problem, weights: Array) -> dict[str, float]:
    """By how much weights break each constraint (0 where kept), computed without the solver."""
    cash = 1.0 - weights.sum()
    low, high = problem.cash_bounds
    broken = {
        "lower": _worst(problem.lower - weights),
        "upper": _worst(weights - problem.upper),
        "cash_floor": max(low - cash, 0.0),
        "cash_ceiling": max(cash - high, 0.0),
    }
    if problem.turnover_cap is not None:
        traded = np.abs(weights - problem.previous)[problem.counted].sum()
        broken["turnover"] = max(traded - problem.turnover_cap, 0.0)
    if problem.bands is not None:
        held = problem.bands @ weights
        broken["band_lower"] = _worst(_open(problem.band_lower, -np.inf, held) - held)
        broken["band_upper"] = _worst(held - _open(problem.band_upper, np.inf, held))
    if problem.volatility_cap is not None:
        broken["volatility"] = max(np.sqrt(variance(problem, weights)) - problem.volatility_cap, 0.0)
    return {name: float(value) for name, value in broken.items()}


def variance(problem: Problem, weights: Array) -> float:
    """w'(BFB' + diag d)w, over the horizon."""
    f = problem.exposures.T @ weights
    return float(f @ problem.factor_covariance @ f + weights @ (problem.specific_variance * weights))


def objective_terms(problem: Problem, weights: Array) -> dict[str, float]:
    """The signed terms whose sum the programme maximizes."""
    trade = weights - problem.previous
    return {
        "alpha": float(problem.alpha @ weights),
        "cash": problem.cash_return * float(1.0 - weights.sum()),
        "risk": -0.5 * problem.risk_aversion * variance(problem, weights),
        "linear_cost": -float(problem.per_name(problem.linear_cost) @ np.abs(trade)),
        "quadratic_cost": -float(problem.per_name(problem.quadratic_cost) @ trade**2),
    }


def _worst(excess: Array) -> float:
    return float(max(excess.max(initial=0.0), 0.0))


def _open(limits: Array | None, side: float, like: Array) -> Array:
    return np.full_like(like, side) if limits is None else limits


def _require_shapes(p: Problem) -> None:
    n, k = len(p.alpha), p.factor_covariance.shape[0]
    wanted: dict[str, tuple[int, ...]] = {
        "exposures": (n, k),
        "factor_covariance": (k, k),
        **dict.fromkeys(("specific_variance", "previous", "lower", "upper"), (n,)),
    }
    if p.forced is not None:
        wanted["forced"] = (n,)
    if p.bands is not None:
        m = p.bands.shape[0]
        wanted["bands"] = (m, n)
        wanted |= {side: (m,) for side in ("band_lower", "band_upper") if getattr(p, side) is not None}
    for name, shape in wanted.items():
        if getattr(p, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(p, name).shape}, not {shape} (alpha has {n} names)")


def _require_values(p: Problem) -> None:
    for name in ("alpha", "previous", "specific_variance", "factor_covariance"):
        if not np.isfinite(getattr(p, name)).all():
            raise ValueError(f"{name} is not finite; leave a name without it out of the programme, or fix its weight")
    if (p.lower > p.upper).any() or p.cash_bounds[0] > p.cash_bounds[1]:
        where = np.flatnonzero(p.lower > p.upper).tolist()
        raise ValueError(f"lower bounds above upper ones at {where}, or cash bounds {p.cash_bounds} turned round")
    amounts = (p.specific_variance, p.per_name(p.linear_cost), p.per_name(p.quadratic_cost), np.array(p.risk_aversion))
    # written so that NaN fails as well
    if not all(bool((amount >= 0).all()) for amount in amounts):
        raise ValueError("variances, costs and risk aversion must be 0 or more: a negative one is not concave")
    if not np.allclose(p.factor_covariance, p.factor_covariance.T, rtol=1e-9, atol=0):
        raise ValueError("factor_covariance is not symmetric; pass (F + F')/2")
