"""The path: what was held, filled, earned and decided, one step a session.

A step leads from yesterday's rows to today's: corporate actions, fills at the open of what yesterday decided, interest
and fees, the mark at the close, today's decision. The books are the only assets that feed on themselves.

    NAV(t) = Σ value_usd          NAV(t) − NAV(t−1) = Σ pnl_usd − Σ cost_usd − Σ borrow_usd
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Execution, Macro, Portfolio
from feature_store import sessions
from feature_store.schemas.execution import CASH
from quant_assets.execution.book.account import SCHEMA, Closing, Opening, close, opening
from quant_assets.execution.book.decision import DUST, Decision, Tradability, decide, tradability
from quant_assets.execution.book.equal_weight import hold_equally
from quant_assets.execution.book.forecast import forecast, shuffled
from quant_assets.execution.book.inputs import MarketInputs, ProgramInputs
from quant_assets.execution.book.interest import borrow_quotes, cash_rate_annual
from quant_assets.execution.book.reorganizations import Labels
from quant_assets.execution.book.target_weights import TargetWeights, decide_by
from quant_assets.execution.market_snapshot import MarketSnapshot, market_snapshot, received
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.portfolio.diagnostics import limits, metrics


def step(
    state: pl.DataFrame | None,
    market: MarketInputs,
    program: ProgramInputs,
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
    series: Macro,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The book of the session, and the diagnostics of its optimization.

    Args:
        state: the book of the session before; None on the first, which begins with the initial cash.
        series: which series says what cash earns.

    Returns:
        Rows of BOOK, sorted by symbol: whatever is held, was filled, ended or is a target, and USD for cash.
        Rows of DIAGNOSTICS.
        Rows of OPTIMIZATION.

    Raises:
        ValueError: the state is not of the session before, a security is named as cash is, nothing is left to trade
            with.
    """
    short_sales = portfolio.mode == "dollar_neutral"
    today = _day(state, market, session, short_sales, execution, series)
    names = today.start.names
    known = forecast(
        names,
        program,
        today.tradability.parameters,
        cash_rate_annual(market.macro, session, series, execution),
        borrow_quotes(market.borrow, names, session, execution, short_sales),
        portfolio,
    )
    decision = decide(today.end, today.tradability, known, portfolio, execution)
    stored = decision.description
    return _rows(today, decision, session), limits(stored, session), metrics(stored, session)


def shuffled_step(
    state: pl.DataFrame | None,
    market: MarketInputs,
    program: ProgramInputs,
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
    series: Macro,
) -> pl.DataFrame:
    """The book of the session, with each stock's alpha lent by another; arguments as of `step`.

    Returns:
        Rows of SHUFFLED_BOOK, sorted by symbol.
    """
    lent = replace(program, combined=shuffled(program.combined, session))
    return step(state, market, lent, session, portfolio, execution, series)[0]


def equal_weight_step(
    state: pl.DataFrame | None,
    market: MarketInputs,
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
    series: Macro,
) -> pl.DataFrame:
    """The book of the session that holds every tradable name at equal weight, in either mode; arguments as of `step`.

    Returns:
        Rows of EQUAL_WEIGHT_BOOK, sorted by symbol.
    """
    today = _day(state, market, session, False, execution, series)
    return _rows(today, hold_equally(today.end, today.tradability, session, portfolio, execution), session)


def rule_step(
    rule: TargetWeights,
    state: pl.DataFrame | None,
    market: MarketInputs,
    inputs: Mapping[str, pl.DataFrame],
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
    series: Macro,
) -> pl.DataFrame:
    """The book of the session that holds what a rule says, in either mode long only; arguments as of `step`.

    Args:
        rule: of target weights.
        inputs: what it reads, as known at the session.

    Returns:
        Rows of a book, sorted by symbol.
    """
    today = _day(state, market, session, False, execution, series)
    names = today.start.names
    decision = decide_by(rule, inputs, names, today.end, today.tradability, session, portfolio, execution)
    return _rows(today, decision, session)


@dataclass(frozen=True)
class _Day:
    """A session up to its decision."""

    start: Opening
    market: MarketSnapshot
    end: Closing
    tradability: Tradability


