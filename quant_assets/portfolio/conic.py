"""The programme as the interior point solver Clarabel takes it (Goulart and Chen 2024, arXiv:2405.12762).

In factor form: f = B'w is a variable, so exposures stay sparse and un-whitened (500 names and 60 factors: 13 ms; with
a dense covariance 230).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from quant_assets.portfolio.problem import Array, Matrix, Problem

Elastic = Literal["turnover", "cash_floor", "exposures"]
Block = tuple[NDArray[Any], NDArray[Any], Array]  # rows, columns and values of a sparse matrix
Row = tuple[str, Any, dict[str, Block], Any]  # label, cone, blocks of A by variable, b: b − Ax lies in the cone

# Tightest first: the second is for the rare programme on which rounding stops the first.
TOLERANCES = (1e-10, 1e-8)


@dataclass
class ConicForm:
    """The programme as Clarabel takes it: min ½x'Px + q'x s.t. b − Ax in a product of cones.

    x = (w, f, u, c, s): weights, factor exposures B'w, |w − w0| of names that may trade both ways, cash, and, for the
    ladder, the widening s of one rung, which is then all that is minimized.
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

    @property
    def widths(self) -> dict[str, int]:
        k = self.problem.factor_covariance.shape[0]
        return {"w": self.problem.size, "f": k, "u": len(self.two_way), "c": 1, "s": int(self.elastic is not None)}

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

    def duals(self, z: Array) -> dict[str, Any]:
        """Multipliers by constraint; a cone's first row is the one that carries the cap."""
        p = self.problem
        found: dict[str, Any] = dict.fromkeys(("budget", "turnover", "volatility", "cash_floor", "cash_ceiling"), 0.0)
        found |= {"lower": np.zeros(p.size), "upper": np.zeros(p.size)}
        starts = np.cumsum([0, *(rows for _, rows in self.labels)])
        parts = {label: z[a:b] for (label, _), (a, b) in zip(self.labels, pairwise(starts), strict=True)}
        for name in ("budget", "turnover", "volatility", "cash_floor", "cash_ceiling"):
            if name in parts:
                found[name] = float(parts[name][0])
        for side in ("lower", "upper"):
            found[side][self._bounded(getattr(p, side))] = parts.get(side, 0.0)
        for side in ("band_lower", "band_upper"):
            if (limits := getattr(p, side)) is not None:
                found[side] = np.zeros(len(limits))
                found[side][np.isfinite(limits)] = parts.get(side, 0.0)
        return found

    def _objective(self) -> tuple[Any, Array]:
        p, width = self.problem, self.widths
        total = sum(width.values())
        if self.elastic is not None:
            return sparse.csc_matrix((total, total)), np.append(np.zeros(total - 1), 1.0)
        l1, l2 = p.per_name(p.linear_cost), p.per_name(p.quadratic_cost)
        on_weights = _diagonal(p.risk_aversion * p.specific_variance + 2 * l2)
        i, j, a = _block(np.triu(p.risk_aversion * p.factor_covariance))
        on_factors = i + p.size, j + p.size, a
        i, j, a = (np.concatenate(pair) for pair in zip(on_weights, on_factors, strict=True))
        quadratic = sparse.csc_matrix((a, (i, j)), shape=(total, total))
        linear = np.concatenate(
            [
                -p.alpha + l1 * self.sign - 2 * l2 * p.previous,
                np.zeros(width["f"]),
                l1[self.two_way],
                [-p.cash_return],
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
        for label, cone, blocks, given in self._rows():
            limit = np.atleast_1d(np.asarray(given, dtype=np.float64))
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
        yield from self._bounds()
        yield from self._turnover()
        yield from self._bands()
        yield from self._volatility()

    def _balances(self) -> Iterator[Row]:
        p, zero, above = self.problem, clarabel.ZeroConeT, clarabel.NonnegativeConeT
        k = self.widths["f"]
        low, high = p.cash_bounds
        yield "budget", zero, {"w": _row(np.ones(p.size)), "c": _row([1.0])}, 1.0
        yield "factors", zero, {"w": _transposed(_block(p.exposures)), "f": _diagonal(-np.ones(k))}, np.zeros(k)
        if low == high and self.elastic != "cash_floor":
            yield "cash", zero, {"c": _row([1.0])}, low
            return
        if np.isfinite(low):
            yield "cash_floor", above, {"c": _row([-1.0])} | self._give("cash_floor", 1), -low
        if np.isfinite(high):
            yield "cash_ceiling", above, {"c": _row([1.0])}, high

    def _bounds(self) -> Iterator[Row]:
        p, above = self.problem, clarabel.NonnegativeConeT
        fixed = np.flatnonzero(p.lower == p.upper)
        yield "fixed", clarabel.ZeroConeT, {"w": _pick(fixed, 1.0)}, p.lower[fixed]
        for label, limits, side in (("lower", p.lower, -1.0), ("upper", p.upper, 1.0)):
            rows = self._bounded(limits)
            yield label, above, {"w": _pick(rows, side)}, side * limits[rows]
        if self.elastic is not None:
            yield "elastic", above, {"s": _row([-1.0])}, 0.0

    def _bounded(self, limits: Array) -> NDArray[np.intp]:
        return np.flatnonzero(np.isfinite(limits) & (self.problem.lower < self.problem.upper))

    def _turnover(self) -> Iterator[Row]:
        p, above, names = self.problem, clarabel.NonnegativeConeT, self.two_way
        minus = _diagonal(-np.ones(len(names)))
        yield "bought", above, {"w": _pick(names, 1.0), "u": minus}, p.previous[names]
        yield "sold", above, {"w": _pick(names, -1.0), "u": minus}, -p.previous[names]
        if p.turnover_cap is not None and np.isfinite(p.turnover_cap):
            one_way = np.where(p.counted, self.sign, 0.0)
            both_ways = p.counted[names].astype(np.float64)
            traded = {"w": _row(one_way), "u": _row(both_ways)} | self._give("turnover", 1)
            yield "turnover", above, traded, p.turnover_cap + one_way @ p.previous

    def _bands(self) -> Iterator[Row]:
        p = self.problem
        if p.bands is None:
            return
        matrix = sparse.csr_array(p.bands)
        for label, limits, side in (("band_lower", p.band_lower, -1.0), ("band_upper", p.band_upper, 1.0)):
            if limits is not None:
                rows = np.flatnonzero(np.isfinite(limits))
                blocks = {"w": _block(side * matrix[rows])} | self._give("exposures", len(rows))
                yield label, clarabel.NonnegativeConeT, blocks, side * limits[rows]

    def _volatility(self) -> Iterator[Row]:
        p = self.problem
        if p.volatility_cap is None:
            return
        k = self.widths["f"]
        limit = np.concatenate([[p.volatility_cap], np.zeros(k + p.size)])
        on_factors = _below(1, _block(-_square_root(p.factor_covariance).T))
        on_weights = _below(1 + k, _diagonal(-np.sqrt(p.specific_variance)))
        yield "volatility", clarabel.SecondOrderConeT, {"w": on_weights, "f": on_factors}, limit

    def _give(self, rung: Elastic, rows: int) -> dict[str, Block]:
        """The column of s in the rows of the elastic rung."""
        return {"s": _transposed(_row(-np.ones(rows)))} if self.elastic == rung else {}


def _solver_settings(tolerance: float) -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    return settings


def _row(values: Array | list[float]) -> Block:
    a = np.asarray(values, dtype=np.float64)
    j = np.flatnonzero(a)
    return np.zeros_like(j), j, a[j]


def _diagonal(values: Array) -> Block:
    i = np.arange(len(values))
    return i, i, values


def _pick(columns: NDArray[np.intp], value: float) -> Block:
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
