"""A profile: the settings of a run as a whole."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from configs.settings.alpha import Alpha
from configs.settings.backtest import Backtest
from configs.settings.base import Settings
from configs.settings.certification import Certification
from configs.settings.execution import Execution
from configs.settings.features import Features
from configs.settings.history import History
from configs.settings.macro import Macro
from configs.settings.market import Market
from configs.settings.portfolio import Portfolio
from configs.settings.quality import Quality
from configs.settings.regimes import Regimes
from configs.settings.risk import Risk
from configs.settings.units import Minutes, Unit
from configs.settings.vendors.files import FilesVendor
from configs.settings.vendors.http import HttpVendor
from configs.settings.vendors.plugin import PluginVendor
from configs.settings.vendors.simulated import SimulatedVendor

Vendor = Annotated[FilesVendor | HttpVendor | PluginVendor | SimulatedVendor, Field(discriminator="kind")]
S = TypeVar("S", bound=Settings)


class Profile(Settings):
    """All settings of a run."""

    name: str = Field(description="name of the profile: its file's, without the ending")
    seed: Annotated[int, Unit("seed")] = Field(7, description="seed of everything random, with the dataset and session")
    history: History = Field(description="sessions of the profile")
    decision_minutes_before_open: Minutes = Field(
        30, ge=1, le=900, description="how long before the next session's open a session is decided"
    )
    vendor: Vendor = Field(description="source of the data: files, vendors over HTTP, a plugin or a simulation")
    exceptions: dict[str, str] = Field({}, description="dataset to the reason why hindsight may enter it")
    plugins: tuple[str, ...] = Field(
        (), description="plugins to load: modules, or entry points of the group asof.plugins; docs/plugins.md"
    )
    plugin_folder: Path | None = Field(
        None,
        description="folder of the plugins' modules, relative to the profile; null: the folder of the profile",
    )
    plugin_settings: dict[str, Any] = Field({}, description="plugin to its own settings")
    market: Market = Field(Market(), description="prices, and the universe of tradable stocks")
    quality: Quality = Field(Quality(), description="thresholds of findings in the data that come in")
    macro: Macro = Field(Macro(), description="series of market/macro by their role")
    features: Features = Field(Features(), description="features, scores and labels")
    regimes: Regimes = Field(Regimes(), description="regimes of industries and of the market")
    alpha: Alpha = Field(Alpha(), description="models of future relative returns")
    risk: Risk = Field(Risk(), description="factor model of risk, and estimates of trading costs")
    portfolio: Portfolio = Field(Portfolio(), description="optimization problem that chooses weights")
    execution: Execution = Field(Execution(), description="account, pre-trade checks and costs of fills")
    backtest: Backtest = Field(Backtest(), description="what results are compared with")
    certification: Certification = Field(Certification(), description="stored sessions that are computed again")

    def part(self, kind: type[S]) -> S:
        """The one section of the given type, of the platform or of a plugin."""
        sections = [*(value for _, value in self), *self.plugin_settings.values()]
        parts: list[S] = [value for value in sections if type(value) is kind]
        if len(parts) != 1:
            raise KeyError(f"profile {self.name} has {len(parts)} parts of type {kind.__name__}")
        return parts[0]
