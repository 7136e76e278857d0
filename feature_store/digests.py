"""A digest of a stored file's bytes, kept in its own footer: a changed file is noticed before a value of it is used.

A footer cannot hold the hash of the bytes that it is part of, so the digest is of the file with the digest's own place
blank. Copies and links carry it along, and an index made anew finds it. The index holds it too, so that a file in the
place of another is noticed.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import xxhash

from feature_store.errors import CorruptPartitionError

KEY = "digest_of_bytes"  # of the footer, at its end
BLANK = "0" * 32
_MARK = f'"{KEY}": "'.encode()
_TAIL = 8  # bytes of a Parquet file that end it: how long its footer is, and PAR1

# Of files that were compared with their digest in this process: size, time of writing and digest, by device and inode.
_intact: dict[tuple[int, int], tuple[int, int, str]] = {}


class AlteredFileError(CorruptPartitionError):
    """The bytes of a stored file are not those that were stored."""


def sealed(data: bytes) -> bytes:
    """A file whose footer's digest is blank, with the digest."""
    at = _place(data)
    if at is None:
        raise ValueError("no place for a digest; encode the file with a blank one in its footer")
    return data[:at] + _digest(data, at).encode() + data[at + len(BLANK) :]


def recorded(data: bytes) -> str:
    """The digest that a file says it has; empty where it says none, as files of stores before format 3."""
    at = _place(data)
    return "" if at is None else data[at : at + len(BLANK)].decode("ascii", "replace")


def whole_digest(path: Path) -> str:
    """The digest that a file records, if its bytes have it; else an empty text."""
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    digest = recorded(data)
    return digest if digest == _actual(data) else ""


def known_digest(path: Path) -> str:
    """As `whole_digest`, read once a process unless the file was written since."""
    status = path.stat()
    name, written = (status.st_dev, status.st_ino), (status.st_size, status.st_mtime_ns)
    if (known := _intact.get(name)) and known[:2] == written:
        return known[2]
    if digest := whole_digest(path):
        _intact[name] = (*written, digest)
    return digest


def require_intact(files: Iterable[tuple[str, str]]) -> None:
    """Compare files with their digests, each once a process unless it was written since.

    Args:
        files: path and digest; without a digest (of stores before format 3) nothing can be compared.

    Raises:
        AlteredFileError: other bytes.
        OSError: a file cannot be read, or is not there.
    """
    for path, digest in files:
        if digest:
            _require(path, digest)


def _require(path: str, digest: str) -> None:
    status = os.stat(path)  # noqa: PTH116 -- thousands of files a read
    name, known = (status.st_dev, status.st_ino), (status.st_size, status.st_mtime_ns, digest)
    if _intact.get(name) == known:
        return
    if whole_digest(Path(path)) != digest:
        raise AlteredFileError(f"{path} does not hold the bytes that were stored")
    _intact[name] = known


def _actual(data: bytes) -> str:
    return _digest(data, at) if (at := _place(data)) is not None else ""


def _digest(data: bytes, at: int) -> str:
    view = memoryview(data)
    digest = xxhash.xxh3_128(view[:at])
    digest.update(BLANK.encode())
    digest.update(view[at + len(BLANK) :])
    return digest.hexdigest()


def _place(data: bytes) -> int | None:
    """Where the digest's characters begin."""
    footer = int.from_bytes(data[-_TAIL : -_TAIL // 2], "little")
    at = data.rfind(_MARK, max(0, len(data) - _TAIL - footer))
    end = at + len(_MARK) + len(BLANK)
    return at + len(_MARK) if at >= 0 and end <= len(data) else None
