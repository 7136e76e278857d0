"""Certification by rotation: which sessions a night has, and which leaks show within a cycle."""

import contextlib
import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from configs.settings import Profile
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from quant_assets.engine import access_profile, identity, looks
from quant_assets.engine.asset import ModelFit, SessionAsset, Source
from quant_assets.engine.gate import NO_LOOKAHEAD
from quant_assets.engine.results import CERTIFICATION
from quant_assets.engine.runner import Runner
from quant_assets.operations.power import certified_at, cycle_ends, looked_at
from quant_assets.operations.rotation import certified
from tests.engine.hidden_leaks import HIDDEN, RUN, Hidden, plain
from tests.engine.market import SESSIONS, copy_store, failures, make_runner, run, run_and_check

DAYS = SESSIONS[:40]
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def folder(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_store(whole, tmp_path_factory.mktemp("certification") / "store")


@pytest.fixture
def runner(folder: Path, chosen: Profile) -> Runner:
    return make_runner(folder, chosen)


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the guards that reject most of these leaks before they run: what recomputation sees by itself."""
    monkeypatch.setattr(identity, "reject_access", lambda *_: None)
    monkeypatch.setattr(access_profile, "guarded", lambda _, function, arguments: function(**arguments))
    monkeypatch.setattr(looks, "strictly", lambda _: contextlib.nullcontext())


def night(runner: Runner, asset: SessionAsset, cycle_days: int, after: int = 1) -> set[dt.date]:
    """Sessions of a night, so many days after the one before; all of them are well."""
    now = dt.datetime.now(dt.UTC) + dt.timedelta(days=after)
    found = certified(runner, [asset], cycle_days, now, str(now))
    days, results = found[asset.name]
    assert failures(results) == []
    return set(days)


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("hidden", HIDDEN, ids=[hidden.name for hidden in HIDDEN])
def test_a_hidden_leak_is_caught_by_the_run_or_within_a_cycle(folder: Path, chosen: Profile, hidden: Hidden) -> None:
    runner, asset = make_runner(folder, chosen, calculation=hidden.calculation), hidden.make()
    by_run = failures(v for v in run_and_check(runner, asset, DAYS) if v.check == NO_LOOKAHEAD)
    if hidden.caught_by == RUN:
        assert by_run
    fresh = replace(hidden.make(), dataset=asset.dataset)  # as another process has it: it has computed nothing
    results = certified(runner, [fresh], 1, NOW, "a cycle of one night")[asset.name][1]
    assert failures(results)
    assert {v.look for v in results} == {CERTIFICATION}


def test_a_cycle_looks_at_every_session_the_longest_waiting_first(runner: Runner) -> None:
    asset = plain()
    run(runner, asset, DAYS)
    nights = [night(runner, asset, 4) for _ in range(4)]
    assert [len(days) for days in nights] == [10, 10, 10, 10]
    assert set.union(*nights) == set(DAYS)
    assert all(certified_at(runner, asset).values())
    assert looked_at(runner, asset) == (40, 40)


def test_fits_are_certified_for_all_sessions_on_which_they_are_in_force(runner: Runner) -> None:
    fit = next(hidden.make() for hidden in HIDDEN if hidden.name.startswith("a fit"))
    assert isinstance(fit, ModelFit)
    fit = replace(fit, dataset=replace(fit.dataset, name="certification/fit"))
    run(runner, fit, DAYS)
    days = night(runner, fit, 40)
    assert len(days) > 5
    assert len({fit.refit_session(t, runner.profile) for t in days}) == 1


def test_sources_are_certified_by_a_payload_that_is_cut(runner: Runner) -> None:
    for dataset in (BARS, CORPORATE_ACTIONS):
        assert len(night(runner, Source(dataset), 30)) == -(-len(SESSIONS) // 30)


# -- properties --------------------------------------------------------------------------------------------------------


def test_nights_that_were_missed_are_made_up_for(runner: Runner) -> None:
    asset = replace(plain(), dataset=replace(plain().dataset, name="certification/missed"))
    run(runner, asset, DAYS)
    first = night(runner, asset, 20)
    later = night(runner, asset, 20, after=5)
    assert (len(first), len(later)) == (2, 10)
    assert not first & later


def test_a_session_stored_anew_waits_again(runner: Runner) -> None:
    last = {day: NOW - dt.timedelta(days=i) for i, day in enumerate(DAYS)}
    assert cycle_ends(last, 60, NOW) == NOW.date()  # all of them within the cycle
    assert cycle_ends(last, 30, NOW) == NOW.date() + dt.timedelta(days=5)  # nine have waited longer: two a night
    assert cycle_ends(dict.fromkeys(DAYS), 10, NOW) == NOW.date() + dt.timedelta(days=10)
    assert cycle_ends({}, 10, NOW) is None
