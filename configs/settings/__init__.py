"""Numbers that people choose: frozen, typed, bounded; one module a section, all of them importable from here."""

from configs.settings.alpha import Alpha, EarningsBlackout
from configs.settings.backtest import Backtest
from configs.settings.base import Settings
from configs.settings.certification import Certification
from configs.settings.detectors import DetectorSettings, HmmSettings, JumpModelSettings, ThresholdsSettings
from configs.settings.execution import Execution
from configs.settings.features import (
    COMPOSITE,
    INDUSTRY_PROXIES,
    SCORED_BY_DEFAULT,
    Features,
    MarketProxies,
    Stationary,
)
from configs.settings.history import History
from configs.settings.macro import Macro
from configs.settings.market import Market
from configs.settings.market_regime import CrossAsset, E1Settings, E2Settings, Factor, Fusion, Vote
from configs.settings.models import LightGbmSettings, ModelSettings, RidgeSettings
from configs.settings.portfolio import Portfolio
from configs.settings.profile import Profile, Vendor
from configs.settings.quality import Quality
from configs.settings.regime_effects import EstimatedEffects, FixedEffects, RegimeEffectsSettings
from configs.settings.regimes import Regimes
from configs.settings.risk import Risk
from configs.settings.vendors.files import Drop, FilesVendor, Item, KnownAt, Table
from configs.settings.vendors.http import EdgarSource, FredSource, HttpVendor, PolygonSource, Transport
from configs.settings.vendors.plugin import PluginVendor
from configs.settings.vendors.simulated import CompanyEvents, Faults, PlantedAlpha, SimulatedVendor

__all__ = [
    "COMPOSITE",
    "INDUSTRY_PROXIES",
    "SCORED_BY_DEFAULT",
    "Alpha",
    "Backtest",
    "Certification",
    "CompanyEvents",
    "CrossAsset",
    "DetectorSettings",
    "Drop",
    "E1Settings",
    "E2Settings",
    "EarningsBlackout",
    "EdgarSource",
    "EstimatedEffects",
    "Execution",
    "Factor",
    "Faults",
    "Features",
    "FilesVendor",
    "FixedEffects",
    "FredSource",
    "Fusion",
    "History",
    "HmmSettings",
    "HttpVendor",
    "Item",
    "JumpModelSettings",
    "KnownAt",
    "LightGbmSettings",
    "Macro",
    "Market",
    "MarketProxies",
    "ModelSettings",
    "PlantedAlpha",
    "PluginVendor",
    "PolygonSource",
    "Portfolio",
    "Profile",
    "Quality",
    "RegimeEffectsSettings",
    "Regimes",
    "RidgeSettings",
    "Risk",
    "Settings",
    "SimulatedVendor",
    "Stationary",
    "Table",
    "ThresholdsSettings",
    "Transport",
    "Vendor",
    "Vote",
]
