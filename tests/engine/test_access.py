"""What a function may reach: by its text at load, in every call, and closely in checks."""

import datetime as dt
import functools
import hashlib
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_store.code.access import AccessError, accesses, accesses_in
from feature_store.code.identity import code_version
from feature_store.schemas.market import ADJUSTED_BARS
from quant_assets.engine.access_guard import guarded
from quant_assets.engine.access_profile import Bounded, bounded, strictly
from quant_assets.engine.asset import SessionAsset, TimeSeries, trailing
from quant_assets.engine.computation import parameters
from quant_assets.engine.identity import code_of
from quant_assets.engine.lookahead_checks import NO_LOOKAHEAD, Checker
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from tests.engine import planted, reaching
from tests.engine.changes import BARS_ASSET, DAYS, runner_on
from tests.engine.market import failures, profile, run, valued

PROFILE = profile()
FUNCTIONS = planted.functions()
ARGUMENTS = {
    "bars": pl.DataFrame({"symbol": ["ACME", "BETA"], "close": [1.0, 2.0]}),
    "sessions": [dt.date(2016, 1, 4)],
}


def asset_of(function: Callable[..., pl.DataFrame], name: str = "reaching") -> SessionAsset:
    return TimeSeries(valued(f"leaks/{name}"), function, {"bars": trailing(ADJUSTED_BARS, 2)})


def rejected(call: Callable[[], object]) -> bool:
    """Whether it was, by name and fix; what never came so far, for want of a file or a server, was not."""
    try:
        call()
    except AccessError as error:
        return "asset leaks/reaching: " in str(error) and ";" in str(error)
    except Exception:
        return False
    return False


def looked_at(function: Callable[..., pl.DataFrame]) -> None:
    with strictly(asset_of(function)):
        Bounded("leaks/reaching", function)(**ARGUMENTS)


# -- within bounds -----------------------------------------------------------------------------------------------------


@functools.cache
def scale_of(symbol: str, sessions: int) -> float:
    return len(symbol) / sessions


def keeps_within_bounds(bars: pl.DataFrame, sessions: list[dt.date], seed: int = 7) -> pl.DataFrame:
    """What a function may well do: local state, a seeded generator, a cache by plain values, a hash, its own lists."""
    rng, seen, once = np.random.default_rng(seed), [], {}
    for session in sessions:
        seen.append(session.isoformat())
        once[session] = rng.normal()

    def grown(value: float) -> float:
        seen.append(str(value))
        return value * scale_of("ACME", len(sessions))

    mark = hashlib.blake2b("".join(seen).encode()).hexdigest()
    shuffled = bars.sample(fraction=1.0, shuffle=True, seed=seed)
    return shuffled.with_columns(value=pl.lit(grown(sum(once.values()))), mark=pl.lit(mark)).sort("symbol")


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_reaches_beyond_its_inputs_is_rejected_by_each_guard_that_the_table_names(name: str) -> None:
    function = FUNCTIONS[name]
    found = {
        planted.CLOSELY: rejected(lambda: looked_at(function)),  # first: what a call leaves behind shows once
        planted.TEXT: bool(accesses(function)),
        planted.CALL: rejected(lambda: guarded("leaks/reaching", function, ARGUMENTS)),
    }
    assert [guard for guard in planted.guards_of(name) if not found[guard]] == []


def test_the_error_names_asset_function_place_and_fix() -> None:
    with pytest.raises(AccessError) as caught:
        guarded("leaks/reaching", reaching.opens_a_file, ARGUMENTS)
    text = str(caught.value)
    assert "asset leaks/reaching: its function tests.engine.reaching.opens_a_file opens future/bars.parquet" in text
    assert "declare it as an input" in text
    (first, *_) = accesses(reaching.asks_the_clock)
    assert str(first).startswith("tests.engine.reaching.asks_the_clock (")
    assert "reaching.py:" in str(first)
    assert "uses time.time; take the parameter `session`" in str(first)


