"""The optimization problem in the form of the interior point solver Clarabel (Goulart and Chen 2024, arXiv:2405.12762).

In factor form: f = B'w is a variable, so exposures stay sparse and un-whitened (500 names and 60 factors: 13 ms; with
a dense covariance 230). With 17 factors, 11 bands and a volatility that may be exceeded at a price 500 names take 24 ms
long only and 34 ms long and short.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.portfolio.problem import Matrix, Problem

Elastic = Literal["turnover", "cash_floor", "exposures", "net", "gross"]
Block = tuple[NDArray[Any], NDArray[Any], Array]  # rows, columns and values of a sparse matrix
Row = tuple[str, Any, dict[str, Block], Any]  # label, cone, blocks of A by variable, b: b − Ax lies in the cone

# Tightest first: the second is for the rare problem on which rounding stops the first.
TOLERANCES = (1e-10, 1e-8)
# Of constraints: a digit tighter, rounding stops one elastic problem of 500 names in 13
FEASIBILITY = 1e-9
CAPS = ("budget", "turnover", "gross", "volatility")  # one row each, or the first of a cone


@dataclass(frozen=True)
class Between:
    """lower ≤ matrix · variable ≤ upper, infinite where a side is open.

    Attributes:
        sides: what the duals of the two sides are called.
        gives: whether the elastic rung widens the side.
    """

    sides: tuple[str, str]
    variable: str
    matrix: Matrix
    lower: Array
    upper: Array
    gives: tuple[bool, bool] = (False, False)

    @property
    def equal(self) -> Index:
        """Rows that become one equation, as the solver needs an interior."""
        return np.flatnonzero(self._is_equal)

    def open_rows(self) -> Iterator[tuple[str, Index, Array, float, bool]]:
        """Name, rows, limits, sign and whether it gives, of each side."""
        for name, limits, sign, gives in zip(
            self.sides, (self.lower, self.upper), (-1.0, 1.0), self.gives, strict=True
        ):
            yield name, np.flatnonzero(np.isfinite(limits) & ~self._is_equal), limits, sign, gives

    def cones(self) -> Iterator[Row]:
        equations = {self.variable: _block(self.matrix[self.equal])}
        yield "=".join(self.sides), clarabel.ZeroConeT, equations, self.lower[self.equal]
        for k, (name, rows, limits, sign, gives) in enumerate(self.open_rows()):
            blocks = {self.variable: _block(sign * self.matrix[rows])}
            if gives:
                blocks["s"] = _pick(rows + k * len(limits), -1.0)
            yield name, clarabel.NonnegativeConeT, blocks, sign * limits[rows]

    def duals(self, parts: dict[str, Array]) -> dict[str, Array]:
        duals_by_name = {}
        for name, rows, limits, sign, _ in self.open_rows():
            duals_by_name[name] = np.zeros(len(limits))
            duals_by_name[name][rows] = parts.get(name, 0.0)
            # an equation has one multiplier, whose sign says which side would give
            duals_by_name[name][self.equal] = np.maximum(sign * parts.get("=".join(self.sides), 0.0), 0.0)
        return duals_by_name

    @property
    def _is_equal(self) -> Mask:
        return np.asarray((self.lower == self.upper) & (not any(self.gives)))


@dataclass
class ConicForm:
    """The problem as Clarabel takes it: min ½x'Px + q'x s.t. b − Ax in a product of cones.

    x = (w, f, u, h, c, v, s): weights, factor exposures B'w, |w − w0| of names that may trade both ways, max(−w, 0) of
    names that may be held both ways, cash, volatility beyond its cap, and, for the ladder, the widening s of the
    limits of one rung, whose sum is then all that is minimized.
    """

    problem: Problem
    elastic: Elastic | None = None
    labels: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        p = self.problem
        can_sell, can_buy = p.previous > p.lower, p.previous < p.upper
        costly = p.per_name(p.linear_cost) > 0
        if p.turnover_cap is not None:
            costly = costly | p.counted
        # A name at its bound trades one way only, and needs no variable for |w − w0|: half the rows on a first day
        self.two_way = np.flatnonzero(can_sell & can_buy & costly)
        self.sign = np.where(can_buy, 1.0, -1.0)
        self.sign[self.two_way] = 0.0
        # Nor needs a name that can only be long, or only be short, a variable for its short part
        may_be_short, may_be_long = p.lower < 0, p.upper > 0
        costly = p.per_name(p.borrow_cost) > 0
        self.either = np.flatnonzero(may_be_short & may_be_long & (costly | (p.gross_cap is not None)))
        self.only_short = may_be_short & ~may_be_long
        # The ladder never asks for a volatility that may be exceeded
        self.may_exceed = p.volatility_cap is not None and p.volatility_penalty is not None and self.elastic is None
        bands = len(p.band_limits[0])
        several = {"exposures": 2 * bands, "net": 2}
        self.widths = {
            "w": p.size,
            "f": p.factor_covariance.shape[0],
            "u": len(self.two_way),
            "h": len(self.either),
            "c": 1,
            "v": int(self.may_exceed),
            "s": 0 if self.elastic is None else several.get(self.elastic, 1),
        }

    def run(self) -> tuple[Any, float | None]:
        """Clarabel's answer and the tolerance at which it called it solved (None: it did not)."""
        quadratic, linear = self._objective()
        matrix, rhs, cones = self._constraints()
        for tolerance in TOLERANCES:
            raw = clarabel.DefaultSolver(quadratic, linear, matrix, rhs, cones, _solver_settings(tolerance)).solve()
            if raw.status == clarabel.SolverStatus.Solved:
                return raw, tolerance
            if raw.status == clarabel.SolverStatus.PrimalInfeasible:
                break
        return raw, None

    def widening(self, x: Array) -> Array:
        """Of each limit of the elastic rung; of bands and net first the lower ends, then the upper ones."""
        return np.maximum(x[len(x) - self.widths["s"] :], 0.0)

    def duals(self, z: Array) -> dict[str, Any]:
        """Multipliers by constraint, as the objective's gain per unit of room."""
        starts = np.cumsum([0, *(rows for _, rows in self.labels)])
        parts = {label: z[a:b] for (label, _), (a, b) in zip(self.labels, pairwise(starts), strict=True)}
        duals_by_name: dict[str, Any] = {name: float(parts[name][0]) if name in parts else 0.0 for name in CAPS}
        duals_by_name |= {"net_lower": 0.0, "net_upper": 0.0}
        for limits in self._between():
            duals = limits.duals(parts)
            duals_by_name |= duals if limits.variable == "w" else {name: float(dual[0]) for name, dual in duals.items()}
        return duals_by_name

    def _objective(self) -> tuple[Any, Array]:
        p, width = self.problem, self.widths
        total = sum(width.values())
        if self.elastic is not None:
            return sparse.csc_matrix((total, total)), np.repeat([0.0, 1.0], [total - width["s"], width["s"]])
        l1, l2, borrow = p.per_name(p.linear_cost), p.per_name(p.quadratic_cost), p.per_name(p.borrow_cost)
        on_weights = _diagonal(p.risk_aversion * p.specific_variance + 2 * l2)
        i, j, a = _block(np.triu(p.risk_aversion * p.factor_covariance))
        on_factors = i + p.size, j + p.size, a
        i, j, a = (np.concatenate(pair) for pair in zip(on_weights, on_factors, strict=True))
        quadratic = sparse.csc_matrix((a, (i, j)), shape=(total, total))
        linear = np.concatenate(
            [
                -p.alpha + l1 * self.sign - 2 * l2 * p.previous - borrow * self.only_short,
                np.zeros(width["f"]),
                l1[self.two_way],
                borrow[self.either],
                [-p.cash_return],
                [p.volatility_penalty] if self.may_exceed else [],
            ]
        )
        return quadratic, linear

    def _constraints(self) -> tuple[Any, Array, list[Any]]:
        first_column = dict(zip(self.widths, np.cumsum([0, *self.widths.values()]), strict=False))
        entries: list[Block] = []
        rhs: list[Array] = []
        cones: list[Any] = []
        self.labels = []
        height = 0
        for label, cone, blocks, right_hand_side in self._rows():
            limit = np.atleast_1d(np.asarray(right_hand_side, dtype=np.float64))
            if len(limit):
                entries += [(i + height, j + first_column[name], a) for name, (i, j, a) in blocks.items()]
                rhs.append(limit)
                cones.append(cone(len(limit)))
                self.labels.append((label, len(limit)))
                height += len(limit)
        i, j, a = (np.concatenate(part) for part in zip(*entries, strict=True))
        matrix = sparse.csc_matrix((a, (i, j)), shape=(height, sum(self.widths.values())))
        return matrix, np.concatenate(rhs), cones

    def _rows(self) -> Iterator[Row]:
        yield from self._balances()
        for limits in self._between():
            yield from limits.cones()
        yield from self._turnover()
        yield from self._gross()
        yield from self._volatility()
        for variable in ("v", "s"):
            width = self.widths[variable]
            yield variable, clarabel.NonnegativeConeT, {variable: _diagonal(-np.ones(width))}, np.zeros(width)

    def _balances(self) -> Iterator[Row]:
        p, zero = self.problem, clarabel.ZeroConeT
        k = self.widths["f"]
        yield "budget", zero, {"w": _row(np.ones(p.size)), "c": _row([1.0])}, 1.0
        yield "factors", zero, {"w": _transposed(_block(p.exposures)), "f": _diagonal(-np.ones(k))}, np.zeros(k)

    def _between(self) -> Iterator[Between]:
        p, one = self.problem, sparse.csr_array(np.ones((1, 1)))
        yield Between(("lower", "upper"), "w", sparse.eye_array(p.size, format="csr"), p.lower, p.upper)
        low, high = np.array(p.cash_bounds)[:, None]
        yield Between(("cash_floor", "cash_ceiling"), "c", one, low, high, (self.elastic == "cash_floor", False))
        if p.net_bounds is not None:
            low, high = np.array(p.net_bounds)[:, None]
            # on cash, as Σw = 1 − c: one entry, where a row of ones is N
            yield Between(("net_lower", "net_upper"), "c", -one, low - 1.0, high - 1.0, (self.elastic == "net",) * 2)
        if p.bands is not None:
            matrix, gives = sparse.csr_array(p.bands), (self.elastic == "exposures",) * 2
            yield Between(("band_lower", "band_upper"), "w", matrix, *p.band_limits, gives)

    def _turnover(self) -> Iterator[Row]:
        p, above, names = self.problem, clarabel.NonnegativeConeT, self.two_way
        minus = _diagonal(-np.ones(len(names)))
        yield "bought", above, {"w": _pick(names, 1.0), "u": minus}, p.previous[names]
        yield "sold", above, {"w": _pick(names, -1.0), "u": minus}, -p.previous[names]
        if p.turnover_cap is not None and np.isfinite(p.turnover_cap):
            one_way = np.where(p.counted, self.sign, 0.0)
            both_ways = p.counted[names].astype(np.float64)
            traded = {"w": _row(one_way), "u": _row(both_ways)} | self._give("turnover")
            yield "turnover", above, traded, p.turnover_cap + one_way @ p.previous

    def _gross(self) -> Iterator[Row]:
        p, above = self.problem, clarabel.NonnegativeConeT
        minus = _diagonal(-np.ones(len(self.either)))
        yield "short", above, {"w": _pick(self.either, -1.0), "h": minus}, np.zeros(len(self.either))
        yield "not_short", above, {"h": minus}, np.zeros(len(self.either))
        if p.gross_cap is not None and np.isfinite(p.gross_cap):
            held = {"w": _row(np.where(self.only_short, -1.0, 1.0)), "h": _row(np.full(len(self.either), 2.0))}
            yield "gross", above, held | self._give("gross"), p.gross_cap  # |w| = w + 2 max(−w, 0)

    def _volatility(self) -> Iterator[Row]:
        p = self.problem
        if p.volatility_cap is None or (p.volatility_penalty is not None and not self.may_exceed):
            return
        k = self.widths["f"]
        limit = np.concatenate([[p.volatility_cap], np.zeros(k + p.size)])
        on_factors = _below(1, _block(-_square_root(p.factor_covariance).T))
        on_weights = _below(1 + k, _diagonal(-np.sqrt(p.specific_variance)))
        blocks_of_cone = {"w": on_weights, "f": on_factors} | ({"v": _row([-1.0])} if self.may_exceed else {})
        yield "volatility", clarabel.SecondOrderConeT, blocks_of_cone, limit

    def _give(self, rung: Elastic) -> dict[str, Block]:
        """The column of s in the row of the elastic rung."""
        return {"s": _row([-1.0])} if self.elastic == rung else {}


def _solver_settings(tolerance: float) -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"
    settings.tol_gap_abs = settings.tol_gap_rel = tolerance
    settings.tol_feas = max(tolerance, FEASIBILITY)
    return settings


def _row(values: Array | list[float]) -> Block:
    a = np.asarray(values, dtype=np.float64)
    j = np.flatnonzero(a)
    return np.zeros_like(j), j, a[j]


def _diagonal(values: Array) -> Block:
    i = np.arange(len(values))
    return i, i, values


def _pick(columns: Index, value: float) -> Block:
    """One row a column, with `value` there."""
    return np.arange(len(columns)), columns, np.full(len(columns), value)


def _block(matrix: Matrix) -> Block:
    entries = sparse.coo_array(matrix)
    return entries.row, entries.col, entries.data


def _transposed(block: Block) -> Block:
    i, j, a = block
    return j, i, a


def _below(rows: int, block: Block) -> Block:
    i, j, a = block
    return i + rows, j, a


def _square_root(covariance: Array) -> Array:
    """R with RR' = covariance; by eigenvalues, since a factor covariance may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
