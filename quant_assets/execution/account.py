"""The account over a session, from yesterday's book to the close, before anything is decided.

A position is signed: a short has negative shares and value, pays dividends, and gains where a delisting returns less
than nothing. The proceeds of short sales are part of cash.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Execution
from feature_store import sessions
from feature_store.schemas.execution import BOOK, CASH
from quant_assets.execution.costs import CostParameters, cost_parameters_of
from quant_assets.execution.fills import fills_at_open
from quant_assets.execution.interest import borrow_fees_usd, interest_usd
from quant_assets.execution.tape import Array, Mask, Tape, aligned

Words = NDArray[np.object_]
SCHEMA = {name: dtype for name, dtype in BOOK.schema.items() if name != "known_at"}


@dataclass(frozen=True)
class Opening:
    """What yesterday left; arrays (N,) in the order of `names`, NaN where there is nothing."""

    names: list[str]
    shares: Array
    price: Array
    value: Array
    sessions_without_bar: Array
    orders: Array
    reference_price: Array
    parameters: CostParameters
    cash: float
    days: int  # calendar days since the session before
    decided_on: dt.date


@dataclass(frozen=True)
class Closing:
    """What there is at the close, and how it came about; (N,) in the order of the names."""

    shares: Array
    price: Array
    value: Array
    sessions_without_bar: Array
    fills: Array
    costs: Array
    dividends: Array
    fees: Array
    pnl: Array
    status: Words
    cash: float
    interest: float

    @property
    def nav(self) -> float:
        return float(self.value.sum()) + self.cash

    @property
    def held(self) -> Mask:
        return np.asarray(self.shares != 0)


def opening(state: pl.DataFrame | None, names: list[str], session: dt.date, execution: Execution) -> Opening:
    """The book of the session before as arrays; on the first session the initial cash."""
    rows = pl.DataFrame(schema=SCHEMA) if state is None else state
    before = sessions.shift(session, -1)
    shares, price, value, without_bar, orders, reference = aligned(
        rows, names, "shares", "price_usd", "value_usd", "sessions_without_bar", "order_shares", "reference_price_usd"
    )
    cash = rows.filter(pl.col("symbol") == CASH)["value_usd"]
    return Opening(
        names=names,
        shares=np.nan_to_num(shares),
        price=price,
        value=np.nan_to_num(value),
        sessions_without_bar=np.nan_to_num(without_bar),
        orders=orders,
        reference_price=reference,
        parameters=cost_parameters_of(rows, names),
        cash=execution.initial_cash_usd if state is None else float(cash.item()),
        # the initial cash arrives on the first session
        days=0 if state is None else (session - before).days,
        decided_on=before,
    )


def close(start: Opening, market: Tape, rate_annual: float, execution: Execution, short_sales: bool) -> Closing:
    """Corporate actions, fills at the open, interest and fees, the mark at the close, and positions that end there.

    Actions act on what was held over night; a dividend is there to buy with, and one on a short is paid. Interest and
    borrow fees run on yesterday's close over the calendar days since, and are booked at the close.

    Args:
        rate_annual: of cash, over 360 days.
        short_sales: sales may go below nothing.
    """
    held = start.shares * market.split
    dividends = held * market.dividend
    cash = start.cash + float(dividends.sum())
    orders = _as_of_open(start, market.split)
    fills, costs = fills_at_open(orders, held, market.open, cash, start.parameters, execution, short_sales)
    traded = np.nan_to_num(fills)
    paid = traded * np.nan_to_num(market.open)
    shares, has_bar = held + traded, market.has_bar
    # where there is no bar, what was held is worth after a split what it was before
    price = np.where(has_bar, market.close, start.price / market.split)
    without_bar = np.where(has_bar, 0.0, start.sessions_without_bar + 1)
    returned, status = _endings(market, shares, without_bar, execution)
    _note(status, start.orders, orders, fills, has_bar)
    ends = ~np.isnan(returned)
    worth = shares * np.nan_to_num(price) * np.where(ends, 1.0 + np.nan_to_num(returned), 1.0)
    interest = interest_usd(start.cash, start.value, rate_annual, start.days)
    fees = borrow_fees_usd(start.value, execution.borrow_rate_annual, start.days)
    spent = float(paid.sum()) + float(costs.sum()) + float(fees.sum())
    return Closing(
        shares=np.where(ends, 0.0, shares),
        price=price,
        value=np.where(ends, 0.0, worth),
        sessions_without_bar=without_bar,
        fills=fills,
        costs=costs,
        dividends=dividends,
        fees=fees,
        pnl=worth - start.value + dividends - paid,
        status=status,
        cash=cash - spent + float(worth[ends].sum()) + interest,
        interest=interest,
    )


def _as_of_open(start: Opening, split: Array) -> Array:
    """Yesterday's orders in today's shares.

    They knew the splits announced by then (price over reference price); a broker adjusts them for any other.
    """
    adjustment = split * start.reference_price / start.price
    late = np.abs(adjustment - 1.0) > 1e-9
    # to a thousandth of a share first, as the ratio of two prices is not the split to its last digit
    return np.where(late, np.trunc(np.round(start.orders * adjustment, 3)), start.orders)


def _endings(market: Tape, shares: Array, without_bar: Array, execution: Execution) -> tuple[Array, Words]:
    """(N,) return at which a position ends today, NaN where it goes on; and the word for it.

    A delisting ends a position on its ex-date or, where it was learned later, on the first session that knows it and
    has no bar. A position whose bars stop without one is written off after `write_off_sessions`; a short is bought
    back at its last price then, since a loss that nobody recorded must not be its gain.
    """
    holds = shares != 0
    delisted = holds & ~np.isnan(market.delisting) & (market.delisted_today | (without_bar > 0))
    written_off = holds & ~delisted & (without_bar >= execution.write_off_sessions)
    status = np.full(len(shares), None, dtype=object)
    status[delisted], status[written_off] = "delisted", "written_off"
    presumed = np.where(shares > 0, execution.delisting_return, max(execution.delisting_return, 0.0))
    return np.where(delisted, market.delisting, np.where(written_off, presumed, np.nan)), status


def _note(status: Words, decided: Array, orders: Array, fills: Array, has_bar: Mask) -> None:
    """Add what became of orders that did not fill as decided, where nothing graver is said."""
    fell_short = ~np.isnan(orders) & (np.abs(np.nan_to_num(fills)) < np.abs(np.nan_to_num(orders)))
    unsaid = np.array([word is None for word in status], dtype=bool)
    status[unsaid & fell_short & ~has_bar] = "lapsed"
    status[unsaid & fell_short & has_bar] = "scaled"
    status[unsaid & ~np.isnan(orders) & (orders != decided) & has_bar] = "adjusted"