def test_the_page_of_leaks_holds_the_table() -> None:
    text = planted.PAGE.read_text()
    assert planted.page(text) == text, "write it again: python -m tests.engine.planted"
    rows = planted.table()
    assert len(rows) >= 60
    assert all(row.caught or row.instead for row in rows)


# -- properties --------------------------------------------------------------------------------------------------------


def test_no_asset_of_the_platform_reaches_beyond_its_inputs() -> None:
    found = {a.name: accesses(a.function) for a in core_assets() if a.function}
    assert {name: list(map(str, reached)) for name, reached in found.items() if reached} == {}


@pytest.mark.parametrize(
    "slice_", ["market", "features", "regimes", "alpha", "risk", "portfolio", "execution", "backtest"]
)
def test_no_module_of_a_slice_reaches_outside_whether_an_asset_reaches_it_or_not(slice_: str) -> None:
    package = importlib.import_module(f"quant_assets.{slice_}")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    assert f"quant_assets.{slice_}.assets" in names
    reached = [access for name in names for access in accesses_in(name)]
    # what packages call when they are imported, to add their own kinds
    assert [str(access) for access in reached if ".registry.add_" not in access.definition] == []


def test_guards_are_no_part_of_what_a_value_rests_on() -> None:
    kinds = {type(asset): asset for asset in core_assets() if asset.function}
    for asset in kinds.values():
        assert [n for n in code_of(asset, PROFILE, Runner).definitions if "access_" in n] == []


def test_a_bounded_function_is_itself_to_whoever_looks() -> None:
    for asset in core_assets():
        if asset.function:
            bound = bounded(asset).function
            assert code_version(bound) == code_version(asset.function)
            assert parameters(bound) == parameters(asset.function)
    given = functools.partial(keeps_within_bounds, seed=3)
    assert code_version(Bounded("leaks/reaching", given)) == code_version(given) != code_version(keeps_within_bounds)


def test_what_a_function_may_do_is_not_rejected() -> None:
    assert accesses(keeps_within_bounds) == ()
    looked_at(keeps_within_bounds)


def test_files_that_others_open_are_no_concern(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    assert guarded("leaks/reaching", lambda: 1, {}) == 1
    assert (tmp_path / "file").read_text() == "kept"


def test_a_cycle_of_numbers_is_not_mistaken_for_a_global_draw() -> None:
    assert guarded("leaks/reaching", lambda seed: np.random.default_rng(seed).random(), {"seed": 3}) == pytest.approx(
        np.random.default_rng(3).random()
    )


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_run_rejects_what_its_text_shows_before_it_computes(tmp_path: Path) -> None:
    asset = TimeSeries(valued("leaks/reaching"), reaching.reads_parquet, {"bars": trailing(BARS_ASSET.dataset, 2)})
    runner = runner_on(tmp_path / "store", [BARS_ASSET, asset])
    run(runner, BARS_ASSET, DAYS)
    with pytest.raises(AccessError, match=r"asset leaks/reaching: .*reads_parquet .*reaching.py:\d+\) uses polars"):
        run(runner, asset, DAYS)
    assert runner.store.sessions(asset.dataset) == []


def through(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    known = reaching.SEEN
    known[len(known)] = bars
    return bars.select("event_date", "symbol", value=pl.lit(float(bars.height)))


def test_what_only_a_close_look_sees_is_a_failed_check(tmp_path: Path) -> None:
    asset = TimeSeries(valued("leaks/smoothed"), through, {"bars": trailing(BARS_ASSET.dataset, 2)})
    runner = runner_on(tmp_path / "store", [BARS_ASSET, asset])
    run(runner, BARS_ASSET, DAYS)
    run(runner, asset, DAYS)
    (failed,) = failures([Checker(runner).recompute(asset, DAYS[-1])])
    assert failed.check == NO_LOOKAHEAD
    assert "asset leaks/smoothed: a call of tests.engine.test_access.through changes" in failed.detail
