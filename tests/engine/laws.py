"""What the tests of the laws share: the graph with test-only assets, over the small market."""

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path

from feature_store import sessions
from quant_assets.engine.asset import Recursive, SessionAsset
from quant_assets.graph import core_assets
from tests.engine.assets import ASSETS
from tests.engine.market import (
    SESSIONS,
    Contents,
    copy_store,
    forget,
    make_runner,
    profile,
)

GRAPH = core_assets()
EVERY = [*GRAPH, *ASSETS]
BY_NAME = {asset.name: asset for asset in EVERY}
ORDERLESS = [asset for asset in EVERY if not isinstance(asset, Recursive)]
TAIL = sessions.between(dt.date(2015, 12, 28), dt.date(2016, 1, 7))  # the year's edge, a split, refits
LATER = SESSIONS[32:55]


def without(range_store: Path, folder: Path, gone: Sequence[dt.date], assets: Iterable[SessionAsset]) -> Path:
    """A copy of the store as it was before the sessions were stored."""
    copy_store(range_store, folder)
    store = make_runner(folder, profile()).store
    for asset in assets:
        forget(store, asset.dataset, gone)
    return folder


def differing(store_contents: Contents, expected: Contents) -> list[tuple[str, dt.date]]:
    return sorted(k for k in expected.keys() | store_contents.keys() if expected.get(k) != store_contents.get(k))
