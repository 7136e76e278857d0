"""All session assets, each after those that it reads: the platform's, and those of a profile's plugins."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from configs.errors import did_you_mean
from configs.settings import Profile
from feature_store.code.access import AccessError
from feature_store.code.sources import CodeIdentityError
from feature_store.dataset import Dataset
from feature_store.schemas.alpha import COMBINED, EXPECTED_RETURN
from quant_assets.alpha.assets import ASSETS as ALPHA
from quant_assets.backtest.assets import ASSETS as BACKTEST
from quant_assets.engine.asset import CrossSection, SessionAsset, Source, Window, rests_on, same
from quant_assets.engine.identity import reject_access
from quant_assets.execution.assets import ASSETS as EXECUTION
from quant_assets.features.assets import ASSETS as FEATURES
from quant_assets.market.assets import ASSETS as MARKET
from quant_assets.portfolio.assets import ASSETS as PORTFOLIO
from quant_assets.regimes.assets import ASSETS as REGIMES
from quant_assets.risk.assets import ASSETS as RISK
from quant_resources.plugins import Plugin, PluginError, plugins_of

CORE: tuple[SessionAsset, ...] = (
    *MARKET, *FEATURES, *REGIMES, *ALPHA, *RISK, *EXECUTION, *PORTFOLIO, *BACKTEST,
)  # fmt: skip


def core_assets() -> list[SessionAsset]:
    """The platform's own."""
    return _ordered(CORE)


def all_assets(profile: Profile) -> list[SessionAsset]:
    """The platform's own and those of the profile's plugins.

    Raises:
        PluginError: a plugin's asset reads what is not there, or does not fit where it is put.
    """
    plugins = plugins_of(profile)
    if not plugins:
        return core_assets()
    added = {plugin.name: _assets(plugin) for plugin in plugins}
    declared = [*_with_strategies(strategies_of(profile)), *(asset for assets in added.values() for asset in assets)]
    known = {asset.name: asset.dataset for asset in declared}
    for name, assets in added.items():
        for asset in assets:
            _require_inputs(name, asset, known, profile)
            _require_bounds(name, asset, profile)
    try:
        return _ordered(declared)
    except CycleError as error:
        round_trip = " <- ".join(error.args[1])
        raise PluginError(
            f"datasets would rest on one another: {round_trip}; let the plugin read what comes before"
        ) from None


def strategies_of(profile: Profile) -> list[Dataset]:
    """What plugins' strategies store, which `alpha/combined` merges."""
    return [_strategy(plugin, asset.dataset) for plugin in plugins_of(profile) for asset in plugin.strategies]


def read_by(profile: Profile, dataset: Dataset) -> list[Dataset]:
    """Datasets of plugins that a dataset rests on, directly or through others, each after what it reads."""
    order = all_assets(profile)
    by_name = {asset.name: asset for asset in order}
    found, waiting = {dataset.name}, [dataset.name]
    while waiting:
        before = [name for name in rests_on(by_name[waiting.pop()]) if name not in found]
        found |= {*before}
        waiting += before
    theirs = {name for plugin in plugins_of(profile) for name in plugin.datasets}
    return [asset.dataset for asset in order if asset.name in found & theirs]


def as_text(assets: list[SessionAsset]) -> str:
    """The graph, one line an asset; kept as a snapshot, so that a diff shows when it changed."""
    return "\n".join(f"{a.name} [{a.kind}] <- {', '.join(w.dataset.name for w in a.inputs.values())}" for a in assets)


def _ordered(declared: Sequence[SessionAsset]) -> list[SessionAsset]:
    by_name = {asset.name: asset for asset in declared}
    order = TopologicalSorter({asset.name: rests_on(asset) for asset in declared}).static_order()
    return [by_name[name] for name in order]


# -- plugins -----------------------------------------------------------------------------------------------------------


def _assets(plugin: Plugin) -> list[SessionAsset]:
    """Those of the plugin, which are session assets."""
    found: list[SessionAsset] = []
    for asset in plugin.every_asset:
        if not isinstance(asset, SessionAsset):
            kinds = ", ".join(kind.__name__ for kind in SessionAsset.__args__)
            raise PluginError(f"plugin {plugin.name}: {asset.name} is a {type(asset).__name__} and none of {kinds}")
        if isinstance(asset, Source) and (plugin.feed is None or asset.dataset.origin is None):
            raise PluginError(
                f"plugin {plugin.name}: {asset.name} is a source; its Dataset needs origin=Events() or States(), "
                "and the plugin a `feed` that serves it"
            )
        found.append(asset)
    stored = {asset.name for asset in found}
    for asset in found:
        if absent := [d.name for d in asset.datasets if d.name not in stored]:
            raise PluginError(
                f"plugin {plugin.name}: {asset.name} has the output {absent[0]}, which needs an asset too"
            )
    return found


def _with_strategies(strategies: Sequence[Dataset]) -> Iterator[SessionAsset]:
    """The platform's own; what merges expected returns reads those of the plugins' strategies too."""
    windows = {dataset.name: same(dataset, EXPECTED_RETURN) for dataset in strategies}
    for asset in CORE:
        if asset.name == COMBINED.name and windows:
            assert isinstance(asset, CrossSection)
            yield replace(asset, inputs={**asset.inputs, **windows})
        else:
            yield asset


def _strategy(plugin: Plugin, dataset: Dataset) -> Dataset:
    absent = [name for name in ("horizon_sessions", *EXPECTED_RETURN) if name not in dataset.schema]
    if dataset.key != ("symbol", "horizon_sessions") or absent:
        raise PluginError(
            f"plugin {plugin.name}: the strategy {dataset.name} must have the key (symbol, horizon_sessions) and the "
            f"values {', '.join(EXPECTED_RETURN)}; declare it with feature_store.schemas.alpha.strategy_dataset"
        )
    return dataset


def _require_bounds(plugin: str, asset: SessionAsset, profile: Profile) -> None:
    """Its function reaches nothing but its inputs."""
    try:
        reject_access(asset, profile)
    except (AccessError, CodeIdentityError) as error:
        raise PluginError(f"plugin {plugin}: {error}") from None


def _require_inputs(plugin: str, asset: SessionAsset, known: dict[str, Dataset], profile: Profile) -> None:
    """Each window is of a dataset of the graph, as it is there, and of columns that it has."""
    for window in asset.inputs.values():
        name = window.dataset.name
        if name not in known:
            raise PluginError(
                f"plugin {plugin}: {asset.name} reads {name}, which no asset stores{did_you_mean(name, known)}"
            )
        if window.dataset != known[name]:
            raise PluginError(
                f"plugin {plugin}: {asset.name} reads {name} by another declaration than the graph has; "
                "import the Dataset from where it is declared"
            )
        _require_columns(plugin, asset, window, profile)


def _require_columns(plugin: str, asset: SessionAsset, window: Window, profile: Profile) -> None:
    values = window.dataset.values
    for column in window.values(profile):
        if column not in values:
            raise PluginError(
                f"plugin {plugin}: {asset.name} reads the column {column} of {window.dataset.name}, which has none of "
                f"that name{did_you_mean(column, values)}"
            )
