"""A red check from end to end: no order leaves, everybody is told why, and a named waiver lets it go on."""

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from feature_store import sessions
from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.execution import BOOK, ORDERS
from feature_store.store import Store
from quant_assets.engine import run_looks
from quant_assets.engine.computation import Calculation
from quant_assets.engine.dagster_asset import UPSTREAM
from quant_assets.engine.gate import NO_LOOKAHEAD, checks_of
from quant_assets.engine.group_run import GroupRun
from quant_assets.engine.opening import open_runner
from quant_assets.graph import core_assets
from quant_assets.operations.certify import certify_rows
from quant_resources.home import Home
from tests.cli.homes import rows_of
from tests.engine.market import copy_store, forget
from tests.support.dagster_home import instance_of, key_of
from tests.support.tiny import FIRST, LAST, asof

MEMBERS = "market/members"
GRAPH = {asset.name: asset for asset in core_assets()}
TODAY = ("backfill", "--select", ORDERS.name, "--from", LAST, "--to", LAST)


def run_one(home: Path, name: str) -> GroupRun:
    """As a run's step does, without Dagster."""
    run = GroupRun([name])
    runner = open_runner(Home(home), assets=list(GRAPH.values()))
    run.carry_out(runner, [GRAPH[name]], [LAST], lambda *_: None)
    return run


def shown(home: Path) -> tuple[str, str]:
    """The latest result of what stops orders, in Dagster."""
    key = dg.AssetCheckKey(key_of(ORDERS.name), UPSTREAM)
    with instance_of(home) as instance:
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    return latest.status.value, latest.event.asset_check_evaluation.metadata["failed"].value


# -- known values ------------------------------------------------------------------------------------------------------


def test_noise_in_the_alpha_stops_orders_until_a_person_waives_what_was_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, call, calls = Store(home / "store"), Calculation.call, iter(range(1, 1_000))

    def noisy(self, asset, frames, **others):
        rows = call(self, asset, frames, **others)
        drift = pl.col("alpha") + next(calls) * 1e-6
        return (rows[0].with_columns(alpha=drift),) if asset.name == COMBINED.name else rows

    for dataset in (COMBINED, BOOK, ORDERS):
        forget(store, dataset, [LAST])
    # the session that a run of one session looks at is drawn by its id: here it is the noisy one, later another
    monkeypatch.setattr(run_looks, "sampled_sessions", lambda *_: [LAST])
    with monkeypatch.context() as patched:
        patched.setattr(Calculation, "call", noisy)
        assert [run_one(home, name).faults for name in (COMBINED.name, BOOK.name)] == [{}, {}]
    monkeypatch.setattr(run_looks, "sampled_sessions", lambda *_: [sessions.shift(LAST, -1)])
    answer = asof(home, *TODAY)  # the noise is gone, and what it did is remembered
    assert answer.code == 1
    assert f"check {NO_LOOKAHEAD} of {COMBINED.name} fails" in answer.out
    assert f"failed: {ORDERS.name}: DecisionBlockedError: {ORDERS.name} {LAST} not stored" in answer.out
    assert LAST not in store.sessions(ORDERS)
    assert LAST in store.sessions(BOOK)
    (reason,) = rows_of(asof(home, "status", "--json"))[ORDERS.name]["blocked"]
    assert reason.startswith(f"{NO_LOOKAHEAD} of {COMBINED.name}")
    status, cause = shown(home)
    assert (status, reason in cause) == ("FAILED", True)
    page = home / "reports" / "index.html"
    asof(home, "index")
    assert "Orders blocked" in page.read_text()

    (block,) = json.loads(asof(home, "waivers", "--json").out)["blocks"]
    words = (NO_LOOKAHEAD, "--asset", COMBINED.name, "--session", block["session"], "--by", "Ann")
    assert asof(home, "waive", *words, "--why", "noise of a <broken> cable").code == 0
    assert asof(home, *TODAY).code == 0
    assert LAST in store.sessions(ORDERS)
    assert shown(home) == ("SUCCEEDED", "")
    status = asof(home, "status")
    assert status.code == 0
    for text in (status.out, asof(home, "index").out):
        assert f"waived: {NO_LOOKAHEAD} of {COMBINED.name} {block['session']}" in text
        assert "by Ann" in text
    assert "noise of a &lt;broken&gt; cable" in page.read_text()


