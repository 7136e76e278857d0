"""Files to which whole lines are appended and that are never changed: each line says by a digest whether it is whole.

A line is the digest of its text, a space and the text: JSON that names the digest of the line before, so that a line
that is gone is noticed too. An append that a crash cut short has no end of line; the next append leaves it where it is
and says so.
"""

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_store.files import sync_folder
from feature_store.hashing import digest_of

PREVIOUS, CUT = "previous", "cut"  # in a line's JSON, beside what is recorded


@dataclass(frozen=True)
class Line:
    """A whole line."""

    number: int
    digest: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class DamagedLine:
    """A line, or the lack of some, that says no longer what was recorded.

    Attributes:
        digest: of its bytes as they are.
    """

    number: int
    digest: str
    reason: str


@dataclass(frozen=True)
class Position:
    """How far a log was read: its whole lines up to there, and the digest of the last; None after a damaged one."""

    size: int = 0
    lines: int = 0
    digest: str | None = ""


def append(path: Path, position: Position, record: Mapping[str, Any]) -> None:
    """Add one line, on disk when this returns. The caller holds the log's lock.

    Args:
        position: the end of its whole lines.
        record: what the line says, as JSON holds it.
    """
    created = not path.exists()
    if created:
        _make_folder(path.parent)
    with path.open("a+b") as handle:
        cut = _bytes_after(path, position.size)
        text = json.dumps({**record, PREVIOUS: position.digest} | ({CUT: _digest(cut)} if cut else {}), sort_keys=True)
        handle.write(b"\n" * bool(cut) + f"{digest_of([text])} {text}\n".encode())
        handle.flush()
        os.fsync(handle.fileno())
    if created:
        sync_folder(path.parent)


def read_lines(path: Path, position: Position) -> tuple[list[Line], list[DamagedLine], Position]:
    """Whole and damaged lines after a position, and the position after them; nothing that has no end yet."""
    size = path.stat().st_size if path.exists() else 0
    if size < position.size:
        lost = DamagedLine(position.lines + 1, _digest(b""), f"{position.size - size} bytes are gone from its end")
        return [], [lost], Position(size, position.lines, None)
    *texts, rest = _bytes_after(path, position.size).split(b"\n")
    parsed = [_parsed(number, raw) for number, raw in enumerate(texts, position.lines + 1)]
    whole: list[Line] = []
    damaged: list[DamagedLine] = []
    digest = position.digest
    for line, following in itertools.pairwise([*parsed, None]):
        if isinstance(line, Line):
            if None not in (digest, line.record[PREVIOUS]) and line.record[PREVIOUS] != digest:
                damaged.append(DamagedLine(line.number, line.digest, "lines before it are missing"))
            whole.append(line)
            digest = line.digest
        elif line is not None and not _is_cut(line, following):
            damaged.append(line)
            digest = None
    return whole, damaged, Position(size - len(rest), position.lines + len(texts), digest)


def _bytes_after(path: Path, size: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as handle:
        handle.seek(size)
        return handle.read()


def _parsed(number: int, raw: bytes) -> Line | DamagedLine:
    digest, _, text = raw.decode(errors="replace").partition(" ")
    if digest_of([text]) != digest:
        return DamagedLine(number, _digest(raw), "its text does not give its digest")
    return Line(number, digest, json.loads(text))


def _is_cut(line: DamagedLine, following: Line | DamagedLine | None) -> bool:
    """Whether the line after it says that a crash cut it: nothing that was recorded is missing then."""
    return isinstance(following, Line) and following.record.get(CUT) == line.digest


def _digest(raw: bytes) -> str:
    return digest_of([raw.hex()])


def _make_folder(folder: Path) -> None:
    """A folder and those above it, each on disk."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
