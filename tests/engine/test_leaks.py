"""Planted leaks are caught, their clean twins pass, and no true asset is accused."""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Profile
from feature_store.dataset import Column, Dataset, Grade
from feature_store.errors import HindsightError, LookaheadError
from feature_store.schemas.market import ADJUSTED_BARS, BARS, MEMBERS, UNIVERSE
from quant_assets.engine.asset import CrossSection, SessionAsset, Source, TimeSeries, same, trailing
from quant_assets.engine.lookahead_checks import CONTRACT, NO_LOOKAHEAD, Checker, check_run, sampled_sessions
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_resources.vendors.registry import make_vendor
from tests.engine.leaks import (
    LEAKS,
    MONTHLY_MEAN,
    CorrectsAtOnce,
    FitsAtThePeriodsEnd,
    IgnoresTheRecordedDate,
    IgnoresUntil,
    KnewNothingThen,
    Leak,
    LiesInItsPayload,
    TellsTooEarly,
    WithoutSegments,
    Wrapped,
    centred,
    mean_5,
    value_of,
)
from tests.engine.leaky_books import (
    book_alone,
    book_named,
    close_of,
    filling_at_the_close,
    next_open,
    open_after_yesterday,
)
from tests.engine.market import (
    SESSIONS,
    SYMBOL,
    contents,
    copy_store,
    failures,
    make_runner,
    profile,
    run,
    run_and_check,
    valued,
)

RANGE = SESSIONS[3:50]  # corrections, two splits, a symbol that joins, the year's edge
BY_NAME = {asset.name: asset for asset in core_assets()}
FILLS = "fills_after_decision"


