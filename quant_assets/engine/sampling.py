"""Sessions that stand for many."""

import datetime as dt
import itertools
from collections.abc import Sequence

import numpy as np

from feature_store import sessions
from feature_store.hashing import digest_of
from quant_assets.engine.asset import ModelFit, SessionAsset
from quant_assets.engine.runner import Runner

SPAN = 10  # sessions before a run in which corrections are looked for


def sample(runner: Runner, asset: SessionAsset, days: Sequence[dt.date], count: int) -> list[dt.date]:
    """Sessions that stand for all of `days`: of fits the first that each is in force on.

    Else the first and the last, and by turns one at a year's edge, one around a correction, and any. The choice is a
    hash of (asset, days), so that a repeated command repeats it.
    """
    if isinstance(asset, ModelFit):
        fits = itertools.groupby(days, key=lambda t: asset.refit_session(t, runner.profile))
        return [next(in_force) for _, in_force in fits]
    rng = np.random.default_rng(int(digest_of([asset.name, *map(str, days)])[:8], 16))
    edges = [t for pair in itertools.pairwise(days) if pair[0].year != pair[1].year for t in pair]
    groups = (edges, around_corrections(asset, runner, days[0], days), days)
    mixed = [[group[int(i)] for i in rng.permutation(len(group))] for group in groups]
    turns = [t for turn in itertools.zip_longest(*mixed) for t in turn if t]
    return sorted(list(dict.fromkeys([days[0], days[-1], *turns]))[:count])


def sampled_sessions(
    asset: SessionAsset, runner: Runner, first: dt.date, last: dt.date, count: int, salt: str = ""
) -> list[dt.date]:
    """Stored sessions worth recomputing after a run over [first, last].

    One inside the run; a year's edge, a refit, one around a correction and any other, in random order; and more from
    inside. The choice is a hash of (asset, range, salt), so that the same salt repeats it.
    """
    stored = [s for s in runner.store.sessions(asset.dataset) if s <= last]
    inside = [s for s in stored if first <= s < last]
    edges = [b for a, b in itertools.pairwise(stored) if a.year != b.year]
    refits = [s for s in stored if isinstance(asset, ModelFit) and asset.refit_session(s, runner.profile) == s]
    groups = [g for g in (edges, refits, around_corrections(asset, runner, first, stored), stored) if g]
    rng = np.random.default_rng(int(digest_of([asset.name, str(first), str(last), salt])[:8], 16))
    groups_drawn = [inside] * bool(inside) + [groups[int(i)] for i in rng.permutation(len(groups))]
    groups_drawn += [inside or stored] * count if stored else []
    picks = [group[int(rng.integers(len(group)))] for group in groups_drawn]
    return sorted(list(dict.fromkeys(picks))[:count])


def around_corrections(asset: SessionAsset, runner: Runner, first: dt.date, stored: Sequence[dt.date]) -> list[dt.date]:
    """Stored sessions that learned late rows, the ones just before, and those whose rows were corrected."""
    restating = {d.name: d for d in (asset.dataset, *(w.dataset for w in asset.inputs.values())) if d.restates}
    around: set[dt.date] = set()
    for dataset in restating.values() if stored else []:
        since = sessions.shift(first, -SPAN)
        for session, late, event in runner.store.index.table(
            dataset.name, dataset.version, ["session", "late_rows", "first_event"], since, stored[-1]
        ):
            if late and event:
                day = dt.date.fromisoformat(session)
                around |= {day, sessions.shift(day, -1), dt.date.fromisoformat(event)}
    return [s for s in stored if s in around]
