"""Target weights and orders of the equal-weight benchmark book."""

import datetime as dt
from dataclasses import replace

import numpy as np

from configs.settings import Execution, Portfolio
from feature_store import sessions
from quant_assets.execution.book.account import Closing
from quant_assets.execution.book.decision import Decision, Tradability, nothing, send


def hold_equally(
    end: Closing, tradability: Tradability, session: dt.date, portfolio: Portfolio, execution: Execution
) -> Decision:
    """The same weight for every name that is open to trade, whatever its forecast.

    Rebalanced on the first session of a month, when a name leaves, and when nothing is held; else all is kept. Held
    names that cannot be traded today keep their weight, and the rest is split among the others.
    """
    size, goes_on = len(end.shares), end.held & ~tradability.must_exit
    if not (_is_first_of_month(session) or tradability.must_exit.any() or not goes_on.any()):
        return nothing(size, "kept")
    if not tradability.open_to_trade.any():
        return nothing(size, "no eligible names")
    locked = goes_on & ~tradability.open_to_trade
    weight = (1.0 - portfolio.cash_floor - tradability.weight[locked].sum()) / tradability.open_to_trade.sum()
    target = np.where(locked, tradability.weight, np.where(tradability.must_exit, 0.0, np.nan))
    target[tradability.open_to_trade] = max(weight, 0.0)
    sent = send(target, ~locked, end, tradability, np.inf, portfolio, execution)
    return replace(
        nothing(size, "rebalanced"),
        target=target,
        orders=sent.orders,
        reference_price=np.where(np.isnan(sent.orders), np.nan, tradability.price),
        cut=sent.cut,
        cash_target=float(1.0 - np.nansum(target)),
    )


def _is_first_of_month(session: dt.date) -> bool:
    return sessions.shift(session, -1).month != session.month
