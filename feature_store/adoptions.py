"""Partitions taken over under another fingerprint: records that are never changed, and the index that follows them.

After a change that moves no value a stored partition stays as it is, with the footer that it was stored with. A record
under `_adoptions` says under which fingerprint it counts from then on, and on what evidence. The record is on disk
before the index follows; whoever opens the store next brings the index to the last record.
"""

import datetime as dt
import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from feature_store.errors import StoreError
from feature_store.files import sync_folder, write_synced
from feature_store.hashing import digest_of
from feature_store.index import Index
from feature_store.layout import Layout
from feature_store.partition import StoredPartition
from feature_store.versioning import fingerprint
from feature_store.writers import Writer

WITHDRAWN = "withdrawn"  # a part of the fingerprint of generations that count no more, and why
STEPS = ("recorded", "dataset adopted", "adoptions counted")


@dataclass(frozen=True)
class Adoption:
    """Generations of one dataset that are taken over.

    Attributes:
        parts: of the fingerprint, those that take the place of the stored ones of the same name.
        sessions, generations: which.
        before, after: their fingerprints.
        evidence: what was compared, as JSON holds it.
    """

    dataset: str
    version: int
    parts: Mapping[str, str]
    sessions: tuple[dt.date, ...]
    generations: tuple[int, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    evidence: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"sessions": [day.isoformat() for day in self.sessions]}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> "Adoption":
        several = {name: tuple(record[name]) for name in ("generations", "before", "after")}
        days = tuple(dt.date.fromisoformat(day) for day in record["sessions"])
        return Adoption(**{**record, **several, "sessions": days})

    def taken_over(self, held: Mapping[tuple[dt.date, int], StoredPartition], number: int) -> list[StoredPartition]:
        """Those of the generations that are still what they were, under their new fingerprints.

        Raises:
            StoreError: the record's parts do not make the record's fingerprint.
        """
        found = []
        of_each = zip(self.sessions, self.generations, self.before, self.after, strict=True)
        for day, generation, before, after in of_each:
            partition = held.get((day, generation))
            if partition is None or partition.fingerprint != before:
                continue  # replaced, or taken over already
            parts = {**partition.parts, **self.parts}
            if fingerprint(parts) != after:
                raise StoreError(
                    f"adoption {number} of {self.dataset} {day} does not give the fingerprint that it names; "
                    "its record was changed: restore it from a copy, or move it away and run `asof backfill`"
                )
            found.append(_under(partition, parts, after, number))
        return found


def _under(partition: StoredPartition, parts: dict[str, str], after: str, number: int) -> StoredPartition:
    """A partition that comes back to the fingerprint that it was stored with needs no adoption any more."""
    stored_with = partition.adopted["fingerprint"] if partition.adopted else partition.fingerprint
    adopted = None if stored_with == after else {"fingerprint": stored_with, "adoption": f"{number}"}
    return replace(partition, fingerprint=after, parts=parts, adopted=adopted)


def withdrawals(partitions: Sequence[StoredPartition], reason: str) -> list[Adoption]:
    """Generations that count no more: their fingerprint gets a part that no calculation has, the reason."""
    found = []
    for name, version in sorted({(p.dataset, p.version) for p in partitions}):
        several = sorted((p for p in partitions if p.dataset == name), key=lambda p: (p.session, p.generation))
        parts = {WITHDRAWN: reason}
        found.append(Adoption(
            name, version, parts, tuple(p.session for p in several), tuple(p.generation for p in several),
            tuple(p.fingerprint for p in several), tuple(fingerprint({**p.parts, **parts}) for p in several),
            {WITHDRAWN: reason},
        ))  # fmt: skip
    return found


