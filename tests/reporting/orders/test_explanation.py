"""Where an order came from, against books that were walked and inputs that are known."""

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_store.schemas.execution import BOOK, ORDERS
from feature_store.schemas.market import BARS
from feature_store.schemas.portfolio import DIAGNOSTICS
from feature_store.schemas.risk import STYLES
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.costs import trade_cost_usd
from quant_assets.reporting.orders.explanation import explain
from quant_assets.reporting.orders.provenance import SCORES_SHOWN
from quant_resources.home import Home
from tests.execution.markets import DAYS, plain_portfolio
from tests.reporting.orders.sessions import COEFFICIENTS, DAY, LAST, NOT_NEEDED, market, score_of, write_book
from tests.support.accounts import CLOCK, by_session, home_of, write
from tests.support.tiny import asof


def sent(home: Home, day: dt.date = DAY) -> list[dict]:
    return home.open_store().read(ORDERS, day, day, day).to_dicts()


def row(home: Home, symbol: str, day: dt.date = DAY) -> dict:
    (found,) = home.open_store().read(BOOK, day, day, day, symbols=[symbol]).to_dicts()
    return found


def known_moments(value: object) -> list[dt.datetime]:
    """Every `known_at` anywhere inside."""
    if isinstance(value, dict):
        own = [value["known_at"]] if "known_at" in value else []
        return own + [moment for inner in value.values() for moment in known_moments(inner)]
    return [moment for inner in value for moment in known_moments(inner)] if isinstance(value, list) else []


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_order_is_that_of_the_book(stored: Path) -> None:
    home = Home(stored)
    whole = home.open_store().read(BOOK, DAY, DAY, DAY)
    nav = whole["value_usd"].sum()
    assert len(sent(home)) >= 3
    for order in sent(home):
        told, held = explain(home, order["order_id"])["order"], row(home, order["symbol"])
        assert {told[name] for name in ("shares", "notional_usd")} == {order["shares"], order["notional_usd"]}
        assert told["weight_before"] == held["value_usd"] / nav
        assert told["target_weight"] == held["target_weight"]
        # whole shares: what is sent lies within one share of the target
        assert told["weight_after"] == pytest.approx(held["target_weight"], abs=held["price_usd"] / nav)
        assert abs(told["shares_to_target"]) == pytest.approx(order["shares"], abs=1)
        assert not told["cut_by_checks"]


def test_alpha_is_told_by_model_and_horizon_and_together(stored: Path) -> None:
    home = Home(stored)
    alpha = explain(home, f"{DAY}-DDD")["alpha"]
    assert [(m["model"], m["horizon_sessions"], m["score"]) for m in alpha["by_model"]] == [
        ("ridge", 21, score_of("DDD", 21)),
        ("ridge", 63, score_of("DDD", 63)),
    ]
    said = market().alphas[2]["DDD"]
    assert (alpha["raw"], alpha["neutralized"], alpha["used"], alpha["tilt_used"]) == (said, said, said, 0.0008)


def test_contributions_of_the_scores_add_up_to_the_prediction(stored: Path) -> None:
    for symbol in ("AAA", "DDD"):
        found = explain(Home(stored), f"{DAY}-{symbol}")["contributions"]
        for horizon in COEFFICIENTS:
            own = [c for c in found if c["horizon_sessions"] == horizon]
            assert math.fsum(c["contribution"] for c in own) == pytest.approx(score_of(symbol, horizon), abs=1e-12)
            assert [c["term"] for c in own[SCORES_SHOWN:]] == ["others", "intercept"]
            largest = [abs(c["contribution"]) for c in own[:SCORES_SHOWN]]
            assert largest == sorted(largest, reverse=True)
            terms = [c["term"] for c in own]
            assert ("amihud_21" in terms) <= (symbol == "DDD")  # AAA has no such score
            values = {c["term"]: c["value"] for c in own}
            assert values.get("momentum_63", 0.12) == 0.12


