"""The whole graph over the small market, stored once by one range run."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from configs.settings import Profile
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from tests.engine.assets import ASSETS
from tests.engine.laws import EVERY
from tests.engine.market import SESSIONS, Contents, contents, copy_store, make_runner, profile, run
from tests.support.once import made_once


@pytest.fixture(scope="session")
def chosen() -> Profile:
    return profile()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, chosen: Profile) -> Path:
    """Folder of a store that holds every asset over all sessions; never written to: take a copy."""
    return made_once(tmp_path_factory, "whole", lambda folder: _store(folder, chosen, core_assets()))


@pytest.fixture(scope="session")
def range_store(whole: Path, chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole graph and the test-only assets, each stored by one range run; never written to."""
    return made_once(tmp_path_factory, "range", lambda folder: _store(copy_store(whole, folder), chosen, ASSETS))


def _store(folder: Path, chosen: Profile, assets: Iterable[SessionAsset]) -> None:
    runner = make_runner(folder, chosen)
    for asset in assets:
        run(runner, asset, SESSIONS)
    runner.store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture(scope="session")
def stored(range_store: Path, chosen: Profile) -> Contents:
    """What a range stores."""
    return contents(make_runner(range_store, chosen).store, EVERY)


@pytest.fixture(scope="module")
def again(range_store: Path, chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A copy to take sessions out of and store them again; each test leaves it whole."""
    return make_runner(copy_store(range_store, tmp_path_factory.mktemp("laws") / "again"), chosen)
