"""`asof features`: the catalogue, the sheets, why values are missing, and what must not be shown."""

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_store import sessions
from feature_store.schemas.features import INDUSTRY_FEATURES, LABELS, MARKET_FEATURES, STOCK_FEATURES
from feature_store.schemas.fused_regimes import MARKET_REGIME
from feature_store.schemas.market import ADJUSTED_BARS, INDUSTRIES, UNIVERSE
from quant_assets.features.catalogue import DECLARED
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.features.page import document
from quant_assets.reporting.features.sheets import monthly_means, running_sum
from quant_assets.reporting.features.study import FeatureEvidence, study
from quant_assets.reporting.protocol import Request
from quant_resources.home import Home
from quant_resources.ledgers.trials import trials
from tests.reporting.rendering import page_text
from tests.support.accounts import DAYS, HOLD_OUT, HORIZON, by_session, home_of, write
from tests.support.tiny import asof

N = 30
NAMES = [f"S{i:02d}" for i in range(N)]
BEFORE = sessions.shift(HOLD_OUT, -1)
PLANTED, NOISE, ABSENT, YOUNG, TOLD = "reversal_5", "reversal_21", "return_1", "momentum_42", "vwap_gap_1"


def write_features(home: Home, seed: int = 1) -> None:
    """PLANTED is the label but for noise, until the hold-out, where it is its opposite; where ABSENT is null labels are
    low; YOUNG begins after its lookback, and TOLD never has what it rests on.
    """
    rng, store = np.random.default_rng(seed), home.open_store()
    days = pl.DataFrame({"event_date": DAYS})
    grid = days.join(pl.DataFrame({"symbol": NAMES}), how="cross")
    planted, absent = rng.normal(size=len(grid)), rng.random(len(grid)) < 0.3
    label = 0.02 * (planted + rng.normal(size=len(grid)) - 1.5 * absent)
    hidden = (grid["event_date"] >= HOLD_OUT).to_numpy()
    features = grid.with_columns(
        pl.Series(PLANTED, np.where(hidden, -planted, planted)),
        pl.Series(NOISE, rng.normal(size=len(grid))),
        pl.Series(ABSENT, np.where(absent, np.nan, rng.normal(size=len(grid)))).fill_nan(None),
        pl.when(pl.col("event_date") >= DAYS[41]).then(1.0).alias(YOUNG),
    )
    write(store, STOCK_FEATURES, by_session(features))
    learned = dict(zip(DAYS, DAYS[HORIZON:], strict=False))
    labels = grid.with_columns(label_log=pl.Series(label), label_simple=pl.Series(label)).with_columns(
        horizon_sessions=HORIZON, session=pl.col("event_date").replace_strict(learned, default=None)
    )
    matured = by_session(labels.drop_nulls("session"), "session")
    write(store, LABELS, {day: rows.drop("session") for day, rows in matured.items()})
    write(store, UNIVERSE, by_session(grid.with_columns(tradable=pl.col("symbol") != NAMES[-1], has_bar=True)))
    industry = pl.when(pl.col("symbol") < NAMES[N // 2]).then(pl.lit("Energy")).otherwise(pl.lit("Tech & <more>"))
    write(store, INDUSTRIES, by_session(grid.with_columns(industry=industry)))
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    bars = grid.with_columns(*(pl.lit(x).alias(name) for name, x in prices.items()), intraday_log_return=0.0)
    write(store, ADJUSTED_BARS, by_session(bars))
    words = pl.when(pl.col("event_date") < DAYS[20]).then(pl.lit("bull")).otherwise(pl.lit("bear"))
    write(store, MARKET_REGIME, by_session(days.with_columns(trend=words, volatility=pl.lit("calm"), systemic=False)))
    write(
        store, MARKET_FEATURES, by_session(days.with_columns(vix=20.0, return_1=pl.Series(rng.normal(size=len(DAYS)))))
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features") / "home"
    write_features(home_of(folder, history__hold_out=HOLD_OUT))
    return folder


@pytest.fixture
def home(stored: Path, tmp_path: Path) -> Home:
    shutil.copytree(stored, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def evidence(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> FeatureEvidence:
    folder = tmp_path_factory.mktemp("pages") / "home"
    shutil.copytree(stored, folder)
    return study(Home(folder), Request(items=(PLANTED, ABSENT)))


def information(evidence: FeatureEvidence, name: str) -> dict[str, float | None]:
    return evidence.information.filter(feature=name).row(0, named=True)


def covered(
    evidence: FeatureEvidence, name: str, dataset: str = STOCK_FEATURES.name
) -> tuple[float | None, str | None]:
    return evidence.coverage.filter(feature=name, dataset=dataset).select("coverage", "reason").row(0)


# -- known values ------------------------------------------------------------------------------------------------------


def test_it_studies_every_stored_session_up_to_the_hold_out(evidence: FeatureEvidence) -> None:
    assert (evidence.span.first, evidence.span.last) == (DAYS[0], BEFORE)
    n = sum(day < HOLD_OUT for day in DAYS)
    # the labels of the last HORIZON sessions are learned in the hold-out
    assert information(evidence, PLANTED)["rank_ic_n"] == n - HORIZON


def test_a_planted_alpha_is_told_from_noise(evidence: FeatureEvidence) -> None:
    assert information(evidence, PLANTED)["rank_ic"] == pytest.approx(0.6, abs=0.1)
    assert information(evidence, PLANTED)["rank_ic_t"] > 10
    assert abs(information(evidence, NOISE)["rank_ic"]) < 0.1


def test_a_null_flag_that_tells_something_is_listed(evidence: FeatureEvidence) -> None:
    assert evidence.null_flags["feature"].to_list() == [ABSENT]
    assert evidence.null_flags["null_ic"][0] < -0.2


def test_a_low_coverage_has_its_reason(evidence: FeatureEvidence) -> None:
    n = sum(day < HOLD_OUT for day in DAYS)
    assert covered(evidence, PLANTED) == (1.0, None)
    assert covered(evidence, ABSENT)[0] == pytest.approx(0.7, abs=0.03)
    assert "too little of its window" in covered(evidence, ABSENT)[1]
    share, reason = covered(evidence, YOUNG)
    assert share == pytest.approx(1 - 41 / n)
    assert reason == "100.0 % of what is missing lies within the first 42 sessions"
    assert covered(evidence, TOLD) == (0.0, "vwap is known of 0.0 %")
    assert covered(evidence, "vix", MARKET_FEATURES.name) == (1.0, None)
    assert covered(evidence, "volatility_252", MARKET_FEATURES.name)[0] == 0.0


def test_the_catalogue_lists_every_feature_that_is_stored_and_says_which_are_not(evidence: FeatureEvidence) -> None:
    catalogue = page_text(document(evidence))
    for name in (STOCK_FEATURES.name, MARKET_FEATURES.name):
        for feature in DECLARED[name]:
            assert f">{feature.name}<" in catalogue
    assert INDUSTRY_FEATURES.name in re.search("Not stored in this range.*", catalogue).group()
    assert f'<a href="features/{PLANTED}.html">' in catalogue
    assert f'<a href="features/{NOISE}.html">' not in catalogue  # no page was requested
    assert catalogue.count("<svg") > 100
    assert "from 2016-01-04: not shown" in catalogue


def test_a_sheet_has_its_sections(evidence: FeatureEvidence) -> None:
    sheets = document(evidence).attached
    assert sorted(sheets) == [ABSENT, PLANTED]
    sheet = page_text(sheets[PLANTED])
    for heading in ("Information by horizon", "Decay", "Turnover", "By year", "By industry", "By regime"):
        assert heading in sheet
    assert "minus the total return of 5 sessions" in sheet
    assert "Tech &amp; &lt;more&gt;" in sheet
    assert "bull" in sheet
    assert len(sheet) < 200_000


def test_months_hold_their_means_and_running_sums() -> None:
    days = [dt.date(2015, 1, 5), dt.date(2015, 1, 6), dt.date(2015, 2, 2)]
    assert monthly_means(np.array([1.0, np.nan, 5.0]), days).tolist() == [1.0, 5.0]
    assert running_sum(np.array([1.0, np.nan, 5.0]), days).tolist() == [1.0, 6.0]


# -- properties --------------------------------------------------------------------------------------------------------


def test_nothing_of_the_hold_out_can_matter(home: Home, evidence: FeatureEvidence) -> None:
    store = home.open_store()
    later = [day for day in DAYS if day >= HOLD_OUT]
    for dataset in (STOCK_FEATURES, LABELS):
        rows = store.versions(dataset, later[0], later[-1])
        changed = rows.with_columns(pl.col(pl.Float64) * -7.0)
        parts = {day: part.drop("session", "known_at") for day, part in by_session(changed, "session").items()}
        write(store, dataset, parts, fingerprint="altered")
    again = study(home, Request(items=(PLANTED,)))
    assert again.information.equals(evidence.information)
    assert page_text(document(again).attached[PLANTED]) == page_text(document(evidence).attached[PLANTED])


def test_final_shows_the_hold_out_and_is_counted(home: Home, evidence: FeatureEvidence) -> None:
    ledger = home.folder / "trials.sqlite"
    study(home, Request(items=(PLANTED,)))
    assert not ledger.exists()
    found = study(home, Request(items=(PLANTED,), final=True))
    assert found.span.last == DAYS[-1]
    assert information(found, PLANTED)["rank_ic"] < information(evidence, PLANTED)["rank_ic"]
    (trial,) = trials(ledger)
    assert (trial.final_evaluations, trial.latest.sharpe) == (1, None)
    assert "SHOWN, by --final" in page_text(document(found))


def test_the_command_prints_tables_for_people_and_json_for_programs(home: Home, tmp_path: Path) -> None:
    words = (
        "features",
        "--from",
        DAYS[0],
        "--to",
        DAYS[40],
        "--feature",
        PLANTED,
        "--output",
        tmp_path / "pages" / "features.html",
    )
    answer = asof(home.folder, *words)
    assert answer.code == 0, answer.err
    assert TOLD in answer.out
    assert str(tmp_path / "pages" / "features.html") in answer.out
    said = json.loads(asof(home.folder, *words, "--json").out)
    assert said["last"] == str(DAYS[40])
    assert {row["feature"] for row in said["information"]} > {PLANTED, NOISE}


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_the_hold_out_is_refused_without_final(home: Home) -> None:
    for option in ("--from", "--to"):
        answer = asof(home.folder, "features", option, DAYS[-1])
        assert answer.code == 2
        assert "lies in the hold-out" in answer.err


def test_what_is_not_there_is_refused_by_name(home: Home) -> None:
    with pytest.raises(ReportError, match="rsi_15"):
        study(home, Request(items=("rsi_15",)))
    with pytest.raises(ReportError, match="no session of the range"):
        study(home, Request(last=dt.date(2015, 1, 30)))
