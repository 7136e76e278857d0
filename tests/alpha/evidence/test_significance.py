import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from quant_assets.alpha.evidence.significance import hac_t, rank_ic
from tests.oracles import alpha as oracle
from tests.oracles.panels import sessions

DAYS = sessions(6)


def section(name: str, rows: list[tuple[int, str, float | None]]) -> pl.DataFrame:
    schema = {"event_date": pl.Date, "symbol": pl.String, name: pl.Float64}
    return pl.DataFrame([(DAYS[t], symbol, value) for t, symbol, value in rows], schema=schema, orient="row")


def random_sections(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """With ties and holes."""
    rng = np.random.default_rng(seed)
    keys = [(t, f"S{i}") for t in range(6) for i in range(12)]
    score = section("score", [(t, s, float(rng.integers(0, 6))) for t, s in keys if rng.random() < 0.9])
    label = section("label", [(t, s, None if rng.random() < 0.1 else rng.normal()) for t, s in keys])
    return score, label


# known values


def test_rank_ic_by_hand():
    scores = section("score", [(0, "A", 1.0), (0, "B", 2.0), (0, "C", 3.0), (0, "D", 4.0), (0, "E", 9.0)])
    labels = section("label", [(0, "A", 0.1), (0, "B", 0.3), (0, "C", 0.2), (0, "D", 0.4), (0, "E", None)])
    # 1 - 6 * 2 / (4 * 15); E has no label
    assert rank_ic(scores, labels).rows() == [(DAYS[0], pytest.approx(0.8), 4)]


def test_two_stocks_or_equal_scores_have_no_rank_ic():
    scores = section("score", [(0, "A", 1.0), (0, "B", 2.0), (1, "A", 5.0), (1, "B", 5.0), (1, "C", 5.0)])
    labels = section("label", [(t, s, x) for t in (0, 1) for s, x in (("A", 1.0), ("B", 2.0), ("C", 3.0))])
    assert rank_ic(scores, labels).rows() == [(DAYS[0], None, 2), (DAYS[1], None, 3)]


def test_hac_t_by_hand():
    x = [1.0, 2.0, 4.0, 3.0]
    # mean 2.5, errors -1.5 -0.5 1.5 0.5; sum of squares 5, of neighbours' products 0.75 - 0.75 + 0.75 = 0.75
    assert hac_t(pl.Series(x), 0) == pytest.approx(2.5 / math.sqrt(5 / 16))
    assert hac_t(np.array(x), 1) == pytest.approx(2.5 / math.sqrt((5 + 2 * 0.5 * 0.75) / 16))


def test_missing_values_are_left_out():
    assert hac_t(pl.Series([1.0, None, 2.0, float("nan"), 4.0, 3.0]), 1) == hac_t(pl.Series([1.0, 2.0, 4.0, 3.0]), 1)


def test_one_value_or_no_spread_has_no_t():
    assert math.isnan(hac_t(pl.Series([1.0]), 0))
    assert math.isnan(hac_t(pl.Series([], dtype=pl.Float64), 0))
    assert math.isnan(hac_t(pl.Series([2.0, 2.0, 2.0]), 1))


def test_overlap_is_paid_for():
    rng = np.random.default_rng(1)
    steps = rng.normal(0.3, 1.0, 2020)
    overlapping = np.convolve(steps, np.ones(21), mode="valid")
    plain, honest = hac_t(overlapping, 0), hac_t(overlapping, 20)
    # neighbours over 21 sessions hold about 21 / (2/3 + 1/3) as much as they seem to; Bartlett weights see 2/3 of it
    assert plain / honest == pytest.approx(math.sqrt(2 / 3 * 21), rel=0.15)


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_rank_ic_is_scipys(seed: int):
    scores, labels = random_sections(seed)
    found = rank_ic(scores, labels)
    slow = oracle.rank_ic(scores, labels)
    assert dict(found.select("event_date", "rank_ic").iter_rows()) == pytest.approx(slow)
    mixed = [frame.sample(fraction=1.0, shuffle=True, seed=seed) for frame in (scores, labels)]
    assert_frame_equal(rank_ic(*mixed), found, check_exact=True)


# refusals


def test_lags_below_zero_are_refused():
    with pytest.raises(ValueError, match="pass at least 0"):
        hac_t(pl.Series([1.0, 2.0]), -1)
