"""The performance page: what it shows, what it must not show, and that it is counted."""

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_store import sessions
from feature_store.schemas.backtest import ATTRIBUTION, PNL
from feature_store.schemas.execution import BOOKS
from feature_store.schemas.features import INDUSTRY_RETURNS, LABELS
from feature_store.schemas.fused_regimes import STATES
from feature_store.schemas.market import ADJUSTED_BENCHMARKS, MEMBERS
from feature_store.schemas.portfolio import DIAGNOSTICS
from quant_assets.backtest.deflated_sharpe import deflated_sharpe_ratio, variance_of_trials
from quant_assets.backtest.metrics import sharpe_ratio, simple_returns
from quant_assets.execution.book.interest import cash_rate_annual
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.evaluation import Evaluation, cash_rates_annual, choose_span
from quant_assets.reporting.performance.comparison import settings_that_differ
from quant_assets.reporting.performance.page import document
from quant_assets.reporting.performance.study import Performance, study
from quant_assets.reporting.protocol import Request
from quant_resources.home import Home
from quant_resources.ledgers.trials import trials
from tests.reporting.rendering import page_text
from tests.support import accounts
from tests.support.accounts import DAYS, FIRST_ORDERS, HOLD_OUT, HORIZON, by_session, home_of, write
from tests.support.tiny import asof

BEFORE = sessions.shift(HOLD_OUT, -1)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account") / "home"
    accounts.write_account(home_of(folder, history__hold_out=HOLD_OUT))
    return folder


