"""The kinds of detectors, by the name that `regimes.industry` and `regimes.market` give."""

from typing import Any

from configs.settings.detectors import DETECTOR_SETTINGS
from configs.settings.registration import add_kind
from quant_assets.regimes.detectors import hmm, jump_model
from quant_assets.regimes.detectors.hmm import Hmm
from quant_assets.regimes.detectors.jump_model import JumpModel
from quant_assets.regimes.detectors.protocol import Detector, Fit
from quant_assets.regimes.detectors.thresholds import Thresholds

DETECTORS: dict[str, type[Detector[Any]]] = {"hmm": Hmm, "jump_model": JumpModel, "thresholds": Thresholds}
FITS: dict[str, Fit[Any]] = {"hmm": hmm.state_fit, "jump_model": jump_model.state_fit}  # of those that are fitted


def add_detector(detector: type[Detector[Any]], fit: Fit[Any] | None = None) -> None:
    """Makes a kind of detector known, so that `regimes.industry` or `regimes.market` may name it.

    Args:
        fit: finds its parameters, if it is fitted.

    Raises:
        ValueError: another detector or fit has its kind, or what it says of being fitted is not so.
    """
    if detector.is_fitted != (fit is not None):
        needs = "pass its fit too" if detector.is_fitted else "is_fitted is False, so leave its fit out"
        raise ValueError(f"detector {detector.__qualname__}: {needs}")
    kind = add_kind(DETECTOR_SETTINGS, detector.settings)
    if DETECTORS.setdefault(kind, detector) is not detector:
        raise ValueError(f"kind {kind!r} is that of {DETECTORS[kind].__qualname__}; rename {detector.__qualname__}'s")
    if fit is not None and FITS.setdefault(kind, fit) is not fit:
        raise ValueError(f"detector {detector.__qualname__}: another fit of kind {kind!r} is known; register it once")
