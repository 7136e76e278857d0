"""Store, vendor and runner of a home, wired in one place."""

from collections.abc import Sequence
from concurrent.futures import Executor

from configs.settings import Profile
from feature_store.numeric_platform import warn_unless_in_force
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.computation import Calculation
from quant_assets.engine.gate import Gate
from quant_assets.engine.runner import Runner
from quant_resources.home import Home
from quant_resources.vendors.registry import make_vendor


def open_runner(
    home: Home,
    store: Store | None = None,
    profile: Profile | None = None,
    run_id: str = "",
    git_commit: str = "",
    pool: Executor | None = None,
    assets: Sequence[SessionAsset] = (),
) -> Runner:
    """A runner on the home's store.

    Args:
        store: opened before; opened here by default.
        profile: in the place of the home's, to ask another vendor or folder.
        run_id, git_commit: written into every footer (law 9).
        pool: processes for fits that do not need one another.
        assets: the profile's graph, which a runner must know that stores decisions.
    """
    warn_unless_in_force()
    store, profile = store or home.open_store(), profile or home.profile
    calculation = Calculation(profile, store.clock, make_vendor(profile, home.folder), pool)
    return Runner(store, calculation, run_id, git_commit, Gate(assets))
