"""What a vendor says today of sessions that were stored long ago, beside what is stored: drift is found, never stored.

A vendor that back-adjusts its history, or mends it in silence, says other values of the same key without saying when
they became known. They are no correction: nobody knows when they would have been known. A result of the check
`vendor_unchanged` keeps each session that was asked for again.
"""

import datetime as dt
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from configs.settings import FilesVendor, Profile, SimulatedVendor
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, States
from feature_store.schemas.quality import QUARANTINE
from quant_assets.engine.asset import Source
from quant_assets.engine.fresh_process import answer
from quant_assets.engine.lookahead_checks import CheckResult, record
from quant_assets.engine.opening import open_runner
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_resources.home import Home
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.registry import make_vendor

CHECK = "vendor_unchanged"
LOOK = "vendor"


@dataclass(frozen=True)
class Drift:
    """Rows of one session of which the vendor now says otherwise.

    Attributes:
        changed: other values than any stored version of their key has.
        added, gone: rows that are not stored, and stored ones that the vendor no longer has.
        example: one of them, for a person.
    """

    session: dt.date
    changed: int
    added: int
    gone: int
    example: str

    @property
    def rows(self) -> int:
        return self.changed + self.added + self.gone

    def __str__(self) -> str:
        return (
            f"the vendor now says otherwise: {self.changed} rows changed, {self.added} added, {self.gone} gone; "
            f"{self.example}. Nothing was stored. If it is a correction, let it come as one, with the day on which it "
            "became known; if the vendor adjusts its history, ask it for unadjusted values"
        )


def vendor_drift(home: Home, seed: int | None = None) -> list[dict[str, Any]]:
    """Ask the vendor again for stored sessions of each source; results are kept, and given as rows by dataset.

    Those that are old enough and were not asked for yet come first, the latest before the others; one more, whatever
    was asked before, is drawn by chance, since history may be adjusted at any time.

    Args:
        seed: of that choice; by default another one each time.

    Raises:
        VendorError: the vendor does not answer.
    """
    if not may_drift(home.profile):
        return []
    runner = open_runner(home)
    rng = np.random.default_rng(secrets.randbits(63) if seed is None else seed)
    with tempfile.TemporaryDirectory(prefix="asof-vendor-") as folder:
        again = vendor_afresh(home.profile, Path(folder))
        sources = [asset for asset in all_assets(home.profile) if isinstance(asset, Source)]
        return [_row(runner, asset, again, rng) for asset in sources if _is_requested(asset, runner)]


def may_drift(profile: Profile) -> bool:
    """Whether its vendor may say another thing than before; the simulated market says the same each time."""
    return not isinstance(profile.vendor, SimulatedVendor)


def vendor_afresh(profile: Profile, folder: Path) -> Vendor:
    """The profile's vendor as if nothing had ever been asked of it.

    Args:
        folder: empty; what it says now is kept there, apart from what it said before.
    """
    if isinstance(profile.vendor, FilesVendor) and profile.vendor.live:  # what the drop held before is no matter
        profile = profile.model_copy(update={"vendor": profile.vendor.model_copy(update={"live": False})})
    return make_vendor(profile, folder)


def drifts(runner: Runner, asset: Source, targets: Sequence[dt.date], again: Vendor) -> list[Drift]:
    """What `again` says otherwise about sessions that are stored.

    Args:
        targets: ascending.
    """
    dataset, until = asset.dataset, runner.calculation.clock.decision_time(targets[-1])
    said = again.parse(dataset, again.fetch(dataset, targets, until), targets)
    key, values = ["event_date", *dataset.key], dataset.values
    known = _known(runner, dataset, targets)
    said = said.select("session", *(pl.col(name).cast(dataset.schema[name]) for name in [*key, *values]))
    other = said.join(known, on=[*key, *values], how="anti", nulls_equal=True)
    changed = other.join(known, on=key, how="semi", nulls_equal=True)
    added = other.join(known, on=key, how="anti", nulls_equal=True)
    gone = _gone(dataset, known, targets).join(said, on=key, how="anti", nulls_equal=True)
    found = []
    for session in targets:
        parts = [rows.filter(session=session) for rows in (changed, added, gone)]
        if any(part.height for part in parts):
            counts = [part.height for part in parts]
            found.append(Drift(session, counts[0], counts[1], counts[2], _example(parts, known, key, values)))
    return found


