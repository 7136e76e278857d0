"""The order of a run: assets of one function come after all that they read of it, and not after what failed."""

from collections.abc import Callable, Collection, Sequence
from graphlib import TopologicalSorter

from quant_assets.engine.asset import SessionAsset, rests_on

Group = Sequence[SessionAsset]  # of one function


class Schedule:
    """Hands out groups that can run, those with the longest way after them first.

    Attributes:
        stopped: names of the assets that are not run, since they read one that failed or was stopped.
    """

    def __init__(self, groups: Sequence[Group], warn: Callable[[str], None]) -> None:
        self._groups = groups
        self._warn = warn
        self._failed: set[str] = set()
        self.stopped: set[str] = set()
        number = {asset.name: i for i, group in enumerate(groups) for asset in group}
        reads = {
            i: {number[name] for asset in group for name in rests_on(asset) if name in number} - {i}
            for i, group in enumerate(groups)
        }
        self._order = TopologicalSorter(reads)
        self._order.prepare()
        self._ready: set[int] = set()
        self._number = number
        self._ways = _ways(reads)

    def next(self) -> Group | None:
        """A group to run now; None while all that is left waits for `done`, and at the end."""
        while True:
            self._ready |= {*self._order.get_ready()}
            if not self._ready:
                return None
            i = max(self._ready, key=lambda i: (self._ways[i], -i))
            self._ready.remove(i)
            group = self._groups[i]
            blocked = sorted({n for asset in group for n in rests_on(asset)} & (self._failed | self.stopped))
            if not blocked:
                return group
            names = [asset.name for asset in group]
            self.stopped.update(names)
            self._warn(f"{', '.join(names)}: not run, since it reads {', '.join(blocked)}")
            self._order.done(i)

    def done(self, group: Group, failed: Collection[str] = ()) -> None:
        """The group has run; of its assets, these failed."""
        self._failed.update(failed)
        self._order.done(self._number[group[0].name])


def _ways(reads: dict[int, set[int]]) -> dict[int, int]:
    """Groups one after the other that come after each, along the longest way."""
    ways = dict.fromkeys(reads, 0)
    for i in reversed([*TopologicalSorter(reads).static_order()]):
        for before in reads[i]:
            ways[before] = max(ways[before], ways[i] + 1)
    return ways
