"""Simulated fills at the open."""

import numpy as np

from configs.settings import Execution
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.costs import trade_cost_usd
from quant_assets.numerics.arrays import Array


def fills_at_open(
    orders: Array,
    held: Array,
    opens: Array,
    cash_usd: float,
    parameters: CostParameters,
    execution: Execution,
    *,
    short_sales: bool = False,
) -> tuple[Array, Array]:
    """What the open fills of yesterday's orders, and what it costs.

    An order without a bar does not fill: it lapses. Sales fill whole, beyond what is held only where short sales are
    allowed. Purchases, those that buy back a short included, share what cash and sales leave after costs: when that is
    too little, all are scaled by one factor and rounded down to whole shares, so that they never turn cash negative.
    The factor takes the cost rate of the full size, which is not less than that of the scaled one.

    Args:
        orders: (N,) signed shares as of this open; NaN where none.
        held: (N,) shares before the open, splits applied; negative where short.
        opens: (N,) USD; NaN where there is no bar.
        cash_usd: before the fills.
        parameters: as known at the decision; NaN only where there is no order.

    Returns:
        (N,) filled shares, signed, NaN where there was no order and 0 where it lapsed; (N,) costs in USD.
    """
    requested = np.where(np.isnan(opens), 0.0, np.nan_to_num(orders))
    price = np.nan_to_num(opens)
    at_most = np.inf if short_sales else np.maximum(held, 0.0)
    sold = -np.minimum(np.maximum(-requested, 0.0), at_most)
    sale_costs = trade_cost_usd(sold * price, parameters, execution)
    available = cash_usd - float((sold * price).sum()) - float(sale_costs.sum())
    bought = np.maximum(requested, 0.0)
    needed = float((bought * price + trade_cost_usd(bought * price, parameters, execution)).sum())
    if needed > available:
        bought = np.floor(bought * (max(available, 0.0) / needed))
    filled = sold + bought
    costs = trade_cost_usd(filled * price, parameters, execution)
    return np.where(np.isnan(orders), np.nan, filled), costs
