"""The YAML files beside the settings are what the types generate, so that a default stands once."""

from pathlib import Path

import pytest
import yaml
from pydantic import Field

from configs import defaults
from configs.defaults import SECTIONS, default_files, default_tree, section_yaml, write_defaults
from configs.layers import CONFIGS
from configs.settings import Features, History, Profile, Settings, SimulatedVendor
from configs.settings.units import Sessions

# --- known values ---------------------------------------------------------------------------------------------------


def test_a_key_stands_below_its_meaning_unit_and_bounds() -> None:
    lines = section_yaml("market").splitlines()
    at = lines.index("adv_sessions: 21")
    assert lines[at - 1] == "# window of the mean daily dollar volume [sessions, 1 to 252]"
    assert lines[0] == "# Prices, and the universe of tradable stocks."


class Ridge(Settings):
    """A model."""

    kind: str = "ridge"
    penalty: float = Field(100.0, ge=0, description="added to the diagonal")


class Models(Settings):
    """Models in a list."""

    models: tuple[Ridge, ...] = Field((Ridge(), Ridge(penalty=1)), description="models that are averaged")
    lookback: Sessions = Field(504, ge=63, description="window of a fit")


def test_settings_in_a_list_are_entries_with_the_kind_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "_default", lambda section: Models())
    text = section_yaml("alpha")
    assert yaml.safe_load(text) == {
        "models": [{"kind": "ridge", "penalty": 100.0}, {"kind": "ridge", "penalty": 1.0}],
        "lookback": 504,
    }
    assert "  - kind: ridge\n    # added to the diagonal [at least 0]\n    penalty: 100.0\n" in text


# --- properties -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_the_committed_file_is_what_the_types_generate(section: str) -> None:
    committed = (CONFIGS / f"{section}.yaml").read_text(encoding="utf-8")
    assert committed == section_yaml(section), "run `asof config defaults --write`, and commit what it writes"


def test_there_is_a_file_for_each_section_and_no_other() -> None:
    assert {path.name for path in CONFIGS.glob("*.yaml")} == default_files().keys()


@pytest.mark.parametrize("section", SECTIONS)
def test_a_file_read_back_is_the_default_of_every_key(section: str) -> None:
    written = yaml.safe_load(section_yaml(section))
    assert written == default_tree()[section]
    assert type(Profile.model_fields[section].default).model_validate(written) == Profile.model_fields[section].default


def test_a_profile_of_defaults_is_one_without_them() -> None:
    own = {"name": "x", "history": History(start="2015-01-02"), "vendor": SimulatedVendor(kind="simulated")}
    assert Profile.model_validate(own | default_tree()) == Profile.model_validate(own)


def test_files_are_written_once(tmp_path: Path) -> None:
    assert [path.name for path in write_defaults(tmp_path)] == [f"{name}.yaml" for name in SECTIONS]
    (tmp_path / "risk.yaml").write_text("another: 1\n")
    assert [path.name for path in write_defaults(tmp_path)] == ["risk.yaml"]
    assert write_defaults(tmp_path) == []


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_changed_default_is_not_what_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "_default", lambda section: Features(min_industry=6))
    assert section_yaml("features") != (CONFIGS / "features.yaml").read_text(encoding="utf-8")
