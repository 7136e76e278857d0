"""Laws 3, 5 and 6 of what companies report, on a small drop of files and on the market data beside the repository."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from configs.load import load
from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.schemas.companies import COMPANY_FINANCIALS, EARNINGS_DATES, FUNDAMENTALS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from feature_store.store import Store
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_assets.market.company_financials import company_financials
from tests.engine.market import assert_any_order_stores_the_same, copy_store, failures, make_runner, run
from tests.oracles.bundle import SHARED, needs
from tests.oracles.companies import told

BY_NAME = {asset.name: asset for asset in core_assets()}
SOURCES = [BY_NAME[dataset.name] for dataset in (BARS, CORPORATE_ACTIONS, FUNDAMENTALS, EARNINGS_DATES)]
FIGURES = BY_NAME[COMPANY_FINANCIALS.name]
SESSIONS = sessions.between(dt.date(2014, 9, 2), dt.date(2016, 2, 29))
LATER = SESSIONS[-42:]  # a filing season, amendments, a year's edge, two splits
COMPANIES = ("A", "B", "C", "D")


def drop(folder: Path) -> Path:
    """Eight quarters of four companies, single or of the year to date, some amended or withdrawn later."""
    rng = np.random.default_rng(4)
    ends = [dt.date(2014 + i // 4, *((3, 31), (6, 30), (9, 30), (12, 31))[i % 4]) for i in range(8)]
    reports = []
    for name in COMPANIES:
        for i, end in enumerate(ends):
            filed = end + dt.timedelta(days=int(rng.integers(20, 55)))
            months = 3 if name in "AB" and i % 4 < 3 else 3 * (i % 4 + 1)
            for item, length in (("revenue", months), ("net_income", months), ("equity", 0), ("shares_outstanding", 0)):
                value = float(rng.integers(50, 99))
                reports.append((name, end, item, length, value, filed))
                if rng.random() < 0.3:
                    amended = filed + dt.timedelta(days=int(rng.integers(1, 90)))
                    reports.append((name, end, item, length, None if rng.random() < 0.3 else value + 1, amended))
    schema = ["symbol", "event_date", "item", "months", "value", "known_at"]
    pl.DataFrame(reports, schema=schema, orient="row").write_parquet(folder / "fundamentals.parquet")
    days = pl.DataFrame({"date": SESSIONS}).join(pl.DataFrame({"symbol": COMPANIES}), how="cross")
    price = (10 + pl.int_range(pl.len()) % 7).cast(pl.Float64)
    bars = days.with_columns(price.alias(name) for name in ("open", "high", "low", "close"))
    bars.with_columns(volume=pl.lit(1000)).write_parquet(folder / "bars.parquet")
    splits = [("B", dt.date(2016, 2, 10), "split", 2.0), ("C", dt.date(2016, 1, 6), "split", 0.5)]
    actions = pl.DataFrame(splits, schema=["symbol", "ex_date", "action", "value"], orient="row")
    actions.write_parquet(folder / "corporate_actions.parquet")
    announced = [(name, end + dt.timedelta(days=25), end) for name in COMPANIES for end in ends]
    dates = pl.DataFrame(announced, schema=["symbol", "date", "known_at"], orient="row")
    dates.with_columns(time_of_day=pl.lit("after_close")).write_parquet(folder / "earnings_dates.parquet")
    return folder


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder = drop(tmp_path_factory.mktemp("drop"))
    return load("files", folder, {"history.start": str(SESSIONS[0]), "history.end": str(SESSIONS[-1])})


@pytest.fixture(scope="module")
def range_store(chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources and figures, each stored by one range run; never written to."""
    folder = tmp_path_factory.mktemp("companies") / "range"
    runner = make_runner(folder, chosen)
    for asset in (*SOURCES, FIGURES):
        # the figures read a long window of these two alone
        run(runner, asset, SESSIONS if asset.dataset in (CORPORATE_ACTIONS, FUNDAMENTALS) else LATER)
    runner.store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture
def again(range_store: Path, chosen: Profile, tmp_path: Path) -> Runner:
    return make_runner(copy_store(range_store, tmp_path / "again"), chosen)


