"""The path: what was held, filled, earned and decided, one step a session.

A step walks from yesterday's rows to today's: corporate actions, fills at the open of what yesterday decided,
interest, the mark at the close, today's decision. It is the only asset that feeds on itself.

    NAV(t) = Σ value_usd          NAV(t) − NAV(t−1) = Σ pnl_usd − Σ cost_usd
"""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Alpha, Execution, Portfolio
from feature_store import sessions
from feature_store.schemas.execution import CASH
from quant_assets.execution.account import SCHEMA, Array, Closing, Opening, close, opening
from quant_assets.execution.decision import DUST, Decision, Forecast, decide, forecast
from quant_assets.execution.tape import tape


def step(
    state: pl.DataFrame | None,
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    predictions: pl.DataFrame,
    covariance: pl.DataFrame,
    states: pl.DataFrame,
    universe: pl.DataFrame,
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
    alpha: Alpha,
) -> pl.DataFrame:
    """The book of the session.

    Args:
        state: the book of the session before; None on the first, which begins with the initial cash.
        bars: trailing window of BARS as known at the session; its length is that of the mean dollar volume.
        actions: CORPORATE_ACTIONS as known at the session, from some sessions back to all that are announced.
        predictions, covariance, states, universe: PREDICTIONS, COVARIANCE, VOLATILITY_STATES, UNIVERSE of the session.
        alpha: gives the horizon of the predictions.

    Returns:
        Rows of BOOK, sorted by symbol: whatever is held, was filled, ended or is wanted, and USD for cash.

    Raises:
        ValueError: the state is not of the session before, a security is named as cash is, nothing is left to trade
            with.
    """
    _require(state, universe, session)
    held = [] if state is None else state["symbol"].to_list()
    names = sorted({*held, *universe["symbol"].to_list()} - {CASH})
    start, market = opening(state, names, session, execution), tape(bars, actions, names, session)
    end = close(start, market, execution)
    if not end.nav > 0:
        raise ValueError(
            f"net asset value is {end.nav} USD on {session}: the account is ruined, look at its pnl before"
        )
    known = forecast(start, market, predictions, covariance, states, universe, portfolio, alpha)
    return _rows(start, market.open, end, known, decide(end, market, known, portfolio, execution), session)


def _rows(
    start: Opening, opens: Array, end: Closing, known: Forecast, decision: Decision, session: dt.date
) -> pl.DataFrame:
    told = ~np.isnan(end.fills) | ~np.isnan(decision.orders) | (decision.target > DUST) | (end.pnl != 0)
    rows = np.flatnonzero((end.shares != 0) | (start.shares != 0) | told)
    fills = end.fills[rows]
    ordered, filled = ~np.isnan(fills), np.nan_to_num(fills) != 0
    opened_at = sessions.opens_at(session)
    of_names: dict[str, Any] = {
        "symbol": [start.names[i] for i in rows],
        "shares": end.shares[rows],
        "price_usd": end.price[rows],
        "value_usd": end.value[rows],
        "sessions_without_bar": end.sessions_without_bar[rows].astype(np.int32),
        "fill_shares": fills,
        "fill_price_usd": np.where(filled, opens[rows], np.nan),
        "decided_on": [start.decided_on if yes else None for yes in ordered],
        "filled_at": [opened_at if yes else None for yes in filled],
        "cost_usd": np.where(filled, end.costs[rows], np.nan),
        "dividend_usd": np.where(end.dividends[rows] != 0, end.dividends[rows], np.nan),
        "pnl_usd": end.pnl[rows],
        "alpha": decision.alpha[rows],
        "target_weight": decision.target[rows],
        "order_shares": decision.orders[rows],
        "reference_price_usd": decision.reference_price[rows],
        "adv_usd": known.adv_usd[rows],
        "volatility_annual": known.volatility_annual[rows],
        "status": list(end.status[rows]),
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
        "risk_aversion": known.risk_aversion,
        "status": decision.status,
        "detail": decision.detail,
    }
    return pl.concat([_frame(of_names, len(rows), session), _frame(of_cash, 1, session)]).sort("symbol")


def _frame(columns: dict[str, Any], height: int, session: dt.date) -> pl.DataFrame:
    """BOOK rows; a column that is not given is null, and so is NaN."""
    made: dict[str, Any] = {"event_date": [session] * height}
    for name in SCHEMA:
        if name in columns:
            values = columns[name]
            # of lists Polars keeps NaN as it is; of arrays it makes nulls
            listed = np.array([values]) if isinstance(values, float) else [values]
            made[name] = values if isinstance(values, list | np.ndarray) else listed
    frame = pl.DataFrame(made, schema={name: SCHEMA[name] for name in made}, nan_to_null=True)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in made]
    return frame.with_columns(missing).select(list(SCHEMA))


def _require(state: pl.DataFrame | None, universe: pl.DataFrame, session: dt.date) -> None:
    if CASH in universe["symbol"]:
        raise ValueError(f"a security is named {CASH}, which is the book's cash row; give it another id in the drop")
    if state is None:
        return
    before = sessions.shift(session, -1)
    found = state["event_date"].unique().to_list()
    if found != [before]:
        raise ValueError(
            f"the state speaks of {found}, not of {before}, the session before {session}; store that first"
        )
