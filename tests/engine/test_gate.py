"""Orders of a session are stored only when no check of what they rest on has failed or is missing."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest

from feature_store import sessions
from feature_store.check_table import Waiver
from feature_store.errors import StoreError
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.execution import ORDERS
from quant_assets.engine.gate import NO_LOOKAHEAD, Gate
from quant_assets.engine.group_run import GroupRun
from quant_assets.engine.opening import open_runner
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_resources.home import Home
from tests.engine.market import copy_store, forget
from tests.support.tiny import FIRST, LAST

GRAPH = core_assets()
OF_ORDERS = next(asset for asset in GRAPH if asset.name == ORDERS.name)
ALL = sessions.between(FIRST, LAST)
REFIT = dt.date(2017, 1, 3)  # of the models, monthly

CASES = {  # a failed check: of what, which, how many sessions before the last
    "source: bars": ("market/bars", "contract", 5),
    "source: actions": ("market/corporate_actions", NO_LOOKAHEAD, 20),
    "source: members": ("market/members", "contract", 1),
    "source: rates": ("market/macro", NO_LOOKAHEAD, 8),
    "source: borrow": ("market/borrow", "contract", 2),
    "market: universe": ("market/universe", NO_LOOKAHEAD, 3),
    "feature: of stocks": ("features/stock_features", NO_LOOKAHEAD, 1),
    "feature: scores": ("features/stock_scores", "contract", 3),
    "feature: of industries": ("features/industry_features", NO_LOOKAHEAD, 0),
    "feature: of the market": ("features/market_features", "contract", 4),
    "fit: of regimes": ("regimes/hmm_fits", NO_LOOKAHEAD, 6),
    "fit: of models": ("alpha/model_fits", NO_LOOKAHEAD, 12),
    "regime: states": ("regimes/states", "probabilities_sum_to_one", 2),
    "risk: exposures": ("risk/exposures", NO_LOOKAHEAD, 0),
    "risk: covariance": ("risk/factor_covariance", "contract", 7),
    "risk: costs": ("risk/cost_parameters", NO_LOOKAHEAD, 9),
    "alpha: predictions": ("alpha/predictions", NO_LOOKAHEAD, 1),
    "alpha: combined": ("alpha/combined", NO_LOOKAHEAD, 0),
    "book: fills": ("execution/book", "fills_after_decision", 4),
    "book: limits": ("portfolio/diagnostics", "limits_hold", 1),
}


@pytest.fixture
def runner(stored_home: Path, tmp_path: Path) -> Runner:
    """On a copy of the tiny market's store."""
    copy_store(stored_home / "store", tmp_path / "store")
    (tmp_path / "asof.yaml").write_text((stored_home / "asof.yaml").read_text())
    return open_runner(Home(tmp_path), assets=GRAPH)


def run_orders(runner: Runner, days: Sequence[dt.date]) -> GroupRun:
    run = GroupRun([ORDERS.name])
    run.carry_out(runner, [OF_ORDERS], days, lambda *_: None)
    return run


def plant(runner: Runner, name: str, check: str, session: dt.date) -> None:
    runner.store.record_check_results([(name, session, check, False, "planted")])


def stored(runner: Runner, first: dt.date) -> list[dt.date]:
    return [day for day in runner.store.sessions(ORDERS) if day >= first]


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_no_order_leaves_that_session_nor_the_next_and_those_before_do(runner: Runner, case: str) -> None:
    name, check, back = CASES[case]
    failed = ALL[-1 - back]
    days = ALL[-2 - back :]
    forget(runner.store, ORDERS, days)
    plant(runner, name, check, failed)
    run = run_orders(runner, days)
    fault = run.faults[ORDERS.name]
    assert stored(runner, days[0]) == days[:1]
    assert run.checked[ORDERS.name]["contract"] == 1
    assert f"{check} of {name} {failed} failed: planted" in fault.text
    assert f"`asof waive {check} --asset {name} --session {failed} --why TEXT`" in fault.text
    again = run_orders(runner, days[1:])
    assert (stored(runner, days[0]), bool(again.faults)) == (days[:1], True)


def test_a_label_counts_from_the_refit_on_that_learns_from_it(runner: Runner) -> None:
    learned, unused = dt.date(2016, 12, 15), dt.date(2017, 1, 5)
    forget(runner.store, ORDERS, ALL[-20:])
    plant(runner, "features/labels", "contract", unused)
    assert not run_orders(runner, ALL[-20:-10]).faults  # no refit has learned from it yet
    forget(runner.store, ORDERS, ALL[-20:])
    plant(runner, "features/labels", "contract", learned)
    assert run_orders(runner, ALL[-20:]).faults
    assert stored(runner, ALL[-20]) == [day for day in ALL[-20:] if day < REFIT]


