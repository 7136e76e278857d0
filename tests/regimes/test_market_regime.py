import polars as pl
import pytest

from configs.errors import ConfigError
from configs.settings import CrossAsset, E1Settings, E2Settings, HmmSettings, Regimes, ThresholdsSettings, Vote
from feature_store.schemas.features import INDUSTRY_FEATURES, MARKET_FEATURES
from feature_store.schemas.fused_regimes import MARKET_FITS, MARKET_REGIME
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.industry_states import signal_columns
from quant_assets.regimes.market_regime import columns_read, market_regime, window_length
from tests.oracles.panels import assert_stored_as, sessions, stored
from tests.regimes import test_cross_asset as planted

DAYS = sessions(20)
DAY = DAYS[-1]
NO_FITS = pl.DataFrame(schema=stored(MARKET_FITS))
CALM = {
    "ma_gap_200": 0.05,
    "momentum_63": 0.1,
    "volatility_21": 0.1,
    "vix": 12.0,
    "drawdown_252": 0.0,
    "breadth_200": 0.8,
}
WILD = {
    "ma_gap_200": -0.1,
    "momentum_63": -0.2,
    "volatility_21": 0.4,
    "vix": 40.0,
    "drawdown_252": -0.2,
    "breadth_200": 0.1,
}


def features(*rows: dict[str, float | None]) -> pl.DataFrame:
    """Of the last sessions."""
    dated = [{"event_date": day, **row} for day, row in zip(DAYS[-len(rows) :], rows, strict=True)]
    return pl.DataFrame(dated, schema=stored(MARKET_FEATURES))


def regime(*rows: dict[str, float | None], fits: pl.DataFrame = NO_FITS, **settings: object) -> dict[str, object]:
    found = market_regime(features(*rows), fits, DAY, Regimes(**settings))
    assert_stored_as(found, MARKET_REGIME)
    assert found.columns == list(stored(MARKET_REGIME))
    assert probabilities_sum_to_one(found) is None
    return found.row(0, named=True)


# known values


def test_labels_are_observed_at_once_and_confirmed_after_five_sessions() -> None:
    for n, confirmed in ((4, ("bull", "calm", "RISK_ON")), (5, ("bear", "crisis", "RISK_OFF"))):
        row = regime(*[CALM] * 6, *[WILD] * n)
        assert tuple(row[f"observed_{name}"] for name in ("trend", "volatility", "risk")) == (
            "bear",
            "crisis",
            "RISK_OFF",
        )
        assert tuple(row[name] for name in ("trend", "volatility", "risk")) == confirmed
    assert regime(*[CALM] * 6, *[WILD] * 2, confirmation_sessions=2)["risk"] == "RISK_OFF"


def test_before_an_agreement_there_is_no_confirmed_label_and_no_probability() -> None:
    row = regime(*[CALM] * 4)
    assert row["trend"] is row["p_bull"] is row["fit_session"] is None
    assert row["observed_trend"] == "bull"


def test_without_a_fit_the_confirmed_label_stands_alone() -> None:
    row = regime(*[CALM] * 5)
    assert (row["p_bull"], row["p_calm"]) == pytest.approx((1 / 1.04, 1 / 1.04))  # the others at the floor


def test_the_model_of_several_assets_is_pooled_with_the_label() -> None:
    day = planted.DAYS[-1]
    labels = {name: pl.lit(value) for name, value in CALM.items()}  # the thresholds say calm, the model a crisis
    seen = planted.FEATURES.with_columns(**labels)
    row = market_regime(seen, planted.FITS.with_columns(event_date=day), day, Regimes()).row(0, named=True)
    assert row["fit_session"] == planted.DAYS[-1]
    assert row["volatility"] == "calm"
    assert row["p_calm"] == pytest.approx(row["p_crisis"], abs=0.02)
    assert row["p_turbulent"] < 0.15


@pytest.mark.parametrize(("correlation", "systemic"), [(0.7, True), (0.699, False), (None, None)])
def test_systemic_is_correlation(correlation: float | None, systemic: bool | None) -> None:
    assert regime({"mean_correlation_63": correlation})["systemic"] is systemic


def test_e2_without_its_inputs_falls_back_to_e1_and_says_so() -> None:
    chosen = E2Settings()
    row = regime(*[CALM] * 5, risk_appetite=chosen)
    assert (row["risk_model"], row["risk"], row["risk_score"], row["n_votes"]) == ("e1", "RISK_ON", 1.0, 4)
    assert row["risk_fallback"] == "missing: credit_ratio_z_252, vix_term, gold_relative_63, bonds_relative_63"
    whole = CALM | {"credit_ratio_z_252": 1.0, "vix_term": 0.1, "gold_relative_63": -0.1, "bonds_relative_63": -0.1}
    row = regime(*[whole] * 5, risk_appetite=chosen)
    assert (row["risk_model"], row["risk_fallback"], row["risk"]) == ("e2", None, "RISK_ON")
    assert 0.7 < row["risk_score"] < 1.0
    assert regime(*[CALM] * 5)["risk_fallback"] is None


# properties


def test_only_the_window_matters_and_nothing_after_the_session() -> None:
    day, settings = planted.DAYS[-20], Regimes(cross_asset=CrossAsset(min_observations=200), risk_appetite=E2Settings())
    rng = pl.Series([i % 7 / 7 for i in range(planted.N)])
    seen = planted.FEATURES.with_columns(ma_gap_200=rng - 0.5, momentum_63=rng - 0.5, volatility_21=rng, vix=rng * 40)
    fits = planted.FITS.with_columns(event_date=day)
    whole = market_regime(seen, fits, day, settings)
    end = planted.DAYS.index(day) + 1
    cut = seen[end - window_length(settings) : end]
    assert market_regime(cut, fits, day, settings).equals(whole)


# refusals


def test_a_detector_that_is_fitted_is_no_detector_of_the_market() -> None:
    with pytest.raises(ConfigError, match="hmm is fitted, and its parameters of the market are not stored; choose one"):
        regime(CALM, market=HmmSettings())


def test_features_that_do_not_exist_are_named() -> None:
    with pytest.raises(ConfigError, match=r"detector thresholds reads .*, which features/industry_features lacks"):
        signal_columns("thresholds", INDUSTRY_FEATURES)
    wrong = E1Settings(votes={"fear": Vote(risk_on=0.0, risk_off=1.0)}, min_votes=1)
    with pytest.raises(ConfigError, match=r"regimes\.risk_appetite reads fear, which features/market_features lacks"):
        columns_read(Regimes(risk_appetite=wrong))
    assert {"vix", "breadth_200", "mean_correlation_63"} <= set(columns_read(Regimes(market=ThresholdsSettings())))


def test_a_session_without_features_has_no_row() -> None:
    yesterday = features(CALM).with_columns(event_date=pl.lit(DAYS[-2]))
    for seen in (yesterday.clear(), yesterday):
        none = market_regime(seen, NO_FITS, DAY, Regimes())
        assert none.is_empty()
        assert_stored_as(none, MARKET_REGIME)
