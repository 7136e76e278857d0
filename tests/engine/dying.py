"""The graph in a process that ends at one function, as from a lack of memory; workers call these by name."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence

from configs.settings import Profile
from quant_assets.engine import access_profile
from quant_assets.engine.access_guard import guarded
from quant_assets.engine.asset import SessionAsset
from quant_assets.graph import core_assets

DYING = "features/market_features"


def dying(asset: str, function: Callable[..., object], arguments: Mapping[str, object]) -> object:
    if asset == DYING:
        os.kill(os.getpid(), signal.SIGKILL)
    return guarded(asset, function, arguments)


def assets(_: Profile) -> Sequence[SessionAsset]:
    """Called in a worker, which from then on ends when it is to compute `DYING`."""
    access_profile.guarded = dying
    return core_assets()