def test_regime_and_risk_are_those_of_the_name_and_its_industry(stored: Path) -> None:
    found = explain(Home(stored), f"{DAY}-DDD")
    assert found["regime"]["industry"] == "Tech"
    assert found["regime"]["states"]["p_bull"] == 0.7
    labels = found["regime"]["market"]
    assert (labels["trend"], labels["volatility"], labels["systemic"]) == ("bull", None, False)
    assert (found["regime"]["tilt"], found["regime"]["band"]) == (0.0008, 1.0)
    of = market()
    x = np.array(of.styles["DDD"])
    factors = of.correlation * of.volatility**2 + x @ of.style_covariance @ x
    assert found["risk"]["exposures"] == {"industry": "Tech", **dict(zip(STYLES, x, strict=True)), "weight": 0.25}
    assert found["risk"]["factor_volatility_annual"] == pytest.approx(math.sqrt(factors))
    specific = of.volatility**2 * (1 - of.correlation)
    assert found["risk"]["volatility_annual"] == pytest.approx(math.sqrt(factors + specific))


def test_what_bound_is_told_with_its_dual_the_name_first(stored: Path) -> None:
    home = Home(stored)
    limits = explain(home, f"{DAY}-DDD")["limits"]
    assert limits[0]["limit"] == "upper bound"
    assert limits[0]["dual"] == row(home, "DDD")["dual_upper"] > 1e-6
    assert limits[0]["value"] == pytest.approx(0.4)
    first = [limit["of"] for limit in limits]
    assert first == sorted(first, key=("this name", "its industry", "the whole book", "another industry").index)
    store = home.open_store()
    told = {r["limit"]: r for r in store.read(DIAGNOSTICS, DAY, DAY, DAY).to_dicts()}
    for limit in limits[1:]:
        assert limit["dual"] == told[limit["limit"]]["dual"]
        assert abs(limit["dual"]) > 1e-9 or limit["violation"] > 0


def test_expected_costs_are_those_of_the_fill_to_come(stored: Path) -> None:
    home = Home(stored)
    order, costs = row(home, "DDD"), explain(home, f"{DAY}-DDD")["costs"]
    notional = abs(order["order_shares"]) * order["reference_price_usd"]
    parameters = CostParameters(*(np.array([order[n]]) for n in ("half_spread_bp", "adv_usd", "volatility_daily")))
    assert costs["total_usd"] == pytest.approx(
        trade_cost_usd(np.array([notional]), parameters, home.profile.execution)[0]
    )
    assert costs["commission_usd"] == pytest.approx(notional * 0.5e-4)
    assert costs["spread_usd"] == pytest.approx(notional * 2.5e-4)
    share = math.sqrt(notional / order["adv_usd"])
    assert costs["impact_usd"] == pytest.approx(notional * order["volatility_daily"] * share)
    assert costs["total_bp"] == pytest.approx(costs["total_usd"] / notional * 1e4)


def test_what_became_of_it_is_the_next_sessions_fill(stored: Path) -> None:
    home = Home(stored)
    outcome, order = explain(home, f"{DAY}-DDD")["outcome"], row(home, "DDD")
    fill = row(home, "DDD", DAYS[3])
    assert outcome["session"] == DAYS[3]
    assert outcome["result"] == "filled"
    assert (outcome["fill_shares"], outcome["fill_price_usd"]) == (order["order_shares"], 38.0)
    assert outcome["cost_usd"] == fill["cost_usd"]
    assert outcome["open_against_reference_bp"] == pytest.approx((38.0 / 37.5 - 1) * 1e4)  # a buy pays more
    last = sent(home, DAYS[LAST])[0]["order_id"]
    assert explain(home, last)["outcome"] == {"session": DAYS[LAST + 1], "result": "not stored yet"}


def test_a_fill_that_lapsed_or_was_scaled_says_so(home: Home) -> None:
    store = home.open_store()
    book = store.versions(BOOK, DAYS[3], DAYS[3]).drop("session", "known_at")
    is_it = pl.col("symbol") == "DDD"
    for fill, said in ((0.0, "lapsed"), (10.0, "scaled")):
        changed = book.with_columns(
            fill_shares=pl.when(is_it).then(fill).otherwise("fill_shares"),
            status=pl.when(is_it).then(pl.lit("cut")).otherwise("status"),  # said of the order of DAYS[3]
        )
        write(store, BOOK, {DAYS[3]: changed}, said)
        assert explain(home, f"{DAY}-DDD")["outcome"]["result"] == said


