import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features, Stationary
from feature_store.schemas.company_features import COMPANY_FEATURES
from feature_store.schemas.features import (
    SCORE_DISTRIBUTIONS,
    SCORED,
    STATIONARY_FEATURES,
    STOCK_FEATURES,
    STOCK_SCORES,
)
from quant_assets.features.scores import (
    compared,
    composite_of,
    percentile_ranks,
    read_of,
    score_distributions,
    standardize_within,
    stock_scores,
    winsorize,
)
from tests.oracles import features as oracle
from tests.oracles.panels import assert_stored_as, industries, sessions, stored, universe

DAYS = sessions(3)
TODAY = DAYS[1]
FEATURES = Features(winsorize_quantiles=(0.0, 1.0), min_industry=3)
NAN = float("nan")
NOTHING = pl.DataFrame(schema=stored(STATIONARY_FEATURES))
NO_COMPANIES = pl.DataFrame(schema=stored(COMPANY_FEATURES))


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


def scored(
    values: dict[str, float | None], industry: dict[str, str], config: Features = FEATURES
) -> dict[str, float | None]:
    published = industries([(TODAY, symbol, name) for symbol, name in industry.items()])
    frame = stock_scores(features(values), NO_COMPANIES, NOTHING, all_tradable(values), published, TODAY, config)
    return dict(frame.select("symbol", "z_reversal_5").iter_rows())


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


def names(letters: str) -> np.ndarray:
    return np.array(list(letters), dtype=object)


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


def ranked(values: dict[str, float | None], config: Features = FEATURES) -> dict[str, dict[str, object]]:
    frame = stock_scores(features(values), NO_COMPANIES, NOTHING, all_tradable(values), industries([]), TODAY, config)
    return {row["symbol"]: row for row in frame.iter_rows(named=True)}


def test_percentile_ranks_by_hand():
    x = column([10.0, 30.0, NAN, 20.0, 20.0])
    np.testing.assert_allclose(percentile_ranks(x)[:, 0], [0.5 / 4, 3.5 / 4, NAN, 0.5, 0.5])


def test_a_percentile_rank_is_of_the_value_in_the_whole_universe_as_it_was():
    values: dict[str, float | None] = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 1e9, "E": None}
    config = Features(winsorize_quantiles=(0.4, 0.6), min_industry=3)
    found = {name: row["rank_reversal_5"] for name, row in ranked(values, config).items()}
    assert found == {"A": 0.125, "B": 0.375, "C": 0.625, "D": 0.875, "E": None}


COMPOSED = FEATURES.model_copy(
    update={"scored": ("reversal_5",), "composite": {"reversal_5": 0.6, "cci_20": -0.4}, "floors": {"reversal_21": 0.5}}
)


def composed(rows: list[tuple[str, float | None, float | None, float | None]], config: Features = COMPOSED):
    """Scores of (symbol, reversal_5, cci_20, reversal_21), by symbol."""
    frame = features({row[0]: row[1] for row in rows}).with_columns(
        cci_20=pl.Series([row[2] for row in rows], dtype=pl.Float64),
        reversal_21=pl.Series([row[3] for row in rows], dtype=pl.Float64),
    )
    universe_ = all_tradable({row[0]: 0.0 for row in rows})
    found = stock_scores(frame, NO_COMPANIES, NOTHING, universe_, industries([]), TODAY, config)
    assert_stored_as(found, STOCK_SCORES)
    return found.select("symbol", "composite", "composite_rank", "composite_percentile", "above_floors").rows()


