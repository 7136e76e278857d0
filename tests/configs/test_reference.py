"""docs/settings.md is what the types generate: every key of every section, with default, unit, bounds and meaning."""

from pathlib import Path

from configs.describe import describe
from configs.reference import DOCUMENT, reference
from configs.settings import Profile, Settings

# --- known values ---------------------------------------------------------------------------------------------------


def test_a_row_has_key_default_unit_bounds_and_meaning() -> None:
    row = "| `weight_cap` | `0.02` | fraction of NAV | above 0, at most 1 | largest weight of a stock |"
    assert row in reference().splitlines()


def test_kinds_have_tables_of_their_own() -> None:
    lines = reference().splitlines()
    assert "## vendor, kind: simulated" in lines
    assert "### `alpha.models`, kind: ridge" in lines
    assert "### `features.market_proxies`" in lines


# --- properties -----------------------------------------------------------------------------------------------------


def test_the_committed_page_is_what_the_types_generate() -> None:
    committed = DOCUMENT.read_text(encoding="utf-8")
    assert committed == reference(), "run `asof config defaults --write`, and commit what it writes"


def test_every_field_of_every_class_is_there() -> None:
    lines = {*reference().splitlines()}
    waiting: list[type[Settings]] = [part for field in describe(Profile).values() for part in field.parts]
    seen = set()
    while waiting:
        kind = waiting.pop()
        if kind in seen:
            continue
        seen.add(kind)
        for field in describe(kind).values():
            ending = f"| {field.unit} | {field.allowed} | {field.meaning} |".replace("|weights|", "\\|weights\\|")
            assert any(line.startswith(f"| `{field.name}` | ") and line.endswith(ending) for line in lines), field
            waiting += field.parts
    assert len(seen) > 20


def test_links_to_the_defaults_lead_to_files() -> None:
    assert "[features.yaml](../configs/features.yaml)" in reference()
    assert (DOCUMENT.parent / "../configs/features.yaml").exists()
    assert isinstance(DOCUMENT, Path)
