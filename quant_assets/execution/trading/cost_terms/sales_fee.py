"""A fee on sales, such as the one that pays for the regulator."""

from typing import ClassVar

import numpy as np

from configs.settings.cost_terms import CostTermSettings, SalesFeeSettings
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import BASIS_POINT


class SalesFee:
    """A fraction of the value sold, short sales included; the optimization takes it for purchases too.

    Source: section 31 of the Securities Exchange Act; the rate changes about twice a year.
    """

    settings: ClassVar[type[CostTermSettings]] = SalesFeeSettings

    @staticmethod
    def rate(trade_usd: Array, parameters: CostParameters, settings: SalesFeeSettings) -> Array:
        return np.where(trade_usd < 0, settings.fee_bp * BASIS_POINT, 0.0)

    @staticmethod
    def majorant(
        nav_usd: float, parameters: CostParameters, usual_trade: float, settings: SalesFeeSettings
    ) -> tuple[Array, Array]:
        count = len(parameters.adv_usd)
        return np.full(count, settings.fee_bp * BASIS_POINT), np.zeros(count)