def _known(runner: Runner, dataset: Dataset, targets: Sequence[dt.date]) -> pl.DataFrame:
    """Every stored version that may be of a row of the targets, with the session that learned it."""
    last = targets[-1] if isinstance(dataset.origin, States) else runner.store.sessions(dataset)[-1]
    return runner.store.versions(dataset, targets[0], last, ["event_date", *dataset.key, *dataset.values])


def _gone(dataset: Dataset, known: pl.DataFrame, targets: Sequence[dt.date]) -> pl.DataFrame:
    """Rows of the targets about themselves that a vendor must still have: what it withdrew by a later row is not."""
    key = ["event_date", *dataset.key]
    withdrawn = known.filter(pl.all_horizontal(pl.col(name).is_null() for name in dataset.values))
    own = known.filter(pl.col("session").is_in(list(targets)), pl.col("event_date") == pl.col("session"))
    return own.join(withdrawn, on=key, how="anti", nulls_equal=True) if dataset.values else own


def _example(parts: Sequence[pl.DataFrame], known: pl.DataFrame, key: Sequence[str], values: Sequence[str]) -> str:
    changed, added, _ = parts
    rows = next(part for part in parts if part.height).sort(*key).head(1)
    (named,) = rows.select(*key).to_dicts()
    where = ", ".join(str(value) for value in named.values())
    if not changed.height:
        return f"{where} is {'new' if added.height else 'gone'}"
    before = known.join(rows.select(*key), on=list(key), how="semi").head(1)
    name = next(n for n in values if not before[n].equals(rows[n], null_equal=True))
    return f"{name} of {where} was {before.item(0, name)} and is {rows.item(0, name)}"


def _is_requested(asset: Source, runner: Runner) -> bool:
    return asset.name != QUARANTINE.name and bool(runner.store.sessions(asset.dataset))


def _row(runner: Runner, asset: Source, again: Vendor, rng: np.random.Generator) -> dict[str, Any]:
    asked: list[dt.date] = []
    found: list[Drift] = []
    for targets in due_sessions(runner, asset, dt.datetime.now(dt.UTC), rng):
        try:
            found += drifts(runner, asset, targets, again)
        except VendorError as error:
            raise VendorError(
                f"{asset.name} of {targets[0]} to {targets[-1]} could not be asked for again: {error}"
            ) from None
        asked += targets
    if asked:
        record(runner, asset, results_of(asked, found))
    first = min(found, key=lambda drift: drift.session, default=None)
    return {
        "dataset": asset.name,
        "requested": len(asked),
        "differ": len(found),
        "rows": sum(drift.rows for drift in found),
        "first_difference": f"{first.session}: {first}" if first else None,
    }


def results_of(requested: Sequence[dt.date], drifted: Sequence[Drift]) -> list[CheckResult]:
    """The check's result of each session that was requested."""
    by_session = {drift.session: str(drift) for drift in drifted}
    return [CheckResult(t, CHECK, t not in by_session, by_session.get(t, ""), LOOK) for t in requested]


def due_sessions(runner: Runner, asset: Source, now: dt.datetime, rng: np.random.Generator) -> list[list[dt.date]]:
    """Runs of consecutive sessions to ask for: the latest that are due, and one by chance."""
    quality, clock = runner.profile.quality, runner.calculation.clock
    latest = now - dt.timedelta(days=quality.vendor_age_days)
    old = [s for s in runner.store.sessions(asset.dataset) if clock.decision_time(s) <= latest]
    asked = {session for session, *_ in runner.store.check_results(asset.dataset, CHECK)}
    due = [s for s in old if s not in asked][-quality.vendor_sessions :]
    drawn = [old[int(rng.integers(len(old)))]] if old else []
    runs: list[list[dt.date]] = []
    for session in sorted({*due, *drawn}):
        if runs and calendar.shift(runs[-1][-1], 1) == session:
            runs[-1].append(session)
        else:
            runs.append([session])
    return runs


if __name__ == "__main__":
    answer(vendor_drift(Home.of_environment()))
