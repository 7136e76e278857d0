"""A home with the sessions of `sessions`."""

import shutil
from pathlib import Path

import pytest

from quant_resources.home import Home
from tests.execution.markets import DAYS
from tests.reporting.orders.sessions import LAST, market, write_book, write_inputs
from tests.support.accounts import home_of


@pytest.fixture(scope="package")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = home_of(tmp_path_factory.mktemp("explain") / "home")
    store, at = home.open_store(), market()
    state = None
    for t in range(LAST + 1):
        write_inputs(store, at, t)
        decided = at.steps(state, t)
        write_book(store, decided, DAYS[t])
        state = decided[0]
    return home.folder


@pytest.fixture
def home(stored: Path, tmp_path: Path) -> Home:
    shutil.copytree(stored, tmp_path / "home")
    return Home(tmp_path / "home")
