"""Which assets read a setting, held against what a fingerprint counts; where a setting was set; wrong keys."""

import itertools

import pytest

from configs.errors import ConfigError
from configs.load import Loaded, load_layers
from configs.settings import Profile, Risk
from feature_store.schemas.market import ADJUSTED_BARS, BARS
from quant_assets.engine.asset import SessionAsset, TimeSeries, trailing
from quant_assets.engine.identity import settings_of
from quant_assets.graph import all_assets
from quant_assets.operations.settings import Setting, keys_read, options_read, place_of, settings_below

DEMO = load_layers("demo", overrides={"portfolio.weight_cap": "0.05"})
ASSETS = all_assets(DEMO.profile)


def settings(key: str, loaded: Loaded = DEMO) -> list[Setting]:
    return settings_below(loaded, loaded.profile, ASSETS, key)


def only(key: str) -> Setting:
    (setting,) = settings(key)
    return setting


def asset(name: str) -> SessionAsset:
    return next(each for each in ASSETS if each.name == name)


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_setting_has_its_value_default_bounds_meaning_writer_and_readers() -> None:
    setting = only("portfolio.weight_cap")
    assert (setting.value, setting.default, setting.unit) == (0.05, 0.02, "fraction of NAV")
    assert setting.allowed == "above 0, at most 1"
    assert setting.set_by == "--set portfolio.weight_cap=0.05"
    assert "execution/book" in setting.read_by
    assert "market/bars" not in setting.read_by


@pytest.mark.parametrize(
    ("key", "readers"),
    [
        ("risk.factor_half_life", ("risk/factor_covariance",)),
        ("market.grouping", ("market/industries",)),  # a source's own setting of the market
        ("alpha.lookback_sessions", ("alpha/model_fits",)),  # as the length of its windows alone
        ("features.market_proxies.gold", ("features/market_features",)),
        ("backtest.benchmarks", ()),
        ("vendor.end", ()),
        ("history.hold_out", ()),
    ],
)
def test_readers_are_the_assets_that_name_it(key: str, readers: tuple[str, ...]) -> None:
    assert only(key).read_by == readers


def test_a_section_lists_what_is_below_it_in_lists_too() -> None:
    keys = [setting.key for setting in settings("alpha")]
    assert "alpha.models.0.penalty" in keys
    assert "alpha.earnings_blackout.before" in keys
    assert only("alpha.models.0.penalty").default == 100.0


def test_an_entry_of_a_mapping_has_its_own_default_and_writer() -> None:
    energy, materials = only("features.industry_proxies.Energy"), only("features.industry_proxies.Materials")
    assert (energy.value, energy.default, energy.set_by) == ("FUND_ENERGY", "XLE", "configs/profiles/demo.yaml")
    assert (materials.value, materials.set_by) == ("XLB", "default")


def test_what_lengths_and_choices_of_an_asset_are_computed_from_is_read() -> None:
    assert options_read(asset("alpha/model_fits"), DEMO.profile) >= {
        ("alpha", "lookback_sessions"),
        ("alpha", "models"),
    }
    assert ("alpha", "earnings_blackout", "before") in options_read(asset("alpha/combined"), DEMO.profile)


def test_a_section_that_is_taken_by_its_type_is_read_by_its_fields_alone() -> None:
    window = trailing(BARS, lambda p: p.part(Risk).volatility_sessions)
    made = TimeSeries(ADJUSTED_BARS, lambda bars: bars, {"bars": window})
    assert options_read(made, DEMO.profile) == {("risk", "volatility_sessions")}


# -- properties --------------------------------------------------------------------------------------------------------

CHANGES = {
    "seed": "8",
    "decision_minutes_before_open": "45",
    "history.start": "2014-01-02",
    "history.hold_out": "2016-01-04",
    "market.max_gap_sessions": "20",
    "features.horizons": "[5]",
    "features.scored": "[reversal_5]",
    "macro.max_age_sessions": "11",
    "regimes.lookback_sessions": "200",
    "risk.lookback_sessions": "200",
    "portfolio.mode": "dollar_neutral",
    "portfolio.industry_band": "0.06",
    "execution.max_participation": "0.2",
    "vendor.momentum_ic": "0.04",
    "vendor.end": "2017-06-30",
    "backtest.benchmarks": "[SPY]",
}


def stale_by(key: str) -> set[str]:
    """Assets whose part of the configuration differs after a change, or whose options do."""
    changed = load_layers("demo", overrides={"portfolio.weight_cap": "0.05", key: CHANGES[key]}).profile
    return {each.name for each in ASSETS if _counted(each, changed) != _counted(each, DEMO.profile)}


def _counted(asset: SessionAsset, profile: Profile) -> object:
    return settings_of(asset, profile), asset.shape(profile)


@pytest.mark.parametrize("key", CHANGES)
def test_every_asset_that_a_setting_makes_stale_is_among_its_readers(key: str) -> None:
    readers = only(key).read_by
    assert stale_by(key) <= {*readers}
    if readers and key not in ("seed", "portfolio.mode", "features.scored"):  # readers by rule, and by what is chosen
        assert stale_by(key) == {*readers}


def test_every_setting_that_no_asset_reads_moves_no_fingerprint() -> None:
    unread = [setting.key for setting in settings("") if not setting.read_by]
    assert {"history.hold_out", "history.end", "vendor.end", "backtest.benchmarks"} <= {*unread}
    read = {".".join(map(str, key)) for each in ASSETS for key in keys_read(each, DEMO.profile)}
    assert [(a, b) for a, b in itertools.product(unread, read) if a == b] == []


def test_every_listed_key_leads_back_to_its_value() -> None:
    for setting in settings(""):
        assert place_of(DEMO.profile, setting.key).key == setting.key


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("weight_cap", r"no setting `weight_cap`; did you mean portfolio\.weight_cap\?"),
        ("portfolio.wieght_cap", r"did you mean portfolio\.weight_cap"),
        ("portfolio", None),
        ("protfolio", r"the profile has name, seed"),
        ("alpha.models.9.penalty", r"alpha\.models has 0, 1"),
        ("seed.deeper", r"no setting `seed\.deeper`"),
    ],
)
def test_an_unknown_key_is_refused_with_the_closest(key: str, message: str | None) -> None:
    if message is None:
        assert len(settings(key)) > 10
        return
    with pytest.raises(ConfigError, match=message):
        settings(key)
