"""What was requested from the vendor, and from which files: a repeated backfill does not request the same again.

What a vendor serves later about a session that is stored is not that session's: a correction that arrives is a late row
of the session in which it became known, and the run of that session requests it. What is requested again here is what
a person has changed: a repaired drop, a payload fetched since.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from configs.errors import ConfigError
from configs.settings import FilesVendor, HttpVendor
from feature_store import sessions
from feature_store.hashing import digest_of
from quant_resources.home import Home
from quant_resources.vendors.files.drop import files_of
from quant_resources.vendors.ingest.raw_payloads import RawStore


@dataclass(frozen=True)
class Request:
    """Sessions [first, last] were requested from a source.

    Attributes:
        drop: digest of the drop's files, by size and time of writing, from before the request.
        pages: of raw payloads that speak of the sessions.
    """

    first: str
    last: str
    drop: str
    pages: int


def drop_state(home: Home) -> str:
    vendor = home.profile.vendor
    return digest_of([json.dumps(files_of(vendor) if isinstance(vendor, FilesVendor) else {})])


def was_requested(home: Home, name: str, targets: Sequence[dt.date]) -> bool:
    """True when a run has requested these sessions of the source, with the vendor's files as they are now."""
    if not isinstance(home.profile.vendor, FilesVendor | HttpVendor):
        return True  # a simulated market serves what its settings say
    known = _known(home).get(name)
    inside = known and known.first <= targets[0].isoformat() and targets[-1].isoformat() <= known.last
    return bool(known and inside and _still(home, known))


def remember_request(home: Home, drop: str, names: Sequence[str], first: dt.date, last: dt.date) -> None:
    """Keep that a run has requested [first, last] of the sources.

    Args:
        drop: `drop_state` from before the run.
    """
    known = _known(home)
    requests = known | {name: _joined(home, known.get(name), drop, first, last) for name in names}
    temporary = _file(home).with_suffix(".new")
    temporary.write_text(json.dumps({name: astuple(request) for name, request in requests.items()}))
    temporary.replace(_file(home))


def _joined(home: Home, before: Request | None, drop: str, first: dt.date, last: dt.date) -> Request:
    """One span with the one before, where they meet and that one still holds: a daily run follows on yesterday's."""
    begin, end = first.isoformat(), last.isoformat()
    if before and before.drop == drop and _still(home, before):
        ahead, behind = sessions.shift(first, -1).isoformat(), sessions.shift(last, 1).isoformat()
        if before.first <= behind and ahead <= before.last:
            begin, end = min(begin, before.first), max(end, before.last)
    return Request(begin, end, drop, _pages(home, begin, end))


def _still(home: Home, known: Request) -> bool:
    return known.drop == drop_state(home) and known.pages == _pages(home, known.first, known.last)


def _pages(home: Home, first: str, last: str) -> int:
    return RawStore(home.folder / "raw").count_pages(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def _known(home: Home) -> dict[str, Request]:
    """
    Raises:
        ConfigError: the record cannot be read; the fix is named.
    """
    if not _file(home).exists():
        return {}
    try:
        known = {name: Request(*values) for name, values in json.loads(_file(home).read_text()).items()}
        for request in known.values():
            dt.date.fromisoformat(request.first), dt.date.fromisoformat(request.last)
            request.drop.encode(), int(request.pages)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{_file(home)}, the record of what was requested from the vendor, cannot be read; remove it: the next "
            "backfill requests the sessions of its range again"
        ) from error
    return known


def _file(home: Home) -> Path:
    return home.folder / "asked.json"  # the name in the homes that there are
