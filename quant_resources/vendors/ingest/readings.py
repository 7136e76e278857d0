"""What a drop of files held each time that it was read: kept, compared, and dated by when it became known."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.hashing import digest_of
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.arrivals import dated_versions
from quant_resources.vendors.ingest.canonical import last_version
from quant_resources.vendors.ingest.clock import Clock
from quant_resources.vendors.ingest.raw_payloads import ALL_DAYS, Load, Page, RawStore
from quant_resources.vendors.ingest.reading import loads_of
from quant_resources.vendors.ingest.rules import UNREADABLE

ReadFolder = Callable[[Path], pl.DataFrame]


class Readings:
    """The readings of a drop; a reading without anything new is not recorded.

    Args:
        settings: everything beside the files that their rows depend on, the code that reads them too.
    """

    def __init__(self, raw: RawStore, wall: Clock, settings: str) -> None:
        self._raw, self._wall, self._settings = raw, wall, settings
        self._stats: dict[tuple[str, int, int, int], str] = {}

    def note(self, dataset: Dataset, files: Sequence[Path]) -> bool:
        """Keep what the files hold now; True where it is not what they held when they were read last."""
        digests = [(path.name, self._digest(path)) for path in files]
        if not digests:
            return False
        with self._raw.locked():
            before = self._raw.loads(_series(dataset))
            if before and [(page.request, page.digest) for page in before[-1].pages] == digests:
                return False
            arrived, load = self._wall.now(), self._raw.next_load()
            for number, path in enumerate(files):
                content = path.read_bytes()
                # what was read is what is kept, even if the file changed since it was compared
                page = Page(
                    load, number, _series(dataset), *ALL_DAYS, path.name, 200, self._raw.put(content), arrived, True,
                    None if number == len(files) - 1 else files[number + 1].name,
                )  # fmt: skip
                self._raw.append(page, len(content))
        return True

    def versions(self, dataset: Dataset, clock: DecisionClock, read: ReadFolder) -> pl.DataFrame:
        """Rows of all readings as they became known, with the payload's columns.

        Args:
            read: all rows of the dataset in a folder that holds the files of one reading.
        """
        loads = self._raw.loads(_series(dataset))
        news = [self._news(dataset, load, before, read) for load, before in zip(loads, [None, *loads], strict=False)]
        values = [*dataset.values, UNREADABLE]
        rows = dated_versions(
            pl.concat(news), loads_of(loads), clock, ["event_date", *dataset.key], values, dated=True,
            began=loads[0].arrived,
        )  # fmt: skip
        return rows.select(name for name in news[0].columns if name not in ("load", "source", "about", "rule"))

    def _news(self, dataset: Dataset, load: Load, before: Load | None, read: ReadFolder) -> pl.DataFrame:
        """Rows of a reading that the one before it had not: rows that have not changed are not new."""
        marks = [digest_of([x.digest for x in one.pages]) if one else "" for one in (load, before)]
        parser = digest_of([dataset.name, *marks, self._settings])

        def compared(content: bytes) -> pl.DataFrame:
            rows = last_version(dataset, self._rows(load, read))
            if before is not None:
                rows = rows.join(self._rows(before, read), on=rows.columns, how="anti", nulls_equal=True)
            return rows

        rows = self._raw.parsed(load.pages[0].digest, f"readings-{parser[:16]}", compared)
        return rows.with_columns(
            load=pl.lit(load.number, pl.Int64),
            source=pl.lit(load.series),
            about=moments.day_of(pl.col("known_at")),
            rule="known_at",
        )

    def _rows(self, load: Load, read: ReadFolder) -> pl.DataFrame:
        folder = self._raw.folder / "parsed" / "drops" / str(load.number)
        folder.mkdir(parents=True, exist_ok=True)
        for page in load.pages:
            place = folder / page.request
            if not place.exists():
                os.link(self._raw.unpacked(page.digest, place.suffix), place)
        return read(folder)

    def _digest(self, path: Path) -> str:
        """Of the file's content; a file that is as it was is not read again."""
        stat = path.stat()
        known = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if known not in self._stats:
            with path.open("rb") as file:
                self._stats[known] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._stats[known]


def _series(dataset: Dataset) -> str:
    return f"files/{dataset.name}/"
