"""What must hold of every stored session of the optimization."""

import polars as pl

from feature_store.decision_time import DecisionClock
from quant_assets.portfolio.problem import TOLERANCE


def limits_hold(
    diagnostics: pl.DataFrame, bars: pl.DataFrame, clock: DecisionClock, before: pl.DataFrame | None = None
) -> str | None:
    """None when the target weights keep every limit that the ladder did not widen; else what is broken.

    Args:
        diagnostics: rows of one session of DIAGNOSTICS. A volatility beyond a target that may be exceeded at a price
            is marked as relaxed.
    """
    broken = diagnostics.filter(~pl.col("relaxed"), ~(pl.col("violation") <= TOLERANCE).fill_null(False))
    if broken.is_empty():
        return None
    shown = broken.select("event_date", "limit", "value", "lower", "upper", "violation").head(3).to_dicts()
    return f"{broken.height} limits are broken by the target weights: {shown}"
