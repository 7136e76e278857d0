"""The whole graph over the small market, stored once by one range run."""

from pathlib import Path

import pytest

from configs.settings import Profile
from quant_assets.graph import core_assets
from tests.engine.market import SESSIONS, make_runner, profile, run


@pytest.fixture(scope="session")
def chosen() -> Profile:
    return profile()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, chosen: Profile) -> Path:
    """Folder of a store that holds every asset over all sessions; never written to: take a copy."""
    folder = tmp_path_factory.mktemp("mechanism") / "whole"
    runner = make_runner(folder, chosen)
    for asset in core_assets():
        run(runner, asset, SESSIONS)
    runner.store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder
