"""Laws 2 to 4 on a small market: generations and fingerprints, stamps, and what is rejected."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Profile
from feature_store.decision_time import end_of_day
from feature_store.errors import MissingSessionsError
from quant_assets.engine.asset import SessionAsset, Source
from quant_assets.engine.identity import settings_of
from quant_assets.engine.runner import Runner
from tests.engine.assets import MEAN_CLOSE, WARM, mean_close
from tests.engine.laws import BY_NAME, EVERY, GRAPH, TAIL, differing, without
from tests.engine.market import (
    SESSIONS,
    contents,
    copy_store,
    make_runner,
    profile,
    run,
)

# -- law 4: generations and fingerprints -------------------------------------------------------------------------------


def test_a_second_run_of_the_same_day_writes_nothing(again: Runner) -> None:
    before = {path: path.stat().st_mtime_ns for path in again.store.layout.root.rglob("*.parquet")}
    for asset in EVERY:
        assert all(o.skipped for o in run(again, asset, SESSIONS[-1:]))
        assert all(o.skipped for o in run(again, asset, SESSIONS))
    assert {path: path.stat().st_mtime_ns for path in again.store.layout.root.rglob("*.parquet")} == before


def stale(runner: Runner, asset: SessionAsset) -> list[dt.date]:
    found = {p.session: p.fingerprint for p in runner.store.partitions(asset.dataset)}
    expected = runner.expected(asset, SESSIONS)
    return [s for s in SESSIONS if found[s] != expected[s].fingerprint]


def test_a_changed_setting_makes_stale_what_depends_on_it_and_nothing_else(
    whole: Path, tmp_path: Path, chosen: Profile
) -> None:
    folder = copy_store(whole, tmp_path / "changed")
    other = make_runner(folder, profile(risk__specific_shrinkage="0.9"))
    specific, book = BY_NAME["risk/specific_risk"], BY_NAME["execution/book"]
    derived = [asset for asset in GRAPH if not isinstance(asset, Source)]
    told = [asset for asset in derived if "specific_shrinkage" in settings_of(asset, chosen).get("Risk", "")]
    assert {a.name for a in derived if stale(other, a)} == {a.name for a in told} >= {specific.name}
    before = contents(other.store, told)
    old = {s: other.store.read(specific.dataset, s, first=s, last=s) for s in SESSIONS}

    for asset in told:
        assert not any(o.skipped for o in run(other, asset, SESSIONS))
    moved = differing(contents(other.store, told), before)
    assert {name for name, _ in moved} == {specific.name}  # the others do not look at this setting
    changed = sorted(s for _, s in moved)
    assert 0 < len(changed) < len(SESSIONS)
    # the books rest on their whole path: stale from the first change on
    assert stale(other, book) == [s for s in SESSIONS if s >= changed[0]]
    decided = {"execution/shuffled_book", *(dataset.name for dataset in book.datasets)}
    assert {a.name for a in derived if stale(other, a)} == decided
    assert all(o.skipped == (o.session < changed[0]) for o in run(other, book, SESSIONS))

    for s in changed:
        first, second = other.store.history(specific.dataset, s)
        assert (first.generation, second.generation) == (1, 2)
        assert first.parts != second.parts
        moment = second.written_at
        assert other.store.read(specific.dataset, s, first=s, last=s, written_before=moment).equals(old[s])
        assert not other.store.read(specific.dataset, s, first=s, last=s).equals(old[s])


def test_another_function_or_window_of_the_same_module_makes_an_asset_stale(again: Runner) -> None:
    window = MEAN_CLOSE.inputs["bars"]
    for other in (
        replace(MEAN_CLOSE, function=mean_close_of_another_kind),
        replace(MEAN_CLOSE, inputs={"bars": replace(window, length=6)}),
        replace(MEAN_CLOSE, inputs={"bars": replace(window, columns=("close",))}),
        replace(MEAN_CLOSE, restate_sessions=3),
        replace(MEAN_CLOSE, anchor="year"),
    ):
        assert stale(again, other) == SESSIONS
    assert stale(again, MEAN_CLOSE) == []


def mean_close_of_another_kind(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return mean_close(bars, sessions)


# -- law 3: knowledge travels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", [a for a in EVERY if not isinstance(a, Source)], ids=lambda asset: asset.name)
def test_an_output_is_stamped_with_the_latest_knowledge_among_its_inputs(
    range_store: Path, chosen: Profile, asset: SessionAsset
) -> None:
    store = make_runner(range_store, chosen).store
    for t in (SESSIONS[0], TAIL[3], SESSIONS[-1]):
        end = asset.last_needed(t, chosen)
        moments = [
            store.versions(w.dataset, asset.first_needed(t, w, chosen), end)["known_at"].max()
            for w in asset.inputs.values()
        ]
        # an output of no rows at all, such as the book's target before any regime, rests on its session alone
        latest = max((m for m in moments if m is not None), default=end_of_day(t))
        stamps = store.versions(asset.dataset, t, t)["known_at"]
        assert set(stamps) <= {latest}
        assert latest <= store.clock.decision_time(t)


def test_a_fits_seed_is_that_of_its_refit(again: Runner, chosen: Profile) -> None:
    week = [p for p in again.store.partitions(WARM.dataset) if p.session.isocalendar()[:2] == (2016, 2)]
    assert len(week) == 5
    assert len({p.seeds["seed"] for p in week}) == 1


# -- law 2 and other refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", [a for a in EVERY if a.inputs], ids=lambda asset: asset.name)
def test_missing_input_sessions_are_rejected_by_name(again: Runner, chosen: Profile, asset: SessionAsset) -> None:
    t, index = SESSIONS[-1], again.store.index
    for window in asset.inputs.values():
        first = asset.first_needed(t, window, chosen)
        (gone,) = again.store.partitions(window.dataset, first, first)
        with index.transaction() as connection:
            index.remove(connection, gone)
        with pytest.raises(MissingSessionsError, match=f"{window.dataset.name} .* 1 sessions .*{first}"):
            run(again, asset, [t])
        with index.transaction() as connection:
            index.insert_done(connection, [gone])
    assert all(o.skipped for o in run(again, asset, [t]))


def test_a_path_whose_day_before_is_missing_is_rejected(range_store: Path, chosen: Profile, tmp_path: Path) -> None:
    book = BY_NAME["execution/book"]
    runner = make_runner(without(range_store, tmp_path / "gap", SESSIONS[30:], [book]), chosen)
    with pytest.raises(MissingSessionsError, match=f"execution/book .*{SESSIONS[31]}"):
        run(runner, book, SESSIONS[32:34])
    with pytest.raises(ValueError, match=f"add {SESSIONS[31]}"):
        run(runner, book, [SESSIONS[30], SESSIONS[32]])


def test_sessions_before_history_are_rejected(again: Runner) -> None:
    with pytest.raises(ValueError, match=r"before history\.start"):
        run(again, BY_NAME["market/bars"], [dt.date(2015, 10, 30)])
