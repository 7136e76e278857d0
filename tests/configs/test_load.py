"""Layers of settings become one profile, or a complaint that names file, key, value and bound."""

import os
from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.layers import CONFIGS
from configs.load import config_hash, load, load_layers, profiles
from configs.settings.detectors import HmmSettings, ThresholdsSettings

# --- known values ---------------------------------------------------------------------------------------------------


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
    assert load("sp500").vendor.folder == (CONFIGS.parent.parent / "shared" / "data").resolve()
    assert load("sp500", data=tmp_path).vendor.folder == tmp_path.resolve()
    elsewhere = tmp_path / "own.yaml"
    elsewhere.write_text((CONFIGS / "profiles" / "sp500.yaml").read_text().replace("../shared/data", "prices"))
    assert load(str(elsewhere)).vendor.folder == (tmp_path / "prices").resolve()


def test_an_override_reaches_into_a_list_of_tables() -> None:
    profile = load("vintages", overrides={"vendor.bars.0.off_calendar": "reject"})
    assert profile.vendor.bars[0].off_calendar == "reject"


def test_each_setting_says_which_layer_wrote_it(tmp_path: Path) -> None:
    loaded = load_layers("files", tmp_path, {"portfolio.weight_cap": "0.03", "features.composite.rsi_14": "0.1"})
    assert loaded.writer(("portfolio", "weight_cap")) == "--set portfolio.weight_cap=0.03"
    assert loaded.writer(("features", "composite")) == "--set features.composite.rsi_14=0.1"
    assert loaded.writer(("features", "min_industry")) == "configs/profiles/files.yaml"
    assert loaded.writer(("vendor", "folder")) == "--data"
    assert loaded.writer(("portfolio", "min_trade")) == "default"


def test_entries_of_a_mapping_are_laid_over_the_defaults() -> None:
    proxies = load("demo").features.industry_proxies
    assert (proxies["Energy"], proxies["Materials"]) == ("FUND_ENERGY", "XLB")


def test_settings_of_another_kind_take_the_place_of_the_default_ones(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("history: {start: 2015-01-02}\nvendor: {kind: simulated}\nregimes: {industry: {kind: thresholds}}\n")
    assert load(str(own)).regimes.industry == ThresholdsSettings()
    assert load("demo", overrides={"regimes.industry.kind": "thresholds"}).regimes.industry == ThresholdsSettings()
    assert load("demo", overrides={"regimes.industry.n_states": "2"}).regimes.industry == HmmSettings(n_states=2)


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
    with pytest.raises(
        ConfigError,
        match=r"mine.yaml: portfolio.weight_cap = 1.5: .*less than or equal to 1; weight_cap is the largest weight "
        r"of a stock \[above 0, at most 1, fraction of NAV\]",
    ):
        load(str(own))
    with pytest.raises(ConfigError, match=r"--set seed=many: seed = 'many': .*integer"):
        load("demo", overrides={"seed": "many"})


def test_a_missing_setting_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("vendor: {kind: simulated}\n")
    with pytest.raises(ConfigError, match="`history` is missing"):
        load(str(own))


def test_a_missing_or_unknown_kind_is_refused_with_the_kinds(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("history: {start: 2015-01-02}\nvendor: {n_symbols: 5}\n")
    with pytest.raises(ConfigError, match=r"`vendor.kind` is missing; write one of files, http, plugin, simulated"):
        load(str(own))
    with pytest.raises(ConfigError, match=r"--set vendor.kind=file: vendor.kind = 'file': .*did you mean files"):
        load(str(own), overrides={"vendor.kind": "file"})


def test_a_choice_that_is_not_among_them_is_refused_with_what_it_decides() -> None:
    with pytest.raises(ConfigError, match=r"market.grouping = 'gics': .*industries .*\[published, ff49 or ff12\]"):
        load("demo", overrides={"market.grouping": "gics"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "features.composite",
            "{rsi_14: 0}",
            r"composite: weights of \['rsi_14'\] must be finite and non-zero",
        ),
        ("features.horizons", "[5, 5]", r"features: horizons \(5, 5\): set different whole numbers"),
        (
            "features.stationary",
            "{rsi_14: {method: rank, sessions: 1}}",
            r"stationary.rsi_14: rank over 1 session",
        ),
        ("alpha.models", "[{kind: ridge}, {kind: ridge}]", r"alpha.models = .*ridge is listed more than once"),
        (
            "alpha.models",
            "[{kind: rigde}]",
            r"models.0.kind = 'rigde': there is no such kind; did you mean ridge",
        ),
        ("alpha.models.0.penalty", "-1", r"penalty is the penalty of squared coefficients, .*\[at least 0, rows\]"),
        (
            "vendor.alphas",
            "[{name: a, ic: 2, half_life: 21}]",
            r"alphas.0.ic = 2: .*\[-0.5 to 0.5, correlation\]",
        ),
    ],
)
def test_a_wrong_value_deep_inside_is_refused_with_its_key_and_the_fix(key: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"--set {key}=.*: .*{message}"):
        load("demo", overrides={key: value})


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


HOSTILE = {
    "lines of another file": "root:x:0:0:SECRET\nfoo: [\n", "cut": "x: {y: [SECRET\nz", "binary": "\x00SECRET",
    "date": "a: 2018-13-45  # SECRET", "deep": "a: " + "[" * 5000, "digits": "a: " + "9" * 5000,
    "python": "!!python/object/apply:os.system [SECRET]", "circle": "a: &a [*a]",
    "laughs": "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{k}: &{k} [{', '.join([f'*{chr(ord(k) - 1)}'] * 10)}]\n" for k in "bcdefghi"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_no_profile_is_an_error_that_quotes_none_of_its_lines(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text(HOSTILE[kind])
    with pytest.raises(ConfigError, match=r"profile\.yaml") as error:
        load(str(file))
    assert "SECRET" not in str(error.value)
    assert error.value.__cause__ is None


def test_what_is_no_text_or_no_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    file.write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        load(str(file))
    file.write_text("#" * 2_000_000)
    with pytest.raises(ConfigError, match="larger than"):
        load(str(file))
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="there is no profile file"):
        load(str(tmp_path / "pipe.yaml"))
