import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from feature_store.schemas.features import INDUSTRY_RETURNS
from quant_assets.features.industries import industry_returns
from tests.oracles.panels import adjusted, assert_stored_as, industries, sessions, universe

DAYS = sessions(2)
TODAY = DAYS[1]
UNIVERSE = universe(
    [(TODAY, "A", True), (TODAY, "B", True), (TODAY, "C", True), (TODAY, "D", True), (TODAY, "H", False)]
)
INDUSTRIES = industries([(TODAY, "A", "Energy"), (TODAY, "B", "Energy"), (TODAY, "C", "Tech"), (TODAY, "H", "Tech")])
NAN = float("nan")
BARS = adjusted(
    DAYS,
    {"A": [0.0, np.log(1.1)], "B": [0.0, np.log(0.9)], "C": [0.0, NAN], "D": [0.0, np.log(1.5)], "H": [0.0, 9.0]},
)

# known values


def test_the_mean_is_of_simple_returns_over_tradable_members_with_a_return():
    frame = industry_returns(BARS, UNIVERSE, INDUSTRIES, TODAY)
    assert frame["industry"].to_list() == ["Energy", "Tech", "Unknown"]
    assert frame["n_members"].to_list() == [2, 0, 1]
    energy, tech, unknown = frame["log_return"]
    assert energy == pytest.approx(0.0, abs=1e-15)  # +10 % and -10 %
    assert tech is None
    assert unknown == pytest.approx(np.log(1.5))
    assert_stored_as(frame, INDUSTRY_RETURNS)


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    assert_stored_as(industry_returns(BARS, universe([]), industries([]), TODAY), INDUSTRY_RETURNS)


# properties


def test_neither_other_days_nor_the_order_of_rows_matter():
    assert_frame_equal(
        industry_returns(BARS.filter(event_date=TODAY).reverse(), UNIVERSE.reverse(), INDUSTRIES.reverse(), TODAY),
        industry_returns(BARS, UNIVERSE, INDUSTRIES, TODAY),
        check_exact=True,
    )


def test_a_stranger_to_the_universe_changes_nothing():
    stranger = pl.concat([BARS, adjusted(DAYS, {"Z": [0.0, 5.0]})])
    assert_frame_equal(
        industry_returns(stranger, UNIVERSE, INDUSTRIES, TODAY), industry_returns(BARS, UNIVERSE, INDUSTRIES, TODAY)
    )