class Adoptions:
    """The records of one store. `reached` is called with each name in STEPS: tests crash there.

    Args:
        locked: holds a lock of the store by name, across processes.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index,
        writer: Writer,
        locked: Callable[[str], AbstractContextManager[None]],
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._layout = layout
        self._index = index
        self._writer = writer
        self._locked = locked
        self._reached = reached

    def adopt(self, about: Mapping[str, Any], adoptions: Sequence[Adoption]) -> int:
        """Take generations over; returns the number of the record.

        Args:
            about: who, when and why, as JSON holds it.
        """
        with self._locked("adoptions"):
            self._catch_up()
            number = max([*self._numbers(), self._index.adoptions()]) + 1
            record = {"number": number, **about, "datasets": [adoption.to_json() for adoption in adoptions]}
            self._record(number, record)
            self._reached("recorded")
            self._catch_up()
        return number

    def records(self) -> list[dict[str, Any]]:
        """All that was taken over, oldest first, as it is written."""
        return [self._read(number) for number in self._numbers()]

    def settle(self) -> None:
        """Finish what a crash has left between a record and the index."""
        if max(self._numbers(), default=0) > self._index.adoptions():
            with self._locked("adoptions"):
                self._catch_up()

    def replay(self, connection: sqlite3.Connection) -> None:
        """All records over what footers say. The caller holds the locks of all datasets."""
        for number in self._numbers():
            for adoption in self._of(number):
                self._follow(connection, number, adoption)
        self._index.set_adoptions(connection, max(self._numbers(), default=0))

    def _catch_up(self) -> None:
        for number in [n for n in self._numbers() if n > self._index.adoptions()]:
            for adoption in self._of(number):
                with self._writer.locked(adoption.dataset), self._index.transaction() as connection:
                    self._follow(connection, number, adoption)
                    self._writer.advance(connection)
                self._reached("dataset adopted")
            with self._index.transaction() as connection:
                self._index.set_adoptions(connection, number)
                self._writer.advance(connection)
            self._reached("adoptions counted")

    def _follow(self, connection: sqlite3.Connection, number: int, adoption: Adoption) -> None:
        span = adoption.sessions[0], adoption.sessions[-1]
        held = self._index.generations_in(adoption.dataset, adoption.version, *span)
        self._index.adopt(connection, adoption.taken_over({(p.session, p.generation): p for p in held}, number))

    # -- files -------------------------------------------------------------------------------------------------------

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._layout.adoptions.glob("[0-9]*.json"))

    def _of(self, number: int) -> Iterator[Adoption]:
        record = self._read(number)
        try:
            found = [Adoption.from_json(part) for part in record["datasets"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(_unreadable(self._path(number), error)) from error
        yield from found

    def _read(self, number: int) -> dict[str, Any]:
        """As it was written; the digest of its text is its second line; records of earlier versions have none.

        Raises:
            StoreError: not readable, or another text than was written.
        """
        path = self._path(number)
        try:
            text, _, digest = path.read_text().partition("\n")
            record: dict[str, Any] = json.loads(text)
            if record["number"] != number or not isinstance(record["datasets"], list):
                raise ValueError("it is the record of something else")
            if digest not in ("", digest_of([text])):
                raise ValueError("its text is not that which was written")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(_unreadable(path, error)) from error
        return record

    def _path(self, number: int) -> Path:
        return self._layout.adoptions / f"{number:06d}.json"

    def _record(self, number: int, record: Mapping[str, Any]) -> None:
        """Never over one that is there; whole, and on disk when this returns."""
        folder = self._layout.adoptions
        if not folder.exists():
            folder.mkdir()
            sync_folder(folder.parent)
        staged = folder / f".{uuid.uuid4().hex}"
        try:
            text = json.dumps(record, sort_keys=True)
            write_synced(staged, f"{text}\n{digest_of([text])}".encode())
            os.link(staged, self._path(number))
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(folder)


def _unreadable(path: Path, error: Exception) -> str:
    return (
        f"the adoption record {path} cannot be read ({error}); restore it from a copy, or move it away and run "
        "`asof backfill`: its sessions then count as what they were stored as"
    )
