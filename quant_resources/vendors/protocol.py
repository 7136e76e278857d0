"""The door that every vendor of data keeps: fetch apart from parse."""

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from configs.settings import FilesVendor, HttpVendor, Profile
from feature_store.dataset import Dataset
from quant_resources.vendors.raw_payloads import RawStore


class Vendor(Protocol):
    """Serves the sources of the slice market: bars, corporate_actions, members, industries, benchmarks and macro.

    A vendor may have `payload_table`, the name of a dictionary of its module from dataset to what makes its payload: a
    source's code is then that entry of it, and an edit of another one does not make it stale.
    """

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """Raw payload rows that speak of the sessions, cut by their declared date of knowledge.

        No row has `known_at` after `until`. Parsing a payload cut at an earlier moment gives, for the sessions
        decided by then, what parsing the whole payload gives.
        """

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """Canonical rows of the sessions: `session`, event_date, key, values, known_at and `grade` (Int8). Pure."""

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """Rows of the payload that `parse` leaves out by a declared rule, counted by its name."""


def make_vendor(profile: Profile, home: Path | None = None) -> Vendor:
    """The vendor that the profile names.

    Args:
        home: folder whose `raw` keeps what arrives; ASOF_HOME unless given.
    """
    # Each vendor is loaded where it is asked for: they bring HTTP clients and compiled simulations.
    raw = RawStore((home or Path(os.environ.get("ASOF_HOME", ".asof"))).absolute() / "raw")
    if isinstance(profile.vendor, FilesVendor):
        from quant_resources.vendors.files import FileDrop  # noqa: PLC0415

        return FileDrop(profile, raw)
    if isinstance(profile.vendor, HttpVendor):
        from quant_resources.vendors.http.market import RemoteMarket  # noqa: PLC0415

        return RemoteMarket(profile, raw)
    from quant_resources.vendors.simulated import SimulatedMarket  # noqa: PLC0415

    return SimulatedMarket(profile)
