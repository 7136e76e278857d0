"""What cash earns, and what shorts pay."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import Execution, Macro
from feature_store import sessions
from quant_assets.execution.market_snapshot import aligned
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import DAY_COUNT

PERCENT = 1e-2


@dataclass(frozen=True)
class Borrow:
    """Quotes for borrowing shares; (N,) in the order of the names.

    Attributes:
        rate_annual: simple, over 360 days; the setting's where nothing is quoted.
        available: shares that may be borrowed beyond those that are; infinite where not known.
    """

    rate_annual: Array
    available: Array


def borrow_quotes(
    borrow: pl.DataFrame, names: list[str], on: dt.date, execution: Execution, short_sales: bool
) -> Borrow:
    """The last quote of each name dated `on` or before; where nothing is ever sold short, no quote counts.

    Args:
        borrow: rows of BORROW, by event_date.
        on: a session. Quotes older than `borrow_max_age_sessions` sessions up to it count as none.
    """
    if not short_sales:
        return Borrow(np.full(len(names), execution.borrow_rate_annual), np.full(len(names), np.inf))
    first = sessions.shift(on, 1 - execution.borrow_max_age_sessions)
    recent = borrow.filter(pl.col("event_date").is_between(first, on)).unique(
        "symbol", keep="last", maintain_order=True
    )
    fee, available = aligned(recent, names, "fee_annual", "shares_available")
    return Borrow(
        rate_annual=np.where(np.isnan(fee), execution.borrow_rate_annual, fee),
        available=np.where(np.isnan(available), np.inf, available),
    )


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


def borrow_fees_usd(value_usd: Array, rate_annual: float | Array, days: int) -> Array:
    """(N,) fee on each short's value at the close of the session before, over calendar days; 0 or more.

    Args:
        rate_annual: simple, over 360 days, of all names or (N,).
    """
    return short_value_usd(value_usd) * (rate_annual * (days / DAY_COUNT))


def short_value_usd(value_usd: Array) -> Array:
    return np.maximum(-value_usd, 0.0)
