"""The order of a run: assets of one function come after all that they read of it, and not after what failed."""

from collections.abc import Collection, Sequence
from graphlib import TopologicalSorter

from quant_assets.engine.asset import SessionAsset, rests_on

Group = Sequence[SessionAsset]  # of one function


class Schedule:
    """Hands out groups that can run, those with the longest way after them first.

    Attributes:
        stopped: the assets that are not run, with those that they read and that failed or were stopped.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._failed: set[str] = set()
        self.stopped: dict[str, list[str]] = {}
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
            blocked = sorted({n for asset in group for n in rests_on(asset)} & (self._failed | self.stopped.keys()))
            if not blocked:
                return group
            self.stopped |= {asset.name: blocked for asset in group}
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
