"""The platform as a Dagster resource: the profile and the store of one home."""

from functools import cache
from pathlib import Path

import dagster as dg

from configs.settings import Profile
from feature_store.store import Store
from quant_resources.home import Home


@cache
def _opened(folder: str, choice: str) -> tuple[Profile, Store]:
    home = Home(Path(folder))
    return home.profile, home.open_store()


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the home's store once a process and choice of settings.

    Attributes:
        home: folder of the store and its choice of profile.
        workers: processes of a run over many sessions; values never depend on it.
    """

    home: str
    workers: int = 1

    def profile(self) -> Profile:
        return self._open()[0]

    def store(self) -> Store:
        return self._open()[1]

    def _open(self) -> tuple[Profile, Store]:
        return _opened(self.home, repr(Home(Path(self.home)).choice()))
