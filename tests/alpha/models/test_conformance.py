"""What every kind of model promises, whoever wrote it: each entry of the registry goes through all of it."""

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings.models import MODEL_SETTINGS, ModelSettings
from quant_assets.alpha.fits import CALIBRATION, RESIDUAL_VARIANCE, model_fits, predictions
from quant_assets.alpha.models.protocol import Fit
from quant_assets.alpha.models.registry import MODELS
from quant_assets.alpha.training.samples import Sample, samples
from tests.alpha.markets import ALPHA, FEATURES, HORIZONS, LIGHTGBM, RIDGE, SESSION, linear, market

SMALL: dict[str, ModelSettings] = {"ridge": RIDGE, "lightgbm": LIGHTGBM}  # fit for a small sample; else the defaults
MIN_ROWS = 50

pytestmark = pytest.mark.parametrize("kind", MODELS)


def settings_of(kind: str) -> ModelSettings:
    return SMALL.get(kind) or MODELS[kind].settings()


def sample_of(seed: int = 1, **of_market: object) -> Sample:
    scores, labels = market(seed, n_symbols=20, **of_market)
    return next(samples(scores, labels, SESSION, ALPHA, HORIZONS))


def fit(kind: str, sample: Sample, *parts: np.ndarray, min_rows: int = MIN_ROWS, seed: int = 3) -> list[Fit]:
    return MODELS[kind].fit(sample, parts, settings_of(kind), min_rows, seed)


def predict(kind: str, fitted: Fit, features: np.ndarray) -> np.ndarray:
    return MODELS[kind].predict(fitted.terms, features, FEATURES)


def same_bits(one: Fit, other: Fit) -> bool:
    return one.n_rows == other.n_rows and [*one.terms.items()] == [*other.terms.items()]


# -- known values ------------------------------------------------------------------------------------------------------


def test_its_settings_name_it_and_profiles_know_them(kind: str) -> None:
    assert settings_of(kind).kind == kind
    assert MODEL_SETTINGS[kind] is MODELS[kind].settings


def test_a_strong_linear_alpha_is_learned(kind: str) -> None:
    sample = sample_of(2, signal=linear(0.05), noise=0.02, nulls=0.0)
    (fitted,) = fit(kind, sample, sample.first)
    held_out = sample.rows(sample.held_out)
    score = predict(kind, fitted, sample.features[held_out])
    assert np.corrcoef(score, sample.log[held_out])[0, 1] > 0.5


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_fit_rests_on_the_sessions_of_its_part_and_on_no_other(kind: str) -> None:
    sample = sample_of()
    outside = ~np.repeat(sample.first, np.diff(sample.edges))
    rng = np.random.default_rng(5)
    perturbed = replace(
        sample,
        features=np.where(outside[:, None], rng.normal(size=sample.features.shape), sample.features),
        log=np.where(outside, rng.normal(size=len(sample.log)), sample.log),
        simple=rng.normal(size=len(sample.simple)),
    )
    (before,), (after,) = fit(kind, sample, sample.first), fit(kind, perturbed, sample.first)
    assert before.exists
    assert same_bits(before, after)


def test_a_label_of_the_part_does_count(kind: str) -> None:
    sample = sample_of()
    (before,), (after,) = fit(kind, sample, sample.first), fit(kind, replace(sample, log=-sample.log), sample.first)
    assert not same_bits(before, after)


def test_parts_together_give_what_each_gives_alone(kind: str) -> None:
    sample = sample_of()
    parts = (sample.labelled, sample.first)
    together, alone = fit(kind, sample, *parts), [fit(kind, sample, part)[0] for part in parts]
    assert all(same_bits(one, other) for one, other in zip(together, alone, strict=True))


def test_the_same_sample_and_seed_give_the_same_bits_and_nothing_is_changed(kind: str) -> None:
    sample, copy = sample_of(), sample_of()
    first, second = fit(kind, sample, sample.labelled)[0], fit(kind, sample, sample.labelled)[0]
    assert same_bits(first, second)
    assert sample.features.tobytes() == copy.features.tobytes()
    assert sample.log.tobytes() == copy.log.tobytes()