def test_the_generation_in_force_speaks(home: Home) -> None:
    before = explain(home, f"{DAY}-DDD")
    assert (before["provenance"]["generation"], before["provenance"]["generations"]) == (1, 1)
    at = market()
    at.portfolio = plain_portfolio(weight_cap=0.3)
    state = home.open_store().versions(BOOK, DAYS[1], DAYS[1]).drop("session", "known_at")
    write_book(home.open_store(), at.steps(state, 2), DAY, "second")
    after = explain(home, f"{DAY}-DDD")
    assert (after["provenance"]["generation"], after["provenance"]["generations"]) == (2, 2)
    assert after["provenance"]["fingerprint"] == "second"
    assert after["order"]["target_weight"] == pytest.approx(0.3)
    assert after["provenance"]["order_is_of_this_book"]


def test_an_order_of_another_generation_of_the_book_is_flagged(home: Home) -> None:
    store = home.open_store()
    book = store.versions(BOOK, DAY, DAY).drop("session", "known_at")
    write(store, BOOK, {DAY: book.with_columns(pl.col("order_shares") * 2)}, "second")
    assert not explain(home, f"{DAY}-DDD")["provenance"]["order_is_of_this_book"]
    assert "another generation of the book" in asof(home.folder, "explain", f"{DAY}-DDD").out


def test_people_and_programs_are_told_the_same(stored: Path) -> None:
    people, programs = (asof(stored, "explain", f"{DAY}-DDD", *more) for more in ((), ("--json",)))
    assert people.code == programs.code == 0, people.err
    told = json.loads(programs.out)
    assert set(told) == {
        "order", "alpha", "regime", "risk", "limits", "costs", "optimization", "outcome", "inputs", "contributions",
        "provenance",
    }  # fmt: skip
    for said in (
        f"{DAY}-DDD: buy {told['order']['shares']:,.10g} shares", "Regime of Tech", "bull 70.0 %", "upper bound",
        told["provenance"]["fingerprint"], "market/corporate_actions", f"{told['costs']['total_usd']:,.2f} USD",
        "filled: ",
    ):  # fmt: skip
        assert said in people.out, said


# -- properties --------------------------------------------------------------------------------------------------------


def test_nothing_learned_after_the_session_is_told(home: Home) -> None:
    store = home.open_store()
    correction = pl.DataFrame({"event_date": [DAY], "symbol": ["DDD"], "open": [1.0], "high": [1.0], "low": [1.0],
                               "close": [1.0], "volume": [1]})  # fmt: skip
    before = store.versions(BARS, DAYS[3], DAYS[3]).drop("session", "known_at")
    later = pl.concat([before, correction], how="diagonal")
    write(store, BARS, {DAYS[3]: later}, "corrected")
    assert store.read(BARS, DAYS[3], DAY, DAY, symbols=["DDD"])["close"].item() == 1.0
    found = explain(home, f"{DAY}-DDD")
    (bar,) = (i for i in found["inputs"] if i["dataset"] == "market/bars")
    assert bar["row"]["close"] == 37.5
    moments = known_moments(found)
    assert len(moments) > 15
    assert max(moments) <= CLOCK.decision_time(DAY)
    actions = [i["row"]["action"] for i in found["inputs"] if i["dataset"] == "market/corporate_actions"]
    assert actions == ["cash_dividend"]
    announced = explain(home, f"{DAYS[3]}-DDD")["inputs"]
    assert [i["row"]["action"] for i in announced if i["dataset"] == "market/corporate_actions"][-1] == "split"


@pytest.mark.parametrize("without", [*NOT_NEEDED, None], ids=lambda dataset: dataset.name if dataset else "nothing")
def test_what_is_missing_leaves_the_rest(stored: Path, tmp_path: Path, without) -> None:
    bare = home_of(tmp_path / "bare")
    source, store = Home(stored).open_store(), bare.open_store()
    for dataset in (*NOT_NEEDED, BOOK, ORDERS):
        if dataset is not without:
            write(store, dataset, by_session(source.versions(dataset, DAY, DAY).drop("session", "known_at")))
    answer = asof(bare.folder, "explain", f"{DAY}-DDD")
    assert answer.code == 0, answer.err
    assert f"{DAY}-DDD: buy" in answer.out