def test_the_composite_weighs_the_scores_that_are_known_and_ranks_the_best_first():
    found = composed([("A", 1.0, 3.0, 1.0), ("B", 2.0, 2.0, 1.0), ("C", 3.0, 1.0, 1.0)])
    # z of both are -1, 0, 1 and 1, 0, -1
    assert found == [
        ("A", pytest.approx(-1.0), 3, pytest.approx(1 / 6), True),
        ("B", pytest.approx(0.0), 2, pytest.approx(0.5), True),
        ("C", pytest.approx(1.0), 1, pytest.approx(5 / 6), True),
    ]
    unknown = composed([("A", 1.0, 3.0, 1.0), ("B", 2.0, 2.0, 1.0), ("C", 3.0, 1.0, 1.0), ("D", 2.0, None, 1.0)])
    assert unknown[3][1] == pytest.approx(0.0)  # 0.6 of the weights are known
    too_few = composed([("A", 1.0, 3.0, 1.0), ("B", 2.0, 2.0, 1.0), ("C", 3.0, 1.0, 1.0), ("D", None, 2.0, 1.0)])
    assert too_few[3] == ("D", None, None, None, True)


def test_a_floor_stays_a_floor_whatever_the_score_and_an_unknown_value_is_below_it():
    found = composed([("A", 9.0, 0.0, 0.49), ("B", 2.0, 2.0, 0.5), ("C", 3.0, 1.0, None), ("D", 1.0, 3.0, 9.0)])
    assert [(row[0], row[2], row[4]) for row in found] == [
        ("A", None, False), ("B", 1, True), ("C", None, False), ("D", 2, True),
    ]  # fmt: skip
    assert found[0][1] is not None  # its score is known, and shapes the others'


def test_a_session_with_one_candidate_or_equal_ones_leaves_the_word_to_the_floors():
    for rows in ([("A", 1.0, 1.0, 1.0)], [("A", 1.0, 1.0, 1.0), ("B", 1.0, 1.0, 1.0), ("C", 1.0, 1.0, 1.0)]):
        assert {row[1:] for row in composed(rows)} == {(None, None, None, True)}
    assert ranked({"A": 1.0})["A"]["rank_reversal_5"] == 0.5
    assert {row["rank_reversal_5"] for row in ranked(dict.fromkeys("ABC", 2.0)).values()} == {0.5}
    assert ranked({"A": None})["A"]["rank_reversal_5"] is None


def test_equal_composites_share_the_better_place():
    found = composed([("A", 1.0, 1.0, 1.0), ("B", 3.0, 3.0, 1.0), ("C", 3.0, 3.0, 1.0), ("D", 0.0, 0.0, 1.0)])
    assert [row[2] for row in found] == [3, 1, 1, 4]


def test_what_a_company_says_is_scored_like_a_price():
    values = {"A": 1.0, "B": 2.0, "C": 3.0}
    said = pl.DataFrame(
        {"event_date": [TODAY] * 2, "symbol": ["A", "C"], "book_to_price": [0.5, 0.7]},
    )
    config = FEATURES.model_copy(
        update={"scored": ("book_to_price",), "composite": {}, "floors": {"book_to_price": 0.6}, "min_industry": 2}
    )
    frame = stock_scores(features(values), said, NOTHING, all_tradable(values), industries([]), TODAY, config)
    assert frame["z_book_to_price"].to_list() == [pytest.approx(-(0.5**0.5)), None, pytest.approx(0.5**0.5)]
    assert frame["above_floors"].to_list() == [False, False, True]


def test_a_distribution_by_hand():
    values: dict[str, float | None] = {"A": 1.0, "B": 2.0, "C": 6.0, "D": None}
    more = universe([(TODAY, symbol, True) for symbol in values] + [(TODAY, "HALTED", False)])
    frame = score_distributions(features({**values, "HALTED": 99.0}), NO_COMPANIES, NOTHING, more, TODAY, FEATURES)
    assert_stored_as(frame, SCORE_DISTRIBUTIONS)
    assert frame["feature"].to_list() == sorted(compared(FEATURES))
    row = frame.row(by_predicate=pl.col("feature") == "reversal_5", named=True)
    assert (row["count"], row["null_fraction"], row["mean"]) == (3, 0.25, 3.0)
    assert row["std"] == pytest.approx(7**0.5)
    assert (row["p01"], row["p25"], row["p50"], row["p75"]) == pytest.approx((1.02, 1.5, 2.0, 4.0))
    empty = frame.row(by_predicate=pl.col("feature") == "reversal_21", named=True)
    assert {name: value for name, value in empty.items() if value is not None} == {
        "event_date": TODAY, "feature": "reversal_21", "count": 0, "null_fraction": 1.0,
    }  # fmt: skip


