"""The cost-aware mean-variance problem and its evaluation outside any solver.

    maximize    alpha'w + r c − γ/2 w'(BFB' + diag d)w − Σ l1|w − w0| − Σ l2(w − w0)² − Σ b max(−w, 0) − φ s
    subject to  1'w + c = 1,  cash bounds,  lower ≤ w ≤ upper,  bl ≤ Aw ≤ bu,  net bounds on 1'w,  Σ|w| ≤ gross cap,
                Σ|w − w0| ≤ τ over trades that are not forced,  sqrt(w'Σw) ≤ volatility cap + s,  s ≥ 0

All over one horizon, as fractions of NAV. Without φ the cap on volatility is hard: s = 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from quant_assets.numerics.arrays import Array, Mask

Matrix = Any  # a scipy sparse array or matrix, or a NumPy array
# A limit that is exceeded by more, re-evaluated outside the solver, is broken
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Problem:
    """One optimization problem over N names and K factors; see the module for the formula.

    Attributes:
        alpha: (N,) expected simple return over the horizon.
        exposures: (N, K) B, sparse or dense.
        factor_covariance: (K, K) F, over the horizon.
        specific_variance: (N,) d, over the horizon.
        risk_aversion: γ.
        previous: (N,) w0, weights before the trade.
        lower, upper: (N,) bounds of the weights; equal ones fix a name, a negative lower one lets it be short.
        linear_cost, quadratic_cost: l1 and l2, for all names or (N,).
        borrow_cost: b, fee on a short over the horizon, for all names or (N,).
        cash_return: r, simple, over the horizon.
        cash_bounds: smallest and largest cash; (0, 0) is fully invested.
        net_bounds: smallest and largest Σw; None for no such bounds.
        gross_cap: largest Σ|w|; None for no cap.
        turnover_cap: τ; None for no cap.
        forced: (N,) True where a trade does not count against τ.
        bands: (M, N) A, with band_lower and band_upper (M,); infinite where a side is open.
        band_names: (M,) what messages and diagnostics call the bands; empty for their numbers.
        volatility_cap: standard deviation over the horizon; None for no cap.
        volatility_penalty: φ, per unit of volatility beyond the cap; None makes the cap hard.
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
    borrow_cost: float | Array = 0.0
    cash_return: float = 0.0
    cash_bounds: tuple[float, float] = (0.0, np.inf)
    net_bounds: tuple[float, float] | None = None
    gross_cap: float | None = None
    turnover_cap: float | None = None
    forced: Mask | None = None
    bands: Matrix | None = None
    band_lower: Array | None = None
    band_upper: Array | None = None
    band_names: tuple[str, ...] = ()
    volatility_cap: float | None = None
    volatility_penalty: float | None = None

    def __post_init__(self) -> None:
        _require_shapes(self)
        _require_values(self)

    @property
    def size(self) -> int:
        return len(self.alpha)

    def per_name(self, value: float | Array) -> Array:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (self.size,))

    @property
    def counted(self) -> Mask:
        """Names whose trades count against the turnover cap."""
        return np.ones(self.size, dtype=bool) if self.forced is None else ~self.forced

    @property
    def band_limits(self) -> tuple[Array, Array]:
        """(M,) lower and upper ends of the bands, infinite where open; (0,) without bands."""
        count = 0 if self.bands is None else self.bands.shape[0]
        return (
            np.full(count, -np.inf) if self.band_lower is None else self.band_lower,
            np.full(count, np.inf) if self.band_upper is None else self.band_upper,
        )

    def band_name(self, i: int) -> str:
        return self.band_names[i] if self.band_names else f"band {i}"


def constraint_violations(problem: Problem, weights: Array) -> dict[str, float]:
    """By how much weights break each constraint (0 where kept), computed without the solver.

    A cap on volatility that may be exceeded at a price cannot be broken, and is not among them.
    """
    cash = 1.0 - weights.sum()
    low, high = problem.cash_bounds
    broken = {
        "lower": _worst(problem.lower - weights),
        "upper": _worst(weights - problem.upper),
        "cash_floor": max(low - cash, 0.0),
        "cash_ceiling": max(cash - high, 0.0),
    }
    if problem.net_bounds is not None:
        low, high = problem.net_bounds
        broken["net"] = max(low - weights.sum(), weights.sum() - high, 0.0)
    if problem.gross_cap is not None:
        broken["gross"] = max(np.abs(weights).sum() - problem.gross_cap, 0.0)
    if problem.turnover_cap is not None:
        broken["turnover"] = max(turnover(problem, weights) - problem.turnover_cap, 0.0)
    if problem.bands is not None:
        held, (lower, upper) = problem.bands @ weights, problem.band_limits
        broken["band_lower"], broken["band_upper"] = _worst(lower - held), _worst(held - upper)
    if problem.volatility_cap is not None and problem.volatility_penalty is None:
        broken["volatility"] = volatility_excess(problem, weights)
    return {name: float(value) for name, value in broken.items()}


