"""The kinds of detectors, by the name that `regimes.industry` and `regimes.market` give."""

from typing import Any

from configs.settings.detectors import DETECTOR_SETTINGS
from configs.settings.registration import add_kind
from quant_assets.regimes.detectors.hmm import Hmm
from quant_assets.regimes.detectors.protocol import Detector
from quant_assets.regimes.detectors.thresholds import Thresholds

DETECTORS: dict[str, type[Detector[Any]]] = {"hmm": Hmm, "thresholds": Thresholds}


def add_detector(detector: type[Detector[Any]]) -> None:
    """Makes a kind of detector known, so that `regimes.industry` or `regimes.market` may name it.

    Raises:
        ValueError: another detector has its kind.
    """
    kind = add_kind(DETECTOR_SETTINGS, detector.settings)
    if DETECTORS.setdefault(kind, detector) is not detector:
        raise ValueError(f"kind {kind!r} is that of {DETECTORS[kind].__qualname__}; rename {detector.__qualname__}'s")
