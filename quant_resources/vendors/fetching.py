"""Fetching alone, into the raw store: before the decision, so that what is live is known in time."""

import datetime as dt
from collections.abc import Callable, Sequence

from configs.settings import FilesVendor, HttpVendor, Profile
from feature_store.schemas.catalogue import DATASETS, EVENTS
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files import FileDrop
from quant_resources.vendors.http.market import SERVED, RemoteMarket
from quant_resources.vendors.raw_payloads import RawStore


def fetch_raw(profile: Profile, raw: RawStore, sessions: Sequence[dt.date], say: Callable[[str], None]) -> bool:
    """Fetch what the raw store lacks to tell of the sessions; True when it lacks nothing more.

    One dataset that cannot be completed does not keep the others from it.

    Raises:
        VendorError: the profile's vendor keeps no raw payloads.
    """
    if isinstance(profile.vendor, HttpVendor):
        return _fetched(RemoteMarket(profile, raw, say=say), sessions, say)
    if isinstance(profile.vendor, FilesVendor) and profile.vendor.live:
        drop = FileDrop(profile, raw)
        new = [name for name in EVENTS if drop.read_drop(DATASETS[name])]
        say(f"read the drop: new in {', '.join(new)}" if new else "read the drop: nothing new")
        return True
    raise VendorError(
        f"profile {profile.name} has nothing to fetch: its vendor is {profile.vendor.kind}"
        f"{', and vendor.live is not set' if isinstance(profile.vendor, FilesVendor) else ''}"
    )


def _fetched(market: RemoteMarket, sessions: Sequence[dt.date], say: Callable[[str], None]) -> bool:
    complete, downloads = True, market.downloads
    for dataset in SERVED:
        fetched, there = downloads.fetched, downloads.there
        try:
            market.complete(dataset, sessions)
            ends = "complete"
        except VendorError as error:
            complete, ends = False, f"not complete: {error}"
        say(f"{dataset.name}: {downloads.fetched - fetched} fetched, {downloads.there - there} there: {ends}")
    say(f"{'complete' if complete else 'not complete'}: {downloads.sent} requests")
    return complete
