import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features, Stationary
from feature_store.schemas.features import (
    SCORED,
    STOCK_SCORES,
)
from quant_assets.features.scores import (
    percentile_ranks,
    standardize_within,
    stock_scores,
    winsorize,
)
from tests.features.score_samples import (
    DAYS,
    FEATURES,
    NAN,
    NO_COMPANIES,
    NOTHING,
    TODAY,
    all_tradable,
    features,
    names,
    scored,
)
from tests.oracles import features as oracle
from tests.oracles.panels import assert_stored_as, industries, universe


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


# known values
def test_six_stocks_of_two_industries_by_hand():
    values = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 10.0, "E": 30.0, "F": 20.0}
    industry = dict.fromkeys("ABC", "Energy") | dict.fromkeys("DEF", "Tech")
    assert scored(values, industry) == pytest.approx({"A": -1, "B": 0, "C": 1, "D": -1, "E": 1, "F": 0})


def test_the_frame_is_as_stored_and_says_the_industry():
    values = {name: float(i) for i, name in enumerate("ABCD")}
    frame = stock_scores(
        features(values),
        NO_COMPANIES,
        NOTHING,
        all_tradable(values),
        industries([(TODAY, "B", "Energy")]),
        TODAY,
        FEATURES,
    )
    assert frame["industry"].to_list() == ["Unknown", "Energy", "Unknown", "Unknown"]
    assert frame["z_volatility_63"].null_count() == 4
    assert frame.columns[3 : 3 + len(SCORED)] == [f"z_{name}" for name in SCORED]
    assert_stored_as(frame, STOCK_SCORES)


def test_a_small_industry_is_measured_against_the_whole_universe():
    values = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 10.0, "E": 4.0}
    industry = dict.fromkeys("ABC", "Energy") | dict.fromkeys("DE", "Tech")
    all_of_them = np.array([1.0, 2.0, 3.0, 10.0, 4.0])
    found = scored(values, industry)
    assert [found[s] for s in "ABC"] == pytest.approx([-1, 0, 1])
    assert [found[s] for s in "DE"] == pytest.approx([(x - 4) / all_of_them.std(ddof=1) for x in (10.0, 4.0)])


def test_an_industry_is_small_where_too_few_of_it_have_a_value():
    values = {"A": 1.0, "B": 2.0, "C": None, "D": 3.0}
    found = scored(values, dict.fromkeys("ABCD", "Energy") | {"D": "Tech"})
    assert found == pytest.approx({"A": -1.0, "B": 0.0, "C": None, "D": 1.0})


def test_an_industry_without_spread_is_measured_against_the_whole_universe():
    values = {"A": 0.1, "B": 0.1, "C": 0.1, "D": 1.0, "E": 2.0, "F": 3.0}
    found = scored(values, dict.fromkeys("ABC", "Energy") | dict.fromkeys("DEF", "Tech"))
    x = np.array(list(values.values()))
    assert found["A"] == found["B"] == pytest.approx((0.1 - x.mean()) / x.std(ddof=1))
    assert found["E"] == pytest.approx(0.0)


def test_too_few_values_or_no_spread_anywhere_give_null():
    for values in ({"A": 1.0, "B": 2.0, "C": None}, dict.fromkeys("ABCDE", 0.1), dict.fromkeys("ABCDE")):
        assert set(scored(values, {}).values()) == {None}


def test_only_the_tradable_universe_is_scored_and_shapes_the_scores():
    values = {name: float(i) for i, name in enumerate("ABCDE")}
    tradable = all_tradable(values)
    other = pl.concat([tradable, universe([(TODAY, "HALTED", False), (DAYS[0], "OLD", True)])])
    more = {**values, "HALTED": 100.0, "STRANGER": -100.0}
    assert_frame_equal(
        stock_scores(features(more), NO_COMPANIES, NOTHING, other, industries([]), TODAY, FEATURES),
        stock_scores(features(values), NO_COMPANIES, NOTHING, tradable, industries([]), TODAY, FEATURES),
    )


def test_values_beyond_the_quantiles_of_the_universe_are_moved_there():
    x = column([float(i) for i in range(101)] + [1e9])
    clipped = winsorize(x, (0.1, 0.9))[:, 0]
    assert clipped.min() == pytest.approx(10.1)  # 101 steps between 102 values
    assert clipped.max() == pytest.approx(90.9)
    np.testing.assert_array_equal(clipped[11:91], x[11:91, 0])


def test_quantiles_are_of_the_observed_values_of_each_column():
    x = np.column_stack([[1.0, NAN, 2.0, NAN, 3.0], [NAN] * 5, [5.0, 4.0, 3.0, 2.0, 1.0]])
    clipped = winsorize(x, (0.25, 0.75))
    np.testing.assert_array_equal(clipped[:, 0], [1.5, NAN, 2.0, NAN, 2.5])
    assert np.isnan(clipped[:, 1]).all()
    np.testing.assert_array_equal(clipped[:, 2], [4.0, 4.0, 3.0, 2.0, 2.0])


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    assert_stored_as(
        stock_scores(features({}), NO_COMPANIES, NOTHING, universe([]), industries([]), TODAY, FEATURES), STOCK_SCORES
    )


