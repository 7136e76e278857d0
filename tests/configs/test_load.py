"""Layers of settings become one profile, or a complaint that names file, key, value and bound."""

from pathlib import Path

import pytest
import yaml

from configs import load as loading
from configs.load import ConfigError, config_hash, load, profiles
from configs.settings import Profile

# --- known values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", loading.SLICES)
def test_each_slice_file_says_every_default_of_its_settings(name: str) -> None:
    written = yaml.safe_load((loading.CONFIGS / f"{name}.yaml").read_text())
    settings = Profile.model_fields[name].default
    # what no fingerprint has, a dump has not
    hidden = {key: getattr(settings, key) for key, field in type(settings).model_fields.items() if field.exclude}
    assert written == settings.model_dump(mode="json") | hidden


def test_the_profiles_of_the_repository_load(tmp_path: Path) -> None:
    assert profiles() == ["demo", "development", "files", "polygon", "production", "sp500", "vintages"]
    for name in profiles():
        assert load(name, data=tmp_path if name in ("files", "production") else None).name == name


def test_a_later_layer_wins(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("history: {start: 2015-01-02}\nvendor: {kind: simulated}\nportfolio: {weight_cap: 0.05}\n")
    assert load("demo").portfolio.min_trade == 0.0005
    assert load(str(own)).portfolio.weight_cap == 0.05
    assert load(str(own), overrides={"portfolio.weight_cap": "0.07"}).portfolio.weight_cap == 0.07


def test_a_relative_folder_starts_at_the_repository_and_data_takes_its_place(tmp_path: Path) -> None:
    assert load("sp500").vendor.folder == (loading.CONFIGS.parent.parent / "shared" / "data").resolve()
    assert load("sp500", data=tmp_path).vendor.folder == tmp_path.resolve()


def test_an_override_reaches_into_a_list_of_tables() -> None:
    profile = load("vintages", overrides={"vendor.bars.0.off_calendar": "reject"})
    assert profile.vendor.bars[0].off_calendar == "reject"


# --- properties -----------------------------------------------------------------------------------------------------


def test_the_hash_follows_the_settings_and_not_the_place_of_the_data(tmp_path: Path) -> None:
    base = config_hash(load("sp500"))
    assert config_hash(load("sp500", data=tmp_path)) == base
    assert config_hash(load("sp500", overrides={"portfolio.weight_cap": "0.02"})) == base
    assert config_hash(load("sp500", overrides={"portfolio.weight_cap": "0.021"})) != base


# --- refusals -------------------------------------------------------------------------------------------------------


def test_an_unknown_profile_is_refused_with_the_closest_names() -> None:
    with pytest.raises(ConfigError, match="did you mean sp500"):
        load("sp50")
    with pytest.raises(ConfigError, match="pass a path that exists"):
        load("nowhere/mine.yaml")


def test_an_unknown_key_is_refused_with_its_place_and_the_closest_names() -> None:
    with pytest.raises(
        ConfigError, match=r"--set portfolio.wieght_cap=0.1: there is no setting .*did you mean weight_cap"
    ):
        load("demo", overrides={"portfolio.wieght_cap": "0.1"})
    with pytest.raises(ConfigError, match="did you mean n_symbols"):
        load("demo", overrides={"vendor.n_symbol": "5"})
    with pytest.raises(ConfigError, match="did you mean off_calendar"):
        load("vintages", overrides={"vendor.bars.0.offcalendar": "drop"})


def test_a_value_out_of_bounds_is_refused_with_file_key_value_and_bound(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("history: {start: 2015-01-02}\nvendor: {kind: simulated}\nportfolio: {weight_cap: 1.5}\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: portfolio.weight_cap = 1.5: .*less than or equal to 1"):
        load(str(own))
    with pytest.raises(ConfigError, match=r"--set seed=many: seed = 'many': .*integer"):
        load("demo", overrides={"seed": "many"})


def test_a_missing_setting_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("vendor: {kind: simulated}\n")
    with pytest.raises(ConfigError, match="`history` is missing"):
        load(str(own))


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ConfigError, match="lies before start"):
        load("demo", overrides={"history.end": "2001-01-02"})


def test_broken_yaml_is_refused_with_its_file(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("history: {start: ]\n")
    with pytest.raises(ConfigError, match=r"mine.yaml is not YAML"):
        load(str(own))
    own.write_text("seed: 1\nseed: 2\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: seed is written twice"):
        load(str(own))
    own.write_text("- seed\n")
    with pytest.raises(ConfigError, match="holds a list"):
        load(str(own))


def test_a_position_beyond_a_list_and_a_key_below_a_number_are_refused() -> None:
    with pytest.raises(ConfigError, match="no position in a list of 1"):
        load("vintages", overrides={"vendor.bars.1.file": "x"})
    with pytest.raises(ConfigError, match="seed"):
        load("demo", overrides={"seed.deep": "1"})


def test_data_for_a_profile_without_files_is_refused_and_so_is_their_absence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reads no files"):
        load("demo", data=tmp_path)
    with pytest.raises(ConfigError, match="pass --data"):
        load("files")


@pytest.mark.parametrize(
    "change",
    [
        {"vendor.bars.0.columns.open": "adj_close"},
        {"vendor.bars.0.where": "{adj_close: ['1']}"},
        {"vendor.bars.0.known_at": "{column: adj_close}"},
    ],
)
def test_a_mapping_to_hindsight_is_refused_unless_the_profile_names_it(change: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"adj_close of prices_vintages_2015_2017, which nobody knew"):
        load("vintages", overrides=change)
    named = {**change, "exceptions": "{market/bars: to see what it would do}"}
    assert load("vintages", overrides=named).exceptions