# --- law 3 ----------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_the_reports_known_at_each_session(range_store: Path, chosen: Profile) -> None:
    store, limit = make_runner(range_store, chosen).store, chosen.market.fundamentals_max_age_days
    changed, before = 0, None
    for t in LATER:
        found = store.read(COMPANY_FINANCIALS, t, first=t, last=t)
        known = store.read(FUNDAMENTALS, t, first=SESSIONS[0])
        closes = dict(store.read(BARS, t, first=t, last=t).select("symbol", "close").iter_rows())
        actions = store.read(CORPORATE_ACTIONS, t)
        for row in found.iter_rows(named=True):
            own = known.filter(symbol=row["symbol"]).drop_nulls("value")
            facts = {
                (item, n, end): value
                for end, item, n, value in own.select("event_date", "item", "months", "value").rows()
            }
            cut = actions.filter(symbol=row["symbol"]).select("event_date", "value").rows()
            expected = told(facts, t, closes[row["symbol"]], cut, limit)
            assert expected is not None
            assert {name: row[name] for name in expected} == pytest.approx(expected, nan_ok=True), (t, row["symbol"])
        figures = found.select("symbol", "revenue_ttm_usd", "equity_usd", "shares_outstanding").rows()
        changed, before = changed + (figures != before), figures
    assert changed > 8
    assert store.read(COMPANY_FINANCIALS, LATER[-1], first=LATER[-1])["revenue_ttm_usd"].null_count() < len(COMPANIES)


# --- law 5 ----------------------------------------------------------------------------------------------------------


def test_daily_runs_and_chunks_in_any_order_store_what_one_range_stores(again: Runner) -> None:
    assert_any_order_stores_the_same(again, [*SOURCES, FIGURES], LATER[:4], [LATER[4:20], LATER[20:21], LATER[21:]])


# --- law 6 ----------------------------------------------------------------------------------------------------------


def test_no_session_is_accused_of_knowing_the_future(again: Runner) -> None:
    checker = Checker(again)
    for asset in (*SOURCES, FIGURES):
        results = [checker.recompute(asset, t) for t in LATER[::9]]
        results += [v for cut in (LATER[3], LATER[20]) for v in checker.scrambled(asset, cut, LATER[-1])]
        assert len(results) > 15
        assert failures(results) == []
        assert all(results)


# --- the bundle of real data ----------------------------------------------------------------------------------------

BUNDLE = SHARED / "data"
CLOCK = DecisionClock()
ITEMS = {  # item: column, months of a single quarter, and whether the figure is of the year to date
    "revenue": ("revenues", False),
    "net_income": ("net_income", False),
    "operating_cash_flow": ("cash_flow_op", True),
}
INSTANTS = {"assets": "assets", "current_assets": "cur_assets", "cash": "cash", "equity": "equity"}
NOTHING = pl.DataFrame(
    schema={"event_date": pl.Date, "symbol": pl.String, "action": pl.String, "value": pl.Float64, "close": pl.Float64}
)
VINTAGES = sessions.between(dt.date(2015, 3, 20), dt.date(2017, 3, 31))


@pytest.fixture(scope="module")
def reports() -> pl.DataFrame:
    return pl.read_parquet(BUNDLE / "fundamentals_reports_2015_2017.parquet")


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The captured reports of two years, as a range run stores them."""
    runner = make_runner(tmp_path_factory.mktemp("captured") / "store", load("vintages", data=BUNDLE))
    run(runner, BY_NAME[FUNDAMENTALS.name], VINTAGES)
    return runner.store


def by_the_file(reports: pl.DataFrame, symbol: str, t: dt.date) -> dict[tuple[str, int, dt.date], float]:
    """What the file says of a company by the session's decision, row by row; contradictions of a moment say nothing."""
    decided = CLOCK.decision_time(t).replace(tzinfo=None)
    opened = CLOCK.decision_time(sessions.shift(VINTAGES[0], -1)).replace(tzinfo=None)
    said: dict[tuple[str, int, dt.date], dict[dt.datetime, set[float]]] = {}
    for row in reports.filter(symbol=symbol).iter_rows(named=True):
        if opened < row["knowledge_time"] <= decided:
            single, to_date = (
                12 if row["doc_type"] == "10-K" else 3,
                {"Q1": 3, "Q2": 6, "Q3": 9, "FY": 12}[row["period_focus"]],
            )
            told_by = [((item, to_date if ytd else single), row[column]) for item, (column, ytd) in ITEMS.items()]
            told_by += [((item, 0), row[column]) for item, column in INSTANTS.items()]
            for (item, months), value in told_by:
                if value is not None:
                    words = said.setdefault((item, months, row["end_date"]), {})
                    words.setdefault(row["knowledge_time"], set()).add(value)
    known = {}
    for fact, words in said.items():
        sure = [moment for moment, values in words.items() if len(values) == 1]
        if sure:
            known[fact] = words[max(sure)].pop()
    return known


