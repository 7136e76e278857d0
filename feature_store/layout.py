"""Where things lie on disk, and how a file's footer is read."""

import os
from pathlib import Path

import polars as pl

from feature_store.errors import CorruptPartitionError
from feature_store.index import StoredPartition

FOOTER = "asof"
# Broken bytes make Polars panic at times, and its panic is no Exception.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


class Layout:
    """Paths of one store.

    `<root>/<slice>/<dataset>/v<schema>/session=D/part.parquet` is the latest generation, for any engine's glob;
    `<root>/_generations/...` holds all of them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index.sqlite"
        self.staging = root / "_staging"
        self.generations = root / "_generations"
        self.broken = root / "_broken"
        self.texts = root / "_texts"
        self._sequence = root / "sequence"

    def folder(self, name: str, version: int) -> Path:
        return self.root / name / f"v{version}"

    def part(self, p: StoredPartition) -> Path:
        return self.folder(p.dataset, p.version) / f"session={p.session}" / "part.parquet"

    def generation(self, p: StoredPartition) -> Path:
        return Path(self.generation_path(p.dataset, p.version, p.session.isoformat(), p.generation))

    def generation_path(self, name: str, version: int, session: str, generation: int) -> str:
        return f"{self.generations}/{name}/v{version}/session={session}/{generation:06d}.parquet"

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


def read_footer(path: Path) -> StoredPartition:
    """What a stored file says of itself.

    Raises:
        FileNotFoundError: no such file.
        CorruptPartitionError: not readable as Parquet, or without the store's footer.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        return StoredPartition.from_footer(pl.read_parquet_metadata(path)[FOOTER])
    except (*UNREADABLE, KeyError, ValueError, TypeError) as error:
        raise CorruptPartitionError(
            f"{path} cannot be read ({error}); run `asof verify`, then backfill again"
        ) from error
