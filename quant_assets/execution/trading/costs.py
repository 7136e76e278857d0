"""What a trade costs: commission, half the spread, the square-root law of impact, and the listed terms."""

from dataclasses import fields

import numpy as np
import polars as pl

from configs.settings import Execution
from quant_assets.execution.market_snapshot import aligned
from quant_assets.execution.trading.cost_terms import registry as cost_terms
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import BASIS_POINT
from quant_assets.risk.impact import impact_rate


def cost_parameters_of(rows: pl.DataFrame, names: list[str]) -> CostParameters:
    """From rows of COST_PARAMETERS or of a book, in the order of the names."""
    return CostParameters(*aligned(rows, names, *(f.name for f in fields(CostParameters))))


def linear_rate(half_spread_bp: Array, execution: Execution) -> Array:
    """(N,) commission and half spread, as a fraction of the traded value, one way."""
    return (execution.commission_bp + half_spread_bp) * BASIS_POINT


def trade_cost_usd(trade_usd: Array, parameters: CostParameters, execution: Execution) -> Array:
    """(N,) cost of each trade, 0 or more; 0 where there is none, whatever the parameters."""
    costs = np.zeros_like(trade_usd)
    traded = trade_usd != 0
    trade, of = trade_usd[traded], parameters.at(traded)
    impact = impact_rate(trade, of.adv_usd, of.volatility_daily, execution.impact_multiplier)
    listed = cost_terms.rate(trade, of, execution)
    costs[traded] = np.abs(trade) * (linear_rate(of.half_spread_bp, execution) + impact + listed)
    return costs
