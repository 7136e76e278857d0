"""The index made anew from what lies beside it: footers, and the records of adoptions, withdrawals and checks."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from feature_store.adoptions import Adoptions
from feature_store.check_results import CheckResults
from feature_store.errors import DamagedIndexError
from feature_store.footers import Footers, read_all_footers, return_lost_files
from feature_store.index import Index
from feature_store.layout import Layout
from feature_store.notices import notice
from feature_store.writers import Writer


class Rebuilder:
    """Of one store.

    Args:
        names: of the datasets, whose writers wait meanwhile.
        settle: what to do after it, without their locks.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index,
        writer: Writer,
        adoptions: Adoptions,
        checks: CheckResults,
        names: Callable[[], Iterable[str]],
        settle: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._index = index
        self._writer = writer
        self._adoptions = adoptions
        self._checks = checks
        self._names = names
        self._settle = settle

    def rebuild(self, reason: str = "") -> list[Path]:
        """Forget the index and read every footer; returns the files whose footer could not be read, set aside.

        Args:
            reason: what a person is told of it; nothing by default.
        """
        with self._writers_wait():
            footers = self._read(reason)
        self._settle()
        return footers.unreadable

    def heal(self, wrong: str) -> None:
        """Put a new index in the place of one whose rows are not what was written.

        Raises:
            DamagedIndexError: this thread holds a writer's lock; whoever opens the store next heals it.
        """
        if self._writer.is_locking():
            raise DamagedIndexError(
                f"{self._layout.index} is damaged ({wrong}); run the same command again: what is asked first, before "
                "anything is written, makes it anew from the stored files"
            )
        with self._writers_wait():
            if not self._index.faults():  # another process was faster
                return
            kept = self._index.set_aside(self._layout.broken)
            self._read(f"is damaged ({wrong}), and kept as {kept}")
        self._settle()

    @contextlib.contextmanager
    def _writers_wait(self) -> Iterator[None]:
        with contextlib.ExitStack() as locks:
            for name in sorted(self._names()):
                locks.enter_context(self._writer.locked(name))
            yield

    def _read(self, reason: str) -> Footers:
        returned = return_lost_files(self._layout)
        with self._index.transaction() as connection:
            footers = read_all_footers(self._layout)
            connection.execute("DELETE FROM partitions")
            self._index.insert_done(connection, footers.partitions)
            self._adoptions.replay(connection)
            self._checks.replay(connection)
            # The highest generation is the current one; a crash may have left other engines the one before.
            for (name, version), days in footers.sessions().items():
                self._writer.place_current(name, version, days)
            for name, version, month in footers.months_with_copies(self._layout):
                self._index.mark_replacing(connection, name, version, month)
            self._index.set_sequence(connection, self._layout.read_sequence())
        if reason:
            notice(f"{self._layout.index} {reason}: {_account(footers, returned)}")
        return footers


def _account(footers: Footers, returned: list[Path]) -> str:
    of_each = footers.sessions()
    text = (
        f"made anew from {len(footers.months)} files with {len(footers.partitions)} generations of {len(of_each)} "
        "datasets, and the records of checks and adoptions; only the timings of earlier runs are lost"
    )
    back = f"; put back from what other engines read: {_listed(returned)}" if returned else ""
    aside = f"; set aside, since they cannot be read: {_listed(footers.unreadable)}; run `asof backfill` over their "
    return text + back + (f"{aside}sessions" if footers.unreadable else "")


def _listed(paths: list[Path]) -> str:
    return ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
