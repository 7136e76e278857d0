"""Composites of scores, floors, percentile ranks and distributions."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import Features
from feature_store.schemas.features import (
    SCORE_DISTRIBUTIONS,
    STOCK_FEATURES,
    STOCK_SCORES,
)
from quant_assets.features.scores import (
    compared,
    composite_of,
    read_of,
    score_distributions,
    stock_scores,
)
from tests.features.score_samples import FEATURES, NAN, NO_COMPANIES, NOTHING, TODAY, all_tradable, features
from tests.oracles import features as oracle
from tests.oracles.panels import assert_stored_as, industries, universe


def ranked(values: dict[str, float | None], config: Features = FEATURES) -> dict[str, dict[str, object]]:
    frame = stock_scores(features(values), NO_COMPANIES, NOTHING, all_tradable(values), industries([]), TODAY, config)
    return {row["symbol"]: row for row in frame.iter_rows(named=True)}


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