@pytest.mark.shared
@needs("data")
class TestBundle:
    def test_200_random_companies_and_dates_are_known_as_the_file_says(
        self, captured: Store, reports: pl.DataFrame
    ) -> None:
        rng, settings = np.random.default_rng(200), load("vintages", data=BUNDLE).market
        symbols = reports["symbol"].unique().sort().to_list()
        amended = reports.filter("amend")["symbol"].unique().sort().to_list()
        figures = []
        for t in sorted(VINTAGES[i] for i in rng.integers(40, len(VINTAGES), 20)):
            some = [*rng.choice(symbols, 7, replace=False), *rng.choice(amended, 3, replace=False)]
            known = captured.read(FUNDAMENTALS, t, symbols=some).filter(pl.col("item").is_in([*ITEMS, *INSTANTS]))
            found = company_financials(known, NOTHING, NOTHING, t, settings)
            for symbol in some:
                own = known.filter(symbol=symbol).select("item", "months", "event_date", "value").rows()
                expected = by_the_file(reports, symbol, t)
                assert {row[:3]: row[3] for row in own} == expected
                figures.append(len(expected))
                row = told(expected, t, None, [], settings.fundamentals_max_age_days)
                of_it = found.filter(symbol=symbol).to_dicts()
                assert [{name: one[name] for name in row or {}} for one in of_it] == (
                    [pytest.approx(row)] if row else []
                )
        assert len(figures) == 200
        assert sum(figures) > 3000

    def test_an_amendment_changes_nothing_before_its_date(self, captured: Store, reports: pl.DataFrame) -> None:
        clear = ~pl.struct("symbol", "end_date", "knowledge_time").is_duplicated()
        inside = pl.col("knowledge_time").dt.date() > dt.date(2015, 3, 24)
        rows = reports.filter("amend", clear, inside, pl.col("revenues").is_not_null())
        changed = 0
        for row in rows.sample(60, seed=3).iter_rows(named=True):
            learned = CLOCK.session_of(row["knowledge_time"].replace(tzinfo=dt.UTC))
            months = 12 if row["doc_type"] == "10-K" else 3
            said = {}
            for t in (sessions.shift(learned, -1), learned):
                known = captured.read(FUNDAMENTALS, t, row["end_date"], row["end_date"], symbols=[row["symbol"]])
                said[t] = known.filter(item="revenue", months=months)["value"].to_list()
                expected = by_the_file(reports, row["symbol"], t).get(("revenue", months, row["end_date"]))
                assert said[t] == ([] if expected is None else [expected])
            assert said[learned] == [row["revenues"]]
            changed += said[learned] != said[sessions.shift(learned, -1)]
        assert changed > 5

    def test_quarters_of_the_other_file_are_known_from_their_first_filing_on(self, tmp_path: Path) -> None:
        named = {"exceptions.market/fundamentals": "to compare it with its file"}
        runner = make_runner(tmp_path / "store", load("sp500", data=BUNDLE, overrides=named))
        days = sessions.between(dt.date(2012, 1, 3), dt.date(2012, 12, 31))
        run(runner, BY_NAME[FUNDAMENTALS.name], days)
        file = pl.read_parquet(BUNDLE / "fundamentals_sec.parquet").filter(
            pl.col("security_id").is_not_null(), pl.col("lag_days") <= 200, pl.col("available_date") >= days[0]
        )
        rng = np.random.default_rng(1)
        symbols = file["security_id"].unique().sort().to_list()
        compared = 0
        for t in sorted(days[i] for i in rng.integers(100, len(days), 20)):
            some = list(rng.choice(symbols, 10, replace=False))
            known = runner.store.read(FUNDAMENTALS, t, symbols=some)
            for symbol in some:
                own = file.filter(pl.col("security_id") == symbol, pl.col("available_date") <= t)
                for item, column in (("net_income", "net_income"), ("assets", "total_assets"), ("equity", "equity")):
                    found = known.filter(symbol=symbol, item=item).select("event_date", "value").rows()
                    assert found == own.select("period_end", column).drop_nulls().sort("period_end").rows()
                    compared += len(found)
        assert compared > 1000
