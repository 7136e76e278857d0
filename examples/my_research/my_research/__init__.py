"""My own research: how straight a stock's path is, and what that is worth."""

from configs.settings import Profile
from feature_store.schemas.market import ADJUSTED_BARS, UNIVERSE
from my_research.features import path_efficiency
from my_research.limit import VolatileStocks
from my_research.model import Marginal
from my_research.schemas import PATH_EFFICIENCY, STRAIGHT_TRENDS
from my_research.settings import MyResearch
from my_research.strategy import straight_trends
from quant_assets.alpha.models.registry import add_model
from quant_assets.engine.asset import CrossSection, TimeSeries, same, trailing
from quant_assets.portfolio.limits.registry import add_limit
from quant_resources.plugins import Plugin


def window(profile: Profile) -> int:
    """Sessions of a path."""
    return profile.part(MyResearch).window


# Kinds that a profile may name from now on, in `alpha.models` and in `portfolio.limits`.
add_model(Marginal)
add_limit(VolatileStocks)

PLUGIN = Plugin(
    name="my_research",
    settings=MyResearch,
    assets=[
        TimeSeries(PATH_EFFICIENCY, path_efficiency, {"bars": trailing(ADJUSTED_BARS, window, columns=("log_return",))})
    ],
    strategies=[
        CrossSection(
            STRAIGHT_TRENDS,
            straight_trends,
            {"efficiency": same(PATH_EFFICIENCY), "universe": same(UNIVERSE, columns=("tradable",))},
        )
    ],
)
