"""What a kind of trading cost is: its rate, and the convex costs that the optimization takes in its place."""

from dataclasses import dataclass, fields
from typing import ClassVar, Protocol, TypeVar

import numpy as np

from configs.settings.cost_terms import CostTermSettings
from quant_assets.numerics.arrays import Array, Index, Mask

S_contra = TypeVar("S_contra", bound=CostTermSettings, contravariant=True)


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


class CostTerm(Protocol[S_contra]):
    """A kind of cost; the class is its name's entry in `registry.COST_TERMS`.

    Every kind passes `tests/execution/trading/cost_terms/test_conformance.py`.

    Attributes:
        settings: type of its settings, whose `kind` names it.
    """

    settings: ClassVar[type[CostTermSettings]]

    @staticmethod
    def rate(trade_usd: Array, parameters: CostParameters, settings: S_contra) -> Array:
        """(N,) cost of each trade as a fraction of its value, 0 or more, and no less for a larger trade.

        Args:
            trade_usd: (N,) signed, none of them 0.
            parameters: of the N stocks, known.
        """

    @staticmethod
    def majorant(
        nav_usd: float, parameters: CostParameters, usual_trade: float, settings: S_contra
    ) -> tuple[Array, Array]:
        """(N,) linear and quadratic costs (l1, l2): a trade of x, a fraction of NAV, costs at most l1 x + l2 x².

        Args:
            parameters: of the N stocks; NaN where unknown, and so is the cost then.
            usual_trade: fraction of NAV at which the majorant should be tight.
        """
