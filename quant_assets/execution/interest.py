"""What cash earns, and what shorts pay."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Execution, Macro
from feature_store import sessions
from quant_assets.execution.tape import Array
from quant_assets.portfolio.weights import DAY_COUNT

PERCENT = 1e-2


def cash_rate_annual(macro: pl.DataFrame, on: dt.date, series: Macro, execution: Execution) -> float:
    """Simple annual rate of money over 360 days, by the last observation dated `on` or before.

    Args:
        macro: rows of MACRO; `cash_rate` of the series is in percent a year.
        on: a session. Observations older than `max_age_sessions` sessions up to it count as missing, and then the
            setting `execution.cash_rate_annual` holds.
    """
    first = sessions.shift(on, 1 - series.max_age_sessions)
    known = macro.filter(
        pl.col("series") == series.cash_rate, pl.col("event_date").is_between(first, on), pl.col("value").is_not_null()
    )
    return float(known["value"][-1]) * PERCENT if known.height else execution.cash_rate_annual


def interest_usd(cash_usd: float, value_usd: Array, rate_annual: float, days: int) -> float:
    """Simple interest on own cash over calendar days.

    The proceeds of short sales lie with the lender as collateral and earn nothing; what is left of cash beyond the
    shorts' value earns the rate, and pays nothing where it is negative.

    Args:
        cash_usd, value_usd: at the close of the session before; (N,) values of positions, negative where short.
    """
    own = max(cash_usd - float(short_value_usd(value_usd).sum()), 0.0)
    return own * rate_annual * (days / DAY_COUNT)


def borrow_fees_usd(value_usd: Array, rate_annual: float, days: int) -> Array:
    """(N,) fee on each short's value at the close of the session before, over calendar days; 0 or more."""
    return short_value_usd(value_usd) * (rate_annual * (days / DAY_COUNT))


def short_value_usd(value_usd: Array) -> Array:
    return np.maximum(-value_usd, 0.0)
