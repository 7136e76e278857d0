"""What a run computes again of what it has stored: other sessions each time, as many as its time is worth.

The sessions are drawn by a salt, so that a repeated run looks at others, and the same salt at the same ones.
"""

import datetime as dt
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from feature_store import sessions
from feature_store.hashing import digest_of
from feature_store.partition import StoredPartition
from quant_assets.engine.asset import CrossSection, ModelFit, SessionAsset, TimeSeries
from quant_assets.engine.computation import one_thread
from quant_assets.engine.entity_looks import one_entity_each
from quant_assets.engine.looks import AHEAD, SPAN, Looks, Results, Unit, units
from quant_assets.engine.perturbation import Shared
from quant_assets.engine.power import looks_needed
from quant_assets.engine.runner import Runner
from quant_assets.engine.sampling import sampled_sessions
from quant_assets.engine.stored_versions import StoredVersions

FRACTION = 0.01  # of a range's sessions, on which a leak is to be found
REQUIRED = 0.5  # probability with which it is found whatever that costs, where looks at a part of the range suffice
PART = 0.25  # of the range, at most, that is looked at whatever it costs: enough from a year on
PROBABILITY = 0.6  # with which it is found where there is time
COST = 0.15  # of the time that the sessions took to read, compute and store: other looks end before they cost more
FEWEST = 4  # sessions of a range, whatever they cost: at a year's edge, a refit, a correction, and any
BLOCK_ROWS = 5_000  # of the copies of entities in one call, which looks at as many sessions of a time series
BATCH = 8  # looks before the first glance at the clock
SHORT = 5  # sessions of a window, at most, of cross sections that are looked at by one reading
READING = 30  # sessions of a window that take as long to read as to begin to read
TURN = 4  # every so many looks what comes after is perturbed; else it is not there


def looks_of_run(
    runner: Runner,
    assets: Sequence[SessionAsset],
    written: Mapping[str, Sequence[StoredPartition]],
    targets: Sequence[dt.date],
    salt: str,
    seconds: float,
) -> Results:
    """Results of looks at stored sessions, mostly at targets; of a single target, one look at any session.

    Args:
        assets: of one function.
        written: what the run has stored of each.
        targets: ascending.
        seconds: that reading, computing and storing the targets took.
    """
    if len(targets) == 1:
        looks = Looks(runner, assets, sampled_sessions(assets[0], runner, targets[0], targets[0], 1, salt), salt=salt)
        return looks.alone(looks.units)
    end = time.perf_counter() + COST * seconds
    with one_thread():
        return _OfRange(runner, assets, written, targets, salt, end).results()


