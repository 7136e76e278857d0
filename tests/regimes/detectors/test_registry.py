"""Detectors that are fitted have a fit, the others have none, and a kind is taken once."""

import numpy as np
import pytest

from quant_assets.regimes.detectors import registry
from quant_assets.regimes.detectors.hmm import Hmm
from quant_assets.regimes.detectors.protocol import Aspect
from quant_assets.regimes.detectors.registry import DETECTORS, FITS, add_detector
from quant_assets.regimes.detectors.thresholds import Thresholds


def no_fit(aspect, signals, settings, rng):
    return None


# -- known values ------------------------------------------------------------------------------------------------------


def test_what_is_fitted_has_a_fit() -> None:
    assert {kind for kind, detector in DETECTORS.items() if detector.is_fitted} == FITS.keys()
    assert FITS


def test_adding_the_same_again_changes_nothing() -> None:
    before = dict(DETECTORS), dict(FITS)
    add_detector(Hmm, FITS["hmm"])
    assert before == (DETECTORS, FITS)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aspect", ["trend", "volatility"])
@pytest.mark.parametrize("kind", FITS)
def test_signals_that_never_move_have_no_parameters(kind: str, aspect: Aspect) -> None:
    still = np.full((120, len(DETECTORS[kind].signals[aspect])), 0.2)
    assert FITS[kind](aspect, still, DETECTORS[kind].settings(), np.random.default_rng(1)) is None


def test_a_fitted_detector_without_a_fit_is_rejected() -> None:
    with pytest.raises(ValueError, match="detector Hmm: pass its fit too"):
        add_detector(Hmm)


def test_a_fit_of_a_detector_that_has_none_is_rejected() -> None:
    with pytest.raises(ValueError, match="detector Thresholds: is_fitted is False, so leave its fit out"):
        add_detector(Thresholds, no_fit)


def test_another_fit_of_a_kind_is_rejected() -> None:
    with pytest.raises(ValueError, match="detector Hmm: another fit of kind 'hmm' is known"):
        add_detector(Hmm, no_fit)
    assert registry.FITS["hmm"] is not no_fit
