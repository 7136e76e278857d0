"""Looks at many sessions of a time series by one call: of each session one entity, with what came after perturbed.

Entities do not touch one another, so that each can have a cut of its own beside the others, and one call answers for as
many sessions as there are cuts. A leak of other entities of the session is not seen: that takes a whole session.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from feature_store import sessions
from feature_store.numeric_platform import PART
from feature_store.partition import StoredPartition
from feature_store.rounding import beyond_rounding
from quant_assets.engine.agreement import must_be_exact
from quant_assets.engine.asset import TimeSeries
from quant_assets.engine.gate import NO_LOOKAHEAD
from quant_assets.engine.looks import Looks
from quant_assets.engine.perturbation import COPY, CUT, Copies, copies
from quant_assets.engine.results import ONE_ENTITY, CheckResult


def one_entity_each(looks: Looks, days: Sequence[dt.date]) -> list[CheckResult] | None:
    """Results of the sessions that hold rows; None where the function rejects perturbed values.

    Args:
        days: ascending, of one calendar year.
    """
    asset = looks.asset
    assert isinstance(asset, TimeSeries)
    current = {t: looks.current[asset.name][t].partition for t in days if t in looks.current[asset.name]}
    if not current:
        return []
    days = list(current)
    columns = list(asset.dataset.computed_schema)
    stored = looks.runner.store.versions(asset.dataset, days[0], days[-1], columns).filter(
        pl.col("session").is_in(days)
    )
    cuts = _cuts(looks, asset.entity, stored)
    data = Copies(looks.data, asset.entity, cuts, looks.seed(f"{days[0]} {days[-1]}"))
    targets = sessions.between(days[0], looks.until(days[-1]))
    try:
        frames = looks.runner.calculation.compute(asset, targets, data)
    except Exception:  # it may reject what no market can hold: whole sessions are then cut off
        return None
    computed = pl.concat([frames[t].with_columns(session=pl.lit(t, pl.Date)) for t in days])
    kept = _known(asset, stored.join(cuts, on=asset.entity))
    found = _known(asset, computed.rename({asset.entity: COPY}).join(cuts, on=COPY))
    wrong = _differences(asset, kept, found, dict(zip(cuts[COPY], cuts[CUT], strict=True)), current)
    return [_result(looks, current[day], name, wrong.get(copy)) for name, copy, day in cuts.iter_rows()]


def _cuts(looks: Looks, entity: str, stored: pl.DataFrame) -> pl.DataFrame:
    """Of each session with rows one of its entities, at random."""
    rng = np.random.default_rng(looks.seed("entities"))
    there = stored.group_by("session", maintain_order=True).agg(pl.col(entity).unique(maintain_order=True))
    chosen = [names[int(rng.integers(len(names)))] for names in there.get_column(entity)]
    return copies(entity, chosen, there.get_column("session").to_list())


def _known(asset: TimeSeries, rows: pl.DataFrame) -> pl.DataFrame:
    """Values of each copy up to its cut, in one order."""
    key = _key(asset)
    values = [name for name in asset.dataset.computed_schema if name not in (*key, asset.entity)]
    return rows.filter(pl.col("session") <= pl.col(CUT)).select(*key, *values).sort(key)


def _key(asset: TimeSeries) -> list[str]:
    return [COPY, "session", "event_date", *(name for name in asset.dataset.key if name != asset.entity)]


def _differences(
    asset: TimeSeries,
    kept: pl.DataFrame,
    computed: pl.DataFrame,
    cuts: Mapping[str, dt.date],
    current: Mapping[dt.date, StoredPartition],
) -> dict[str, str]:
    """What differs, by copy; without those that are alike."""
    if computed.equals(kept):
        return {}
    none = kept.clear()
    before, now = (
        {copy: rows for (copy,), rows in f.partition_by(COPY, as_dict=True).items()} for f in (kept, computed)
    )
    wrong = {}
    for copy, day in cuts.items():
        pair = before.get(copy, none), now.get(copy, none)
        if not pair[0].equals(pair[1]):
            beyond = beyond_rounding(*pair, _key(asset))
            if beyond or must_be_exact(current[day].parts[PART]):
                wrong[copy] = beyond or "the last digits differ"
    return wrong


def _result(looks: Looks, stored: StoredPartition, name: str, difference: str | None) -> CheckResult:
    how = f"everything of {name} after {stored.session} perturbed (salt {looks.salt!r})"
    detail = f"{how}: {difference}" if difference else ""
    return CheckResult(stored.session, NO_LOOKAHEAD, difference is None, detail, ONE_ENTITY, stored)
