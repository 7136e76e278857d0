"""What the tests that go from end to end share, and which files begin."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.support import tiny

# Files take minutes or seconds, and a worker takes a whole one: the long ones first, or the last is waited for.
LONG = (
    "operations/test_impact.py",
    "engine/test_dagster.py",
    "engine/test_dagster_step.py",
    "engine/test_laws.py",
    "cli/test_app.py",
    "cli/test_stored_sessions.py",
    "engine/test_workers.py",
    "quant_resources/vendors/files/test_vendor.py",
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
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = tmp_path_factory.mktemp("stored") if alone else tmp_path_factory.getbasetemp().parent / "stored"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            answer = tiny.asof(folder / "home", "backfill", "--profile", "demo", *tiny.setting(tiny.SETTINGS))
            assert answer.code == 0, answer.out + answer.err
            (folder / "done").touch()
    return folder / "home"


@pytest.fixture
def home(stored_home: Path, tmp_path: Path) -> Path:
    """A copy of the stored home."""
    return tiny.copy_of(stored_home, tmp_path)
