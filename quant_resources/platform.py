"""The platform as a Dagster resource: the profile and the store of one home."""

from functools import cache
from pathlib import Path

import dagster as dg

from configs.settings import Profile
from feature_store.store import Store
from quant_resources.home import Home


@cache
def _home(folder: str) -> Home:
    return Home(Path(folder))


@cache
def _store(folder: str) -> Store:
    return _home(folder).open_store()


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the home's store once a process.

    Attributes:
        home: folder of the store and its choice of profile.
        workers: processes for independent fits; values never depend on it.
    """

    home: str
    workers: int = 1

    def profile(self) -> Profile:
        return _home(self.home).profile

    def store(self) -> Store:
        return _store(self.home)
