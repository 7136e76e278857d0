import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import ModelSettings
from feature_store import sessions as calendar
from feature_store.schemas.alpha import MODEL_FITS, PREDICTIONS
from feature_store.schemas.features import STOCK_SCORES
from quant_assets.alpha import fits as models
from quant_assets.alpha.evidence.significance import hac_t, rank_ic
from quant_assets.alpha.fits import predictions
from quant_assets.alpha.models.lightgbm import parsed, predict
from tests.alpha.markets import ALPHA, DAYS, FEATURES, HORIZONS, KINDS, LIGHTGBM, SESSION, coefficients, linear, market
from tests.oracles import alpha as oracle
from tests.oracles.panels import assert_stored_as, stored

RIDGE_TERMS = [*FEATURES, "intercept", "calibration", "residual_variance"]
TREE_TERMS = ["trees", "calibration", "residual_variance"]


def model_fits(scores: pl.DataFrame, labels: pl.DataFrame, session=SESSION, alpha=ALPHA, seed: int = 7) -> pl.DataFrame:
    return models.model_fits(scores, labels, session, alpha, HORIZONS, seed)


def said(model: str, terms: dict[str, float], horizon: int = 5) -> pl.DataFrame:
    rows = [(DAYS[0], model, horizon, term, DAYS[0], value, None, 100, DAYS[0]) for term, value in terms.items()]
    return pl.DataFrame(rows, schema=stored(MODEL_FITS), orient="row")


def ic(scores: pl.DataFrame, labels: pl.DataFrame, model: str, learned: int, horizon: int = 5) -> pl.DataFrame:
    """Rank IC of what is fitted on the labels of the first `learned` sessions, on all later ones."""
    fits = model_fits(scores, labels.filter(pl.col("event_date") < DAYS[learned]))
    later = [
        predictions(scores, fits.with_columns(event_date=pl.lit(day)), day, HORIZONS)
        for day in DAYS[learned : -1 - horizon]
    ]
    chosen = pl.concat(later).filter(model=model, horizon_sessions=horizon)
    return rank_ic(chosen, labels.filter(horizon_sessions=horizon).rename({"label_simple": "label"}))


# known values


def test_every_model_and_horizon_has_its_terms():
    fits = model_fits(*market(1))
    assert_stored_as(fits, MODEL_FITS)
    for horizon in (5, 10):
        of = fits.filter(horizon_sessions=horizon)
        assert of.filter(model="ridge")["term"].to_list() == RIDGE_TERMS
        assert of.filter(model="lightgbm")["term"].to_list() == TREE_TERMS
        assert of["last_label"].unique().to_list() == [DAYS[-1 - horizon]]
    text = fits.filter(pl.col("text").is_not_null())
    assert text.select("model", "term", "coefficient").unique().rows() == [("lightgbm", "trees", None)]


def test_planted_linear_alpha_is_found_per_horizon_and_mapped_to_money():
    fits = model_fits(*market(1, linear(0.03), n_symbols=30, slope=0.8, nulls=0.0))
    for horizon, strength, variance in ((5, 0.03, 0.05**2), (10, 0.06, 2 * 0.05**2)):
        found = coefficients(fits, "ridge", horizon)
        assert found[FEATURES[0]] == pytest.approx(strength, abs=0.005)
        assert found[FEATURES[1]] == pytest.approx(0.0, abs=0.007)
        assert found["calibration"] == pytest.approx(0.8, abs=0.15)
        # the simple label is 0.8 of the log one
        assert found["residual_variance"] == pytest.approx(0.64 * variance, rel=0.1)


def test_planted_curvature_is_found_by_trees_and_not_by_the_ridge():
    scores, labels = market(2, lambda z: 0.05 * (np.abs(z[:, 0]) > 1), n_symbols=40, nulls=0.0)
    trees, straight = (ic(scores, labels, model, 40) for model in ("lightgbm", "ridge"))
    assert hac_t(trees["rank_ic"], 4) > 8
    assert trees["rank_ic"].mean() > 0.25
    assert abs(hac_t(straight["rank_ic"], 4)) < 3
    found = coefficients(model_fits(scores, labels), "lightgbm")
    assert found["calibration"] > 0.5


def test_planted_linear_alpha_is_found_by_both():
    scores, labels = market(3, linear(0.03), n_symbols=30)
    for model in KINDS:
        assert ic(scores, labels, model, 40)["rank_ic"].mean() > 0.2


def test_noise_is_worth_next_to_nothing():
    scores, labels = market(4, linear(0.0), n_symbols=40, nulls=0.0)
    fits = model_fits(scores, labels)
    for model in KINDS:
        found = coefficients(fits, model)
        assert found["calibration"] < 0.25
        assert found["residual_variance"] == pytest.approx(0.05**2, rel=0.1)
        assert abs(ic(scores, labels, model, 40)["rank_ic"].mean()) < 0.08


