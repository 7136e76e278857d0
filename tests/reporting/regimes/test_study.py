"""`asof regimes` and the page of regimes, over a home with made-up ones."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from quant_assets.reporting.protocol import Request
from quant_assets.reporting.regimes import hindsight
from quant_assets.reporting.regimes.page import document
from quant_assets.reporting.regimes.study import RegimeStudy, study
from quant_resources.home import Home
from quant_resources.ledgers.trials import trials
from tests.reporting.regimes.samples import TURN, regimes_home
from tests.reporting.rendering import page_text
from tests.support.accounts import DAYS, HOLD_OUT, home_of
from tests.support.tiny import asof


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return regimes_home(tmp_path_factory.mktemp("regimes"), history__hold_out=HOLD_OUT)


@pytest.fixture(scope="module")
def before_hold_out(home: Home) -> RegimeStudy:
    return study(home, Request())


# known values


def test_programs_get_probabilities_by_state_of_the_market_and_each_industry(home: Home) -> None:
    answer = asof(home.folder, "regimes", "--as-of", "2015-12-06", "--json")  # a Sunday
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["session"] == "2015-12-04"
    energy = found["industries"]["Energy"]
    assert energy["p_trend"] == {"bear": 0.7, "sideways": 0.2, "bull": 0.1}
    assert energy["p_vol"] == {"calm": 0.0, "turbulent": 0.1, "crisis": 0.9}
    assert (energy["trend"], energy["volatility"]) == ("bear", "crisis")
    assert energy["slow"]["p_vol"]["crisis"] == 0.9
    assert energy["breaks"]["volatility"] == {"break_probability": 0.9, "severity": 0.8, "run_length": 3}
    assert energy["p_sys"] == found["market"]["p_sys"] == {"diversifying": 0.75, "systemic": 0.25}
    assert (energy["p_flip_10d"], found["industries"]["Tech"]["p_flip_10d"]) == (0.1, None)
    assert found["industries"]["Tech"]["breaks"] == {}
    assert found["market"]["risk"] == "RISK_ON"
    assert found["market"]["risk_model"] == "e2"
    assert found["market"]["p_trend"]["bull"] == 1.0


def test_people_get_a_table_and_a_page_if_they_ask(home: Home) -> None:
    answer = asof(home.folder, "regimes", "--as-of", "2015-12-04", "--page")
    assert answer.code == 0, answer.err
    assert "Regimes of industries, 2015-12-04" in answer.out
    assert "crisis" in answer.out
    assert (home.folder / "reports" / "regimes.html").exists()


def test_the_page_ends_before_the_hold_out_and_says_what_was_seen(before_hold_out: RegimeStudy) -> None:
    assert before_hold_out.span.last < HOLD_OUT
    assert before_hold_out.industries == ("Energy", "Tech")
    assert before_hold_out.correlations.tolist() == [[1.0, 0.4], [0.4, 1.0]]
    text = page_text(document(before_hold_out))
    for heading in (
        "Regime of the market", "Regime of Energy", "Regime of Tech", "Correlations", "Calendar of breaks",
        "Reliability", "Transitions", "Delay and false alarms, by hindsight", "What each state was worth",
    ):  # fmt: skip
        assert f"<h2>{heading}</h2>" in text
    assert "on 5 sessions E1 stood in for E2" in text
    assert "HINDSIGHT" in text
    assert "The latest 30 of 1 breaks" in text


def test_transitions_and_worth_are_of_the_confirmed_states(before_hold_out: RegimeStudy) -> None:
    volatility = before_hold_out.transitions["industries: volatility"]
    assert volatility["entries"].to_list() == [0.0, 0.0, 1.0]
    days = [day for day in DAYS if day < HOLD_OUT]
    wild = sum(day >= TURN for day in days)
    rows = {row["state"]: row for row in before_hold_out.worth["industries: volatility"].to_dicts()}
    assert rows["crisis"]["fraction"] == pytest.approx(wild / (2 * len(days)))
    assert rows["crisis"]["sessions"] == wild - 2  # of the last two nothing that could be earned has come
    assert rows["turbulent"]["sessions"] == 0
    assert before_hold_out.worth["market: risk"]["fraction"].to_list() == [0.0, 0.0, 1.0]


def test_the_probability_of_a_change_is_compared_with_what_came(before_hold_out: RegimeStudy) -> None:
    forecasts = {of.forecast: of for of in before_hold_out.reliability}
    change = forecasts["change of a confirmed state within 10 sessions"]
    # one change, seen from each of the ten sessions before it, of those of one industry that are ten before the end
    assert change.points.count.sum() == sum(day < HOLD_OUT for day in DAYS) - 10
    assert np.nansum(change.points.frequency * change.points.count) == pytest.approx(10)


def test_the_timing_has_a_row_an_industry_and_one_of_all(before_hold_out: RegimeStudy) -> None:
    assert before_hold_out.timing is not None
    assert before_hold_out.timing["industry"].to_list() == ["Energy", "Tech", "all"]
    assert before_hold_out.timing["changes_a_year"].to_list()[1] == 0.0
    tech = before_hold_out.timing.filter(industry="Tech").row(0, named=True)
    assert (tech["switches"], tech["median_delay"], tech["missed"]) == (0, None, None)
    assert json.dumps(before_hold_out.as_json(), default=str)


def test_without_ruptures_the_page_says_how_to_get_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hindsight, "is_installed", lambda: False)
    assert "pip install 'asof[hindsight]'" in page_text(document(study(home, Request(last=TURN)))).replace("&#39;", "'")


def test_a_look_at_the_hold_out_is_counted(home: Home) -> None:
    shown = study(home, Request(final=True))
    assert shown.span.last == DAYS[-1]
    (trial,) = trials(home.trial_ledger)
    assert trial.final_evaluations == 1
    assert "SHOWN, by --final" in page_text(document(shown))


# refusals


def test_what_is_not_stored_or_held_out_is_refused(home: Home, tmp_path: Path) -> None:
    early = asof(home.folder, "regimes", "--as-of", str(DAYS[0] - dt.timedelta(days=1)))
    assert (early.code, "run `asof backfill`" in early.err) == (2, True)
    held = asof(home.folder, "page", "regimes", "--to", str(HOLD_OUT))
    assert (held.code, "--final" in held.err) == (2, True)
    empty = home_of(tmp_path)
    empty.open_store()
    assert "has no session of the range" in asof(empty.folder, "page", "regimes").err
