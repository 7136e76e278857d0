"""A recursive asset over its sessions: a step is taken where what it reads, or the state before it, is another."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from feature_store.dataset import Dataset
from feature_store.hashing import content_hashes
from feature_store.partition_table import session_digest, window_digest
from quant_assets.engine.access_profile import bounded
from quant_assets.engine.asset import Recursive
from quant_assets.engine.computation import Calculation, Frames, Rows, Versions, by_dataset, one_thread
from quant_assets.engine.expected import Expected, handed_on


def recomputed_steps(
    calculation: Calculation,
    assets: Sequence[Recursive],
    days: Sequence[dt.date],
    expected: Mapping[str, Mapping[dt.date, Expected]],
    needs: Callable[[str, dt.date, Expected], bool],
    data: Versions,
    state: pl.DataFrame | None = None,
) -> tuple[dict[str, Frames], dict[str, dict[dt.date, Expected]]]:
    """Rows of the sessions that are computed, and what all of them are expected to say of themselves, by dataset.

    Once a step comes out as it is stored, those after it are computed only where they differ by themselves.

    Args:
        assets: of one function; a step that one of them needs is taken for all.
        days: consecutive.
        expected: over the states as they are stored.
        needs: whether a session of a dataset is to be computed, by what it is expected to say.
        state: rows of the session before the first, without `known_at`; None where they are as stored.
    """
    asset = bounded(assets[0])
    of_state = asset.datasets[0]
    now = {name: dict(of_sessions) for name, of_sessions in expected.items()}

    def follow(i: int, before: pl.DataFrame) -> None:
        digest = state_digest(of_state, before)
        for of_sessions in now.values():
            of_sessions[days[i]] = of_sessions[days[i]].after(digest)

    def is_due(i: int) -> bool:
        return any(needs(name, days[i], of_sessions[days[i]]) for name, of_sessions in now.items())

    if state is not None:
        follow(0, state)
    found: dict[dt.date, Rows] = {}
    i = 0
    while i < len(days):
        if not is_due(i):
            i += 1
            continue
        with one_thread():
            for t, rows in calculation.steps(asset, days[i:], data, state if i == 0 else None):
                found[t] = rows
                i += 1
                if i < len(days):
                    follow(i, rows[0])
                    if not is_due(i):
                        break
    return by_dataset(asset, found), now


def state_digest(dataset: Dataset, rows: pl.DataFrame) -> str:
    """Of what a session hands to the next: its rows without `known_at`, in stored order."""
    found = content_hashes(rows.select(handed_on(dataset)), [0, rows.height])[0]
    return window_digest([session_digest(found.names, found.columns, handed_on(dataset))])