def test_a_score_that_points_the_wrong_way_out_of_sample_is_worth_nothing():
    scores, labels = market(5, linear(0.03), n_symbols=30, nulls=0.0)
    turned = labels.with_columns(
        label_simple=pl.when(pl.col("event_date") > DAYS[33]).then(-pl.col("label_log")).otherwise("label_log")
    )
    fits = model_fits(scores, turned)
    worthless = fits.filter(term="calibration")["coefficient"].to_list()
    assert worthless == [0.0] * 4
    predicted = predictions(scores, fits, SESSION, HORIZONS)
    assert predicted["alpha"].abs().max() == 0.0  # it stays, and says 0
    assert predicted["variance"].null_count() == 0


def test_the_calibration_is_capped():
    fits = model_fits(*market(6, linear(0.03), slope=4.0))
    assert coefficients(fits, "ridge")["calibration"] == ALPHA.calibration_cap


def test_only_the_chosen_models_are_fitted():
    fits = model_fits(*market(1), alpha=ALPHA.model_copy(update={"models": (LIGHTGBM,)}))
    assert fits["model"].unique().to_list() == ["lightgbm"]


def test_too_few_rows_give_null_models_and_null_predictions():
    scores, labels = market(7)
    fits = model_fits(scores, labels, alpha=ALPHA.model_copy(update={"min_rows": 10_000}))
    assert_stored_as(fits, MODEL_FITS)
    assert fits["coefficient"].null_count() == fits["text"].null_count() == len(fits)
    predicted = predictions(scores, fits, SESSION, HORIZONS)
    assert_stored_as(predicted, PREDICTIONS)
    assert len(predicted) == 8 * 4
    assert all(predicted[name].null_count() == len(predicted) for name in ("score", "alpha", "variance"))


@pytest.mark.parametrize("of_kind", ALPHA.models)
def test_enough_rows_in_all_but_too_few_to_calibrate_give_scores_without_alpha(of_kind: ModelSettings):
    scores, labels = market(7)
    one, model = ALPHA.model_copy(update={"models": (of_kind,)}), of_kind.kind
    n_rows = model_fits(scores, labels, alpha=one).filter(horizon_sessions=5)["n_rows"][0]
    fits = model_fits(scores, labels, alpha=one.model_copy(update={"min_rows": n_rows})).filter(horizon_sessions=5)
    assert coefficients(fits, model)["calibration"] is None
    assert coefficients(fits, model)["residual_variance"] is None
    predicted = predictions(scores, fits, SESSION, HORIZONS)
    assert predicted["score"].null_count() == 0
    assert predicted["alpha"].null_count() == predicted["variance"].null_count() == 8


def test_no_data_at_all_gives_null_models():
    scores, labels = market(7)
    fits = model_fits(scores.clear(), labels.clear())
    assert_stored_as(fits, MODEL_FITS)
    assert len(fits) == 2 * (len(RIDGE_TERMS) + len(TREE_TERMS))
    assert fits["n_rows"].to_list() == [0] * len(fits)
    assert fits["coefficient"].null_count() == fits["text"].null_count() == fits["last_label"].null_count() == len(fits)


def test_predictions_by_hand():
    terms = {**dict.fromkeys(FEATURES, 0.0), FEATURES[0]: 0.01, FEATURES[2]: -0.02}
    worth = {"intercept": 0.001, "calibration": 0.5, "residual_variance": 0.0064}
    fits = pl.concat([said("ridge", {**terms, **worth}), said("ridge", {**terms, **worth, "calibration": 0.0}, 10)])
    blank = dict.fromkeys(FEATURES)
    rows = [
        {"event_date": day, "symbol": symbol, "industry": "x", **blank, **z}
        for day, symbol, z in [
            (DAYS[0], "A", {FEATURES[0]: 1.0, FEATURES[2]: 2.0}),
            (DAYS[0], "B", {}),
            (DAYS[0], "C", {FEATURES[1]: 3.0}),
            (DAYS[1], "D", dict.fromkeys(FEATURES, 1.0)),
        ]
    ]
    predicted = predictions(pl.DataFrame(rows, schema=stored(STOCK_SCORES)), fits, DAYS[0], HORIZONS)
    assert_stored_as(predicted, PREDICTIONS)
    assert predicted["symbol"].to_list() == ["A", "A", "B", "B", "C", "C"]
    assert predicted["horizon_sessions"].to_list() == [5, 10] * 3
    # A: 0.001 + 0.01 - 0.04; of B nothing is known; C has only a feature without weight
    assert predicted["score"].to_list() == pytest.approx([-0.029, -0.029, None, None, 0.001, 0.001])
    assert predicted["alpha"].to_list() == pytest.approx([-0.0145, 0.0, None, None, 0.0005, 0.0])
    assert predicted["variance"].to_list() == pytest.approx([0.0064, 0.0064, None, None, 0.0064, 0.0064])
    assert predicted["fit_session"].to_list() == [DAYS[0]] * 6


