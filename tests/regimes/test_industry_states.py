import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import HmmSettings, Regimes
from feature_store.schemas.regimes import HMM_FITS, TREND_STATES, VOLATILITY_STATES
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.detectors.hmm import filter_states, fit, log_density
from quant_assets.regimes.industry_states import hmm_fits, trend_states, volatility_states
from tests.oracles.hmm import simulated, sticky
from tests.oracles.panels import assert_stored_as, sessions, stored

DAYS = sessions(260)
SESSION = DAYS[-1]
HMM = HmmSettings(random_starts=2)
REGIMES = Regimes(lookback_sessions=240, min_observations=120, industry=HMM)
TREND = np.array([[-0.5, -6.0], [0.0, 0.0], [0.4, 4.0]]), np.array([[0.2, 2.0], [0.1, 1.0], [0.1, 1.0]])
VOLATILITY = np.log([[0.1], [0.2], [0.5]]), np.full((3, 1), 0.15)
COLUMNS = ("event_date", "industry", "return_10", "ma_gap_50", "volatility_10")


def one_industry(seed: int, name: str, n: int = len(DAYS)) -> pl.DataFrame:
    """The three features of an industry whose planted states switch every 25 sessions or so."""
    rng = np.random.default_rng(seed)
    trend, _ = simulated(rng, n, *TREND, sticky(3, 0.96))
    volatility, _ = simulated(rng, n, *VOLATILITY, sticky(3, 0.96))
    return pl.DataFrame(
        {
            "event_date": DAYS[-n:],
            "industry": [name] * n,
            "return_10": trend[:, 0] / 100,
            "ma_gap_50": trend[:, 1] / 100,
            "volatility_10": np.exp(volatility[:, 0]),
        }
    )


