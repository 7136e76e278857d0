"""Simulated fills at the open."""

import numpy as np
from numpy.typing import NDArray

from configs.settings import Execution
from quant_assets.execution.costs import trade_cost_usd

Array = NDArray[np.float64]


def fills_at_open(
    orders: Array,
    held: Array,
    opens: Array,
    cash_usd: float,
    adv_usd: Array,
    volatility_daily: Array,
    execution: Execution,
) -> tuple[Array, Array]:
    """What the open fills of yesterday's orders, and what it costs.

    An order without a bar does not fill: it lapses. Sales fill whole, never beyond what is held. Purchases share what
    cash and sales leave after costs: when that is too little, all are scaled by one factor and rounded down to whole
    shares, so that cash never turns negative. The factor takes the cost rate of the full size, which is not less than
    that of the scaled one.

    Args:
        orders: (N,) signed shares as of this open; NaN where none.
        held: (N,) shares before the open, splits applied.
        opens: (N,) USD; NaN where there is no bar.
        cash_usd: before the fills.
        adv_usd, volatility_daily: (N,) as known at the decision; NaN only where there is no order.

    Returns:
        (N,) filled shares, signed, NaN where there was no order and 0 where it lapsed; (N,) costs in USD.
    """
    wanted = np.where(np.isnan(opens), 0.0, np.nan_to_num(orders))
    price = np.nan_to_num(opens)
    sold = -np.minimum(np.maximum(-wanted, 0.0), held)
    sale_costs = _costs(sold * price, adv_usd, volatility_daily, execution)
    available = cash_usd - float((sold * price).sum()) - float(sale_costs.sum())
    bought = np.maximum(wanted, 0.0)
    needed = float((bought * price + _costs(bought * price, adv_usd, volatility_daily, execution)).sum())
    if needed > available:
        bought = np.floor(bought * (max(available, 0.0) / needed))
    filled = sold + bought
    costs = _costs(filled * price, adv_usd, volatility_daily, execution)
    return np.where(np.isnan(orders), np.nan, filled), costs


def _costs(trade_usd: Array, adv_usd: Array, volatility_daily: Array, execution: Execution) -> Array:
    costs = np.zeros_like(trade_usd)
    traded = trade_usd != 0
    costs[traded] = trade_cost_usd(trade_usd[traded], adv_usd[traded], volatility_daily[traded], execution)
    return costs