@pytest.fixture(scope="module")
def planted(whole: Path, chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The true assets, stored; leaky ones are added beside them."""
    return make_runner(copy_store(whole, tmp_path_factory.mktemp("leaks") / "store"), chosen)


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leak", LEAKS, ids=[leak.name for leak in LEAKS])
def test_a_leak_is_caught_by_the_run_that_stores_it(planted: Runner, leak: Leak) -> None:
    results = run_and_check(planted, leak.leaky, RANGE)
    assert {v.check for v in failures(results)} == {NO_LOOKAHEAD}
    recorded = planted.store.check_results(leak.leaky.name, NO_LOOKAHEAD)
    assert any(not passed for _, passed, _ in recorded)


@pytest.mark.parametrize("leak", LEAKS, ids=[leak.name for leak in LEAKS])
def test_its_clean_counterpart_passes(planted: Runner, leak: Leak) -> None:
    results = run_and_check(planted, leak.clean, RANGE)
    checker = Checker(planted)
    results += [v for s in RANGE[::6] if (v := checker.recompute(leak.clean, s))]
    results += [v for cut in RANGE[9:45:18] for v in checker.scrambled(leak.clean, cut, RANGE[-1])]
    assert failures(results) == []
    assert sum(v.check == NO_LOOKAHEAD for v in results) >= 12
    assert sum(p.rows for p in planted.store.partitions(leak.clean.dataset)) > 100


def test_a_leak_that_ran_day_by_day_is_caught_where_a_range_would_store_another_value(planted: Runner) -> None:
    window = {"bars": trailing(ADJUSTED_BARS, 21)}
    leaky = TimeSeries(valued("leaks/centred_by_day"), value_of(centred), window)
    clean = TimeSeries(valued("leaks/trailing_by_day"), value_of(mean_5), window)
    days = RANGE[:12]
    for asset in (leaky, clean):
        for day in days:  # the window ends on the day, so that nothing was seen that was not known
            assert failures(run_and_check(planted, asset, [day])) == []
    checker = Checker(planted)
    assert failures(checker.scrambled(leaky, days[6], days[-1])) != []
    assert failures(checker.scrambled(clean, days[6], days[-1])) == []


@pytest.mark.parametrize(
    ("dataset", "leaky"), [(BARS, CorrectsAtOnce), (MEMBERS, IgnoresTheRecordedDate)], ids=["bars", "members"]
)
def test_a_vendor_that_parses_the_future_into_the_past_is_caught_when_the_payload_is_cut(
    tmp_path: Path, chosen: Profile, dataset: Dataset, leaky: type[Wrapped]
) -> None:
    spoilt = make_runner(tmp_path / "leaky", chosen, leaky(make_vendor(chosen)))
    honest = make_runner(tmp_path / "honest", chosen, Wrapped(make_vendor(chosen)))
    results = run_and_check(spoilt, Source(dataset), SESSIONS[:20])
    assert {v.check for v in failures(results)} == {NO_LOOKAHEAD}
    assert failures(run_and_check(honest, Source(dataset), SESSIONS[:20])) == []


def test_corrections_applied_before_they_were_known_are_caught(
    planted: Runner, chosen: Profile, tmp_path: Path
) -> None:
    """Here the mechanism itself is at fault: it hands out every row's latest version."""
    folder = copy_store(planted.store.layout.root, tmp_path / "store")
    mean_close = pl.mean_horizontal(*(pl.col("close").shift(i).over("symbol") for i in range(3)))
    window = {"bars": trailing(BARS, 3)}
    leaky = TimeSeries(valued("leaks/latest_versions"), value_of(mean_close), window)
    clean = TimeSeries(valued("leaks/versions_as_known"), value_of(mean_close), window)
    spoilt = make_runner(folder, chosen, calculation=WithoutSegments)
    assert {v.check for v in failures(run_and_check(spoilt, leaky, RANGE))} == {NO_LOOKAHEAD}
    assert failures(run_and_check(make_runner(folder, chosen), clean, RANGE)) == []


def test_a_fit_that_is_called_with_its_own_test_period_is_caught(
    planted: Runner, chosen: Profile, tmp_path: Path
) -> None:
    """The mechanism at fault again: it fits at the end of each month."""
    spoilt = make_runner(
        copy_store(planted.store.layout.root, tmp_path / "store"), chosen, calculation=FitsAtThePeriodsEnd
    )
    leaky = replace(MONTHLY_MEAN, dataset=valued("leaks/period_end"))
    assert {v.check for v in failures(run_and_check(spoilt, leaky, RANGE))} == {NO_LOOKAHEAD}


BOOKS = {
    "at the close, and says so": filling_at_the_close(close_of),
    "at the close, dated to the next open": filling_at_the_close(next_open),
    "at the close, dated to the open after yesterday's decision": filling_at_the_close(open_after_yesterday),
    "at the open before the signal, dated to yesterday's decision": filling_at_the_close(open_after_yesterday, "open"),
}


@pytest.mark.parametrize("name", BOOKS)
def test_a_fill_at_the_price_the_signal_saw_is_caught(planted: Runner, name: str) -> None:
    book = BY_NAME["execution/book"]
    leaky = book_named(book, f"leaks/book_{list(BOOKS).index(name)}", BOOKS[name])
    wrong = failures(run_and_check(planted, leaky, SESSIONS[:50]))
    assert {v.check for v in wrong} == {FILLS}


def test_the_book_itself_fills_after_it_decided(planted: Runner) -> None:
    clean = book_named(BY_NAME["execution/book"], "leaks/book_clean", book_alone)
    results = run_and_check(planted, clean, SESSIONS[:50])
    assert failures(results) == []
    assert sum(v.check == FILLS for v in results) == 50
    filled = planted.store.read(clean.dataset, SESSIONS[49]).filter(pl.col("fill_shares").fill_null(0) != 0)
    assert filled.height > 5


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", core_assets(), ids=lambda asset: asset.name)
def test_no_true_asset_is_accused(planted: Runner, asset: SessionAsset) -> None:
    checker = Checker(planted)
    partitions = planted.store.partitions(asset.dataset)
    results = check_run(planted, asset, partitions, SESSIONS)
    recomputed = [checker.recompute(asset, s) for s in sampled_sessions(asset, planted, SESSIONS[0], SESSIONS[-1], 6)]
    assert all(recomputed), "nothing is stale"
    results += [v for v in recomputed if v]
    results += checker.scrambled(asset, SESSIONS[45], SESSIONS[-1])
    assert failures(results) == []
    assert sum(v.check == CONTRACT for v in results) == len(SESSIONS)


def test_corrections_do_matter_in_this_market(planted: Runner) -> None:
    late = {p.session for p in planted.store.partitions(BARS) if p.late_rows}
    restated = sum(p.late_rows for p in planted.store.partitions(ADJUSTED_BARS))
    assert len(late) > 30
    assert restated > 50


def test_the_choice_of_sessions_repeats_and_holds_one_inside_the_run(planted: Runner) -> None:
    for asset in core_assets():
        picks = sampled_sessions(asset, planted, RANGE[-10], RANGE[-1], 4)
        assert picks == sampled_sessions(asset, planted, RANGE[-10], RANGE[-1], 4)
        assert len(picks) >= 3
        assert any(RANGE[-10] <= s < RANGE[-1] for s in picks)


def test_what_cannot_be_computed_alone_fails_instead_of_ending_the_check(planted: Runner) -> None:
    def needs_tomorrow(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
        if len(sessions) < 7:
            raise IndexError("there is no tomorrow")
        return value_of(centred)(bars, sessions)

    leaky = TimeSeries(valued("leaks/needs_tomorrow"), needs_tomorrow, {"bars": trailing(ADJUSTED_BARS, 5)})
    wrong = failures(run_and_check(planted, leaky, RANGE))
    assert any("there is no tomorrow" in v.detail for v in wrong)


def test_a_function_that_rejects_scrambled_values_is_checked_on_a_cut_instead(planted: Runner) -> None:
    def choosy(expression: pl.Expr) -> SessionAsset:
        values = value_of(expression)

        def function(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
            if bars.filter(pl.col("split_ratio").is_between(1.1, 1.9)).height:
                raise ValueError("no such split")
            return values(bars, sessions)

        name = f"leaks/choosy_{'leaky' if expression is centred else 'clean'}"
        return TimeSeries(valued(name), function, {"bars": trailing(ADJUSTED_BARS, 21)})

    checker = Checker(planted)
    for expression, accused in ((centred, True), (mean_5, False)):
        asset = choosy(expression)
        run(planted, asset, RANGE[:20])
        results = checker.scrambled(asset, RANGE[12], RANGE[19])
        assert len(results) > 5
        assert bool(failures(results)) == accused


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_vendor_that_fetches_beyond_the_day_is_rejected(tmp_path: Path, chosen: Profile) -> None:
    spoilt = make_runner(tmp_path, chosen, IgnoresUntil(make_vendor(chosen)))
    for dataset in (BARS, MEMBERS):
        with pytest.raises(LookaheadError, match="its fetch must keep `until`"):
            run(spoilt, Source(dataset), [SESSIONS[0]])
    assert contents(spoilt.store, [Source(BARS), Source(MEMBERS)]) == {}


def test_a_row_known_after_its_session_is_rejected_by_the_writer(tmp_path: Path, chosen: Profile) -> None:
    with pytest.raises(LookaheadError, match="after the decision time"):
        run(make_runner(tmp_path, chosen, TellsTooEarly(make_vendor(chosen))), Source(BARS), [SESSIONS[0]])


SECURITIES = Dataset(
    "leaks/securities",
    ("symbol",),
    (
        SYMBOL,
        Column("listed", pl.Boolean(), "flag", "on the session"),
        Column("last_date", pl.Date(), "session", "of trading, ever", grade=Grade.HINDSIGHT),
    ),
    "of a test",
)


def securities(universe: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    return universe.select("event_date", "symbol", listed=pl.col("tradable"), last_date=pl.lit(SESSIONS[-1]))


def count(securities: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    return securities.select("event_date", "symbol", value=pl.lit(1.0))


def test_reading_a_column_of_hindsight_needs_a_named_exception(whole: Path, chosen: Profile, tmp_path: Path) -> None:
    folder = copy_store(whole, tmp_path / "store")
    plain = make_runner(folder, chosen)
    run(plain, CrossSection(SECURITIES, securities, {"universe": same(UNIVERSE)}), RANGE[:3])
    reading = CrossSection(valued("leaks/count"), count, {"securities": same(SECURITIES)})
    with pytest.raises(HindsightError, match=r"exceptions: \{leaks/securities.last_date: why\}"):
        run(plain, reading, RANGE[:3])

    without = CrossSection(valued("leaks/count_without"), count, {"securities": same(SECURITIES, columns=("listed",))})
    assert {o.partition.grade for o in run(plain, without, RANGE[:3])} < {Grade.OBSERVED, Grade.DATED, Grade.RULED}

    named = profile(exceptions="{leaks/securities.last_date: a test, leaks/count: a test}")
    assert {o.partition.grade for o in run(make_runner(folder, named), reading, RANGE[:3])} == {Grade.HINDSIGHT}


def test_an_output_of_hindsight_needs_its_own_leave(whole: Path, tmp_path: Path) -> None:
    folder = copy_store(whole, tmp_path / "store")
    named = make_runner(folder, profile(exceptions="{leaks/securities.last_date: a test}"))
    run(named, CrossSection(SECURITIES, securities, {"universe": same(UNIVERSE)}), RANGE[:1])
    reading = CrossSection(valued("leaks/count"), count, {"securities": same(SECURITIES)})
    with pytest.raises(HindsightError, match="rests on hindsight"):
        run(named, reading, RANGE[:1])


def test_a_source_of_hindsight_is_rejected_without_an_exception_and_graded_with_one(
    tmp_path: Path, chosen: Profile
) -> None:
    vendor = KnewNothingThen(make_vendor(chosen))
    with pytest.raises(HindsightError, match=r"exceptions: \{market/bars: why\}"):
        run(make_runner(tmp_path / "plain", chosen, vendor), Source(BARS), SESSIONS[:2])
    named = profile(exceptions="{market/bars: a test, leaks/close: a test}")
    runner = make_runner(tmp_path / "named", named, vendor)
    assert {o.partition.grade for o in run(runner, Source(BARS), SESSIONS[:2])} == {Grade.HINDSIGHT}
    close = TimeSeries(valued("leaks/close"), value_of(pl.col("close")), {"bars": trailing(BARS, 1)})
    assert {o.partition.grade for o in run(runner, close, SESSIONS[:2])} == {Grade.HINDSIGHT}


def test_a_payload_that_lies_of_itself_is_not_seen(planted: Runner, chosen: Profile, tmp_path: Path) -> None:
    """Law 11 stands where recomputing cannot: such a vendor is graded hindsight."""
    liar = make_runner(tmp_path / "liar", chosen, LiesInItsPayload(make_vendor(chosen), SESSIONS[:30]))
    assert failures(run_and_check(liar, Source(BARS), SESSIONS[:20])) == []


def test_a_stored_session_of_another_vendor_setting_is_stale_and_not_accused(tmp_path: Path, chosen: Profile) -> None:
    run(make_runner(tmp_path, chosen), Source(BARS), SESSIONS[:3])
    other = make_runner(tmp_path, profile(vendor__correction_rate="0.0", vendor__late_rate="0.0"))
    assert Checker(other).recompute(Source(BARS), SESSIONS[1]) is None
    shutil.rmtree(tmp_path)
