import numpy as np
import pytest
from pydantic import ValidationError

from configs.settings import ThresholdsSettings
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect
from quant_assets.regimes.detectors.thresholds import Thresholds

NAN = float("nan")


def label(aspect: Aspect, first: float, second: float, **settings: float) -> str | None:
    signals = np.array([[[first, second]]])
    (row,) = Thresholds.probabilities(aspect, signals, None, ThresholdsSettings(**settings))
    assert np.isnan(row).all() or sorted(row) == [0.0, 0.0, 1.0]
    return None if np.isnan(row).all() else STATES_IN_ORDER[aspect][int(row.argmax())]


# known values


@pytest.mark.parametrize(
    ("gap", "momentum", "state"),
    [
        (0.021, 0.001, "bull"),
        (0.02, 0.001, "sideways"),
        (0.021, 0.0, "sideways"),
        (0.3, -0.1, "sideways"),
        (-0.021, -0.001, "bear"),
        (-0.02, -0.001, "sideways"),
        (-0.3, 0.1, "sideways"),
        (NAN, -0.1, None),
        (-0.3, NAN, None),
    ],
)
def test_trend_is_gap_and_momentum_agreeing(gap: float, momentum: float, state: str | None) -> None:
    assert label("trend", gap, momentum) == state


@pytest.mark.parametrize(
    ("annual", "vix", "state"),
    [
        (0.149, 19.9, "calm"),
        (0.15, 20.0, "turbulent"),
        (0.25, 30.0, "crisis"),
        (0.1, 25.0, "calm"),  # half a level: to the even one
        (0.2, 15.0, "calm"),
        (0.1, 45.0, "turbulent"),
        (0.2, 45.0, "crisis"),
        (0.3, 25.0, "crisis"),
        (0.2, NAN, "turbulent"),
        (0.3, NAN, "crisis"),
        (NAN, 45.0, None),
    ],
)
def test_volatility_is_the_mean_level_of_realized_and_implied(annual: float, vix: float, state: str | None) -> None:
    assert label("volatility", annual, vix) == state


def test_thresholds_are_the_settings() -> None:
    assert label("trend", 0.05, 0.1, trend_gap=0.06) == "sideways"
    levels = {
        "turbulent_volatility_annual": 0.05,
        "crisis_volatility_annual": 0.09,
        "turbulent_vix": 5,
        "crisis_vix": 9,
    }
    assert label("volatility", 0.1, 10.0, **levels) == "crisis"


# refusals


@pytest.mark.parametrize("wrong", [{"turbulent_vix": 30.0}, {"crisis_volatility_annual": 0.15}])
def test_levels_out_of_order_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must lie below"):
        ThresholdsSettings(**wrong)