# -- properties --------------------------------------------------------------------------------------------------------


def test_results_survive_twenty_daily_runs_certification_a_rebuilt_index_and_a_copied_home(
    stored_home: Path, tmp_path: Path
) -> None:
    copy_store(stored_home / "store", tmp_path / "home" / "store")
    home = Home(tmp_path / "home")
    (home.folder / "asof.yaml").write_text((stored_home / "asof.yaml").read_text())
    runner, members = open_runner(home), GRAPH[MEMBERS]
    days = sessions.between(FIRST, LAST)
    forget(runner.store, members.dataset, days[-20:])
    planted = [(MEMBERS, days[i], check, False, "planted") for i, check in enumerate(checks_of(members))]
    runner.store.record_check_results(planted)
    asof(home.folder, "waive", "contract", "--asset", MEMBERS, "--session", days[0], "--why", "seen")

    for day in days[-20:]:
        run = GroupRun([MEMBERS])
        run.carry_out(runner, [members], [day], lambda *_: None)
        assert not run.faults
    certify_rows(home, [MEMBERS], None)
    runner.store.rebuild_index()
    copied = copy_store(home.store_folder, tmp_path / "copied" / "store")
    for path in copied.glob("index.sqlite*"):
        path.unlink()
    for store in (runner.store, Store(copied)):
        found = store.checks.table.failures(MEMBERS, members.dataset.version, FIRST, LAST)
        assert [(r.session, r.check, r.detail) for r in found] == [(days[1], NO_LOOKAHEAD, "planted")]
        assert [(w.session, w.why) for w in store.checks.table.waivers()] == [(days[0], "seen")]


def test_a_run_checks_what_a_killed_one_has_stored(stored_home: Path, tmp_path: Path) -> None:
    copy_store(stored_home / "store", tmp_path / "store")
    (tmp_path / "asof.yaml").write_text((stored_home / "asof.yaml").read_text())
    runner, members = open_runner(Home(tmp_path)), GRAPH[MEMBERS]
    table, version = runner.store.checks.table, members.dataset.version
    forget(runner.store, members.dataset, [LAST])
    list(runner.run(members, [LAST]))
    with runner.store.index.transaction() as connection:
        connection.execute("DELETE FROM check_results WHERE dataset=? AND session=?", (MEMBERS, str(LAST)))
    assert table.unchecked(MEMBERS, version, "contract", FIRST, LAST)
    GroupRun([MEMBERS]).carry_out(runner, [members], [LAST], lambda *_: None)
    assert not table.unchecked(MEMBERS, version, "contract", FIRST, LAST)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("contract", "--session", LAST, "--why", " "), "a waiver needs a reason"),
        (
            ("contract", "--session", LAST, "--why", "x"),
            f"nothing to waive: contract of {MEMBERS} {LAST} has not failed",
        ),
        (("contract", "--from", FIRST, "--to", LAST, "--why", "x"), "nothing to waive"),
        (("contracts", "--session", LAST, "--why", "x"), "has no check 'contracts'; it has contract, no_lookahead"),
        (("contract", "--session", "2017-01-21", "--why", "x"), "2017-01-21 is no session"),
        (("contract", "--session", "2017-02-01", "--why", "x"), "2017-02-01 is not stored"),
        (("contract", "--why", "x"), "say which sessions"),
        (("contract", "--from", FIRST, "--why", "x"), "needs both --from and --to"),
        (("check_record", "--why", "x"), "nothing to waive"),
        (("contract", "--session", LAST, "--from", FIRST, "--why", "x"), "not both"),
    ],
)
def test_what_cannot_be_waived_is_rejected(stored_home: Path, words: tuple[object, ...], says: str) -> None:
    answer = asof(stored_home, "waive", *words, "--asset", MEMBERS)
    assert answer.code == 2
    assert says in answer.err
    assert not Store(stored_home / "store").checks.table.waivers()


def test_an_unknown_asset_is_rejected_with_those_alike(stored_home: Path) -> None:
    answer = asof(stored_home, "waive", "contract", "--asset", "market/member", "--session", LAST, "--why", "x")
    assert (answer.code, "did you mean market/members" in answer.err) == (2, True)