def variance(problem: Problem, weights: Array) -> float:
    """w'(BFB' + diag d)w, over the horizon."""
    f = problem.exposures.T @ weights
    return float(f @ problem.factor_covariance @ f + weights @ (problem.specific_variance * weights))


def volatility_excess(problem: Problem, weights: Array) -> float:
    """Deviation over the horizon beyond the cap; 0 within it, and without a cap."""
    if problem.volatility_cap is None:
        return 0.0
    return max(float(np.sqrt(variance(problem, weights))) - problem.volatility_cap, 0.0)


def turnover(problem: Problem, weights: Array) -> float:
    """Σ|w − w0| over the trades that count."""
    return float(np.abs(weights - problem.previous)[problem.counted].sum())


def objective_terms(problem: Problem, weights: Array) -> dict[str, float]:
    """The signed terms whose sum is maximized."""
    trade = weights - problem.previous
    penalty = problem.volatility_penalty or 0.0
    return {
        "alpha": float(problem.alpha @ weights),
        "cash": problem.cash_return * float(1.0 - weights.sum()),
        "risk": -0.5 * problem.risk_aversion * variance(problem, weights),
        "linear_cost": -float(problem.per_name(problem.linear_cost) @ np.abs(trade)),
        "quadratic_cost": -float(problem.per_name(problem.quadratic_cost) @ trade**2),
        "borrow": -float(problem.per_name(problem.borrow_cost) @ np.maximum(-weights, 0.0)),
        "volatility_excess": -penalty * volatility_excess(problem, weights),
    }


def _worst(excess: Array) -> float:
    return float(max(excess.max(initial=0.0), 0.0))


def _require_shapes(p: Problem) -> None:
    n, k = len(p.alpha), p.factor_covariance.shape[0]
    shapes: dict[str, tuple[int, ...]] = {
        "exposures": (n, k),
        "factor_covariance": (k, k),
        **dict.fromkeys(("specific_variance", "previous", "lower", "upper"), (n,)),
    }
    if p.forced is not None:
        shapes["forced"] = (n,)
    if p.bands is not None:
        m = p.bands.shape[0]
        shapes["bands"] = (m, n)
        shapes |= {side: (m,) for side in ("band_lower", "band_upper") if getattr(p, side) is not None}
        if len(p.band_names) not in (0, m):
            raise ValueError(f"{len(p.band_names)} band_names for {m} bands; name all of them or none")
    for name, shape in shapes.items():
        if getattr(p, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(p, name).shape}, not {shape} (alpha has {n} names)")


def _require_values(p: Problem) -> None:
    loadings = p.exposures.data if sparse.issparse(p.exposures) else p.exposures
    values_by_name = {
        name: getattr(p, name) for name in ("alpha", "previous", "specific_variance", "factor_covariance")
    }
    for name, values in (values_by_name | {"exposures": loadings}).items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name} is not finite; leave a name without it out, or fix its weight")
    _require_order(p)
    amounts = [p.specific_variance, p.per_name(p.linear_cost), p.per_name(p.quadratic_cost), p.per_name(p.borrow_cost)]
    amounts += [np.array(p.risk_aversion), np.array(p.volatility_penalty or 0.0)]
    # written so that NaN fails as well
    if not all(bool((amount >= 0).all()) for amount in amounts):
        raise ValueError(
            "variances, costs, the penalty and risk aversion must be 0 or more: a negative one is not concave"
        )
    if not np.allclose(p.factor_covariance, p.factor_covariance.T, rtol=1e-9, atol=0):
        raise ValueError("factor_covariance is not symmetric; pass (F + F')/2")
    values = np.linalg.eigvalsh(p.factor_covariance)
    if values.min(initial=0.0) < -1e-9 * values.max(initial=0.0):
        raise ValueError(f"factor_covariance has the eigenvalue {values.min():g}: the problem is not concave")


def _require_order(p: Problem) -> None:
    """Limits that are not turned round; the comparisons are such that NaN fails."""
    if not ((p.lower <= p.upper).all() and p.cash_bounds[0] <= p.cash_bounds[1]):
        where = np.flatnonzero(~(p.lower <= p.upper)).tolist()
        raise ValueError(f"lower bounds above upper ones at {where}, or cash bounds {p.cash_bounds} turned round")
    lower, upper = p.band_limits
    if not (lower <= upper).all():
        turned = [p.band_name(i) for i in np.flatnonzero(~(lower <= upper)).tolist()]
        raise ValueError(f"bands turned round: {turned}")
    if p.net_bounds is not None and not p.net_bounds[0] <= p.net_bounds[1]:
        raise ValueError(f"net bounds {p.net_bounds} turned round")
    caps = {name: getattr(p, name) for name in ("gross_cap", "turnover_cap", "volatility_cap")}
    if wrong := {name: cap for name, cap in caps.items() if cap is not None and not cap >= 0}:
        raise ValueError(f"caps must be 0 or more, or None for none: {wrong}")
