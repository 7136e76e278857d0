"""Settings of each kind of trading cost, beside commission, spread and impact."""

from typing import Literal

from pydantic import Field

from configs.settings.kinds import KindSettings
from configs.settings.units import BasisPoints


class CostTermSettings(KindSettings):
    """What every kind of cost derives its settings from."""


class SalesFeeSettings(CostTermSettings):
    """A fee on sales."""

    kind: Literal["sales_fee"] = "sales_fee"
    fee_bp: BasisPoints = Field(0.278, ge=0, description="regulator's fee on sales, of the value sold")


COST_TERM_SETTINGS: dict[str, type[CostTermSettings]] = {"sales_fee": SalesFeeSettings}