def test_trees_predict_from_their_text_with_nulls_missing():
    scores, labels = market(8, nulls=0.3)
    fits = model_fits(scores, labels)
    today = scores.filter(event_date=SESSION).sort("symbol")
    text = fits.filter(model="lightgbm", horizon_sessions=10, term="trees")["text"].item()
    predicted = predictions(scores, fits, SESSION, HORIZONS).filter(model="lightgbm", horizon_sessions=10)
    assert predicted["score"].to_list() == predict(parsed(text), oracle.x(today, "lightgbm")).tolist()


def test_labels_that_never_differ_leave_no_variance_to_weigh_by():
    fits = said("ridge", {**dict.fromkeys([*FEATURES, "intercept"], 0.0), "calibration": 1.0, "residual_variance": 0.0})
    predicted = predictions(market(8)[0], fits, DAYS[0], HORIZONS)
    assert predicted["alpha"].null_count() == 0
    assert predicted["variance"].null_count() == len(predicted) == 8


def test_without_a_fit_in_force_nothing_is_predicted():
    scores, labels = market(8)
    predicted = predictions(scores, model_fits(scores, labels).clear(), SESSION, HORIZONS)
    assert_stored_as(predicted, PREDICTIONS)
    assert predicted.is_empty()


def test_a_session_without_scores_has_no_predictions():
    scores, labels = market(8)
    assert predictions(scores.clear(), model_fits(scores, labels), SESSION, HORIZONS).is_empty()


# properties


@given(st.integers(0, 10**6), st.floats(0.0, 0.05))
@settings(max_examples=5, deadline=None)
def test_fits_are_those_of_copied_rows(seed: int, strength: float):
    scores, labels = market(seed, linear(strength))
    fits = model_fits(scores, labels)
    today = scores.filter(event_date=SESSION).sort("symbol")
    predicted = predictions(scores, fits, SESSION, HORIZONS)
    for model in KINDS:
        for horizon in HORIZONS.horizons:
            slow, slope, variance = oracle.fit(scores, labels, horizon, model, ALPHA)
            found = coefficients(fits, model, horizon)
            assert found["calibration"] == pytest.approx(slope, rel=1e-6, abs=1e-9)
            assert found["residual_variance"] == pytest.approx(variance, rel=1e-9)
            score = predicted.filter(model=model, horizon_sessions=horizon)["score"].to_list()
            assert score == pytest.approx(slow.predict(oracle.x(today, model)).tolist(), rel=1e-9, abs=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_neither_the_order_of_rows_nor_the_run_matters(seed: int):
    scores, labels = market(seed)
    assert_frame_equal(
        model_fits(scores.sample(fraction=1.0, shuffle=True, seed=seed), labels.reverse()),
        model_fits(scores, labels),
        check_exact=True,
    )


def test_scores_whose_labels_have_not_matured_and_other_horizons_change_nothing():
    scores, labels = market(9)
    other = labels.with_columns(horizon_sessions=pl.lit(1, pl.Int32), label_log=pl.lit(9.0))
    ripe = scores.filter(pl.col("event_date") <= DAYS[-6])
    assert_frame_equal(model_fits(ripe, labels), model_fits(scores, pl.concat([labels, other])), check_exact=True)


def test_only_the_trailing_window_is_learned_from_wherever_the_data_begin():
    scores, labels = market(10)
    short = ALPHA.model_copy(update={"lookback_sessions": 40})
    recent = pl.col("event_date") >= DAYS[-40]
    fits = model_fits(scores, labels, alpha=short)
    assert_frame_equal(fits, model_fits(scores.filter(recent), labels.filter(recent), alpha=short), check_exact=True)
    strided = [day for day in DAYS[-40:-5] if calendar.index_of(day) % 2 == 0]
    used = labels.filter(pl.col("event_date").is_in(strided), pl.col("label_log").is_not_null(), horizon_sessions=5)
    assert fits.filter(term="trees", horizon_sessions=5)["n_rows"].item() == len(used)


def test_a_prediction_depends_on_its_own_stock_only():
    scores, labels = market(11)
    fits = model_fits(scores, labels)
    alone = pl.col("symbol") == "S03"
    assert_frame_equal(
        predictions(scores.filter(alone), fits, SESSION, HORIZONS),
        predictions(scores, fits, SESSION, HORIZONS).filter(alone),
        check_exact=True,
    )


# refusals


def test_a_label_that_has_not_matured_is_refused():
    with pytest.raises(ValueError, match="has not matured by"):
        model_fits(*market(12), session=DAYS[-7])
