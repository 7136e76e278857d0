"""What the vendor was asked for, and what there was to ask: a repeated backfill does not ask the same again.

What a vendor says later about a session that is stored is not that session's: a correction that arrives is a late row
of the session in which it became known, and the run of that session asks for it. What is asked again here is what a
person has changed: a mended drop, a payload fetched since.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from configs.settings import FilesVendor, HttpVendor
from feature_store import sessions
from feature_store.hashing import digest_of
from quant_resources.home import Home
from quant_resources.vendors.files.drop import files_of
from quant_resources.vendors.ingest.raw_payloads import RawStore


@dataclass(frozen=True)
class Asked:
    """A source was asked for sessions [first, last].

    Attributes:
        drop: digest of the drop's files, by size and time of writing, from before it was asked.
        pages: of raw payloads that speak of the sessions.
    """

    first: str
    last: str
    drop: str
    pages: int


def drop_state(home: Home) -> str:
    vendor = home.profile.vendor
    return digest_of([json.dumps(files_of(vendor) if isinstance(vendor, FilesVendor) else {})])


def was_asked(home: Home, name: str, targets: Sequence[dt.date]) -> bool:
    """True when a run has asked for these sessions of the source, with the vendor's files as they are now."""
    if not isinstance(home.profile.vendor, FilesVendor | HttpVendor):
        return True  # a simulated market says what its settings say
    known = _known(home).get(name)
    inside = known and known.first <= targets[0].isoformat() and targets[-1].isoformat() <= known.last
    return bool(known and inside and _still(home, known))


def remember_asked(home: Home, drop: str, names: Sequence[str], first: dt.date, last: dt.date) -> None:
    """Keep that a run has asked for [first, last] of the sources.

    Args:
        drop: `drop_state` from before the run.
    """
    known = _known(home)
    found = known | {name: _joined(home, known.get(name), drop, first, last) for name in names}
    temporary = _file(home).with_suffix(".new")
    temporary.write_text(json.dumps({name: astuple(asked) for name, asked in found.items()}))
    temporary.replace(_file(home))


def _joined(home: Home, before: Asked | None, drop: str, first: dt.date, last: dt.date) -> Asked:
    """One span with the one before, where they meet and that one still holds: a daily run follows on yesterday's."""
    begin, end = first.isoformat(), last.isoformat()
    if before and before.drop == drop and _still(home, before):
        ahead, behind = sessions.shift(first, -1).isoformat(), sessions.shift(last, 1).isoformat()
        if before.first <= behind and ahead <= before.last:
            begin, end = min(begin, before.first), max(end, before.last)
    return Asked(begin, end, drop, _pages(home, begin, end))


def _still(home: Home, known: Asked) -> bool:
    return known.drop == drop_state(home) and known.pages == _pages(home, known.first, known.last)


def _pages(home: Home, first: str, last: str) -> int:
    return RawStore(home.folder / "raw").count_pages(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def _known(home: Home) -> dict[str, Asked]:
    if not _file(home).exists():
        return {}
    return {name: Asked(*values) for name, values in json.loads(_file(home).read_text()).items()}


def _file(home: Home) -> Path:
    return home.folder / "asked.json"