def test_only_what_the_settings_name_is_scored_and_all_can_be():
    values = {"A": 1.0, "B": 2.0, "C": 3.0}
    other = features(values).with_columns(cci_20="reversal_5")
    for chosen, expected in (("all", {"reversal_5", "cci_20"}), (("cci_20",), {"cci_20"}), (("rsi_14",), set())):
        config = FEATURES.model_copy(update={"scored": chosen})
        frame = stock_scores(other, NO_COMPANIES, NOTHING, all_tradable(values), industries([]), TODAY, config)
        assert_stored_as(frame, STOCK_SCORES)
        assert {name for name in SCORED if frame[f"z_{name}"].count()} == expected


def test_a_feature_made_stationary_is_scored_as_such_and_null_where_it_is_not_known():
    values = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0}
    config = FEATURES.model_copy(update={"stationary": {"reversal_5": Stationary(method="rank")}})
    made = features({"A": 0.3, "B": 0.2, "C": 0.1}).select("event_date", "symbol", "reversal_5")
    frame = stock_scores(features(values), NO_COMPANIES, made, all_tradable(values), industries([]), TODAY, config)
    assert frame["z_reversal_5"].to_list() == [pytest.approx(1), pytest.approx(0), pytest.approx(-1), None]


def test_percentile_ranks_by_hand():
    x = column([10.0, 30.0, NAN, 20.0, 20.0])
    np.testing.assert_allclose(percentile_ranks(x)[:, 0], [0.5 / 4, 3.5 / 4, NAN, 0.5, 0.5])


@given(st.integers(0, 10**6), st.sampled_from([(0.01, 0.99), (0.2, 0.7)]), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_scores_are_the_slow_ones(seed: int, quantiles: tuple[float, float], least: int):
    rng = np.random.default_rng(seed)
    symbols = [f"S{i:02d}" for i in range(rng.integers(1, 40))]
    values = {s: None if rng.random() < 0.2 else float(rng.standard_t(2)) for s in symbols}
    industry = {s: str(rng.integers(0, 5)) for s in symbols}
    fast = scored(values, industry, Features(winsorize_quantiles=quantiles, min_industry=least))
    slow = oracle.scores(values, industry, quantiles, least)
    for symbol in symbols:
        expected = slow[symbol]
        assert fast[symbol] == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9))


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_every_large_industry_has_mean_zero_and_deviation_one(seed: int):
    rng = np.random.default_rng(seed)
    group = names("".join(rng.choice(list("ABC"), 60)))
    x = np.where(rng.random((60, 4)) < 0.1, NAN, rng.normal(3, 2, (60, 4)))
    scores = standardize_within(x, group, 5)
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(x))
    for name in "ABC":
        own = scores[group == name]
        for k in range(4):
            seen = own[~np.isnan(own[:, k]), k]
            if len(seen) >= 5:
                assert seen.mean() == pytest.approx(0.0, abs=1e-12)
                assert seen.std(ddof=1) == pytest.approx(1.0)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_clipping_is_at_the_quantiles_that_numpy_finds(seed: int):
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((37, 3)) < 0.2, NAN, rng.standard_t(2, (37, 3)))
    low, high = np.nanquantile(x, [0.03, 0.91], axis=0)
    np.testing.assert_allclose(winsorize(x, (0.03, 0.91)), np.clip(x, low, high), rtol=1e-14)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_one_feature_is_scored_as_it_is_among_many(seed: int):
    rng = np.random.default_rng(seed)
    x, group = rng.normal(0, 1, (50, 5)), names("".join(rng.choice(list("AB"), 50)))
    np.testing.assert_array_equal(standardize_within(x, group, 5)[:, 2:3], standardize_within(x[:, 2:3], group, 5))


@given(st.permutations("ABCDEFG"))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_does_not_matter(order: list[str]):
    values = {name: float(ord(name) ** 2) for name in "ABCDEFG"}
    published = industries([(TODAY, name, "x" if name in "ACE" else "y") for name in "ABCDEFG"])
    shuffled = features(values).sort(pl.col("symbol").replace_strict(order, range(7)))
    assert_frame_equal(
        stock_scores(
            shuffled, NO_COMPANIES, NOTHING, all_tradable(values).reverse(), published.reverse(), TODAY, FEATURES
        ),
        stock_scores(features(values), NO_COMPANIES, NOTHING, all_tradable(values), published, TODAY, FEATURES),
        check_exact=True,
    )


def test_other_days_change_nothing():
    values = {name: float(i) for i, name in enumerate("ABCDE")}
    noisy = pl.concat([features(values), features(dict.fromkeys(values, 9.0), DAYS[2])])
    assert_frame_equal(
        stock_scores(noisy, NO_COMPANIES, NOTHING, all_tradable(values), industries([]), TODAY, FEATURES),
        stock_scores(features(values), NO_COMPANIES, NOTHING, all_tradable(values), industries([]), TODAY, FEATURES),
    )
