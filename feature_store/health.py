"""Damage: what of the files is not as it was stored, and putting back what some file still holds.

A file is judged by its digest, by its footer and by the content of each session. What is damaged is taken, in this
order, from a file with the same bytes, from the damaged file itself as far as its sessions are what was stored, and
from any other file of the month; only what none holds is forgotten, and the damaged file is set aside.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from feature_store.compaction import Compactor
from feature_store.digests import whole_digest
from feature_store.files import Stored, held_by, read_back, sync_folder
from feature_store.index import Index
from feature_store.latest import make_folder
from feature_store.layout import Layout, month_of
from feature_store.partition import StoredPartition
from feature_store.served import Served
from feature_store.sweeping import set_aside, stored_in_month
from feature_store.writers import Writer

THREADS = 2  # that read back


@dataclass
class Verified:
    """What `verify` found and did.

    Attributes:
        lost: no file holds them as they were stored; they are forgotten, and a backfill stores them again.
        restored: put back from another file.
        repaired: all sessions of files that were repaired, those that had not been damaged too.
        unguarded: those lost or restored whose file had no digest: it may have been read while it was damaged.
        rewritten: files whose bytes were others though every session was what was stored.
        sealed: files of a store before format 3 that were given a digest.
        replaced: files for other engines that were missing, damaged or not among the latest generations.
    """

    lost: list[StoredPartition] = field(default_factory=list)
    restored: list[StoredPartition] = field(default_factory=list)
    repaired: list[StoredPartition] = field(default_factory=list)
    unguarded: list[StoredPartition] = field(default_factory=list)
    rewritten: list[Path] = field(default_factory=list)
    sealed: list[Path] = field(default_factory=list)
    replaced: list[Path] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        return bool(self.lost or self.restored or self.rewritten or self.replaced)


class Health:
    """Reads the files of one store back, and repairs them."""

    def __init__(self, layout: Layout, index: Index, writer: Writer, compactor: Compactor, served: Served) -> None:
        self._layout = layout
        self._index = index
        self._writer = writer
        self._compactor = compactor
        self._served = served
        self._copies: dict[str, Path] | None = None

    def faults(self, partitions: Sequence[StoredPartition]) -> dict[tuple[dt.date, int], str]:
        """Read generations of one dataset back: what is wrong, by session and generation; empty where nothing is."""
        found: dict[tuple[dt.date, int], str] = {}
        with ThreadPoolExecutor(THREADS) as pool:  # reading and hashing hold no lock of Python
            for faults in pool.map(
                lambda file: read_back(file[0], file[1], of_columns=False), self.by_file(partitions).items()
            ):
                found |= faults
        moved = self._moved([p for p in partitions if (p.session, p.generation) in found])
        still = {name: fault for name, fault in found.items() if name not in {(p.session, p.generation) for p in moved}}
        return still | (self.faults(moved) if moved else {})

    def _moved(self, partitions: Iterable[StoredPartition]) -> list[StoredPartition]:
        """Those that compaction has moved meanwhile, as they lie now."""
        now = [
            (p, q) for p in partitions for q in self._index.generations(p.dataset, p.version, p.session)
            if q.generation == p.generation
        ]  # fmt: skip
        return [q for p, q in now if q.place != p.place]

    def by_file(self, partitions: Iterable[StoredPartition]) -> dict[Path, list[StoredPartition]]:
        files: dict[Path, list[StoredPartition]] = {}
        for partition in partitions:
            files.setdefault(self._layout.generation(partition), []).append(partition)
        return files

    def verify(self) -> Verified:
        """Read every file back, and repair what is not as it was stored."""
        done = Verified()
        self._copies = None
        for name, version in self._index.datasets():
            files = self.by_file(self._index.generations(name, version))
            if any(read_back(path, held) or not held[0].place.digest for path, held in files.items()):
                with self._writer.locked(name):
                    self._writer.settle(name, version)
                    self._repair(name, version, done)
                    self._seal(name, version, done)
            if self._served.faults(name, version):
                with self._writer.locked(name):
                    self._writer.settle(name, version)
                    done.replaced += self._served.replace(name, version)
        return done

    def _repair(self, name: str, version: int, done: Verified) -> None:
        """Reads all once more, now that nothing moves: they may have been moved meanwhile."""
        for path, held in self.by_file(self._index.generations(name, version)).items():
            if not (faults := read_back(path, held)):
                continue
            damaged = [p for p in held if (p.session, p.generation) in faults]
            digest = held[0].place.digest
            if digest and self._put_back(path, digest, name):
                done.restored += damaged
                done.repaired += held
            else:
                damaged = self._gather(path, held, done)
            done.unguarded += [] if digest else damaged

    def _put_back(self, path: Path, digest: str, name: str) -> bool:
        """The whole file, from one with the same bytes."""
        source = self._copy_of(digest)
        if source is None:
            return False
        staged = self._writer.stage(name, source.read_bytes())
        if path.exists():
            set_aside(self._layout, path)
        folders = make_folder(path.parent)
        staged.replace(path)
        for folder in sorted(folders):
            sync_folder(folder)
        return True

    def _copy_of(self, digest: str) -> Path | None:
        for again in (False, True):  # what was found before may have been moved since
            if self._copies is None or again:
                every = [path for kind in ("_generations", "[!_]*", "_broken")
                         for path in self._layout.root.glob(f"{kind}/**/*.parquet*")]  # fmt: skip
                self._copies = {whole_digest(path): path for path in every}
            source = self._copies.get(digest)
            if source and whole_digest(source) == digest:
                return source
        return None

    def _gather(self, path: Path, held: Sequence[StoredPartition], done: Verified) -> list[StoredPartition]:
        """What is intact of a file moves into another, with what other files hold; the rest is forgotten.

        Returns the sessions that the file does not hold as they were stored.
        """
        found: dict[tuple[dt.date, int], Stored] = held_by(path, held)
        damaged = [p for p in held if (p.session, p.generation) not in found]
        for source in self._sources(damaged):
            found |= held_by(source, [p for p in damaged if (p.session, p.generation) not in found])
        kept = [p for p in held if (p.session, p.generation) in found]
        lost = [p for p in held if p not in kept]
        self._compactor.salvage(lost, kept, found)
        if path.exists():  # its footer says what is known, but its rows are not those that were stored
            set_aside(self._layout, path)
        done.lost += lost
        done.restored += [p for p in kept if p in damaged]
        done.repaired += kept
        done.rewritten += [] if damaged else [path]
        return damaged

    def _sources(self, damaged: Sequence[StoredPartition]) -> list[Path]:
        """Files that may hold the sessions too: those for other engines, and what a crash has left of the month."""
        places = {(p.dataset, p.version, month_of(p.session)) for p in damaged}
        stored = [path for place in places for path in stored_in_month(self._layout, *place)]
        return [*{self._layout.part(p) for p in damaged}, *stored]

    def _seal(self, name: str, version: int, done: Verified) -> None:
        """Files without a digest are written once more, with one; their sessions stay what they are."""
        current = {(p.session, p.generation) for p in self._index.current(name, version)}
        groups: dict[tuple[str, bool], list[StoredPartition]] = {}
        for p in self._index.generations(name, version):
            if not p.place.digest:
                groups.setdefault((month_of(p.session), (p.session, p.generation) in current), []).append(p)
        for partitions in groups.values():
            done.sealed += self.by_file(partitions)
            self._compactor.move(partitions)