def test_research_does_not_stop_orders(runner: Runner) -> None:
    for name in ("backtest/pnl", "execution/shuffled_book", "features/alpha158", "market/benchmarks"):
        plant(runner, name, NO_LOOKAHEAD, LAST)
    reach = runner.gate.spans(OF_ORDERS, LAST, LAST, runner.profile)
    assert {"backtest/pnl", "execution/shuffled_book", "features/alpha158"}.isdisjoint(reach)
    assert reach["execution/book"] == reach["portfolio/diagnostics"] == (FIRST, LAST)
    assert (
        runner.gate.blocked(runner.store, runner.profile, OF_ORDERS, [LAST]) != {}
    )  # benchmarks are of the market's regime
    assert {b.asset for b in runner.gate.blocked(runner.store, runner.profile, OF_ORDERS, [LAST])[LAST]} == {
        "market/benchmarks"
    }


def test_a_missing_result_stops_orders_as_a_failed_one_does(runner: Runner) -> None:
    """The logs of two datasets are lost, as in a store that was copied without them."""
    days = ALL[-2:]
    for name in ("market/bars", "alpha/combined"):
        (runner.store.layout.checks / f"{name}.jsonl").unlink()
    runner.store.rebuild_index()
    blocked = runner.gate.blocked(runner.store, runner.profile, OF_ORDERS, days)
    assert {(b.asset, b.check, b.kind) for b in blocked[LAST]} == {
        (name, check, "missing") for name in ("market/bars", "alpha/combined") for check in ("contract", NO_LOOKAHEAD)
    }
    assert "`asof certify --all --select market/bars`" in blocked[LAST][0].remedy


def test_a_log_that_cannot_be_read_stops_orders_until_it_is_waived(runner: Runner) -> None:
    log = runner.store.layout.checks / "risk/exposures.jsonl"
    log.write_bytes(log.read_bytes().replace(b"run", b"ran", 1) + log.read_bytes())
    runner.store.rebuild_index()
    reasons = runner.gate.blocked(runner.store, runner.profile, OF_ORDERS, [LAST])[LAST]
    (block,) = [b for b in reasons if b.check == "check_record"]
    assert f"line 1 of {log}" in block.reason
    runner.store.checks.waive([Waiver(block.asset, None, block.check, block.value, "looked at", "me", "now", "")])
    assert block not in runner.gate.blocked(runner.store, runner.profile, OF_ORDERS, [LAST]).get(LAST, [])


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_waiver_lets_the_orders_through_and_they_are_what_they_were(runner: Runner) -> None:
    before = {p.session: p.content_hash for p in runner.store.partitions(ORDERS)}
    forget(runner.store, ORDERS, [LAST])
    plant(runner, "alpha/combined", NO_LOOKAHEAD, LAST)
    (block,) = runner.gate.blocked(runner.store, runner.profile, OF_ORDERS, [LAST])[LAST]
    waiver = Waiver(block.asset, block.session, block.check, block.value, "looked at", "me", "now", block.reason)
    runner.store.checks.waive([waiver])
    assert not run_orders(runner, [LAST]).faults
    assert {p.session: p.content_hash for p in runner.store.partitions(ORDERS)} == before


def test_a_failure_of_the_orders_themselves_stops_those_after_them(runner: Runner) -> None:
    forget(runner.store, ORDERS, ALL[-1:])
    plant(runner, ORDERS.name, "contract", ALL[-2])
    assert run_orders(runner, ALL[-2:]).faults
    assert stored(runner, ALL[-2]) == ALL[-2:-1]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_runner_that_does_not_know_the_graph_stores_no_orders(runner: Runner) -> None:
    forget(runner.store, ORDERS, [LAST])
    ignorant = Runner(runner.store, runner.calculation)
    with pytest.raises(StoreError, match="does not know what it rests on"):
        list(ignorant.run(OF_ORDERS, [LAST]))
    assert Gate(GRAPH).blocked(runner.store, runner.profile, OF_ORDERS, [LAST]) == {}
    assert set(Gate(GRAPH).spans(OF_ORDERS, LAST, LAST, runner.profile)) < set(DATASETS)
