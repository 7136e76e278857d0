"""Slopes of outcomes over several sessions, judged by blocks that do not overlap."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from quant_assets.numerics.arrays import Array


@dataclass(frozen=True)
class BlockSlope:
    """A slope through the sums of sessions.

    Attributes:
        slope: outcome per unit of the predictor.
        t: Student's t of the slope, mean over the offsets at which blocks may begin; NaN where none has spread.
        n_blocks: blocks of the offset that has fewest.
    """

    slope: float
    t: float
    n_blocks: int

    def needed_t(self, significance: float) -> float:
        """What |t| has to exceed at a two-sided level; infinite with fewer than 2 blocks."""
        if self.n_blocks < 2:
            return float("inf")
        return float(stdtrit(self.n_blocks - 1, 1 - significance / 2))


def block_slope(xy: Array, xx: Array, horizon: int) -> BlockSlope:
    """Slope Σ xy / Σ xx of outcomes over `horizon` sessions, and its t over sessions that are a horizon apart.

    Outcomes of neighbours overlap, so that their errors are alike. Of each offset o < horizon the sessions o,
    o + horizon, ... are blocks of their own: their slope has the variance n / (n - 1) Σ (xy - slope xx)² / (Σ xx)²,
    robust to heteroskedasticity (White, 1980, Econometrica 48). Their mean is less a matter of chance.

    Args:
        xy, xx: (T,) by session, in the order of time, the sums over entities of predictor times outcome and of the
            predictor squared, both about their means; NaN where a session has none.
        horizon: sessions of an outcome.

    Raises:
        ValueError: a horizon below 1, or shapes that differ.
    """
    if horizon < 1 or xy.shape != xx.shape:
        raise ValueError(
            f"horizon {horizon}, xy {xy.shape} and xx {xx.shape}; pass a horizon of 1 or more and equal shapes"
        )
    known = np.isfinite(xy) & np.isfinite(xx)
    total = xx[known].sum()
    slope = float(xy[known].sum() / total) if total > 0 else float("nan")
    offsets = [(xy[o::horizon][known[o::horizon]], xx[o::horizon][known[o::horizon]]) for o in range(horizon)]
    values = np.array([_t(*of_offset) for of_offset in offsets])
    judged = values[np.isfinite(values)]
    return BlockSlope(slope, float(judged.mean()) if len(judged) else float("nan"), min(len(x) for x, _ in offsets))


def _t(xy: Array, xx: Array) -> float:
    n, total = len(xy), xx.sum()
    if n < 2 or not total > 0:
        return float("nan")
    slope = xy.sum() / total
    error = np.sqrt(n / (n - 1) * ((xy - slope * xx) ** 2).sum()) / total
    return float(slope / error) if error > 0 else float("nan")