@pytest.fixture
def home(stored: Path, tmp_path: Path) -> Home:
    shutil.copytree(stored, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def report(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Performance:
    folder = tmp_path_factory.mktemp("report") / "home"
    shutil.copytree(stored, folder)
    return evaluate(Home(folder))


def evaluate(
    home: Home, *, last: dt.date | None = None, final: bool = False, against: Home | None = None
) -> Performance:
    return study(home, Request(last=last, final=final), against)


def text_of(performance: Performance) -> str:
    return page_text(document(performance)).replace("&#39;", "'")


def metric(performance: Performance, name: str) -> dict[str, float | None]:
    return performance.metrics.filter(metric=name).row(0, named=True)


def returns(home: Home, book: str, first: dt.date, last: dt.date) -> np.ndarray:
    account = home.open_store().read(PNL, last, first, last).filter(book=book)
    return simple_returns(account["nav_usd"].to_numpy())


def altered(home: Home, dataset, days: list[dt.date]) -> None:
    """Another generation of the sessions, with every number doubled."""
    store = home.open_store()
    rows = store.versions(dataset, days[0], days[-1]).filter(pl.col("session").is_in(days))
    numbers = [name for name, dtype in dataset.schema.items() if dtype == pl.Float64 and name not in dataset.key]
    changed = rows.with_columns(pl.col(name) * (0.5 if "weight" in name else 2.0) for name in numbers)
    parts = {day: part.drop("session", "known_at") for day, part in by_session(changed, "session").items()}
    write(store, dataset, parts, fingerprint="altered")


# -- known values ------------------------------------------------------------------------------------------------------


def test_it_begins_with_the_first_orders_and_ends_before_the_hold_out(report: Performance) -> None:
    assert report.facts["Sessions"] == f"{FIRST_ORDERS} to {BEFORE} (54), from the main book's first orders on"
    assert report.facts["Hold-out"] == f"from {HOLD_OUT}: not shown"


def test_what_was_earned_is_what_the_account_says(report: Performance, stored: Path) -> None:
    home = Home(stored)
    assert [name for name in report.metrics.columns if name not in ("metric", "unit")] == [*BOOKS, "INDEX"]
    for book in BOOKS:
        earned = returns(home, book, FIRST_ORDERS, BEFORE)
        assert metric(report, "total return")[book] == pytest.approx(np.prod(1 + earned[1:]) - 1)
    span = choose_span(home.open_store(), [home.profile], None, None, final=False)
    risk_free = Evaluation(home, span).risk_free
    expected = sharpe_ratio(returns(home, "main", FIRST_ORDERS, BEFORE), risk_free)
    assert metric(report, "Sharpe ratio")["main"] == pytest.approx(expected)
    # DFF is first observed on FIRST_ORDERS, 1 % of which runs over the night into the next session
    assert risk_free[1] == pytest.approx(0.01 / 360)
    assert metric(report, "turnover a year")["main"] == pytest.approx(0.02 * 252)


def test_the_header_says_what_must_be_known_first(report: Performance) -> None:
    # 12 names of 13 members are linked; one of them has no bars in the last tenth, which is in the hold-out
    assert report.facts["Members with prices"] == f"92.3 % of 13 on average, 92.3 % at worst ({FIRST_ORDERS})"
    assert report.facts["Weakest knowledge grade"] == "ruled (macro observed, members dated)"
    assert report.facts["Fill rule"].startswith("orders of session t fill at the open of t+1")
    assert report.facts["Trials"] == "1 in the ledger; looks at them: 1, of which at the hold-out: 0"
    assert report.facts["Profile"].startswith("demo, long only; config ")
    assert "commit c0ffee" in report.facts["Code"]
    assert report.facts["Deflated Sharpe ratio"].startswith(f"{report.deflated_sharpe:.3f} with N = 1")
    assert "backtest/pnl" in report.facts["Stored under other settings or code"]


def test_predictions_are_judged_by_labels_that_matured_within_the_range(report: Performance, stored: Path) -> None:
    by_model = {row["model"]: row for row in report.information.iter_rows(named=True)}
    assert by_model["ridge"]["mean_ic"] == pytest.approx(1.0)
    assert by_model["lightgbm"]["mean_ic"] == pytest.approx(-1.0)
    assert by_model["combined"]["mean_ic"] == pytest.approx(1.0)
    assert {row["sessions"] for row in by_model.values()} == {54 - HORIZON}
    home = Home(stored)
    found = Evaluation(home, choose_span(home.open_store(), [home.profile], None, None, final=False)).coefficients
    assert found["event_date"].max() == sessions.shift(BEFORE, -HORIZON)


def test_limits_and_statuses_are_counted(report: Performance) -> None:
    by_limit = {row["limit"]: row for row in report.limits.iter_rows(named=True)}
    turnover = by_limit["turnover"]
    assert (turnover["relaxed"], turnover["worst_violation"], turnover["on"]) == (1, 0.45, FIRST_ORDERS)
    assert 0 < by_limit["industry:Energy"]["binding"] < 54
    assert report.statuses.select("status", "sessions").rows() == [("optimal", 54)]


def test_the_page_has_every_section_in_the_order_of_reading(report: Performance) -> None:
    page = text_of(report)
    headings = [
        "Performance", "Equity and drawdown", "Exposures", "Turnover and costs", "Limits", "Information coefficients",
        "Attribution", "Regime of the market", "Regime of Tech", "Regime of Energy",
        "Survivorship",
    ]  # fmt: skip
    places = [page.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert page.count("<figure id=") == 9
    months = page[page.index("<th>of</th>") :]
    assert months.index("<td>bull</td>") < months.index("<td>bear</td>") < months.index("<td>volatility</td>")


def test_the_deflated_sharpe_ratio_counts_every_configuration_that_was_looked_at(home: Home, tmp_path: Path) -> None:
    evaluate(home)
    other = Home(tmp_path / "home")
    other.remember(replace(home.choice(), overrides=home.choice().overrides | {"portfolio.risk_aversion": "4"}))
    # what is stored was computed before the setting: it is the same trial
    assert evaluate(other).n_trials == 1
    store = other.open_store()
    days = store.sessions(PNL)
    rows = by_session(store.versions(PNL, days[0], days[-1]).drop("session", "known_at"))
    write(store, PNL, rows, fingerprint="second", parts={"config:Portfolio": "4"})
    found = evaluate(other)
    assert found.n_trials == 2
    seen = trials(home.folder / "trials.sqlite")
    assert [one.evaluations for one in seen] == [2, 1]
    latest = seen[-1].latest
    assert found.deflated_sharpe == deflated_sharpe_ratio(
        latest.sharpe, latest.n_observations, latest.skewness, latest.kurtosis, 2,
        variance_of_trials([one.latest.sharpe for one in seen]),
    )  # fmt: skip


def test_final_shows_the_hold_out_and_is_counted(home: Home) -> None:
    evaluate(home)
    found = evaluate(home, final=True)
    assert found.facts["Hold-out"] == f"from {HOLD_OUT}: SHOWN, by --final"
    assert found.facts["Sessions"].startswith(f"{FIRST_ORDERS} to {DAYS[-1]}")
    assert found.facts["Trials"] == "1 in the ledger; looks at them: 2, of which at the hold-out: 1"
    assert "at worst (2016-01-" in found.facts["Members with prices"]


def test_the_survivorship_gain_knows_nobody_who_fails_in_the_hold_out(home: Home, report: Performance) -> None:
    # all 12 names still trade on the last session before it: who knows them has gained nothing
    assert report.survivorship.by_year["metric"].to_list() == ["2015", "annual"]
    assert report.survivorship.by_year["gain"].to_list() == pytest.approx([0.0, 0.0], abs=1e-12)
    assert report.facts["Survivorship gain"].startswith("0.0 % a year at least")
    found = evaluate(home, final=True)
    daily = found.survivorship.by_year.filter(metric="annual").row(0, named=True)
    assert daily["names of the last session (hindsight)"] == pytest.approx(np.exp(0.252) - 1)
    assert daily["gain"] > 0.2
    assert json.loads(json.dumps(found.as_json(), default=str))["survivorship"][-1]["gain"] == pytest.approx(
        daily["gain"]
    )


def test_final_that_reaches_no_hold_out_is_not_counted_as_one(home: Home) -> None:
    found = evaluate(home, last=BEFORE, final=True)
    assert found.facts["Trials"].endswith("looks at them: 1, of which at the hold-out: 0")


def test_two_configurations_stand_side_by_side_and_both_are_counted(home: Home, stored: Path, tmp_path: Path) -> None:
    shutil.copytree(stored, tmp_path / "other")
    other = home_of(tmp_path / "other", portfolio__risk_aversion=2, history__hold_out="2015-12-15")
    store = other.open_store()
    rows = by_session(store.versions(PNL, DAYS[0], DAYS[-1]).drop("session", "known_at"))
    write(store, PNL, rows, fingerprint="second", parts={"config:Portfolio": "2"})
    found = evaluate(home, against=other)
    assert found.n_trials == 2
    assert not (other.folder / "trials.sqlite").exists()
    # neither hold-out is shown
    assert found.facts["Hold-out"] == "from 2015-12-15: not shown"
    page = text_of(found)
    assert "Two configurations side by side" in page
    assert "<td>portfolio.risk_aversion</td>" in page
    assert ("portfolio.risk_aversion", 8.0, 2.0) in settings_that_differ(home.profile, other.profile)


def test_the_command_prints_the_table_and_the_page_and_gives_json(home: Home, tmp_path: Path) -> None:
    people = asof(home.folder, "report", "--to", "2015-12-15")
    assert people.code == 0, people.err
    assert f"page: {home.folder}/reports/performance.html" in people.out
    assert "Sharpe ratio" in people.out
    words = ("report", "--from", "2015-11-02", "--to", "2015-12-15", "--output", tmp_path / "deep" / "p.html", "--json")
    programs = asof(home.folder, *words)
    printed = json.loads(programs.out)
    assert printed["page"] == str(tmp_path / "deep" / "p.html")
    assert Path(printed["page"]).exists()
    assert printed["facts"]["Sessions"].startswith("2015-11-02 to 2015-12-15")
    assert {row["metric"] for row in printed["metrics"]} >= {"annual return", "costs a year"}
    assert printed["n_trials"] == 1


# -- properties --------------------------------------------------------------------------------------------------------


def test_nothing_of_the_hold_out_can_matter(home: Home, stored: Path, tmp_path: Path) -> None:
    before = text_of(evaluate(home))
    shutil.copytree(stored, tmp_path / "scrambled")
    scrambled = Home(tmp_path / "scrambled")
    held_out = [day for day in DAYS if day >= HOLD_OUT]
    for dataset in (PNL, ATTRIBUTION, LABELS, ADJUSTED_BENCHMARKS, DIAGNOSTICS, INDUSTRY_RETURNS):
        altered(scrambled, dataset, held_out)
    assert text_of(evaluate(scrambled)) == before
    assert text_of(evaluate(scrambled, final=True)) != text_of(evaluate(home, final=True))


def test_the_same_store_gives_the_same_page(home: Home, stored: Path, tmp_path: Path) -> None:
    shutil.copytree(stored, tmp_path / "again")
    assert text_of(evaluate(home)) == text_of(evaluate(Home(tmp_path / "again")))


@pytest.mark.parametrize("seed", range(4))
def test_rates_all_at_once_are_those_asked_for_one_by_one(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    profile = home_of(tmp_path, macro__max_age_sessions=3, execution__cash_rate_annual=0.02).profile
    days = [day for day in DAYS if rng.uniform() < 0.4]
    macro = pl.DataFrame({
        "event_date": days,
        "series": [str(word) for word in rng.choice(["DFF", "VIX"], len(days))],
        "value": [None if rng.uniform() < 0.2 else float(rng.uniform(0, 5)) for _ in days],
    })  # fmt: skip
    one_by_one = [
        cash_rate_annual(macro, sessions.shift(day, -1), profile.macro, profile.execution) for day in DAYS[5:]
    ]
    assert cash_rates_annual(macro, DAYS[5:], profile).tolist() == one_by_one


@pytest.mark.parametrize(("without", "said"), [
    (ADJUSTED_BENCHMARKS, "Not shown: INDEX. market/benchmarks holds no bars"),
    (MEMBERS, "no dated members are stored: the universe is whoever has a bar, 12 names on average"),
    (STATES, "None: no industry has states in this range."),
    (DIAGNOSTICS, "Limits: none, as no optimization problem was solved in this range."),
    (LABELS, "None: no label has matured within this range."),
    (ATTRIBUTION, "None: backtest/attribution is not stored in this range"),
])  # fmt: skip
def test_what_is_missing_is_said_where_it_would_stand(home: Home, without, said: str) -> None:
    store = home.open_store()
    for partition in store.partitions(without):
        with store.index.transaction() as connection:
            store.index.remove(connection, partition)
    found = evaluate(home)
    assert said in text_of(found)
    assert metric(found, "total return")["main"] is not None


def test_without_orders_there_is_a_report_that_says_so(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    rng = np.random.default_rng(0)
    accounts.write_pnl(home.open_store(), rng, DAYS[:10])
    found = evaluate(home)
    assert "as the main book has not traded yet" in found.facts["Sessions"]
    assert found.deflated_sharpe is None
    assert "no optimization problem was solved" in text_of(found)
    assert found.statuses["status"].to_list() == ["no predictions"]


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "named", "mend"), [
    (("--to", "2016-01-04"), "--to 2016-01-04", "pass --final"),
    (("--from", "2016-01-15"), "--from 2016-01-15", "pass --final"),
    (("--to", "2015-09-15"), "2015-09-15", f"backtest/pnl has {DAYS[0]}"),
    (("--from", "2015-12-31"), "1 sessions", f"backtest/pnl has {DAYS[0]}"),
    (("--to", "yesterday"), "yesterday", "YYYY-MM-DD"),
    (("--against", "nowhere"), "nowhere", "set ASOF_HOME"),
    (("--output", "/"), "--output /", "name a file"),
])  # fmt: skip
def test_what_cannot_be_shown_is_refused_with_the_mend_and_not_counted(
    stored: Path, words: tuple[str, ...], named: str, mend: str
) -> None:
    answer = asof(stored, "report", *words)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert named in answer.err
    assert mend in answer.err
    assert not (stored / "trials.sqlite").exists()
    assert not (stored / "reports").exists()


def test_a_home_without_an_account_is_refused(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    home.open_store()
    with pytest.raises(ReportError, match="asof backfill"):
        evaluate(home)


def test_an_evaluation_that_cannot_be_counted_shows_nothing(home: Home) -> None:
    (home.folder / "trials.sqlite").write_text("no ledger, but long enough to be looked at" * 10)
    answer = asof(home.folder, "report")
    assert answer.code == 2
    assert "backup" in answer.err
    assert not (home.folder / "reports").exists()