def frame(*industries: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(industries).sort("event_date", "industry")


def planted() -> pl.DataFrame:
    """Two industries, one of them with holes, and one too young to be fitted."""
    t = pl.int_range(pl.len())
    holes = one_industry(2, "Tech").with_columns(
        return_10=pl.when(t % 9 != 0).then("return_10"),
        volatility_10=pl.when(t % 7 != 0).then("volatility_10"),
    )
    return frame(one_industry(1, "Energy"), holes, one_industry(3, "Young", 60))


FEATURES = planted()
FITS = hmm_fits(FEATURES, SESSION, REGIMES, seed=1)


def with_hmm(**changed: int) -> Regimes:
    return REGIMES.model_copy(update={"industry": HMM.model_copy(update=changed)})


def on(fits: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    return fits.with_columns(event_date=pl.lit(day))


# known values


def test_fits_are_those_of_the_signals_in_percent_and_logs():
    energy = FEATURES.filter(industry="Energy").tail(240)
    rng = np.random.default_rng([1, *b"trend/Energy"])
    settings = (HMM.n_states, HMM.max_iterations, HMM.tolerance, HMM.variance_floor, 2)
    trend = fit(energy.select("return_10", "ma_gap_50").to_numpy() * 100, *settings, rng)
    rows = FITS.filter(model="trend", industry="Energy")
    np.testing.assert_array_equal(rows.select("mean_0", "mean_1").to_numpy(), trend.mean)
    np.testing.assert_array_equal(rows.select("to_0", "to_1", "to_2").to_numpy(), trend.transition)
    assert rows["log_likelihood"].unique().to_list() == [trend.log_likelihood]
    volatility = FITS.filter(model="volatility", industry="Energy")
    assert np.exp(volatility["mean_0"].to_numpy()) == pytest.approx([0.1, 0.2, 0.5], rel=0.1)


def test_planted_states_are_recognized_session_by_session():
    states = [volatility_states(FEATURES, on(FITS, day), day, REGIMES) for day in DAYS[-60:]]
    found = pl.concat(states).filter(industry="Energy").select("p_calm", "p_turbulent", "p_crisis").to_numpy()
    features = FEATURES.filter(industry="Energy").tail(60)["volatility_10"].to_numpy()
    nearest = np.abs(np.log(features)[:, None] - VOLATILITY[0][:, 0]).argmin(axis=1)
    assert (found.argmax(axis=1) == nearest).mean() > 0.95


def test_fits_and_states_keep_their_schemas():
    assert_stored_as(FITS, HMM_FITS)
    assert FITS.columns == list(stored(HMM_FITS))
    assert FITS.select("model", "industry", "state").rows() == [
        (model, industry, k) for model in ("trend", "volatility") for industry in ("Energy", "Tech") for k in range(3)
    ]
    observed = {(m, i): n for m, i, n in FITS.select("model", "industry", "n_observations").rows()}
    assert observed["trend", "Energy"] == observed["volatility", "Energy"] == 240
    assert (observed["trend", "Tech"], observed["volatility", "Tech"]) == (214, 205)  # 26 and 35 of 240 are holes
    assert FITS.filter(model="volatility").select("mean_1", "variance_1").null_count().row(0) == (6, 6)
    for states, dataset in ((trend_states, TREND_STATES), (volatility_states, VOLATILITY_STATES)):
        found = states(FEATURES, FITS, SESSION, REGIMES)
        assert_stored_as(found, dataset)
        assert found.columns == list(stored(dataset))
        assert found["industry"].to_list() == ["Energy", "Tech"]
        assert probabilities_sum_to_one(found) is None


def test_the_states_of_an_industry_are_the_last_row_of_its_filter():
    for industry in ("Energy", "Tech"):
        rows = FITS.filter(model="trend", industry=industry)
        x = FEATURES.filter(industry=industry).tail(240).select("return_10", "ma_gap_50").to_numpy() * 100
        density = log_density(x, rows.select("mean_0", "mean_1").to_numpy(), rows.select("^variance_.$").to_numpy())
        filtered = filter_states(density, rows.select("^to_.$").to_numpy(), rows["initial"].to_numpy())
        states = trend_states(FEATURES, FITS, SESSION, REGIMES).filter(industry=industry)
        assert states.select("p_bear", "p_sideways", "p_bull").row(0) == tuple(filtered[-1])


def test_sessions_without_a_signal_move_by_the_transition_alone():
    gone = pl.col("event_date") > DAYS[-4]
    blind = FEATURES.with_columns(volatility_10=pl.when(~gone).then("volatility_10"))
    before = volatility_states(FEATURES, on(FITS, DAYS[-4]), DAYS[-4], REGIMES).filter(industry="Energy")
    after = volatility_states(blind, FITS, SESSION, REGIMES).filter(industry="Energy")
    transition = FITS.filter(model="volatility", industry="Energy").select("^to_.$").to_numpy()
    moved = before.select("^p_.*$").to_numpy()[0] @ np.linalg.matrix_power(transition, 3)
    assert after.select("^p_.*$").row(0) == pytest.approx(moved, abs=1e-6)  # but for where the window begins


def test_two_states_are_bear_and_bull_calm_and_turbulent():
    two = with_hmm(n_states=2)
    fits = hmm_fits(FEATURES, SESSION, two, seed=1)
    assert_stored_as(fits, HMM_FITS)
    assert fits["to_2"].null_count() == len(fits) == 8
    trend, volatility = (f(FEATURES, fits, SESSION, two) for f in (trend_states, volatility_states))
    assert trend["p_sideways"].to_list() == volatility["p_crisis"].to_list() == [0.0, 0.0]
    assert probabilities_sum_to_one(trend) is None
    assert probabilities_sum_to_one(volatility) is None


# properties


def test_fits_are_the_same_bits_again_and_in_any_company():
    again = hmm_fits(FEATURES, SESSION, REGIMES, seed=1)
    assert_frame_equal(FITS, again, check_exact=True)
    shuffled = FEATURES.sample(fraction=1, shuffle=True, seed=3)
    assert_frame_equal(FITS, hmm_fits(shuffled, SESSION, REGIMES, seed=1), check_exact=True)
    alone = hmm_fits(FEATURES.filter(industry="Tech"), SESSION, REGIMES, seed=1)
    assert_frame_equal(FITS.filter(industry="Tech"), alone, check_exact=True)
    other = hmm_fits(FEATURES, SESSION, with_hmm(random_starts=0), seed=1)
    assert (other["log_likelihood"] <= FITS["log_likelihood"] + 1e-9).all()


def test_the_seed_moves_the_random_starts_and_nothing_else():
    rng = np.random.default_rng(1)
    noise = one_industry(1, "Noise").with_columns(volatility_10=pl.Series(np.exp(rng.standard_t(3, len(DAYS)))))
    one_start = with_hmm(random_starts=1)
    seeds = [hmm_fits(noise, SESSION, one_start, seed=s)["log_likelihood"].to_list() for s in range(6)]
    assert len({tuple(s) for s in seeds}) > 1
    none = with_hmm(random_starts=0)
    assert_frame_equal(hmm_fits(noise, SESSION, none, seed=1), hmm_fits(noise, SESSION, none, seed=2), check_exact=True)


def test_states_do_not_depend_on_the_company_either():
    for states in (trend_states, volatility_states):
        together = states(FEATURES, FITS, SESSION, REGIMES)
        alone = states(FEATURES.filter(industry="Tech"), FITS, SESSION, REGIMES)
        assert_frame_equal(together.filter(industry="Tech"), alone, check_exact=True)


def test_only_the_trailing_window_speaks():
    cut = FEATURES.filter(pl.col("event_date") >= DAYS[-REGIMES.lookback_sessions])
    assert_frame_equal(FITS, hmm_fits(cut, SESSION, REGIMES, seed=1), check_exact=True)
    for states in (trend_states, volatility_states):
        expected = states(FEATURES, FITS, SESSION, REGIMES)
        assert_frame_equal(states(cut, FITS, SESSION, REGIMES), expected, check_exact=True)


def test_later_sessions_change_neither_fits_nor_states():
    day = DAYS[-20]
    past = FEATURES.filter(pl.col("event_date") <= day)
    fits = hmm_fits(past, day, REGIMES, seed=1)
    assert_frame_equal(fits, hmm_fits(FEATURES, day, REGIMES, seed=1), check_exact=True)
    for states in (trend_states, volatility_states):
        expected = states(past, fits, day, REGIMES)
        assert_frame_equal(expected, states(FEATURES, fits, day, REGIMES), check_exact=True)


# refusals


def test_an_industry_without_a_fit_or_a_row_has_no_state():
    for states, dataset in ((trend_states, TREND_STATES), (volatility_states, VOLATILITY_STATES)):
        only = states(FEATURES.filter(industry="Tech"), FITS, SESSION, REGIMES)
        assert only["industry"].to_list() == ["Tech"]
        for nothing in (
            states(FEATURES, FITS.clear(), SESSION, REGIMES),
            states(FEATURES.clear(), FITS, SESSION, REGIMES),
        ):
            assert nothing.is_empty()
            assert_stored_as(nothing, dataset)
    assert_stored_as(hmm_fits(FEATURES.clear(), SESSION, REGIMES, seed=1), HMM_FITS)


def test_a_signal_that_never_moves_or_has_no_logarithm_gives_no_fit():
    still = frame(
        one_industry(1, "Still").with_columns(return_10=pl.lit(0.001)),
        one_industry(1, "Zero").with_columns(volatility_10=pl.lit(0.0)),
        one_industry(1, "Null").with_columns(volatility_10=pl.lit(None, pl.Float64)),
    )
    fits = hmm_fits(still, SESSION, REGIMES, seed=1)
    found = fits.select("model", "industry").unique().sort("model", "industry").rows()
    assert found == [("trend", "Null"), ("trend", "Zero"), ("volatility", "Still")]
    assert volatility_states(still, fits, SESSION, REGIMES)["industry"].to_list() == ["Still"]


def test_a_volatility_of_zero_is_a_session_without_a_signal():
    t = pl.int_range(pl.len())
    zeros = one_industry(1, "Halted").with_columns(
        volatility_10=pl.when(t % 5 == 0).then(0.0).otherwise("volatility_10")
    )
    nulls = zeros.with_columns(volatility_10=pl.when(pl.col("volatility_10") > 0).then("volatility_10"))
    fits = hmm_fits(zeros, SESSION, REGIMES, seed=1)
    assert_frame_equal(fits, hmm_fits(nulls, SESSION, REGIMES, seed=1), check_exact=True)
    assert fits.filter(model="volatility")["n_observations"].unique().to_list() == [192]
    states = (volatility_states(f, fits, SESSION, REGIMES) for f in (zeros, nulls))
    assert_frame_equal(*states, check_exact=True)


def test_fits_that_ran_out_of_iterations_are_flagged():
    fits = hmm_fits(FEATURES, SESSION, with_hmm(max_iterations=2), seed=1)
    assert fits["converged"].to_list() == [False] * 12
    assert FITS["converged"].to_list() == [True] * 12
