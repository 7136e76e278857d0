"""A function sees the settings that its code names, and no other: what it cannot see makes nothing stale."""

import itertools
import pickle
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Features, Portfolio, Profile, Settings
from quant_assets.engine.asset import CrossSection, SessionAsset, same
from quant_assets.engine.computation import parameters
from quant_assets.engine.identity import settings_of
from quant_assets.engine.settings_seen import fields_seen, functions_of, seen, selected_entries
from quant_assets.graph import core_assets
from tests.engine.changes import BARS_ASSET, DAYS, MEAN, RANKS, runner_on
from tests.engine.market import profile, run, valued

HIDDEN = "risk_" + "aversion"  # put together here, so that no text says it


class Limits(Settings):
    """Settings with methods that name fields."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.1
    unused: float = 5.0

    @property
    def width(self) -> float:
        return self.high - self.low

    def steps(self) -> float:
        return self.width / self.step


def of_field(limits: Limits) -> float:
    return limits.low


def of_property(limits: Limits) -> float:
    return limits.width


def of_method(limits: Limits) -> float:
    return limits.steps()


def of_text(limits: Limits) -> float:
    return getattr(limits, "high")  # noqa: B009


def of_pattern(limits: Limits) -> float:
    match limits:
        case Limits(step=step):
            return step
    return 0.0


def through_another(limits: Limits) -> float:
    return of_field(limits) + 1


def by_a_made_up_name(means: pl.DataFrame, portfolio: Portfolio) -> pl.DataFrame:
    return means.select("event_date", "symbol", value=pl.col("value") * getattr(portfolio, HIDDEN))


def by_name(means: pl.DataFrame, portfolio: Portfolio) -> pl.DataFrame:
    return means.select("event_date", "symbol", value=pl.col("value") * portfolio.turnover_cap)


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        (of_field, {"low"}),
        (of_property, {"low", "high"}),
        (of_method, {"low", "high", "step"}),
        (of_text, {"high"}),
        (of_pattern, {"step", "low", "high"}),  # the class is named, with its methods
        (through_another, {"low"}),
    ],
)
def test_fields_are_found_however_they_are_named(function: object, fields: set[str]) -> None:
    assert fields_seen((function,), Limits) == fields


def test_the_views_see_what_they_name_of_the_portfolio() -> None:
    views = next(asset for asset in core_assets() if asset.name == "portfolio/views")
    told = settings_of(views, profile())["Portfolio"]
    assert "industry_band" in told
    assert "weight_cap" not in told


# -- properties --------------------------------------------------------------------------------------------------------


def kinds(asset: SessionAsset) -> list[type[Settings]]:
    declared = itertools.chain(*(parameters(function) for function in functions_of(asset)))
    return [kind for _, kind in declared if isinstance(kind, type) and issubclass(kind, Settings)]


@pytest.mark.parametrize("asset", [a for a in core_assets() if kinds(a)], ids=lambda asset: asset.name)
def test_what_counts_is_what_can_be_seen(asset: SessionAsset) -> None:
    chosen = profile()
    for kind in kinds(asset):
        given, whole = seen(asset, kind, chosen), chosen.part(kind)
        names = fields_seen(functions_of(asset), kind, selected_entries(asset, chosen))
        counted = {name: getattr(whole, name) for name in names}
        assert given.__dict__ == counted
        assert pickle.loads(pickle.dumps(given)).__dict__ == counted  # what a worker process gets


def test_a_setting_that_no_code_of_an_asset_names_makes_it_not_stale(tmp_path: Path) -> None:
    by_cap = CrossSection(valued("changes/by_cap"), by_name, {"means": same(MEAN.dataset, ("value",))})
    chain = (BARS_ASSET, MEAN, RANKS, by_cap)
    first = runner_on(tmp_path / "store", chain)
    for asset in chain:
        run(first, asset, DAYS[:5])
    other = runner_on(tmp_path / "store", chain, portfolio__turnover_cap="0.123")
    for asset, computed in ((MEAN, 0), (RANKS, 0), (by_cap, 5)):
        assert sum(not o.skipped for o in run(other, asset, DAYS[:5])) == computed


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_field_that_is_reached_by_a_made_up_name_is_rejected_when_it_is_read(tmp_path: Path) -> None:
    sly = CrossSection(valued("changes/sly"), by_a_made_up_name, {"means": same(MEAN.dataset, ("value",))})
    runner = runner_on(tmp_path / "store", (BARS_ASSET, MEAN, sly))
    for asset in (BARS_ASSET, MEAN):
        run(runner, asset, DAYS[:5])
    with pytest.raises(AttributeError, match=rf"Portfolio\.{HIDDEN} is hidden, as no code of this asset names it"):
        run(runner, sly, DAYS[:5])


def test_a_profile_keeps_its_settings_and_what_is_no_field_is_reported_as_ever() -> None:
    chosen = profile()
    ranked = next(asset for asset in core_assets() if asset.name == "features/stock_scores")
    seen(ranked, Features, chosen)
    assert isinstance(chosen, Profile)
    assert set(chosen.features.__dict__) == set(Features.model_fields)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = chosen.features.nothing
