"""The account over a session, from yesterday's book to the close, before anything is decided."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Execution
from feature_store import sessions
from feature_store.schemas.execution import BOOK, CASH
from quant_assets.execution.fills import fills_at_open
from quant_assets.execution.tape import Tape, aligned
from quant_assets.portfolio.weights import DAY_COUNT, SESSIONS_PER_YEAR

Array = NDArray[np.float64]
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
    adv_usd: Array
    volatility_annual: Array
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
    pnl: Array
    status: Words
    cash: float
    interest: float

    @property
    def nav(self) -> float:
        return float(self.value.sum()) + self.cash


def opening(state: pl.DataFrame | None, names: list[str], session: dt.date, execution: Execution) -> Opening:
    """The book of the session before as arrays; on the first session the initial cash."""
    rows = pl.DataFrame(schema=SCHEMA) if state is None else state
    before = sessions.shift(session, -1)
    shares, price, value, without_bar, orders, reference, adv, volatility = aligned(
        rows,
        names,
        "shares",
        "price_usd",
        "value_usd",
        "sessions_without_bar",
        "order_shares",
        "reference_price_usd",
        "adv_usd",
        "volatility_annual",
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
        adv_usd=adv,
        volatility_annual=volatility,
        cash=execution.initial_cash_usd if state is None else float(cash.item()),
        # the initial cash arrives on the first session
        days=0 if state is None else (session - before).days,
        decided_on=before,
    )


def close(start: Opening, market: Tape, execution: Execution) -> Closing:
    """Corporate actions, fills at the open, interest, the mark at the close, and positions that end there.

    Actions act on what was held over night; a dividend is there to buy with. Interest runs on yesterday's cash over
    the calendar days since, and arrives at the close.
    """
    held = start.shares * market.split
    dividends = held * market.dividend
    cash = start.cash + float(dividends.sum())
    orders = _as_of_open(start, market.split)
    volatility_daily = start.volatility_annual / np.sqrt(SESSIONS_PER_YEAR)
    fills, costs = fills_at_open(orders, held, market.open, cash, start.adv_usd, volatility_daily, execution)
    traded = np.nan_to_num(fills)
    paid = traded * np.nan_to_num(market.open)
    shares, has_bar = held + traded, ~np.isnan(market.close)
    # where there is no bar, what was held is worth after a split what it was before
    price = np.where(has_bar, market.close, start.price / market.split)
    without_bar = np.where(has_bar, 0.0, start.sessions_without_bar + 1)
    returned, status = _endings(market, shares, without_bar, execution)
    _note(status, orders, fills, has_bar)
    ends = ~np.isnan(returned)
    worth = shares * np.nan_to_num(price) * np.where(ends, 1.0 + np.nan_to_num(returned), 1.0)
    interest = start.cash * execution.cash_rate_annual * (start.days / DAY_COUNT)
    return Closing(
        shares=np.where(ends, 0.0, shares),
        price=price,
        value=np.where(ends, 0.0, worth),
        sessions_without_bar=without_bar,
        fills=fills,
        costs=costs,
        dividends=dividends,
        pnl=worth - start.value + dividends - paid,
        status=status,
        cash=cash - float(paid.sum()) - float(costs.sum()) + float(worth[ends].sum()) + interest,
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
    has no bar. A position whose bars stop without one is written off after `write_off_sessions`.
    """
    holds = shares != 0
    delisted = holds & ~np.isnan(market.delisting) & (market.delisted_today | (without_bar > 0))
    written_off = holds & ~delisted & (without_bar >= execution.write_off_sessions)
    status = np.full(len(shares), None, dtype=object)
    status[delisted], status[written_off] = "delisted", "written_off"
    return np.where(delisted, market.delisting, np.where(written_off, execution.delisting_return, np.nan)), status


def _note(status: Words, orders: Array, fills: Array, has_bar: NDArray[np.bool_]) -> None:
    """Add what became of orders that did not fill as sent, where nothing graver is said."""
    short = ~np.isnan(orders) & (np.abs(np.nan_to_num(fills)) < np.abs(np.nan_to_num(orders)))
    unsaid = np.array([word is None for word in status], dtype=bool)
    status[unsaid & short & ~has_bar] = "lapsed"
    status[unsaid & short & has_bar] = "scaled"
