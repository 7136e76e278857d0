"""Sessions that stand for many."""

import datetime as dt
import itertools
from collections.abc import Sequence

import numpy as np

from feature_store.hashing import digest_of
from quant_assets.engine.asset import ModelFit, SessionAsset
from quant_assets.engine.lookahead_checks import around_corrections
from quant_assets.engine.runner import Runner


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
