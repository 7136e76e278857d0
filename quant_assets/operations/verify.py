"""Every stored file read again and repaired, and what was computed from damaged ones marked to be stored anew.

A file with a digest is compared before a value of it is used, so nothing is computed from it once it is damaged. One
without (of a store before format 3) may have been read as other values: whatever rests on its sessions is withdrawn,
with a failed `contract`, and `asof refresh` stores it anew.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feature_store.append_log import DamagedLine
from feature_store.check_results import NewResult
from feature_store.health import Verified
from feature_store.partition import StoredPartition
from quant_assets.engine.asset import Recursive, SessionAsset
from quant_assets.engine.gate import CONTRACT
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import reaching
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_resources.home import Home

LOOK = "lineage"


@dataclass(frozen=True)
class Repairs:
    """What `verify` did.

    Attributes:
        files: of the store's files.
        condemned: sessions that may have been computed from damaged ones; they are stale.
        records: lines of the records of checks that cannot be read, by dataset.
    """

    files: Verified
    condemned: Sequence[StoredPartition]
    records: Sequence[tuple[str, DamagedLine]] = ()

    @property
    def damaged(self) -> bool:
        return self.files.damaged or bool(self.condemned) or bool(self.records)


def verify_store(home: Home) -> Repairs:
    """Repairs the store of a home and condemns what rests on what could be read while it was damaged."""
    store = home.open_store()
    done, records = store.verify(), store.checks.damage()
    if not done.unguarded:
        return Repairs(done, (), records)
    return Repairs(done, condemn(open_runner(home, store), all_assets(home.profile), done.unguarded), records)


def condemn(
    runner: Runner, assets: Sequence[SessionAsset], damaged: Sequence[StoredPartition]
) -> list[StoredPartition]:
    """Withdraw all stored sessions that rest on damaged ones, through any number of datasets, and fail their contract.

    Args:
        assets: each after what it reads.
    """
    reached = _resting_on(runner, assets, damaged)
    found = [p for a in assets for p in runner.store.partitions(a.dataset) if p.session in reached.get(a.name, ())]
    if found:
        first = min(damaged, key=lambda p: p.session)
        why = f"computed from a damaged file: {first.dataset} {first.session}"
        runner.store.withdraw(found, why, "asof verify")
        runner.store.record_check_results(NewResult(p.dataset, p.session, CONTRACT, False, why, LOOK, p) for p in found)
    return found


def _resting_on(
    runner: Runner, assets: Sequence[SessionAsset], damaged: Sequence[StoredPartition]
) -> dict[str, set[dt.date]]:
    """Stored sessions by dataset, without the damaged ones themselves."""
    changing = {
        name: sorted({p.session for p in damaged if p.dataset == name}) for name in {p.dataset for p in damaged}
    }
    reached: dict[str, set[dt.date]] = {}
    for asset in assets:
        days = runner.store.sessions(asset.dataset)
        own = set(reaching(runner, asset, days, changing))
        begins = [*own, *changing.get(asset.name, [])]
        if isinstance(asset, Recursive) and begins:
            own |= {t for t in days if t > min(begins)}
        own -= set(changing.get(asset.name, []))
        if own:
            reached[asset.name] = own
            changing[asset.name] = sorted({*changing.get(asset.name, []), *own})
    return reached


def lines(done: Repairs) -> Iterator[str]:
    """What was found and done, and what to do next."""
    files = done.files
    for p in files.lost:
        yield f"set aside: {p.dataset} {p.session} generation {p.generation}"
    for p in files.restored:
        yield f"put back: {p.dataset} {p.session} generation {p.generation}"
    for path in files.rewritten:
        yield f"written anew, with all its sessions: {path}"
    for path in files.replaced:
        yield f"put back for other engines: {path}"
    for name, line in done.records:
        yield (
            f"record of checks: line {line.number} of _checks/{name}.jsonl: {line.reason}; put the file back from a "
            f"copy, or say why it may be missing: `asof waive check_record --asset {name} --why TEXT`"
        )
    if files.sealed:
        yield f"{len(files.sealed)} files of an earlier format were given a digest of their bytes"
    if done.condemned:
        names = sorted({p.dataset for p in done.condemned})
        yield (
            f"withdrawn: {len(done.condemned)} sessions of {', '.join(names)}, which may have been computed from "
            "damaged files; run `asof refresh`, which stores them anew"
        )
    advice = "; run `asof backfill` over their sessions, then `asof refresh`" if files.lost else ""
    yield f"{len(files.lost)} sessions lost, {len(files.restored)} put back{advice}"
