"""What the tests that go from end to end share, and which files begin."""

from pathlib import Path

import pytest

from tests.support import tiny
from tests.support.once import made_once

# Files take minutes or seconds, and a worker takes a whole one: the long ones first, or the last is waited for. While
# the first worker stores the tiny market, which many wait for, the second has what needs none.
LONG = (
    "cli/test_app.py",
    "feature_store/test_numeric_platform.py",
    "engine/test_dagster.py",
    "engine/test_laws.py",
    "engine/test_workers.py",
    "operations/test_impact.py",
    "cli/test_stored_sessions.py",
    "plugins/test_my_research.py",
    "cli/test_drops.py",
    "engine/test_leaks.py",
    "quant_resources/vendors/files/test_vendor.py",
    "quant_resources/dagster/test_event_storage.py",
    "test_wheel.py",
    "guides/test_guides.py",
    "guides/test_add_a_vendor.py",
    "guides/test_add_a_page.py",
    "engine/test_certification.py",
    "engine/test_dagster_step.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write snapshots of pages anew, to be read")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    place = {here / name: i for i, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


@pytest.fixture(scope="session")
def stored_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny market, stored by `asof backfill` once for all workers; copy it before changing it."""
    return made_once(tmp_path_factory, "stored", _store)


def _store(home: Path) -> None:
    answer = tiny.asof(home, "backfill", "--profile", "demo", *tiny.setting(tiny.SETTINGS))
    assert answer.code == 0, answer.out + answer.err


@pytest.fixture
def home(stored_home: Path, tmp_path: Path) -> Path:
    """A copy of the stored home."""
    return tiny.copy_of(stored_home, tmp_path)
