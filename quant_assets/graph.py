"""Every session asset, in an order in which each comes after what it reads."""

from graphlib import TopologicalSorter

from quant_assets.alpha.assets import ASSETS as ALPHA
from quant_assets.backtest.assets import ASSETS as BACKTEST
from quant_assets.engine.asset import SessionAsset, rests_on
from quant_assets.execution.assets import ASSETS as EXECUTION
from quant_assets.features.assets import ASSETS as FEATURES
from quant_assets.market.assets import ASSETS as MARKET
from quant_assets.portfolio.assets import ASSETS as PORTFOLIO
from quant_assets.regimes.assets import ASSETS as REGIMES
from quant_assets.risk.assets import ASSETS as RISK


def all_assets() -> list[SessionAsset]:
    """All assets, topologically sorted."""
    declared = [*MARKET, *FEATURES, *REGIMES, *ALPHA, *RISK, *EXECUTION, *PORTFOLIO, *BACKTEST]
    by_name = {asset.name: asset for asset in declared}
    order = TopologicalSorter({asset.name: rests_on(asset) for asset in declared}).static_order()
    return [by_name[name] for name in order]


def as_text(assets: list[SessionAsset]) -> str:
    """The graph, one line an asset; kept as a snapshot, so that a diff shows when it changed."""
    return "\n".join(f"{a.name} [{a.kind}] <- {', '.join(w.dataset.name for w in a.inputs.values())}" for a in assets)
