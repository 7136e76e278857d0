"""Stored once a process, for the tests that go from end to end."""

from pathlib import Path

import pytest

from tests import tiny


@pytest.fixture(scope="session")
def stored_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny market, stored by `asof backfill`; copy it before changing it."""
    home = tmp_path_factory.mktemp("stored") / "home"
    answer = tiny.asof(home, "backfill", "--profile", "demo", *tiny.setting(tiny.SETTINGS))
    assert answer.code == 0, answer.out + answer.err
    return home


@pytest.fixture
def home(stored_home: Path, tmp_path: Path) -> Path:
    """A copy of the stored home."""
    return tiny.copy_of(stored_home, tmp_path)
