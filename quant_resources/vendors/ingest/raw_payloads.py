"""Answers of vendors as they arrived: immutable files named by their content, and a log of all requests.

Everything that is stored of a vendor can be made again from here, without the vendor. A file is written beside its
place, synced and renamed, so that there is none by halves; the log is one SQLite table that only grows. Keys never come
here: requests are noted without them (`http.client`).
"""

import contextlib
import datetime as dt
import fcntl
import gzip
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from quant_resources.vendors.errors import VendorError

# Of a payload that speaks of whatever it has.
ALL_DAYS = (dt.date.min, dt.date.max)

LOG = """
CREATE TABLE IF NOT EXISTS pages (
    load INTEGER NOT NULL,      -- one answer of a vendor, of one page or more
    number INTEGER NOT NULL,    -- of the page
    series TEXT NOT NULL,       -- what was requested, for example polygon/grouped/2018-06-29
    first TEXT NOT NULL,        -- days that the answer speaks of
    last TEXT NOT NULL,
    request TEXT NOT NULL,      -- canonical, without any key
    status INTEGER NOT NULL,
    digest TEXT NOT NULL,       -- SHA-256 of the content
    size INTEGER NOT NULL,      -- bytes of the content
    arrived TEXT NOT NULL,      -- UTC
    live INTEGER NOT NULL,      -- requested in live operation
    following TEXT,             -- request of the next page; null on the last one, which completes the load
    PRIMARY KEY (load, number)
);
CREATE INDEX IF NOT EXISTS pages_by_series ON pages (series);
CREATE TRIGGER IF NOT EXISTS pages_are_kept BEFORE DELETE ON pages
    BEGIN SELECT RAISE(ABORT, 'the log of raw payloads only grows'); END;
CREATE TRIGGER IF NOT EXISTS pages_are_final BEFORE UPDATE ON pages
    BEGIN SELECT RAISE(ABORT, 'the log of raw payloads only grows'); END;
"""


@dataclass(frozen=True)
class Page:
    """One stored answer to one request; see the columns of the log."""

    load: int
    number: int
    series: str
    first: dt.date
    last: dt.date
    request: str
    status: int
    digest: str
    arrived: dt.datetime
    live: bool
    following: str | None


@dataclass(frozen=True)
class Load:
    """A complete answer of a vendor.

    Attributes:
        first, last: days that it speaks of; what is not in it about them, the vendor did not have.
        begun: arrival of the first page; it holds all that the vendor had then.
        arrived: arrival of the last page; its content was known by then.
    """

    number: int
    series: str
    first: dt.date
    last: dt.date
    begun: dt.datetime
    arrived: dt.datetime
    live: bool
    pages: tuple[Page, ...]


