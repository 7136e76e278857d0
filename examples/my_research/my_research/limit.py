"""A kind of limit: how much may be held of stocks whose own risk is large."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from configs.settings.limits import LimitSettings
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.portfolio.inputs import AssetInputs, RiskForecast
from quant_assets.portfolio.limits.protocol import LinearRows


class VolatileStocksSettings(LimitSettings):
    kind: Literal["volatile_stocks"] = "volatile_stocks"
    above_volatility_annual: float = Field(0.4, gt=0, description="specific volatility from which a stock counts")
    max_weight: float = Field(0.3, ge=0, le=1, description="largest net weight of these stocks together, up or down")


class VolatileStocks:
    """One row: the net weight of what can be traded and is that volatile."""

    settings: ClassVar[type[LimitSettings]] = VolatileStocksSettings

    @staticmethod
    def rows(assets: AssetInputs, risk: RiskForecast, settings: VolatileStocksSettings) -> LinearRows:
        bound = np.array([settings.max_weight])
        counted = _volatile(assets, settings).astype(np.float64)
        return LinearRows(("volatile_stocks",), counted[None, :], -bound, bound)

    @staticmethod
    def values(weights: Array, assets: AssetInputs, risk: RiskForecast, settings: VolatileStocksSettings) -> Array:
        return np.array([weights[_volatile(assets, settings)].sum()])


def _volatile(assets: AssetInputs, settings: VolatileStocksSettings) -> Mask:
    return assets.tradable & (np.sqrt(assets.specific_variance_annual) > settings.above_volatility_annual)
