"""What the models say of each name, and when shuffled."""

from collections import Counter

import numpy as np
import polars as pl
import pytest

from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.risk import STYLES
from quant_assets.execution.book.forecast import Forecast, forecast, shuffled
from quant_assets.execution.book.inputs import ProgramInputs
from quant_assets.execution.book.interest import borrow_quotes
from quant_assets.execution.trading.costs import cost_parameters_of
from tests.execution.markets import DAYS, Market, frame, plain_portfolio, record

JANUARY, FEBRUARY = 4, 20  # indices of sessions
NAMES = [f"S{i:03d}" for i in range(40)]


def alphas(names: list[str], t: int = JANUARY) -> pl.DataFrame:
    rows = [{"event_date": DAYS[t], "symbol": s, "alpha": float(s[1:]), "n_predictions": 1} for s in names]
    return frame(COMBINED, rows)


def lenders(names: list[str], t: int = JANUARY) -> dict[str, str]:
    lent = shuffled(alphas(names, t), DAYS[t])
    return {s: f"S{int(a):03d}" for s, a in lent.select("symbol", "alpha").iter_rows()}


def said(market: Market, names: list[str], t: int = 0, **instead) -> Forecast:
    frames = market.inputs(t) | instead
    return forecast(
        names,
        record(ProgramInputs, frames),
        cost_parameters_of(frames["cost_parameters"], names),
        cash_rate_annual=0.01,
        borrow=borrow_quotes(frames["borrow"], names, DAYS[t], market.execution, short_sales=True),
        portfolio=market.portfolio,
    )


# --- known values ----------------------------------------------------------------------------------------------------


def test_exposures_stand_in_the_columns_of_the_covariance() -> None:
    styles = {"B": [0.5, -1.0, 0.0, 2.0, 0.25]}
    prices = {s: [(10.0, 10.0)] for s in "AB"}
    market = Market(prices, industries={"A": "Energy", "B": "Utilities"}, styles=styles)
    known = said(market, ["A", "B", "C"])
    factors = market.factor_covariance(0)["factor"].unique(maintain_order=True).to_list()
    rows = {s: dict(zip(factors, row, strict=True)) for s, row in zip("ABC", known.exposures.toarray(), strict=True)}
    assert rows["A"] == dict.fromkeys(factors, 0.0) | {"market": 1.0, "industry:Energy": 1.0}
    of_styles = dict(zip(STYLES, styles["B"], strict=True))
    assert rows["B"] == dict.fromkeys(factors, 0.0) | {"market": 1.0, "industry:Utilities": 1.0} | of_styles
    assert not any(rows["C"].values())
    assert known.industry == ["Energy", "Utilities", "Unknown"]
    covariance = known.risk.factor_covariance_annual
    assert covariance[factors.index("market"), factors.index("market")] == pytest.approx(0.3 * 0.04)


def test_a_factor_that_the_covariance_leaves_out_is_left_out() -> None:
    market = Market({"A": [(10.0, 10.0)]})
    common = market.factor_covariance(0).filter(pl.col("factor") == "market", pl.col("other") == "market")
    known = said(market, ["A"], factor_covariance=common)
    assert known.exposures.toarray().tolist() == [[1.0]]


def test_a_name_without_exposures_bears_its_total_variance_or_the_median() -> None:
    market = Market({s: [(10.0, 10.0)] for s in "ABC"}, below_floors={0: ["B", "C"]})
    everyone = Market(market.prices).cost_parameters(0).filter(pl.col("symbol") != "C")
    known = said(market, ["A", "B", "C"], cost_parameters=everyone)
    assert known.specific_variance_annual == pytest.approx([0.7 * 0.04, 0.04, 0.7 * 0.04])
    assert known.covered.tolist() == [False, False, False]


def test_a_name_is_judged_by_alpha_and_risk_together() -> None:
    market = Market({s: [(10.0, 10.0)] for s in "ABC"}, alphas={0: {"A": 0.01, "B": None, "C": 0.02}})
    risk = market.specific_risk(0).filter(pl.col("symbol") != "C")
    assert said(market, ["A", "B", "C"], specific_risk=risk).covered.tolist() == [True, False, False]


def test_views_give_tilts_bands_and_the_volatility_target() -> None:
    market = Market(
        {s: [(10.0, 10.0)] for s in "AB"},
        industries={"A": "Energy", "B": "Utilities"},
        tilts={"Energy": 0.002},
        bands={"Energy": 0.1, "Utilities": None},
        volatility_target=0.08,
    )
    known = said(market, ["A", "B", "C"])
    assert known.tilt.tolist() == pytest.approx([0.002, np.nan, np.nan], nan_ok=True)
    assert known.risk.bands == {"Energy": 0.1}
    assert known.risk.volatility_target_annual == 0.08
    market.volatility_target = None
    assert said(market, ["A"]).risk.volatility_target_annual == plain_portfolio().volatility_target_annual


@pytest.mark.parametrize("empty", ["exposures", "factor_covariance", "specific_risk"])
def test_what_is_missing_altogether_is_said(empty: str) -> None:
    market = Market({"A": [(10.0, 10.0)]}, alphas={0: {"A": 0.01}})
    assert said(market, ["A"]).missing is None
    assert said(market, ["A"], **{empty: market.inputs(0)[empty].clear()}).missing == "no risk model"
    assert said(market, ["A"], combined=market.combined(0).clear()).missing == "no predictions"


# --- properties ------------------------------------------------------------------------------------------------------


def test_every_alpha_is_lent_once_and_nobody_keeps_its_own() -> None:
    found = lenders(NAMES)
    assert Counter(found.values()) == Counter(NAMES)
    assert all(name != lender for name, lender in found.items())


def test_a_loan_holds_for_its_month() -> None:
    assert lenders(NAMES, JANUARY) == lenders(NAMES, JANUARY + 1)
    changed = sum(lenders(NAMES, JANUARY)[name] != lender for name, lender in lenders(NAMES, FEBRUARY).items())
    assert changed > 30


def test_a_name_that_goes_changes_its_neighbour_alone() -> None:
    before, after = lenders(NAMES), lenders(NAMES[1:])
    assert [name for name in NAMES[1:] if before[name] != after[name]] == [
        name for name in NAMES if before[name] == NAMES[0]
    ]


def test_names_without_an_alpha_neither_lend_nor_borrow() -> None:
    rows = alphas(NAMES[:3]).with_columns(
        alpha=pl.when(pl.col("symbol") == NAMES[1]).then(None).otherwise(pl.col("alpha"))
    )
    assert shuffled(rows, DAYS[0])["alpha"].to_list() == [2.0, None, 0.0]
    assert shuffled(rows.clear(), DAYS[0]).is_empty()


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_covariance_without_all_its_pairs_is_refused() -> None:
    market = Market({"A": [(10.0, 10.0)]})
    with pytest.raises(ValueError, match="48 rows, not every pair"):
        said(market, ["A"], factor_covariance=market.factor_covariance(0)[1:])
