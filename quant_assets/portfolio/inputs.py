"""What an optimization problem is made from: its assets, and the risk and rates of the whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from quant_assets.numerics.arrays import Array, Mask
from quant_assets.portfolio.problem import Matrix


@dataclass(frozen=True)
class AssetInputs:
    """The N assets of an optimization problem; arrays are (N,).

    Attributes:
        alpha: expected relative return over the problem's horizon, simple; 0 where the weight is fixed.
        tilt: of the industry's view, simple, over the same horizon; 0 where there is none.
        industry: name of each.
        exposures: (N, K) to the factors, sparse or dense.
        specific_variance_annual: of simple returns.
        weight: fraction of NAV held at the close.
        benchmark: weights that the bands are measured from; zeros when dollar neutral has none.
        must_exit: must be sold, or bought back, whole.
        locked: can or may not be traded now: no bar, no alpha, about to be delisted.
        linear_cost, quadratic_cost: of trading, as fractions of NAV.
        borrow_rate_annual: of a short, simple, over 360 days.
        shortable: what may be sold short beyond what is, as a fraction of NAV; infinite where not known.
    """

    alpha: Array
    tilt: Array
    industry: list[str]
    exposures: Matrix
    specific_variance_annual: Array
    weight: Array
    benchmark: Array
    must_exit: Mask
    locked: Mask
    linear_cost: Array
    quadratic_cost: Array
    borrow_rate_annual: Array
    shortable: Array

    @property
    def tradable(self) -> Mask:
        """(N,) what this session can choose: what must be kept or sold is no bet that it can make."""
        return ~(self.locked | self.must_exit)


@dataclass(frozen=True)
class RiskForecast:
    """Risk and rates of the portfolio as a whole.

    Attributes:
        factors: names of the K factors.
        factor_covariance_annual: (K, K) of simple returns.
        bands: half width of an industry's band, fraction of NAV; `industry_band` of the settings where it has none.
        volatility_target_annual: standard deviation of simple returns.
        cash_rate_annual: simple, over 360 days.
    """

    factors: tuple[str, ...]
    factor_covariance_annual: Array
    bands: Mapping[str, float]
    volatility_target_annual: float
    cash_rate_annual: float
