import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.schemas.features import STOCK_FEATURES, STOCK_SCORES
from quant_assets.features.scores import standardize, stock_scores, winsorize
from tests.oracles import features as oracle
from tests.oracles.panels import assert_stored_as, industries, sessions, stored, universe

DAYS = sessions(3)
TODAY = DAYS[1]
FEATURES = Features(min_cross_section=5)
INDUSTRIES = industries([(TODAY, "A", "Energy")])


def features(values: dict[str, float | None], day: dt.date = TODAY) -> pl.DataFrame:
    """STOCK_FEATURES with `reversal_5` as given, and the rest null."""
    rows = pl.DataFrame(
        {"event_date": [day] * len(values), "symbol": list(values), "reversal_5": list(values.values())},
        schema={"event_date": pl.Date, "symbol": pl.String, "reversal_5": pl.Float64},
    )
    empty = pl.DataFrame(schema=stored(STOCK_FEATURES))
    return pl.concat([empty, rows], how="diagonal").sort("symbol")


def all_tradable(values: dict[str, float | None]) -> pl.DataFrame:
    return universe([(TODAY, symbol, True) for symbol in values])


# known values


def test_five_stocks_by_hand():
    values = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0, "E": 5.0}
    scores = stock_scores(features(values), all_tradable(values), INDUSTRIES, TODAY, FEATURES)
    assert scores["z_reversal_5"].to_list() == pytest.approx([x / np.sqrt(2.5) for x in (-2, -1, 0, 1, 2)])
    assert scores["industry"].to_list() == ["Energy", *["Unknown"] * 4]
    assert scores["z_volatility_63"].null_count() == 5
    assert_stored_as(scores, STOCK_SCORES)


def test_only_the_tradable_universe_is_scored_and_shapes_the_scores():
    values = {name: float(i) for i, name in enumerate("ABCDE")}
    tradable = all_tradable(values)
    other = pl.concat([tradable, universe([(TODAY, "HALTED", False), (DAYS[0], "OLD", True)])])
    more = {**values, "HALTED": 100.0, "STRANGER": -100.0}
    assert_frame_equal(
        stock_scores(features(more), other, INDUSTRIES, TODAY, FEATURES),
        stock_scores(features(values), tradable, INDUSTRIES, TODAY, FEATURES),
    )


def test_too_few_values_or_no_spread_give_null():
    few = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0, "E": None}
    equal = dict.fromkeys("ABCDE", 0.1)
    for values in (few, equal):
        scores = stock_scores(features(values), all_tradable(values), INDUSTRIES, TODAY, FEATURES)
        assert scores["z_reversal_5"].null_count() == 5


def test_a_null_stays_null_among_enough_others():
    values = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0, "E": 5.0, "F": None}
    scores = stock_scores(features(values), all_tradable(values), INDUSTRIES, TODAY, FEATURES)
    assert scores["z_reversal_5"].is_null().to_list() == [False] * 5 + [True]


def test_a_lone_outlier_is_pulled_in_even_though_it_stretches_the_deviation():
    x = np.append(np.linspace(-1, 1, 400), 1e6)
    assert standardize(np.clip(x, x.mean() - 3 * x.std(ddof=1), x.mean() + 3 * x.std(ddof=1))).max() > 19
    assert standardize(winsorize(x, 3.0)).max() < 3.01


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    assert_stored_as(stock_scores(features({}), universe([]), industries([]), TODAY, FEATURES), STOCK_SCORES)


# properties


@given(st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=40), st.sampled_from([1.5, 3.0]))
@settings(max_examples=30, deadline=None)
def test_scores_are_the_slow_ones(x: list[float], deviations: float):
    if np.std(x) > 1e-6:
        fast = standardize(winsorize(np.array(x), deviations))
        assert fast == pytest.approx(oracle.score(x, deviations), rel=1e-6, abs=1e-8)
        assert fast.mean() == pytest.approx(0.0, abs=1e-9)
        assert fast.std(ddof=1) == pytest.approx(1.0)


@given(st.permutations("ABCDEFG"))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_does_not_matter(order: list[str]):
    values = {name: float(ord(name) ** 2) for name in "ABCDEFG"}
    shuffled = features(values).sort(pl.col("symbol").replace_strict(order, range(7)))
    assert_frame_equal(
        stock_scores(shuffled, all_tradable(values).reverse(), INDUSTRIES, TODAY, FEATURES),
        stock_scores(features(values), all_tradable(values), INDUSTRIES, TODAY, FEATURES),
        check_exact=True,
    )


def test_other_days_change_nothing():
    values = {name: float(i) for i, name in enumerate("ABCDE")}
    noisy = pl.concat([features(values), features(dict.fromkeys(values, 9.0), DAYS[2])])
    assert_frame_equal(
        stock_scores(noisy, all_tradable(values), INDUSTRIES, TODAY, FEATURES),
        stock_scores(features(values), all_tradable(values), INDUSTRIES, TODAY, FEATURES),
    )
