"""The decision that needs no skill."""

import datetime as dt
from dataclasses import replace

import numpy as np

from configs.settings import Execution, Portfolio
from feature_store import sessions
from quant_assets.execution.book.account import Closing
from quant_assets.execution.book.decision import Decision, Standing, nothing, send


def hold_equally(
    end: Closing, standing: Standing, session: dt.date, portfolio: Portfolio, execution: Execution
) -> Decision:
    """The same weight for every name that is open to trade, whatever is thought of it.

    Rebalanced on the first session of a month, when a name leaves, and when nothing is held; else all is kept. Held
    names that cannot be traded today keep their weight, and the others share what they leave.
    """
    size, goes_on = len(end.shares), end.held & ~standing.leaves
    if not (_is_first_of_month(session) or standing.leaves.any() or not goes_on.any()):
        return nothing(size, "kept")
    if not standing.open_to_trade.any():
        return nothing(size, "no eligible names")
    stays = goes_on & ~standing.open_to_trade
    share = (1.0 - portfolio.cash_floor - standing.weight[stays].sum()) / standing.open_to_trade.sum()
    target = np.where(stays, standing.weight, np.where(standing.leaves, 0.0, np.nan))
    target[standing.open_to_trade] = max(share, 0.0)
    sent = send(target, ~stays, end, standing, np.inf, portfolio, execution)
    return replace(
        nothing(size, "rebalanced"),
        target=target,
        orders=sent.orders,
        reference_price=np.where(np.isnan(sent.orders), np.nan, standing.price),
        cut=sent.cut,
        cash_target=float(1.0 - np.nansum(target)),
    )


def _is_first_of_month(session: dt.date) -> bool:
    return sessions.shift(session, -1).month != session.month
