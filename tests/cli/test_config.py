"""`asof config`: what is in force and why, and the generated defaults."""

import json
from pathlib import Path

import pytest

from configs.defaults import SECTIONS, section_yaml, write_defaults
from configs.reference import reference
from quant_assets.cli import config
from quant_resources.home import Choice, Home
from tests.support.tiny import asof

# -- known values ------------------------------------------------------------------------------------------------------


def test_one_setting_is_shown_whole(tmp_path: Path) -> None:
    answer = asof(tmp_path, "config", "show", "risk.exposure_limit", "--set", "risk.exposure_limit=2.5")
    assert answer.code == 0
    for text in ("2.5", "3.0", "standard deviations", "above 0", "largest style exposure", "risk/exposures"):
        assert text in answer.out
    assert "--set risk.exposure_limit=2.5" in answer.out
    assert list(tmp_path.iterdir()) == []  # nothing is remembered


def test_json_has_every_part(tmp_path: Path) -> None:
    answer = asof(tmp_path, "config", "show", "features.industry_proxies", "--profile", "demo", "--json")
    (row,) = json.loads(answer.out)
    assert row["value"]["Energy"] == "FUND_ENERGY"
    assert row["default"]["Energy"] == "XLE"
    assert row["set_by"] == "configs/profiles/demo.yaml"
    assert row["read_by"] == ["features/industry_returns"]
    assert row["remembered"] is False


def test_what_the_home_remembers_is_told_apart(tmp_path: Path) -> None:
    Home(tmp_path).remember(Choice("demo", None, {"portfolio.weight_cap": "0.03", "risk.exposure_limit": "2"}))
    shown = asof(tmp_path, "config", "show", "portfolio.weight_cap").out
    assert "--set portfolio.weight_cap=0.03 (remembered by the home)" in " ".join(shown.split())
    typed = asof(tmp_path, "config", "show", "portfolio.weight_cap", "--set", "portfolio.weight_cap=0.04", "--json")
    (row,) = json.loads(typed.out)
    assert (row["value"], row["remembered"]) == (0.04, False)


def test_a_section_and_the_profile_are_tables(tmp_path: Path) -> None:
    section = asof(tmp_path, "config", "show", "backtest").out
    assert "backtest of profile demo" in section
    assert "symbols of market/benchmarks" in " ".join(section.replace("│", " ").split())
    whole = asof(tmp_path, "config", "show").out
    assert all(key in whole for key in ("history.start", "portfolio.weight_cap", "vendor.n_symbols"))


def test_a_profile_of_files_is_shown_without_its_folder(tmp_path: Path) -> None:
    answer = asof(tmp_path, "config", "show", "vendor.folder", "--profile", "files")
    assert answer.code == 0
    assert "null" in answer.out


def test_defaults_are_printed_as_they_are_committed(tmp_path: Path) -> None:
    assert asof(tmp_path, "config", "defaults", "risk").out.strip() == section_yaml("risk").strip()
    whole = asof(tmp_path, "config", "defaults").out
    assert all(section_yaml(section) in whole for section in SECTIONS)


def test_files_are_written_where_they_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "settings.md"
    monkeypatch.setattr(config, "write_defaults", lambda: write_defaults(tmp_path))
    monkeypatch.setattr(config, "DOCUMENT", page)
    assert str(page) in asof(tmp_path, "config", "defaults", "--write").out
    assert page.read_text() == reference()
    assert (tmp_path / "risk.yaml").read_text() == section_yaml("risk")
    assert "every file is what the types generate" in asof(tmp_path, "config", "defaults", "--write").out


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_an_unknown_key_section_or_profile_is_refused_with_the_closest(tmp_path: Path) -> None:
    for words, message in (
        (("show", "wieght_cap"), "did you mean portfolio.weight_cap"),
        (("show", "--profile", "dmo"), "did you mean demo"),
        (("defaults", "porfolio"), "did you mean portfolio"),
        (("defaults", "risk", "--write"), "leave the section out"),
        (("show", "--set", "risk.exposure_limit=-1"), "exposure_limit is the largest style exposure"),
    ):
        answer = asof(tmp_path, "config", *words)
        assert answer.code == 2, words
        assert message in answer.err