def test_the_order_of_the_rows_that_are_read_counts_for_nothing(kind: str) -> None:
    scores, labels = market(4)
    alpha = ALPHA.model_copy(update={"models": (settings_of(kind),)})
    assert_frame_equal(
        model_fits(scores.sample(fraction=1.0, shuffle=True, seed=1), labels.reverse(), SESSION, alpha, HORIZONS, 3),
        model_fits(scores, labels, SESSION, alpha, HORIZONS, 3),
        check_exact=True,
    )


def test_what_is_stored_predicts_the_same_bits_as_what_was_fitted(kind: str) -> None:
    scores, labels = market(4, n_symbols=20)
    alpha = ALPHA.model_copy(update={"models": (settings_of(kind),)})
    fits, file = model_fits(scores, labels, SESSION, alpha, HORIZONS, 3), io.BytesIO()
    fits.write_parquet(file)
    file.seek(0)
    stored = predictions(scores, pl.read_parquet(file), SESSION, HORIZONS).filter(horizon_sessions=5)
    sample = next(samples(scores, labels, SESSION, alpha, HORIZONS))
    (fitted,) = fit(kind, sample, sample.labelled, min_rows=alpha.min_rows)
    last = slice(*sample.edges[-2:])
    assert stored["score"].to_numpy().tobytes() == predict(kind, fitted, sample.features[last]).tobytes()


def test_a_prediction_depends_on_its_own_row_only(kind: str) -> None:
    sample = sample_of()
    (fitted,) = fit(kind, sample, sample.labelled)
    whole = predict(kind, fitted, sample.features)
    assert predict(kind, fitted, sample.features[7:9].copy()).tobytes() == whole[7:9].tobytes()
    assert predict(kind, fitted, sample.features[::-1].copy()).tobytes() == whole[::-1].tobytes()


def test_a_row_with_missing_scores_has_a_finite_prediction(kind: str) -> None:
    sample = sample_of(nulls=0.4)
    (fitted,) = fit(kind, sample, sample.labelled)
    assert np.isnan(sample.features).any(axis=1).all()
    assert np.isfinite(predict(kind, fitted, sample.features)).all()


def test_exactly_as_many_rows_as_are_demanded_are_enough(kind: str) -> None:
    sample = sample_of()
    (fitted,) = fit(kind, sample, sample.first)
    assert 0 < fitted.n_rows <= len(sample.rows(sample.first))
    assert fit(kind, sample, sample.first, min_rows=fitted.n_rows)[0].exists
    assert not fit(kind, sample, sample.first, min_rows=fitted.n_rows + 1)[0].exists


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_too_few_rows_give_the_same_terms_all_null_and_no_prediction(kind: str) -> None:
    sample = sample_of()
    (enough,), (few,) = fit(kind, sample, sample.labelled), fit(kind, sample, sample.labelled, min_rows=10**6)
    assert enough.exists and not few.exists
    assert [*few.terms] == [*enough.terms]
    assert not any(term.exists for term in few.terms.values())
    assert np.isnan(predict(kind, few, sample.features)).all()
    assert not {CALIBRATION, RESIDUAL_VARIANCE} & {*enough.terms}


def test_without_a_row_there_is_nothing_to_predict(kind: str) -> None:
    sample = sample_of()
    (fitted,) = fit(kind, sample, sample.labelled)
    assert predict(kind, fitted, sample.features[:0]).shape == (0,)


def test_a_sample_of_no_rows_gives_null_terms(kind: str) -> None:
    scores, labels = market(7)
    sample = next(samples(scores.clear(), labels.clear(), SESSION, ALPHA, HORIZONS))
    (fitted,) = fit(kind, sample, sample.labelled)
    assert fitted.n_rows == 0
    assert not any(term.exists for term in fitted.terms.values())
