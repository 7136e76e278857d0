import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Risk
from feature_store.schemas.risk import SPECIFIC_RISK
from quant_assets.risk.specific import median_alike, specific_risk, weighted_rms
from tests.oracles import covariance as oracle
from tests.oracles.panels import assert_stored_as, sessions
from tests.risk.markets import cross_section, on, specific_rows

RISK = Risk(lookback_sessions=30, min_observations=20, specific_half_life=10, specific_shrinkage=0.25)
DAYS = sessions(40)
TODAY = DAYS[-1]
YEAR = math.sqrt(252)


def stocks(industry: dict[str, str]) -> pl.DataFrame:
    """EXPOSURES of today by symbol and industry."""
    rows = cross_section(np.random.default_rng(0), len(industry))
    return on(rows.with_columns(pl.Series("symbol", list(industry)), pl.Series("industry", industry.values())), TODAY)


def raised(members: pl.DataFrame, n_free: int) -> float:
    """To the year, and for the coefficients that took up part of the residuals."""
    return YEAR * math.sqrt(len(members) / (len(members) - n_free))


def volatilities(frame: pl.DataFrame) -> dict[str, float]:
    return dict(frame.select("symbol", "volatility_annual").iter_rows())


def coin(size: float) -> list[float]:
    return [size, -size] * 20


# known values


def test_the_own_estimate_is_drawn_towards_the_median_of_its_industry():
    sizes = {"A": 0.01, "B": 0.02, "C": 0.03, "D": 0.04, "E": 0.05}
    members = stocks(dict.fromkeys(sizes, "Energy") | {"F": "Utilities"})
    residuals = specific_rows(DAYS, {name: coin(size) for name, size in (sizes | {"F": 0.1}).items()})
    frame = specific_risk(residuals, members, TODAY, RISK)
    got = volatilities(frame)
    for name, size in sizes.items():
        assert got[name] == pytest.approx((0.75 * size + 0.25 * 0.03) * raised(members, 2))  # market, two industries
    assert got["F"] == pytest.approx(
        (0.75 * 0.1 + 0.25 * 0.035) * raised(members, 2)
    )  # alone in its industry: all are alike
    assert frame["n_observations"].to_list() == [30] * 6
    assert_stored_as(frame, SPECIFIC_RISK)


def test_a_new_listing_has_the_median_of_its_industry():
    industry = dict.fromkeys("ABCDE", "Energy") | dict.fromkeys("FGHIJ", "Utilities") | {"NEW": "Utilities"}
    paths = {name: coin(0.01 if i < 5 else 0.03) for i, name in enumerate(industry)}
    paths["NEW"] = [math.nan] * 21 + [0.5] * 19
    members = stocks(industry)
    row = specific_risk(specific_rows(DAYS, paths), members, TODAY, RISK).row(-1, named=True)
    assert (row["symbol"], row["n_observations"]) == ("NEW", 19)
    assert row["volatility_annual"] == pytest.approx(0.03 * raised(members, 2))


def test_residuals_that_are_all_zero_are_no_estimate():
    paths = {"A": coin(0.02), "B": [0.0] * 40}
    members = stocks({"A": "X", "B": "X"})
    got = volatilities(specific_risk(specific_rows(DAYS, paths), members, TODAY, RISK))
    assert got == pytest.approx(dict.fromkeys("AB", 0.02 * raised(members, 1)))


def test_before_any_stock_has_an_estimate_there_are_no_rows():
    young = specific_rows(DAYS, {"A": [math.nan] * 21 + coin(0.01)[:19]})
    for residuals in (young, young.clear()):
        frame = specific_risk(residuals, stocks({"A": "X", "B": "X"}), TODAY, RISK)
        assert_stored_as(frame, SPECIFIC_RISK)
        assert len(frame) == 0
    assert_stored_as(specific_risk(young, stocks({"A": "X"}).clear(), TODAY, RISK), SPECIFIC_RISK)


def test_five_estimates_make_an_industry():
    values = np.array([1.0, 2, 3, 4, 5, 10, 20, 30, np.nan])
    industry = np.array(list("AAAAABBBB"), dtype=object)
    np.testing.assert_array_equal(median_alike(values, industry), [3] * 5 + [4.5] * 4)
    assert np.isnan(median_alike(np.full(2, np.nan), industry[:2])).all()


# properties


@given(st.integers(0, 10**6), st.floats(2, 100))
@settings(max_examples=20, deadline=None)
def test_the_weighted_rms_is_that_of_the_reference_implementation(seed: int, half_life: float):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.01, (40, 5))
    x[rng.random(x.shape) < 0.3] = np.nan
    slow = [oracle.weighted_rms(column.tolist(), half_life) for column in x.T]
    np.testing.assert_allclose(weighted_rms(x, half_life), slow, rtol=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_the_window_is_exact_and_nothing_later_or_of_others_matters(seed: int):
    rng, today = np.random.default_rng(seed), DAYS[-5]
    drawn = np.where(rng.random((40, 8)) < 0.1, np.nan, rng.normal(0, 0.01, (40, 8)))
    residuals = specific_rows(DAYS, {name: drawn[:, i].tolist() for i, name in enumerate("ABCDEFGZ")})
    later = stocks({name: "X" if name < "F" else "Y" for name in "ABCDEFG"})
    members = later.with_columns(event_date=pl.lit(today, pl.Date))
    cut = residuals.filter(pl.col("event_date").is_between(DAYS[-34], today), pl.col("symbol") != "Z")
    assert_frame_equal(
        specific_risk(cut, members, today, RISK),
        specific_risk(residuals.sample(fraction=1.0, shuffle=True, seed=1), pl.concat([members, later]), today, RISK),
        check_exact=True,
    )
