import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Alpha
from feature_store.schemas.alpha import MODEL_FITS, PREDICTIONS
from feature_store.schemas.features import LABELS, STOCK_SCORES
from quant_assets.alpha.ridge import FEATURES, model_fits, moments, predictions, ridge, split
from tests.oracles import alpha as oracle
from tests.oracles.panels import assert_stored_as, sessions, stored

ALPHA = Alpha(horizon_sessions=5, lookback_sessions=100, ridge_penalty=10.0, min_rows=50, calibration_share=0.3)
DAYS = sessions(60)
SESSION = DAYS[-1]


def market(
    seed: int, strength: float = 0.02, n_symbols: int = 8, slope: float = 1.0, nulls: float = 0.1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores of every session, and the matured labels that follow the first feature with the given strength."""
    rng = np.random.default_rng(seed)
    days, names = DAYS, [f"S{i}" for i in range(n_symbols)]
    n = len(days) * n_symbols
    frame = pl.DataFrame([(day, name) for day in days for name in names], schema=["event_date", "symbol"], orient="row")
    z = rng.normal(size=(n, len(FEATURES)))
    score_rows = frame.with_columns(
        pl.lit("x").alias("industry"),
        *(pl.when(pl.Series(rng.random(n) >= nulls)).then(pl.Series(z[:, i])).alias(f) for i, f in enumerate(FEATURES)),
    )
    signal = score_rows[FEATURES[0]].fill_null(0.0).to_numpy() * strength
    log = signal + rng.normal(0, 0.05, n)
    label_rows = frame.with_columns(
        horizon_sessions=pl.lit(5, pl.Int32),
        label_log=pl.when(pl.Series(rng.random(n) >= nulls / 2)).then(pl.Series(log)),
        label_simple=pl.Series(slope * log),
    ).filter(pl.col("event_date") <= DAYS[-6])
    return score_rows.select(stored(STOCK_SCORES).keys()), label_rows.select(stored(LABELS).keys())


def coefficients(fits: pl.DataFrame) -> dict[str, float | None]:
    return dict(fits.select("term", "coefficient").iter_rows())


# known values


def test_ridge_of_one_feature_by_hand():
    x = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    y = np.array([3.0, 1.0, 3.0, 1.0])  # 2 + x
    sums = moments(pl.Series([DAYS[0]] * 4), x, y, y)
    gram, log, _, rows = sums.total(np.array([True]))
    assert rows == 4
    assert ridge(gram, log, 0.0) == pytest.approx([1.0, 2.0])
    assert ridge(gram, log, 4.0) == pytest.approx([0.5, 2.0])  # 4 / (4 + 4); the intercept is not penalized


def test_a_feature_that_is_never_seen_gets_nothing():
    sums = moments(pl.Series([DAYS[0]] * 3), np.zeros((3, 2)), np.array([1.0, 2.0, 3.0]), np.zeros(3))
    gram, log, *_ = sums.total(np.array([True]))
    assert ridge(gram, log, 0.0) == pytest.approx([0.0, 0.0, 2.0])


def test_the_purge_keeps_a_label_that_ends_as_the_held_out_part_begins():
    train, held_out = split(DAYS[:20], 0.3, 5)
    assert held_out.nonzero()[0].tolist() == list(range(14, 20))
    # t = 9 ends on 14; the labels of 14 begin on 15
    assert train.nonzero()[0].tolist() == list(range(10))


def test_the_purge_counts_sessions_of_the_exchange_not_rows():
    train, _ = split([*DAYS[:5], DAYS[8], DAYS[10]], 0.1, 5)
    assert train.tolist() == [True] * 5 + [False, False]  # held out: DAYS[10]


def test_planted_alpha_is_found_and_mapped_to_money():
    scores, labels = market(1, strength=0.03, n_symbols=30, slope=0.8, nulls=0.0)
    found = coefficients(model_fits(scores, labels, SESSION, ALPHA))
    assert found[FEATURES[0]] == pytest.approx(0.03, abs=0.005)
    assert found[FEATURES[1]] == pytest.approx(0.0, abs=0.005)
    assert found["calibration"] == pytest.approx(0.8, abs=0.15)


def test_a_score_that_points_the_wrong_way_out_of_sample_is_worth_nothing():
    scores, labels = market(2, strength=0.03, nulls=0.0)
    turned = labels.with_columns(
        label_simple=pl.when(pl.col("event_date") > DAYS[35]).then(-pl.col("label_log")).otherwise("label_log")
    )
    assert coefficients(model_fits(scores, turned, SESSION, ALPHA))["calibration"] == 0.0


def test_the_calibration_is_capped():
    scores, labels = market(3, strength=0.03, slope=4.0)
    assert coefficients(model_fits(scores, labels, SESSION, ALPHA))["calibration"] == ALPHA.calibration_cap


def test_too_few_rows_give_null_coefficients_and_null_predictions():
    scores, labels = market(4)
    fits = model_fits(scores, labels, SESSION, ALPHA.model_copy(update={"min_rows": 10_000}))
    assert_stored_as(fits, MODEL_FITS)
    assert fits["coefficient"].null_count() == len(fits) == len(FEATURES) + 2
    predicted = predictions(scores, fits, SESSION)
    assert predicted["score"].null_count() == predicted["alpha"].null_count() == len(predicted) == 8


def test_enough_rows_in_all_but_too_few_to_calibrate_give_scores_without_alpha():
    scores, labels = market(4)
    n_rows = model_fits(scores, labels, SESSION, ALPHA)["n_rows"][0]
    fits = model_fits(scores, labels, SESSION, ALPHA.model_copy(update={"min_rows": n_rows}))
    found = coefficients(fits)
    assert found["calibration"] is None
    assert found["intercept"] is not None
    predicted = predictions(scores, fits, SESSION)
    assert predicted["alpha"].null_count() == 8
    assert predicted["score"].null_count() == 0


def test_no_data_at_all_gives_null_coefficients():
    scores, labels = market(4)
    fits = model_fits(scores.clear(), labels.clear(), SESSION, ALPHA)
    assert_stored_as(fits, MODEL_FITS)
    assert fits["n_rows"].to_list() == [0] * len(fits)
    assert fits["last_label"].null_count() == len(fits)


def test_a_prediction_by_hand():
    day = DAYS[0]
    terms = {
        **dict.fromkeys(FEATURES, 0.0),
        FEATURES[0]: 0.01,
        FEATURES[2]: -0.02,
        "intercept": 0.001,
        "calibration": 0.5,
    }
    fits = pl.DataFrame(
        [(day, "ridge", term, DAYS[0], value, 100, DAYS[0]) for term, value in terms.items()],
        schema=stored(MODEL_FITS),
        orient="row",
    )
    rows = [
        (day, "A", "x", 1.0, None, 2.0, None, None),
        (day, "B", "x", None, None, None, None, None),
        (day, "C", "x", None, 3.0, None, None, None),
        (DAYS[1], "D", "x", 1.0, 1.0, 1.0, 1.0, 1.0),
    ]
    predicted = predictions(pl.DataFrame(rows, schema=stored(STOCK_SCORES), orient="row"), fits, day)
    assert_stored_as(predicted, PREDICTIONS)
    # A: 0.001 + 0.01 - 0.04; of B nothing is known; C has only a feature without weight
    assert predicted["symbol"].to_list() == ["A", "B", "C"]
    assert predicted["score"].to_list() == pytest.approx([-0.029, None, 0.001])
    assert predicted["alpha"].to_list() == pytest.approx([-0.0145, None, 0.0005])
    assert predicted["fit_session"].to_list() == [DAYS[0]] * 3


def test_without_a_fit_in_force_nothing_is_predicted():
    scores, labels = market(5)
    fits = model_fits(scores, labels, SESSION, ALPHA)
    predicted = predictions(scores, fits.clear(), SESSION)
    assert_stored_as(predicted, PREDICTIONS)
    assert predicted["score"].null_count() == predicted["fit_session"].null_count() == 8


# properties


@given(st.integers(0, 10**6), st.floats(0.0, 0.05))
@settings(max_examples=10, deadline=None)
def test_sums_of_blocks_give_what_copied_rows_give(seed: int, strength: float):
    scores, labels = market(seed, strength)
    fits = model_fits(scores, labels, SESSION, ALPHA)
    assert_stored_as(fits, MODEL_FITS)
    slow, slope = oracle.fit(scores, labels, ALPHA)
    assert fits["coefficient"].to_list() == pytest.approx([*slow, slope], rel=1e-6, abs=1e-9)


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_does_not_matter(seed: int):
    scores, labels = market(seed)
    assert_frame_equal(
        model_fits(scores.sample(fraction=1.0, shuffle=True, seed=seed), labels.reverse(), SESSION, ALPHA),
        model_fits(scores, labels, SESSION, ALPHA),
        check_exact=True,
    )


def test_scores_whose_labels_have_not_matured_and_other_horizons_change_nothing():
    scores, labels = market(6)
    other = labels.with_columns(horizon_sessions=pl.lit(1, pl.Int32), label_log=pl.lit(9.0))
    ripe = scores.filter(pl.col("event_date") <= DAYS[-6])
    assert_frame_equal(
        model_fits(ripe, labels, SESSION, ALPHA), model_fits(scores, pl.concat([labels, other]), SESSION, ALPHA)
    )


def test_only_the_trailing_window_is_learned_from():
    scores, labels = market(7)
    short = ALPHA.model_copy(update={"lookback_sessions": 40})
    recent = labels.filter(pl.col("event_date") >= DAYS[-40])
    fits = model_fits(scores, labels, SESSION, short)
    assert_frame_equal(fits, model_fits(scores, recent, SESSION, short), check_exact=True)
    assert fits["last_label"][0] == DAYS[-6]


def test_a_prediction_depends_on_its_own_stock_only():
    scores, labels = market(8)
    fits = model_fits(scores, labels, SESSION, ALPHA)
    alone = pl.col("symbol") == "S3"
    assert_frame_equal(
        predictions(scores.filter(alone), fits, SESSION), predictions(scores, fits, SESSION).filter(alone)
    )


# refusals


def test_a_label_that_has_not_matured_is_refused_with_the_mend():
    scores, labels = market(9)
    too_early: dt.date = DAYS[-7]
    with pytest.raises(ValueError, match="has not matured by"):
        model_fits(scores, labels, too_early, ALPHA)
