import datetime as dt

import polars as pl
import pytest

from configs.settings import HmmSettings, Regimes, ThresholdsSettings
from feature_store.schemas.features import INDUSTRY_FEATURES, MARKET_FEATURES
from feature_store.schemas.regimes import MARKET_REGIME
from quant_assets.regimes.industry_states import signal_columns
from quant_assets.regimes.market_regime import market_regime
from tests.oracles.panels import assert_stored_as, stored

DAY = dt.date(2015, 8, 25)
Row = tuple[str | None, str | None, bool | None]


def features(**figures: float | None) -> pl.DataFrame:
    row = {"event_date": DAY, **figures}
    return pl.DataFrame([row], schema=stored(MARKET_FEATURES))


def regime(**figures: float | None) -> Row:
    found = market_regime(features(**figures), DAY, Regimes())
    assert_stored_as(found, MARKET_REGIME)
    assert found.columns == list(stored(MARKET_REGIME))
    return found.select("trend", "volatility", "systemic").row(0)


# known values


@pytest.mark.parametrize(
    ("gap", "momentum", "word"),
    [
        (0.021, 0.001, "bull"),
        (0.02, 0.001, "sideways"),
        (0.021, 0.0, "sideways"),
        (0.3, -0.1, "sideways"),
        (-0.021, -0.001, "bear"),
        (-0.02, -0.001, "sideways"),
        (-0.3, 0.1, "sideways"),
        (None, -0.1, None),
        (-0.3, None, None),
    ],
)
def test_trend_is_gap_and_momentum_agreeing(gap: float | None, momentum: float | None, word: str | None):
    assert regime(ma_gap_200=gap, momentum_63=momentum) == (word, None, None)


@pytest.mark.parametrize(
    ("rank", "annual", "word"),
    [
        (0.9, 0.25, "crisis"),
        (1.0, 0.249, "turbulent"),
        (0.899, 0.8, "turbulent"),
        (0.6, 0.1, "turbulent"),
        (0.599, 0.8, "calm"),
        (None, 0.8, None),
        (0.95, None, None),
        (0.1, None, None),
    ],
)
def test_a_crisis_is_volatile_by_rank_and_by_itself(rank: float | None, annual: float | None, word: str | None):
    assert regime(volatility_percentile=rank, volatility_21=annual) == (None, word, None)


@pytest.mark.parametrize(("correlation", "systemic"), [(0.7, True), (0.699, False), (None, None)])
def test_systemic_is_correlation(correlation: float | None, systemic: bool | None):
    assert regime(mean_correlation_63=correlation) == (None, None, systemic)


def test_thresholds_are_the_settings():
    figures = features(
        ma_gap_200=0.05, momentum_63=0.1, volatility_percentile=0.8, volatility_21=0.2, mean_correlation_63=0.5
    )
    thresholds = ThresholdsSettings(
        trend_gap=0.06, turbulent_percentile=0.3, crisis_percentile=0.7, crisis_volatility_annual=0.15
    )
    strict = Regimes(market=thresholds, systemic_correlation=0.4)
    assert market_regime(figures, DAY, strict).row(0) == (DAY, "sideways", "crisis", True)


# refusals


def test_a_detector_that_is_fitted_is_no_detector_of_the_market():
    with pytest.raises(ValueError, match="hmm is fitted, and the market's parameters are not stored; choose one"):
        market_regime(features(ma_gap_200=0.1), DAY, Regimes(market=HmmSettings()))


def test_thresholds_of_the_market_read_what_industries_lack():
    with pytest.raises(ValueError, match=r"detector thresholds reads .*, which features/industry_features lacks"):
        signal_columns("thresholds", INDUSTRY_FEATURES)


def test_a_session_without_features_has_no_row():
    none = market_regime(features().clear(), DAY, Regimes())
    assert none.is_empty()
    assert_stored_as(none, MARKET_REGIME)
    assert market_regime(features(ma_gap_200=0.1), dt.date(2015, 8, 26), Regimes()).is_empty()
