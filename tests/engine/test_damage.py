"""Damage does not spread: what is damaged is not read, and what was computed from it is stored anew."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Profile
from feature_store import files
from feature_store.digests import KEY
from feature_store.errors import CorruptPartitionError
from feature_store.layout import FOOTER
from feature_store.schemas.market import BARS
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.plan import plan
from quant_assets.engine.runner import Runner
from quant_assets.operations.verify import Repairs, condemn, lines
from tests.engine.market import SESSIONS, contents, copy_store, forget, make_runner, needed_for, run

DAY = SESSIONS[-3]
ASSETS = needed_for("features/stock_features", "risk/factor_returns")


@pytest.fixture
def runner(whole: Path, chosen: Profile, tmp_path: Path) -> Runner:
    return make_runner(copy_store(whole, tmp_path / "store"), chosen)


def doubled(runner: Runner, day: dt.date, guarded: bool) -> None:
    """Other closes in the file of a session of bars, as readable as before."""
    (partition,) = runner.store.partitions(BARS, day, day)
    for path in {runner.store.layout.generation(partition), runner.store.layout.part(partition)}:
        footer = json.loads(pl.read_parquet_metadata(path)[FOOTER])
        if not guarded:
            del footer[KEY]
        rows = pl.read_parquet(path, hive_partitioning=False)
        changed = pl.when(pl.col("session") == day).then(pl.col("close") * 2).otherwise(pl.col("close"))
        path.unlink()
        rows.with_columns(close=changed).write_parquet(path, metadata={FOOTER: json.dumps(footer)})
    if not guarded:
        with runner.store.index.transaction() as connection:
            inside = files.read_footer(runner.store.layout.generation(partition))
            held = [p for p in runner.store.partitions(BARS) if p.session in {f.session for f in inside}]
            runner.store.index.move(connection, [p.placed(p.place._replace(digest="")) for p in held])


def run_all(runner: Runner, assets: Sequence[SessionAsset], days: Sequence[dt.date]) -> None:
    for asset in assets:
        run(runner, asset, days)


# properties


def test_a_damaged_file_stops_what_reads_it_and_after_verify_all_is_as_undisturbed(runner: Runner):
    before, later = contents(runner.store, ASSETS), SESSIONS[-2:]
    for asset in ASSETS[1:]:
        forget(runner.store, asset.dataset, later)
    doubled(runner, DAY, guarded=True)
    with pytest.raises(CorruptPartitionError, match=r"market/bars.*bytes are not those .* `asof verify`"):
        run_all(runner, ASSETS, later)
    done = runner.store.verify()
    assert [p.session for p in done.lost] == [DAY]
    assert done.unguarded == []
    run_all(runner, ASSETS, SESSIONS[-3:])
    assert contents(runner.store, ASSETS) == before


def test_what_was_computed_from_a_damaged_file_without_a_digest_is_withdrawn_and_stored_anew(runner: Runner):
    before, later = contents(runner.store, ASSETS), SESSIONS[-2:]
    for asset in ASSETS:
        if asset.name != BARS.name:
            forget(runner.store, asset.dataset, later)
    doubled(runner, DAY, guarded=False)
    run_all(runner, ASSETS, later)  # nothing can be compared, and every fingerprint is right
    wrong = contents(runner.store, ASSETS)
    assert sum(wrong[name] != before[name] for name in before) > 5
    done = runner.store.verify()
    assert [p.session for p in done.unguarded] == [DAY]
    condemned = condemn(runner, ASSETS, done.unguarded)
    assert {(p.dataset, p.session) for p in condemned} > {n for n in before if wrong[n] != before[n]}
    assert "stores them anew" in "\n".join(lines(Repairs(done, condemned)))
    due = plan(runner, [(a, runner.store.sessions(a.dataset)) for a in ASSETS])
    assert sum(len(due.of(a.name).stale) for a in ASSETS) >= len(condemned)
    (first, *_) = condemned
    failed = [s for s, passed, why in runner.store.check_results(first.dataset, "contract") if not passed]
    assert first.session in failed
    run_all(runner, ASSETS, SESSIONS[-3:])
    assert contents(runner.store, ASSETS) == before
    assert not any(not ok for a in ASSETS for _, ok, _ in runner.store.check_results(a.dataset, "contract"))
    withdrawn = runner.store.history(first.dataset, first.session)[-2]
    assert "computed from a damaged file: market/bars" in withdrawn.parts["withdrawn"]
    assert runner.store.rows_of(withdrawn).height == withdrawn.rows