class RawStore:
    """The raw payloads of one home. Nothing is written until the first payload is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- writing -----------------------------------------------------------------------------------------------------

    def put(self, content: bytes) -> str:
        """Keep the content; returns its digest. Content that is there already is not written again."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._object(digest)
        if not path.exists():
            _write_whole(path, gzip.compress(content, 6, mtime=0))
        return digest

    def set_aside(self, content: bytes) -> Path:
        """Keep content that cannot be read, outside of the objects and the log, for a person to look at."""
        path = self.folder / "rejected" / f"{hashlib.sha256(content).hexdigest()}.gz"
        if not path.exists():
            _write_whole(path, gzip.compress(content, 6, mtime=0))
        return path

    def append(self, page: Page, size: int) -> None:
        """Note a page whose content has been put."""
        with self._log() as log:
            log.execute(
                "INSERT INTO pages VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    page.load, page.number, page.series, page.first.isoformat(), page.last.isoformat(), page.request,
                    page.status, page.digest, size, _text(page.arrived), int(page.live), page.following,
                ),
            )  # fmt: skip

    def next_load(self) -> int:
        """A number for a load that begins; one process at a time fetches (`locked`)."""
        with self._log() as log:
            return int(log.execute("SELECT coalesce(max(load), 0) + 1 FROM pages").fetchone()[0])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While it is held no other process fetches into this store, so that nothing is requested twice."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # -- reading -----------------------------------------------------------------------------------------------------

    def loads(self, prefix: str) -> list[Load]:
        """Complete loads of the series that begin with `prefix`, in the order of their arrival."""
        by_load: dict[int, list[Page]] = {}
        for page in self._pages(prefix):
            by_load.setdefault(page.load, []).append(page)
        whole = [_load(pages) for pages in by_load.values() if pages[-1].following is None]
        return sorted(whole, key=lambda load: (load.arrived, load.number))

    def unfinished(self, series: str, first: dt.date, last: dt.date) -> list[Page]:
        """Pages of the last load of exactly these days, where it was interrupted; else none."""
        pages = [p for p in self._pages(series) if (p.series, p.first, p.last) == (series, first, last)]
        latest = [p for p in pages if p.load == pages[-1].load]
        return latest if latest and latest[-1].following is not None else []

    def content(self, digest: str) -> bytes:
        """The payload as it came.

        Raises:
            VendorError: the file is gone or no longer holds what it held.
        """
        path = self._object(digest)
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise VendorError(f"the raw payload {path} cannot be read ({error}); {_FIX}") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise VendorError(f"the raw payload {path} does not match its name, the digest of its content; {_FIX}")
        return content

    def parsed(self, digest: str, parser: str, parse: Callable[[bytes], pl.DataFrame]) -> pl.DataFrame:
        """`parse` of the payload, kept beside the store: `parsed/` may be deleted at any time.

        Args:
            parser: changes whenever `parse` does, for example its code version.
        """
        path = self.folder / "parsed" / parser / f"{digest}.parquet"
        if path.exists():
            with contextlib.suppress(pl.exceptions.PolarsError, OSError):
                return pl.read_parquet(path)
        frame = parse(self.content(digest))
        _write(path, frame.write_parquet)
        return frame

    def unpacked(self, digest: str, suffix: str) -> Path:
        """The payload as a file that other readers can open, kept beside the store as `parsed` is."""
        path = self.folder / "parsed" / "files" / f"{digest}{suffix}"
        if not path.exists():
            content = self.content(digest)
            _write(path, lambda temporary: temporary.write_bytes(content))
        return path

    def _pages(self, prefix: str) -> list[Page]:
        if not self._log_file.exists():
            return []
        with self._log() as log:
            rows = log.execute(
                "SELECT load, number, series, first, last, request, status, digest, arrived, live, following "
                "FROM pages WHERE series >= ? AND series < ? ORDER BY load, number",
                (prefix, prefix + "\uffff"),
            ).fetchall()
        return [_page(row) for row in rows]

    def count_pages(self, first: dt.date, last: dt.date) -> int:
        """Stored answers that speak of any day in [first, last]."""
        if not self._log_file.exists():
            return 0
        with self._log() as log:
            counted = log.execute("SELECT COUNT(*) FROM pages WHERE first<=? AND last>=?", (str(last), str(first)))
            return int(counted.fetchone()[0])

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / f"{digest}.gz"

    @property
    def _log_file(self) -> Path:
        return self.folder / "log.sqlite"

    @contextlib.contextmanager
    def _log(self) -> Iterator[sqlite3.Connection]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._log_file, timeout=60)) as log:
            log.execute("PRAGMA synchronous = FULL")
            log.executescript(LOG)
            with log:
                yield log


_FIX = "put a copy of the folder raw in its place, or delete raw and fetch again (late rows are then lost)"


def _page(row: Sequence[object]) -> Page:
    load, number, series, first, last, request, status, digest, arrived, live, following = row
    return Page(
        int(str(load)), int(str(number)), str(series), dt.date.fromisoformat(str(first)),
        dt.date.fromisoformat(str(last)), str(request), int(str(status)), str(digest),
        dt.datetime.fromisoformat(str(arrived)), bool(live), None if following is None else str(following),
    )  # fmt: skip


def _load(pages: Sequence[Page]) -> Load:
    begin, end = pages[0], pages[-1]
    return Load(
        begin.load, begin.series, begin.first, begin.last, begin.arrived, end.arrived, begin.live, tuple(pages)
    )  # fmt: skip


def _text(moment: dt.datetime) -> str:
    """Of one length, so that texts sort as the moments do."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _write_whole(path: Path, content: bytes) -> None:
    """The file with all of its content, on disk, or none."""
    _write(path, lambda temporary: temporary.write_bytes(content))
    for folder in (path.parent, path.parent.parent):
        _synced(folder)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        _synced(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
