import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.alpha.training.samples import Sample, calibration, samples, split
from tests.alpha.markets import ALPHA, DAYS, HORIZONS, SESSION, market


def both(scores: pl.DataFrame, labels: pl.DataFrame, session: dt.date = SESSION) -> list[Sample]:
    return list(samples(scores, labels, session, ALPHA, HORIZONS))


# known values


def test_the_purge_keeps_a_label_that_ends_as_the_held_out_part_begins():
    train, held_out = split(DAYS[:20], 0.3, 5)
    assert held_out.nonzero()[0].tolist() == list(range(14, 20))
    # t = 9 ends on 14; the labels of 14 begin on 15
    assert train.nonzero()[0].tolist() == list(range(10))


def test_the_purge_counts_sessions_of_the_exchange_not_rows():
    train, _ = split([*DAYS[:5], DAYS[8], DAYS[10]], 0.1, 5)
    assert train.tolist() == [True] * 5 + [False, False]  # held out: DAYS[10]


def test_one_session_or_none_cannot_be_split():
    assert [part.tolist() for part in split(DAYS[:1], 0.3, 5)] == [[False], [False]]
    assert [part.tolist() for part in split([], 0.3, 5)] == [[], []]


def test_each_horizon_is_purged_by_its_own_labels():
    five, ten = both(*market(1, nulls=0.0))
    # the last 5 (10) sessions have no label; 30 % of 55 is 16, of 50 is 15
    assert np.flatnonzero(five.labelled).tolist() == list(range(55))
    assert np.flatnonzero(five.held_out).tolist() == list(range(39, 55))
    assert np.flatnonzero(five.first).tolist() == list(range(35))
    assert np.flatnonzero(ten.labelled).tolist() == list(range(50))
    assert np.flatnonzero(ten.held_out).tolist() == list(range(35, 50))
    assert np.flatnonzero(ten.first).tolist() == list(range(26))
    assert (five.last_label(), ten.last_label()) == (DAYS[54], DAYS[49])


def test_rows_are_those_with_a_label_and_some_score_of_the_chosen_sessions():
    scores, labels = market(2, n_symbols=3, nulls=0.0)
    only = pl.col("event_date") == DAYS[1]
    z = pl.selectors.starts_with("z_")
    blank = scores.with_columns(pl.when(only & (pl.col("symbol") == "S00")).then(None).otherwise(z).name.keep())
    unknown = labels.with_columns(label_log=pl.when(~(only & (pl.col("symbol") == "S02"))).then("label_log"))
    sample = both(blank, unknown)[0]
    chosen = np.zeros(len(sample.sessions), dtype=np.bool_)
    chosen[:2] = True
    assert np.diff(sample.edges)[:2].tolist() == [3, 2]
    assert sample.rows(chosen).tolist() == [0, 1, 2, 3]  # of the second session S01 alone


def test_horizons_share_one_matrix():
    five, ten = both(*market(3))
    assert five.features is ten.features


def test_calibration_by_hand():
    score, simple = np.array([1.0, -2.0, 0.0]), np.array([1.0, -1.0, 1.0])
    # slope 3 / 5; what is left: 0.4, 0.2, 1
    assert calibration(score, simple, 1.5) == pytest.approx((0.6, (0.16 + 0.04 + 1.0) / 3))
    assert calibration(score, simple, 0.5) == pytest.approx((0.5, (0.25 + 0.0 + 1.0) / 3))
    assert calibration(score, -simple, 1.5) == pytest.approx((0.0, 1.0))


def test_scores_of_zero_or_none_at_all_cannot_be_calibrated():
    assert calibration(np.zeros(3), np.ones(3), 1.5) == (None, None)
    assert calibration(np.zeros(0), np.zeros(0), 1.5) == (None, None)


# properties


@given(st.lists(st.integers(0, 59), min_size=2, unique=True), st.floats(0.01, 0.99), st.integers(1, 12))
def test_no_training_label_reaches_past_the_first_held_out_session(chosen: list[int], share: float, horizon: int):
    at = sorted(chosen)
    train, held_out = split([DAYS[i] for i in at], share, horizon)
    first = at[int(np.argmax(held_out))]
    assert held_out.sum() >= 1 and not held_out[0]
    assert train.tolist() == [t + horizon <= first for t in at]


# refusals


def test_a_label_that_has_not_matured_is_refused_with_the_mend():
    scores, labels = market(9)
    with pytest.raises(ValueError, match=r"over 5 sessions has not matured by .*pass labels as known at"):
        both(scores, labels, DAYS[-7])
    ripe = labels.filter((pl.col("horizon_sessions") == 10) | (pl.col("event_date") <= DAYS[-12]))
    with pytest.raises(ValueError, match="over 10 sessions has not matured"):
        both(scores, ripe, DAYS[-7])
