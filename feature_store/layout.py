"""Where things lie on disk, and how a file's footer is read."""

import datetime as dt
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from feature_store.digests import KEY
from feature_store.errors import CorruptPartitionError
from feature_store.partition import WRITTEN, Place, StoredPartition, placed_in_order

FOOTER = "asof"
PACK = "pack"  # in the footer of a file that holds several partitions
SESSION = "session"  # the column that says in a file to which partition a row belongs
# Broken bytes make Polars panic at times, and its panic is no Exception.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class Layout:
    """Paths of one store.

    `<root>/_generations/<slice>/<dataset>/v<schema>/` holds all that was stored: a session's own file
    `session=D/<generation>.parquet`, or packs of a month, `month=M/<number>.parquet`.
    `<root>/<slice>/<dataset>/v<schema>/*/*.parquet` has the same folders with the latest generations alone, for any
    engine's glob.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index.sqlite"
        self.staging = root / "_staging"
        self.generations = root / "_generations"
        self.broken = root / "_broken"
        self.texts = root / "_texts"
        self.adoptions = root / "_adoptions"
        self.checks = root / "_checks"
        self._sequence = root / "sequence"

    def folder(self, name: str, version: int) -> Path:
        return self.root / name / f"v{version}"

    def archive(self, name: str, version: int) -> Path:
        return self.generations / name / f"v{version}"

    def part(self, p: StoredPartition) -> Path:
        """The file in which other engines find a partition while it is the latest generation."""
        folder = self.folder(p.dataset, p.version)
        if p.place.file is None:
            return folder / f"session={p.session}" / "part.parquet"
        return self.latest_pack(p.dataset, p.version, p.place.file)

    def latest_pack(self, name: str, version: int, file: str) -> Path:
        month, number = file.split("/")
        return self.folder(name, version) / month / f"part-{number}"

    def generation(self, p: StoredPartition) -> Path:
        return Path(self.path_of(p.dataset, p.version, p.session.isoformat(), p.generation, p.place.file))

    def path_of(self, name: str, version: int, session: str, generation: int, file: str | None) -> str:
        """The file that holds a generation; as text, because reads of thousands of sessions ask for it."""
        return f"{self.generations}/{name}/v{version}/{file or f'session={session}/{generation:06d}.parquet'}"

    def next_pack(self, name: str, version: int, month: str, known: Collection[str]) -> str:
        """A pack's name that is not taken. The caller holds the dataset's lock.

        Args:
            known: packs of the month in the index: one whose file is gone has its name still, and what is put there
                would be taken for it.
        """
        # those set aside count: whoever planned a read of one must not find another in its place
        folder, latest = self.archive(name, version) / f"month={month}", self.folder(name, version) / f"month={month}"
        files = [path.stem for at in (folder, self.aside(folder)) for path in at.glob("*.parquet")]
        files += [path.stem.removeprefix("part-") for path in latest.glob("part-*.parquet")]
        files += [Path(file).stem for file in known]
        return f"month={month}/{max(map(int, files), default=0) + 1:06d}.parquet"

    def aside(self, path: Path) -> Path:
        """Where a stored file, or a folder of them, goes when it is broken."""
        if path.is_relative_to(self.generations):
            return self.broken / path.relative_to(self.generations)
        return self.broken / "_latest" / path.relative_to(self.root)

    def staged(self, name: str) -> Path:
        """Where the one writer of a dataset keeps what is not published yet."""
        return self.staging / name.replace("/", ".")

    def lock(self, name: str) -> Path:
        return self.root / "_locks" / f"{name.replace('/', '.')}.lock"

    def read_sequence(self) -> int:
        try:
            return int(self._sequence.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def write_sequence(self, value: int) -> None:
        temporary = self._sequence.with_suffix(f".{os.getpid()}")
        try:
            temporary.write_text(str(value))
            temporary.replace(self._sequence)
        finally:
            temporary.unlink(missing_ok=True)


def month_of(session: dt.date) -> str:
    return f"{session:%Y-%m}"


def days_of(month: str) -> tuple[dt.date, dt.date]:
    """First and last day."""
    first = dt.date.fromisoformat(f"{month}-01")
    return first, (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)


def days_in(month: str) -> list[dt.date]:
    first, last = days_of(month)
    return [first + dt.timedelta(days=i) for i in range((last - first).days + 1)]


def read_footer(path: Path) -> list[StoredPartition]:
    """What a stored file says of the partitions in it, in the order of their rows.

    Raises:
        FileNotFoundError: no such file.
        CorruptPartitionError: not readable as Parquet, or without the store's footer.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        footer = json.loads(pl.read_parquet_metadata(path)[FOOTER])
        digest = footer.get(KEY, "")
        if PACK not in footer:
            return [StoredPartition.revived(_known(footer, WRITTEN), Place(digest=digest))]
        partitions = [StoredPartition.revived(written) for written in _known(footer, (PACK,))[PACK]]
        return placed_in_order(partitions, f"{path.parent.name}/{path.name}", digest)
    except (*UNREADABLE, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptPartitionError(
            f"{path} cannot be read ({error}); run `asof verify`, then backfill again"
        ) from error


def _known(footer: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A footer that says what no version of the store writes is damaged: its digest may be what cannot be read."""
    if unknown := footer.keys() - {*names, KEY}:
        raise ValueError(f"its footer says {', '.join(sorted(unknown))}, which nothing writes")
    return footer
