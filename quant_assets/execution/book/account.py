"""The account over a session, from yesterday's book to the close, before anything is decided.

A position is signed: a short has negative shares and value, pays dividends and delivers what is spun off, and gains
where a delisting returns less than nothing. The proceeds of short sales are part of cash.

What is learned after the session it went ex: a split, a dividend or a spin-off does not act any more, since yesterday's
book is not restated; a delisting or a merger ends the position on the first session that knows it and has no bar.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import Execution
from feature_store import sessions
from feature_store.schemas.execution import BOOK, CASH
from quant_assets.execution.book.interest import Borrow, borrow_fees_usd, interest_usd
from quant_assets.execution.book.reorganizations import Labels, Reorganized, reorganized
from quant_assets.execution.market_snapshot import MarketSnapshot, aligned
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.costs import cost_parameters_of
from quant_assets.execution.trading.fills import fills_at_open
from quant_assets.numerics.arrays import Array, Mask

SCHEMA = BOOK.computed_schema


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
    status: Labels
    parameters: CostParameters  # last known; of what an event brought in, those of the name that it came from
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


def close(
    start: Opening, market: MarketSnapshot, rate_annual: float, borrow: Borrow, execution: Execution, short_sales: bool
) -> Closing:
    """Corporate actions, fills at the open, interest and fees, the mark at the close, and positions that end there.

    Actions act on what was held over night, before the open: a dividend and the cash of a merger are there to buy with,
    those on a short are paid, and shares received can be sold. The profit of a spin-off's parent and of a merger's
    target counts what their holder received, cash and shares at the close; the row that took the shares in earns
    nothing by them on this session. Interest and borrow fees run on yesterday's close over the calendar days since, and
    are booked at the close.

    Args:
        rate_annual: of cash, over 360 days.
        borrow: as quoted by the session before.
        short_sales: sales may go below nothing.
    """
    over_night, last_price = start.shares * market.split, start.price / market.split
    changed = reorganized(over_night, last_price, market)
    held = np.where(changed.ends, 0.0, over_night) + changed.shares
    dividends = over_night * market.dividend + changed.distributed
    cash = start.cash + float(dividends.sum()) + float(changed.proceeds.sum())
    orders, opens = _as_of_open(start, market.split), np.where(changed.ends, np.nan, market.open)
    fills, costs = fills_at_open(orders, held, opens, cash, start.parameters, execution, short_sales=short_sales)
    traded = np.nan_to_num(fills)
    paid = traded * np.nan_to_num(opens)
    shares, has_bar = held + traded, market.has_bar
    distributed = np.where(changed.ends, 0.0, dividends + changed.delivered)
    price = np.where(has_bar, market.close, _without_distributions(last_price, over_night, distributed))
    without_bar = np.where(has_bar, 0.0, start.sessions_without_bar + 1)
    returned, status = _endings(market, shares, without_bar, execution)
    _note(status, start.orders, orders, fills, ~np.isnan(opens), changed)
    ends = ~np.isnan(returned)
    worth = shares * np.nan_to_num(price) * np.where(ends, 1.0 + np.nan_to_num(returned), 1.0)
    interest = interest_usd(start.cash, start.value, rate_annual, start.days)
    fees = borrow_fees_usd(start.value, borrow.rate_annual, start.days)
    spent = float(paid.sum()) + float(costs.sum()) + float(fees.sum())
    came_with = changed.shares * np.nan_to_num(market.close)
    return Closing(
        shares=np.where(ends, 0.0, shares),
        price=price,
        value=np.where(ends, 0.0, worth),
        sessions_without_bar=without_bar,
        fills=fills,
        costs=costs,
        dividends=dividends,
        fees=fees,
        pnl=worth - start.value + dividends - paid + changed.proceeds + changed.delivered - came_with,
        status=status,
        parameters=_inherited(start.parameters, changed),
        cash=cash - spent + float(worth[ends].sum()) + interest,
        interest=interest,
    )


def _inherited(parameters: CostParameters, changed: Reorganized) -> CostParameters:
    """What an event brought in costs what the name it came from does, until its own costs are known."""
    own = np.arange(len(changed.source))
    return parameters.or_else(parameters.at(np.where(changed.source < 0, own, changed.source)))


def _without_distributions(last_price: Array, held: Array, distributed: Array) -> Array:
    """The mark where there is no bar: after a split what it was before, less what was distributed since.

    What was distributed is part of the last price. More than all of it says that one of the two is wrong: the price
    stays then.
    """
    left = last_price - np.divide(distributed, held, out=np.zeros_like(held), where=held != 0)
    return np.where(left > 0, left, last_price)


def _as_of_open(start: Opening, split: Array) -> Array:
    """Yesterday's orders in today's shares.

    They knew the splits announced by then (price over reference price); a broker adjusts them for any other.
    """
    adjustment = split * start.reference_price / start.price
    late = np.abs(adjustment - 1.0) > 1e-9
    # to a thousandth of a share first, as the ratio of two prices is not the split to its last digit
    return np.where(late, np.trunc(np.round(start.orders * adjustment, 3)), start.orders)


def _endings(market: MarketSnapshot, shares: Array, without_bar: Array, execution: Execution) -> tuple[Array, Labels]:
    """(N,) return at which a position ends today, NaN where it goes on; and its label.

    A delisting ends a position on its ex-date or, where it was learned later, on the first session that knows it and
    has no bar. A position whose bars stop without one is written off after `write_off_sessions`; a short is bought
    back at its last price then, since an unrecorded loss must not be its gain. One of a name with a known
    merger waits for it. (What ends by a merger ended before the open, and holds nothing here.)
    """
    holds = shares != 0
    delisted = holds & ~np.isnan(market.delisting) & (market.delisted_today | (without_bar > 0))
    written_off = holds & ~delisted & ~market.merging & (without_bar >= execution.write_off_sessions)
    status = np.full(len(shares), None, dtype=object)
    status[delisted], status[written_off] = "delisted", "written_off"
    presumed = np.where(shares > 0, execution.delisting_return, max(execution.delisting_return, 0.0))
    return np.where(delisted, market.delisting, np.where(written_off, presumed, np.nan)), status


def _note(status: Labels, decided: Array, orders: Array, fills: Array, could_fill: Mask, changed: Reorganized) -> None:
    """Add what events made of a position, then what became of orders that did not fill as decided, where no graver
    label stands.
    """
    labelled = np.array([label is not None for label in changed.status], dtype=bool) & _unlabelled(status)
    status[labelled] = changed.status[labelled]
    unlabelled = _unlabelled(status)
    fell_short = ~np.isnan(orders) & (np.abs(np.nan_to_num(fills)) < np.abs(np.nan_to_num(orders)))
    status[unlabelled & fell_short & ~could_fill] = "lapsed"
    status[unlabelled & fell_short & could_fill] = "scaled"
    status[unlabelled & ~np.isnan(orders) & (orders != decided) & could_fill] = "adjusted"
    status[unlabelled & np.isnan(orders) & (changed.shares != 0)] = "received"


def _unlabelled(status: Labels) -> Mask:
    return np.array([label is None for label in status], dtype=bool)