def _day(
    state: pl.DataFrame | None,
    market: MarketInputs,
    session: dt.date,
    short_sales: bool,
    execution: Execution,
    series: Macro,
) -> _Day:
    universe, actions, bars = market.universe, market.actions, market.bars
    _require(state, universe, session)
    held = [] if state is None else state["symbol"].to_list()
    names = sorted({*held, *universe["symbol"].to_list(), *received(actions, bars, held, session)} - {CASH})
    start, snapshot = opening(state, names, session, execution), market_snapshot(bars, actions, names, session)
    before = sessions.shift(session, -1)
    earned = cash_rate_annual(market.macro, before, series, execution)
    fees = borrow_quotes(market.borrow, names, before, execution, short_sales)
    end = close(start, snapshot, earned, fees, execution, short_sales)
    if not end.nav > 0:
        raise ValueError(
            f"net asset value is {end.nav} USD on {session}: the account is ruined, look at its pnl before"
        )
    return _Day(start, snapshot, end, tradability(names, end, snapshot, universe, market.cost_parameters))


def _rows(today: _Day, decision: Decision, session: dt.date) -> pl.DataFrame:
    start, end, tradability = today.start, today.end, today.tradability
    has_event = ~np.isnan(end.fills) | ~np.isnan(decision.orders) | (np.abs(decision.target) > DUST) | (end.pnl != 0)
    rows = np.flatnonzero(end.held | (start.shares != 0) | has_event)
    fills = end.fills[rows]
    ordered, filled = ~np.isnan(fills), np.nan_to_num(fills) != 0
    opened_at = sessions.opens_at(session)
    of_names: dict[str, Any] = {
        "symbol": [start.names[i] for i in rows],
        "shares": end.shares[rows],
        "price_usd": end.price[rows],
        "value_usd": end.value[rows],
        "sessions_without_bar": end.sessions_without_bar[rows].astype(int).tolist(),
        "fill_shares": fills,
        "fill_price_usd": np.where(filled, today.market.open[rows], np.nan),
        "decided_on": [start.decided_on if yes else None for yes in ordered],
        "filled_at": [opened_at if yes else None for yes in filled],
        "cost_usd": np.where(filled, end.costs[rows], np.nan),
        "dividend_usd": _unless_none(end.dividends[rows]),
        "borrow_usd": _unless_none(end.fees[rows]),
        "pnl_usd": end.pnl[rows],
        "alpha": decision.alpha[rows],
        "tilt": decision.tilt[rows],
        "target_weight": decision.target[rows],
        "benchmark_weight": decision.benchmark[rows],
        "dual_lower": decision.dual_lower[rows],
        "dual_upper": decision.dual_upper[rows],
        "order_shares": decision.orders[rows],
        "reference_price_usd": decision.reference_price[rows],
        "adv_usd": tradability.parameters.adv_usd[rows],
        "volatility_daily": tradability.parameters.volatility_daily[rows],
        "half_spread_bp": tradability.parameters.half_spread_bp[rows],
        # that a fill was scaled is seen from its shares as well
        "status": list(np.where(decision.cut & _gives_way(end.status), "cut", end.status)[rows]),
    }
    of_cash = {
        "symbol": CASH,
        "shares": end.cash,
        "price_usd": 1.0,
        "value_usd": end.cash,
        "sessions_without_bar": 0,
        "interest_usd": end.interest,
        "pnl_usd": end.interest,
        "target_weight": decision.cash_target,
        "status": decision.status,
        "detail": decision.detail,
    }
    return _frame(of_names, of_cash, session)


def _gives_way(status: Labels) -> Mask:
    return np.array([label in (None, "scaled", "received") for label in status], dtype=bool)


def _unless_none(amounts: Array) -> Array:
    return np.where(amounts != 0, amounts, np.nan)


def _frame(of_names: dict[str, Any], of_cash: dict[str, Any], session: dt.date) -> pl.DataFrame:
    """BOOK rows in the order of symbols; a column without values is null, and so is NaN."""
    symbols = of_names["symbol"]
    n, at = len(symbols), bisect_left(symbols, CASH)
    columns: dict[str, Any] = {"event_date": [session] * (n + 1)}
    for name, dtype in SCHEMA.items():
        if name == "event_date":
            continue
        cash = of_cash.get(name)
        if dtype == pl.Float64:
            values = of_names.get(name, np.full(n, np.nan))
            columns[name] = np.insert(values, at, np.nan if cash is None else cash)
        else:
            values = list(of_names.get(name, [None] * n))
            columns[name] = [*values[:at], cash, *values[at:]]
    # of arrays Polars makes nulls where they are NaN; of lists it would not
    return pl.DataFrame(columns, schema=SCHEMA, nan_to_null=True)


def _require(state: pl.DataFrame | None, universe: pl.DataFrame, session: dt.date) -> None:
    if CASH in universe["symbol"]:
        raise ValueError(f"a security is named {CASH}, which is the book's cash row; give it another id in the drop")
    if state is None:
        return
    before = sessions.shift(session, -1)
    stored = state["event_date"].unique().to_list()
    if stored != [before]:
        raise ValueError(f"the state holds {stored}, not of {before}, the session before {session}; store that first")
