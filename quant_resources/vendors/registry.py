"""All kinds of vendors: which one a profile names, and fetching alone, into the raw store, before the decision."""

import datetime as dt
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import did_you_mean
from configs.settings import FilesVendor, HttpVendor, PluginVendor, Profile
from feature_store.schemas.catalogue import DATASETS, EVENTS
from quant_resources.plugins import PluginError, plugins_of
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest.feeds import SeveralVendors
from quant_resources.vendors.ingest.raw_payloads import RawStore
from quant_resources.vendors.protocol import Vendor

if TYPE_CHECKING:
    from quant_resources.vendors.http.vendor import RemoteMarket


def make_vendor(profile: Profile, home: Path | None = None) -> Vendor:
    """The vendor that the profile names, with those of its plugins' own sources.

    Args:
        home: folder whose `raw` keeps what arrives; by default of ASOF_HOME.

    Raises:
        PluginError: no plugin of the profile brings the vendor.
    """
    folder = (home or Path(os.environ.get("ASOF_HOME", ".asof"))).absolute() / "raw"
    feeds = {
        name: feed
        for plugin in plugins_of(profile)
        if plugin.feed
        for feed in [plugin.feed(profile, folder)]
        for name, dataset in plugin.datasets.items()
        if dataset.origin is not None
    }
    market = _market(profile, folder)
    return SeveralVendors(market, feeds) if feeds else market


def _market(profile: Profile, folder: Path) -> Vendor:
    # Each vendor is loaded where it is needed: they bring HTTP clients and compiled simulations.
    if isinstance(profile.vendor, PluginVendor):
        return _of_plugin(profile, profile.vendor.name, folder)
    raw = RawStore(folder)
    if isinstance(profile.vendor, FilesVendor):
        from quant_resources.vendors.files.vendor import FileDrop  # noqa: PLC0415

        return FileDrop(profile, raw)
    if isinstance(profile.vendor, HttpVendor):
        from quant_resources.vendors.http.vendor import RemoteMarket  # noqa: PLC0415

        return RemoteMarket(profile, raw)
    from quant_resources.vendors.simulated.vendor import SimulatedMarket  # noqa: PLC0415

    return SimulatedMarket(profile)


def _of_plugin(profile: Profile, name: str, folder: Path) -> Vendor:
    makers = {known: make for plugin in plugins_of(profile) for known, make in plugin.vendors.items()}
    if name not in makers:
        there = ", ".join(makers) or "no plugin of this profile that brings one"
        raise PluginError(
            f"vendor.name {name!r} is a vendor of no plugin{did_you_mean(name, makers)}; there is {there}"
        )
    return makers[name](profile, folder)


def fetch_raw(profile: Profile, raw: RawStore, sessions: Sequence[dt.date], report: Callable[[str], None]) -> bool:
    """Fetch what the raw store is missing of the sessions; True when it is complete.

    One dataset that cannot be completed does not stop the others.

    Raises:
        VendorError: the profile's vendor keeps no raw payloads.
    """
    if isinstance(profile.vendor, HttpVendor):
        from quant_resources.vendors.http.vendor import RemoteMarket  # noqa: PLC0415

        return _fetched(RemoteMarket(profile, raw, report=report), sessions, report)
    if isinstance(profile.vendor, FilesVendor) and profile.vendor.live:
        from quant_resources.vendors.files.vendor import FileDrop  # noqa: PLC0415

        drop = FileDrop(profile, raw)
        new = [name for name in EVENTS if drop.read_drop(DATASETS[name])]
        report(f"read the drop: new in {', '.join(new)}" if new else "read the drop: nothing new")
        return True
    raise VendorError(
        f"profile {profile.name} has nothing to fetch: its vendor is {profile.vendor.kind}"
        f"{', and vendor.live is not set' if isinstance(profile.vendor, FilesVendor) else ''}"
    )


def _fetched(market: "RemoteMarket", sessions: Sequence[dt.date], report: Callable[[str], None]) -> bool:
    from quant_resources.vendors.http.vendor import SERVED  # noqa: PLC0415

    complete, downloads = True, market.downloads
    for dataset in SERVED:
        fetched, there = downloads.fetched, downloads.there
        try:
            market.complete(dataset, sessions)
            ends = "complete"
        except VendorError as error:
            complete, ends = False, f"not complete: {error}"
        report(f"{dataset.name}: {downloads.fetched - fetched} fetched, {downloads.there - there} there: {ends}")
    report(f"{'complete' if complete else 'not complete'}: {downloads.sent} requests")
    return complete
