"""What a run looks at of a year: as many sessions as are required, whatever that costs, of each kind of asset."""

import datetime as dt
from collections.abc import Sequence

import polars as pl
import pytest

from feature_store import sessions
from feature_store.schemas.market import BARS
from quant_assets.engine.asset import (
    CrossSection,
    ModelFit,
    Recursive,
    SessionAsset,
    Source,
    TimeSeries,
    same,
    trailing,
)
from quant_assets.engine.power import detection_probability, looks_needed
from quant_assets.engine.run_looks import FRACTION, PART, REQUIRED, looks_of_run
from quant_assets.engine.runner import Runner
from tests.engine.assets import mean_close
from tests.engine.market import failures, make_runner, profile, run, valued

YEAR = sessions.between(dt.date(2015, 1, 2), dt.date(2015, 12, 31))
MARKET = {
    "history__start": "2015-01-02",
    "history__end": "2015-12-31",
    "vendor__start": "2014-12-01",
    "vendor__end": "2015-12-31",
    "vendor__n_symbols": "4",
    "vendor__n_sectors": "2",
}


def last_close(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    latest = bars.filter(pl.col("event_date") == bars["event_date"].max())
    return latest.select(pl.lit(session, pl.Date).alias("event_date"), "symbol", value="close")


def halved(bars: pl.DataFrame, state: pl.DataFrame | None, session: dt.date) -> pl.DataFrame:
    before = last_close(bars, session) if state is None else state
    both = last_close(bars, session).join(before.select("symbol", before="value"), on="symbol", how="left")
    return both.select("event_date", "symbol", value=(pl.col("value") + pl.col("before").fill_null(0)) / 2)


CLOSE = same(BARS, columns=("close",))
KINDS: dict[str, SessionAsset] = {
    "time series": TimeSeries(valued("looks/series"), mean_close, {"bars": trailing(BARS, 5)}),
    "one session": CrossSection(valued("looks/one"), last_close, {"bars": CLOSE}),
    "window of five": CrossSection(valued("looks/five"), last_close, {"bars": trailing(BARS, 5, columns=("close",))}),
    "window of twenty": CrossSection(
        valued("looks/twenty"), last_close, {"bars": trailing(BARS, 20, columns=("close",))}
    ),
    "fit": ModelFit(valued("looks/fit"), last_close, {"bars": trailing(BARS, 5, columns=("close",))}),
    "recursive": Recursive(valued("looks/recursive"), halved, {"bars": CLOSE}),
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = make_runner(
        tmp_path_factory.mktemp("looks"), profile(**MARKET), datasets=[a.dataset for a in KINDS.values()]
    )
    run(runner, Source(BARS), YEAR)
    for asset in KINDS.values():
        run(runner, asset, YEAR)
    return runner


def looked_at(runner: Runner, asset: SessionAsset, days: Sequence[dt.date], seconds: float, salt: str) -> set[dt.date]:
    written = {asset.name: runner.store.partitions(asset.dataset, days[0], days[-1])}
    results = looks_of_run(runner, [asset], written, days, salt, seconds)[asset.name]
    assert not failures(results)
    return {result.session for result in results}


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_leak_on_one_percent_of_a_year_has_even_odds_without_any_time(runner: Runner, kind: str) -> None:
    looked = looked_at(runner, KINDS[kind], YEAR, 0, kind)
    assert len(looked) <= 1.5 * looks_needed(len(YEAR), FRACTION, REQUIRED)
    assert detection_probability(len(YEAR), len(looked), FRACTION) >= REQUIRED


def test_another_salt_looks_at_others_and_the_same_at_the_same(runner: Runner) -> None:
    first, again, other = (looked_at(runner, KINDS["one session"], YEAR, 0, salt) for salt in ("a", "a", "b"))
    assert first == again != other


def test_of_a_quarter_only_so_much_as_its_time_is_worth(runner: Runner) -> None:
    quarter = YEAR[:60]
    assert looks_needed(len(quarter), FRACTION, REQUIRED) > PART * len(quarter)
    assert len(looked_at(runner, KINDS["window of twenty"], quarter, 0, "a")) < 10
    assert len(looked_at(runner, KINDS["window of twenty"], quarter, 1_000, "a")) >= 30
