"""What a trade costs: commission, half the spread, and the square-root law of impact."""

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from configs.settings import Execution
from quant_assets.execution.market_snapshot import aligned
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.units import BASIS_POINT
from quant_assets.risk.impact import impact_rate


@dataclass(frozen=True)
class CostParameters:
    """(N,) what prices a trade of each name, as known at the decision; NaN where unknown.

    Attributes:
        half_spread_bp: of the traded value.
        adv_usd: mean daily dollar volume.
        volatility_daily: standard deviation of daily simple returns.
    """

    half_spread_bp: Array
    adv_usd: Array
    volatility_daily: Array

    def at(self, rows: Mask | Index) -> "CostParameters":
        return CostParameters(self.half_spread_bp[rows], self.adv_usd[rows], self.volatility_daily[rows])

    @property
    def known(self) -> Mask:
        return ~np.isnan(self.half_spread_bp + self.adv_usd + self.volatility_daily)

    def or_else(self, last: "CostParameters") -> "CostParameters":
        """Each name's own where they are known, else the last ones."""
        known = self.known
        return CostParameters(*(np.where(known, getattr(self, f.name), getattr(last, f.name)) for f in fields(self)))


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
    costs[traded] = np.abs(trade) * (linear_rate(of.half_spread_bp, execution) + impact)
    return costs
