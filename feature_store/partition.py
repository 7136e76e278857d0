"""One stored generation of one session: what its footer says of it, and where its rows lie."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

DIGEST = 8  # bytes of a column's content hash


class Place(NamedTuple):
    """Where a partition's rows lie.

    Attributes:
        file: of a pack, relative to the folder of the dataset's generations; None where the partition has a file of
            its own.
        offset: its first row in the file.
        height: rows of the whole file.
        digest: of the file's bytes; empty in files that were written before there was one.
    """

    file: str | None = None
    offset: int = 0
    height: int = 0
    digest: str = ""


@dataclass(frozen=True)
class StoredPartition:
    """One generation of one session, as its footer says.

    Attributes:
        column_names, column_hashes: content hashes by column, DIGEST bytes each in the order of the names; empty in
            files that were written before there were any.
        place: where the rows lie now; compaction moves them.
        adopted: of a partition that was taken over under another fingerprint than it was stored with: that
            fingerprint, and where the evidence lies. Its footer keeps the one it was stored with.
    """

    dataset: str
    version: int
    session: dt.date
    generation: int
    content_hash: str
    fingerprint: str
    parts: dict[str, str]
    rows: int
    nulls: int
    late_rows: int
    repeated_rows: int
    first_event: dt.date | None
    last_event: dt.date | None
    latest_known_at: dt.datetime | None
    grade: int
    run_id: str
    git_commit: str
    seeds: dict[str, int]
    written_at: dt.datetime
    lineage: dict[str, str | None] = field(default_factory=dict)
    column_names: tuple[str, ...] = ()
    column_hashes: bytes = b""
    place: Place = field(default=Place(), compare=False)
    adopted: Mapping[str, str] | None = field(default=None, compare=False)

    def to_footer(self) -> str:
        """As JSON, without what may change after it was written."""
        return json.dumps(self.written(), sort_keys=True)

    def written(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in WRITTEN}
        shown |= {name: value.isoformat() for name, value in shown.items() if isinstance(value, dt.date)}
        return shown | {"column_names": list(self.column_names), "column_hashes": self.column_hashes.hex()}

    @staticmethod
    def from_footer(text: str) -> "StoredPartition":
        return StoredPartition.revived(json.loads(text))

    @staticmethod
    def revived(written: Mapping[str, Any], place: Place | None = None) -> "StoredPartition":
        raw = {"lineage": {}, "column_names": (), "column_hashes": ""} | dict(written)  # early footers had none
        raw |= {name: revive(name, raw[name]) for name in (*DATES, *TIMES)}
        raw |= {"column_names": tuple(raw["column_names"]), "column_hashes": bytes.fromhex(raw["column_hashes"])}
        return StoredPartition(**{name: raw[name] for name in WRITTEN}, place=place or Place())

    def numbered(self, generation: int) -> "StoredPartition":
        return replace(self, generation=generation)

    def placed(self, place: Place) -> "StoredPartition":
        return replace(self, place=place)

    def is_described_by(self, footer: "StoredPartition") -> bool:
        """Whether a footer is that of this partition, under the fingerprint with which it was stored."""
        if self.adopted is None:
            return footer == self
        stored_with = footer.fingerprint == self.adopted["fingerprint"]
        return stored_with and replace(footer, fingerprint=self.fingerprint, parts=self.parts) == self


DATES = ("session", "first_event", "last_event")
TIMES = ("latest_known_at", "written_at")
WRITTEN = tuple(f.name for f in fields(StoredPartition) if f.name not in ("place", "adopted"))


def revive(name: str, value: Any) -> Any:  # noqa: ANN401 -- a footer's fields have many types
    """A date or moment from its text; anything else as it is."""
    if value is None or not isinstance(value, str):
        return value
    if name in DATES:
        return dt.date.fromisoformat(value)
    return dt.datetime.fromisoformat(value) if name in TIMES else value


def placed_in_order(partitions: Sequence[StoredPartition], file: str, digest: str = "") -> list[StoredPartition]:
    """The partitions of a pack, whose rows lie one after the other."""
    height = sum(p.rows for p in partitions)
    placed, offset = [], 0
    for partition in partitions:
        placed.append(partition.placed(Place(file, offset, height, digest)))
        offset += partition.rows
    return placed