def test_equal_values_have_a_distribution_and_an_empty_universe_has_none():
    row = score_distributions(
        features(dict.fromkeys("AB", 0.1)), NO_COMPANIES, NOTHING, all_tradable(dict.fromkeys("AB")), TODAY, FEATURES
    ).row(by_predicate=pl.col("feature") == "reversal_5", named=True)
    assert (row["mean"], row["std"], row["p99"]) == (0.1, 0.0, 0.1)
    none = score_distributions(features({}), NO_COMPANIES, NOTHING, universe([]), TODAY, FEATURES)
    assert_stored_as(none, SCORE_DISTRIBUTIONS)
    assert none["count"].unique().to_list() == [0]
    assert none["null_fraction"].null_count() == len(none)


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_ranks_and_distributions_are_those_of_the_slow_ones(seed: int):
    rng = np.random.default_rng(seed)
    values = {
        f"S{i:02d}": None if rng.random() < 0.2 else float(rng.integers(0, 9)) for i in range(rng.integers(1, 30))
    }
    found = {name: row["rank_reversal_5"] for name, row in ranked(values).items()}
    expected = oracle.percentile_ranks(values)
    assert found == {name: None if r is None else pytest.approx(r, rel=1e-6) for name, r in expected.items()}
    row = score_distributions(features(values), NO_COMPANIES, NOTHING, all_tradable(values), TODAY, FEATURES).row(
        by_predicate=pl.col("feature") == "reversal_5", named=True
    )
    slow = oracle.distribution(list(values.values()))
    assert {name: row[name] for name in slow} == {
        name: None if x is None else pytest.approx(x, rel=1e-12, abs=1e-12) for name, x in slow.items()
    }


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_composite_is_the_slow_one(seed: int):
    rng = np.random.default_rng(seed)
    z = np.where(rng.random((20, 4)) < 0.3, NAN, rng.normal(0, 1, (20, 4)))
    weights = np.array([0.4, -0.3, 0.0, 0.3])
    for found, row in zip(composite_of(z, weights, 0.5), z.tolist(), strict=True):
        slow = oracle.composite(row, weights.tolist(), 0.5)
        assert found == pytest.approx(NAN if slow is None else slow, nan_ok=True)


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


# refusals


@pytest.mark.parametrize(
    ("setting", "value"), [("scored", ("rsi_15",)), ("composite", {"rsi_15": 1.0}), ("floors", {"rsi_15": 1.0})]
)
def test_a_name_that_no_feature_has_is_refused_with_its_setting(setting: str, value: object):
    with pytest.raises(ValueError, match=rf"features\.{setting} names \['rsi_15'\]"):
        read_of(FEATURES.model_copy(update={setting: value}), tuple(STOCK_FEATURES.values))


def test_a_level_that_all_stocks_share_cannot_be_weighed_but_can_be_a_floor():
    with pytest.raises(ValueError, match="adv_21_usd"):
        compared(FEATURES.model_copy(update={"composite": {"adv_21_usd": 1.0}}))
    floored = FEATURES.model_copy(update={"floors": {"adv_21_usd": 1e6}})
    assert "adv_21_usd" in read_of(floored, tuple(STOCK_FEATURES.values))


def test_a_weight_of_nothing_is_refused():
    with pytest.raises(ValueError, match="rsi_14"):
        Features(composite={"rsi_14": 0.0})
