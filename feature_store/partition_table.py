"""The latest generations of a dataset in columns: what fingerprints ask of thousands of partitions at once."""

import datetime as dt
import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from feature_store.partition import DIGEST, StoredPartition

COLUMNS = ("session", "rows", "grade", "latest_known_at", "lineage", "content_hash", "column_names", "column_hashes")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
NEVER = np.iinfo(np.int64).min
SESSION_DIGEST = 16  # bytes


class PartitionTable:
    """Partitions by session.

    Args:
        rows: COLUMNS of each partition, by session, as the index holds them.
        names_of: the columns that were hashed, by the digest of their names.
    """

    def __init__(self, rows: Sequence[Sequence[Any]], names_of: Callable[[str], tuple[str, ...]]) -> None:
        by_column = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
        held = dict(zip(COLUMNS, by_column, strict=True))
        self.sessions = [dt.date.fromisoformat(session) for session in held["session"]]
        self._rows = np.array(held["rows"], np.int64)
        self._grades = np.array(held["grade"], np.int64)
        self._known = np.array([_microseconds(text) for text in held["latest_known_at"]], np.int64)
        self._lineage = held["lineage"]
        self._content = held["content_hash"]
        self._names = held["column_names"]
        self._hashes = held["column_hashes"]
        self._names_of = names_of
        self._digests: dict[tuple[str, ...], list[bytes]] = {}

    @staticmethod
    def of(partitions: Sequence[StoredPartition]) -> "PartitionTable":
        rows = [
            (p.session.isoformat(), p.rows, p.grade, p.latest_known_at.isoformat() if p.latest_known_at else None,
             json.dumps(p.lineage), p.content_hash, json.dumps(p.column_names), p.column_hashes)
            for p in partitions
        ]  # fmt: skip
        return PartitionTable(rows, _names_in_json)

    def between(self, first: dt.date, last: dt.date) -> slice:
        """Positions of the sessions in [first, last]."""
        return slice(bisect_left(self.sessions, first), bisect_right(self.sessions, last))

    def digest(self, window: slice, columns: tuple[str, ...]) -> str:
        """One digest of what these columns hold in the sessions of a window."""
        if columns not in self._digests:
            self._digests[columns] = [self._of_session(i, columns) for i in range(len(self.sessions))]
        return window_digest(self._digests[columns][window])

    def rows(self, window: slice) -> int:
        return int(self._rows[window].sum())

    def grade(self, window: slice) -> int:
        """The weakest; the best there is without a partition."""
        return int(self._grades[window].max(initial=0))

    def latest_known_at(self, window: slice) -> dt.datetime | None:
        latest = int(self._known[window].max(initial=NEVER))
        return None if latest == NEVER else EPOCH + latest * MICROSECOND

    def lineage(self, position: int) -> Mapping[str, str | None]:
        return _lineage(self._lineage[position])

    def _of_session(self, i: int, columns: tuple[str, ...]) -> bytes:
        names = self._names_of(self._names[i])
        if not names:  # stored before columns were hashed: all of them stand for these
            return hashlib.blake2b(self._content[i].encode(), digest_size=SESSION_DIGEST).digest()
        return session_digest(names, self._hashes[i], columns)


def session_digest(names: tuple[str, ...], hashes: bytes, columns: tuple[str, ...]) -> bytes:
    """Of what these columns hold, from the hashes of all columns in the order of `names`."""
    joined = b"".join(hashes[at : at + DIGEST] for at in _places(names, columns))
    return hashlib.blake2b(joined, digest_size=SESSION_DIGEST).digest()


def window_digest(digests: Sequence[bytes]) -> str:
    """Of the sessions of a window, by their own."""
    return hashlib.blake2b(b"".join(digests), digest_size=SESSION_DIGEST).hexdigest()


@lru_cache(maxsize=4096)
def _places(names: tuple[str, ...], columns: tuple[str, ...]) -> tuple[int, ...]:
    """Where the hashes of these columns begin; of a column that a file lacks there is none."""
    return tuple(names.index(name) * DIGEST for name in columns if name in names)


@lru_cache(maxsize=65536)
def _lineage(text: str) -> Mapping[str, str | None]:
    found: dict[str, str | None] = json.loads(text)
    return found


@lru_cache(maxsize=4096)
def _names_in_json(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _microseconds(text: str | None) -> int:
    return NEVER if text is None else (dt.datetime.fromisoformat(text) - EPOCH) // MICROSECOND