class _OfRange:
    """Looks of a run over a range, up to a moment."""

    def __init__(
        self,
        runner: Runner,
        assets: Sequence[SessionAsset],
        written: Mapping[str, Sequence[StoredPartition]],
        targets: Sequence[dt.date],
        salt: str,
        end: float,
    ) -> None:
        self._runner = runner
        self._assets = assets
        self._asset = assets[0]
        self._written = {name: {p.session: p for p in of_asset} for name, of_asset in written.items()}
        self._salt = salt
        self._end = end
        self._rng = np.random.default_rng(int(digest_of([self._asset.name, salt])[:8], 16))
        self._stored = runner.store.sessions(self._asset.dataset)
        self._inside = [t for t in self._stored if targets[0] <= t <= targets[-1]]
        self._over: list[dt.date] = []
        self._special = self._at_least(sampled_sessions(self._asset, runner, targets[0], targets[-1], FEWEST, salt))
        self._gap = self._sessions_apart()
        self._order = self._in_random_order()
        self._required = self._whatever_it_costs()
        self._found: Results = {a.name: [] for a in assets}

    def results(self) -> Results:
        """The special and required sessions, then as many of the others as there is time for, year after year."""
        drawn = self._drawn(PROBABILITY)
        years = list(dict.fromkeys([*(t.year for t in self._special), *(group[0].year for group in drawn)]))
        waiting = len(drawn)
        for year in years:
            groups = [group for group in drawn if group[0].year == year]
            special = [t for t in self._special if t.year == year]
            part = (self._end - time.perf_counter()) * len(groups) / max(1, waiting)
            waiting -= len(groups)
            if special or part > 0 or not self._required.isdisjoint(groups):
                self._look_at(groups, special, time.perf_counter() + part)
        return self._found

    def _at_least(self, special: list[dt.date]) -> list[dt.date]:
        """Sessions that are looked at whatever it costs.

        Of a fit all sessions of one refit, which one call answers for; of a time series two sessions,
        and those up to another one, by a range over that.
        """
        if isinstance(self._asset, ModelFit):
            periods = units(self._asset, self._stored, self._runner)
            return next((list(unit) for unit in periods if {*unit} & {*special}), [])
        if not isinstance(self._asset, TimeSeries) or not special:
            return special
        cut = special[0]
        self._over = [t for t in self._stored if sessions.shift(cut, -SPAN) <= t <= cut and t.year == cut.year]
        return sorted({*self._over, *special[-2:]})

    def _sessions_apart(self) -> int:
        """How far apart cross sections with short windows are looked at, so that one reading serves many; else 1."""
        if not isinstance(self._asset, CrossSection):
            return 1
        window = max((self._asset.longest(w, self._runner.profile) for w in self._asset.inputs.values()), default=1)
        return window + 1 if window <= SHORT else 1

    def _in_random_order(self) -> list[Unit]:
        """Groups that one reading serves come one after another."""
        groups = list(self._groups())
        passes = [groups[int(i) :: self._gap] for i in self._rng.permutation(self._gap)]
        return [several[int(i)] for several in passes for i in self._rng.permutation(len(several))]

    def _drawn(self, probability: float) -> list[Unit]:
        """Groups of the run's sessions, as many as find what is to be found with the probability."""
        counts = [0, *itertools.accumulate(len(group) for group in self._order)]
        needed = looks_needed(len(self._inside), FRACTION, probability)
        return [group for group, before in zip(self._order, counts, strict=False) if before < needed]

    def _whatever_it_costs(self) -> set[Unit]:
        """None where a part of the range does not suffice."""
        suffices = looks_needed(len(self._inside), FRACTION, REQUIRED) <= PART * len(self._inside)
        return {*self._drawn(REQUIRED)} if suffices else set()

    def _groups(self) -> Iterator[Unit]:
        """Sessions that are looked at together."""
        if not isinstance(self._asset, TimeSeries):
            yield from units(self._asset, self._inside, self._runner)
            return
        size = self._block()
        begin = int(self._rng.integers(size))  # what rests on where a range begins comes out otherwise
        for _, year in itertools.groupby(self._inside, key=lambda t: t.year):
            days = list(year)
            yield from (tuple(days[max(0, i) : i + size]) for i in range(begin - size, len(days), size) if i + size > 0)

    def _block(self) -> int:
        """Sessions of one call: each adds a copy of an entity, and each copy has the window and all of the sessions."""
        window = max(self._asset.longest(w, self._runner.profile) for w in self._asset.inputs.values())
        return max(1, int((math.sqrt(window**2 + 4 * BLOCK_ROWS) - window) / 2))

    def _look_at(self, groups: Sequence[Unit], special: Sequence[dt.date], end: float) -> None:
        days = sorted({*itertools.chain(*groups), *special})
        for chunk in self._runner.chunks(self._asset, days):  # a year, or its months where it holds too many rows
            looks = Looks(self._runner, self._assets, chunk, self._shared(chunk), self._salt, self._written)
            first = [unit for unit in looks.units if {*unit} & {*special}]
            there = {*itertools.chain(*looks.units)}
            rest = [group for group in groups if {*group} <= there and group not in first]
            required = sum(group in self._required for group in rest)  # which are drawn before the others
            if isinstance(self._asset, TimeSeries):
                self._add(looks.alone([unit for unit in first if not {*unit} & {*self._over}]))
                self._found[self._asset.name] += looks.over([t for (t,) in first if t in self._over])
                _in_time(rest, max(1, required), end, partial(self._blocks, looks))
            else:
                self._add(looks.alone(first[::2]))
                self._add(looks.perturbed(first[1::2]))
                _in_time(rest, max(BATCH - len(first), required), end, partial(self._sessions, looks))

    def _shared(self, days: Sequence[dt.date]) -> Shared:
        """Inputs of all the days, read at once where that costs less than reading the window of each."""
        spans: dict[str, tuple[dt.date, dt.date]] = {}
        profile, until = self._runner.profile, sessions.shift(days[-1], AHEAD)
        for window in self._asset.inputs.values():
            first, name = self._asset.first_needed(days[0], window, profile), window.dataset.name
            each = self._asset.longest(window, profile) + READING
            if each * len(days) > len(sessions.between(first, until)):
                spans[name] = min(first, spans.get(name, (first, until))[0]), until
        return Shared(StoredVersions(self._runner.store), spans)

    def _sessions(self, looks: Looks, groups: Sequence[Unit]) -> None:
        if self._gap > 1:
            places = {group: i % self._gap for i, group in enumerate(self._groups())}
            for _, several in itertools.groupby(sorted(groups, key=lambda g: (places[g], g)), key=places.__getitem__):
                self._add(looks.scattered(list(several)))
            return
        self._add(looks.alone([group for i, group in enumerate(groups) if i % TURN]))
        self._add(looks.perturbed(groups[::TURN]))

    def _blocks(self, looks: Looks, groups: Sequence[Unit]) -> None:
        for days in groups:
            results = one_entity_each(looks, days)
            if results is None:  # its function rejects perturbed values: one whole session is cut off instead
                self._add(looks.perturbed([(days[len(days) // 2],)]))
            else:
                self._found[self._asset.name] += results

    def _add(self, more: Results) -> None:
        for name, results in more.items():
            self._found[name] += results


def _in_time(groups: Sequence[Unit], begin: int, end: float, look: Callable[[Sequence[Unit]], None]) -> None:
    """Look at `begin` groups, then at as many at a time as the time up to `end` is worth, by what the last took."""
    done, size = 0, min(begin, len(groups))
    while done < len(groups) and size > 0:
        some, started = groups[done : done + size], time.perf_counter()
        look(some)
        done += len(some)
        now = time.perf_counter()
        size = min(4 * size, int((end - now) * len(some) / (now - started)))
