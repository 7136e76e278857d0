"""A profile: the settings of a run as a whole."""

from typing import Annotated, Any

from pydantic import Field

from configs.settings.alpha import Alpha
from configs.settings.backtest import Backtest
from configs.settings.base import Settings
from configs.settings.execution import Execution
from configs.settings.features import Features
from configs.settings.history import History
from configs.settings.macro import Macro
from configs.settings.market import Market
from configs.settings.portfolio import Portfolio
from configs.settings.quality import Quality
from configs.settings.regimes import Regimes
from configs.settings.risk import Risk
from configs.settings.vendors.files import FilesVendor
from configs.settings.vendors.http import HttpVendor
from configs.settings.vendors.simulated import SimulatedVendor

Vendor = Annotated[FilesVendor | HttpVendor | SimulatedVendor, Field(discriminator="kind")]


class Profile(Settings):
    """Everything a run is told."""

    name: str
    seed: int = 7
    history: History
    decision_minutes_before_open: int = Field(30, ge=1, le=900)
    vendor: Vendor
    exceptions: dict[str, str] = Field({}, description="dataset name to why hindsight may enter it")
    market: Market = Market()
    quality: Quality = Quality()
    macro: Macro = Macro()
    features: Features = Features()
    regimes: Regimes = Regimes()
    alpha: Alpha = Alpha()
    risk: Risk = Risk()
    portfolio: Portfolio = Portfolio()
    execution: Execution = Execution()
    backtest: Backtest = Backtest()

    def part(self, kind: type[Settings]) -> Settings:
        """The one slice of the given type."""
        found: list[Any] = [value for _, value in self if type(value) is kind]
        if len(found) != 1:
            raise KeyError(f"profile {self.name} has {len(found)} parts of type {kind.__name__}")
        return found[0]  # type: ignore[no-any-return]
