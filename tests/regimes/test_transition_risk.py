import datetime as dt
from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.special import expit

from configs.settings import Regimes
from configs.settings.transition_risk import TransitionRisk
from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from feature_store.schemas.transition_risk import FLIP_FITS, TRANSITION_RISK
from quant_assets.regimes.evaluation import brier_skill, calibration_slope
from quant_assets.regimes.flip_features import HISTORY, NAMES, FlipInputs, flip_panel, flips
from quant_assets.regimes.transition_risk import fit_sessions, flip_fits, transition_risk
from tests.oracles.panels import assert_stored_as, sessions

N_FIT, N_AFTER = 460, 120
DAYS = sessions(N_FIT + N_AFTER)
SESSION = DAYS[N_FIT - 1]
INDUSTRIES = ["Energy", "Health", "Tech", "Utilities"]
SETTINGS = Regimes(
    transition_risk=TransitionRisk(lookback_sessions=390, min_rows=200, min_flips=20, trees=15, min_leaf_rows=40)
)


def planted(seed: int, effect: float = 3.0) -> tuple[FlipInputs, np.ndarray]:
    """Volatility switches between calm and turbulent at a rate that its margin foretells, unless the effect is 0.

    Beside it the (T, N) true probability of a switch in the next session.
    """
    rng = np.random.default_rng(seed)
    n = len(INDUSTRIES)
    pressure, state, codes, rates, margins = np.zeros(n), np.zeros(n, dtype=int), [], [], []
    for _ in DAYS:
        pressure = 0.9 * pressure + rng.normal(0, 0.5, n)
        rate = 0.12 * expit(effect * pressure - 2)
        codes.append(state.copy())
        rates.append(rate)
        margins.append(0.5 - 0.4 * np.tanh(pressure))
        state = state ^ (rng.random(n) < rate)
    rows = []
    for t, day in enumerate(DAYS):
        for i, industry in enumerate(INDUSTRIES):
            own = (1 + margins[t][i]) / 2
            calm = own if codes[t][i] == 0 else 1 - own
            rows.append((day, industry, "sideways", VOLATILITY_STATES_IN_ORDER[codes[t][i]], 0.2, 0.6, 0.2, calm,
                         1 - calm, 0.0, 0.1))  # fmt: skip
    probabilities = [f"p_{state}" for state in (*TREND_STATES_IN_ORDER, *VOLATILITY_STATES_IN_ORDER)]
    columns = ["event_date", "industry", "trend", "volatility", *probabilities, "contradiction"]
    states = pl.DataFrame(rows, schema=columns, orient="row")
    by_day = pl.DataFrame({"event_date": DAYS})
    macro = {name: rng.normal(size=len(DAYS)) for name in ("vix_change_5", "vix_change_21", "slope_change_21")}
    market = by_day.with_columns(
        **{k: pl.Series(v) for k, v in macro.items()}, credit_change_21=pl.lit(None, pl.Float64)
    )
    breaks = states.select("event_date", "industry").join(
        pl.DataFrame({"stream": ["trend", "volatility"]}), how="cross"
    )
    drawn = {name: pl.Series(rng.random(breaks.height)) for name in ("break_probability", "severity")}
    systemic = by_day[100:].with_columns(p_systemic=pl.Series(rng.random(len(DAYS) - 100)))
    return FlipInputs(states, breaks.with_columns(**drawn), market, systemic), np.array(rates)


INPUTS, RATES = planted(1)
FITS = flip_fits(INPUTS, SESSION, SETTINGS, seed=1)


def cut(inputs: FlipInputs, first: dt.date, last: dt.date) -> FlipInputs:
    between = pl.col("event_date").is_between(first, last)
    return FlipInputs(*(getattr(inputs, field.name).filter(between) for field in fields(inputs)))


def on(day: dt.date) -> pl.DataFrame:
    return FITS.with_columns(event_date=pl.lit(day))


# -- known values ------------------------------------------------------------------------------------------------------


def test_an_outcome_is_a_change_of_either_label_on_any_session_of_the_horizon():
    trend, volatility = [1, 1, 1, 1, 2, 2, 2], [0, 1, 0, 0, 0, 0, -1]
    labels = np.stack([np.array(trend), np.array(volatility)], axis=-1)[:, None, :]
    np.testing.assert_array_equal(flips(labels, 2)[:, 0], [1, 1, 1, 1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(flips(labels[:6], 1)[:, 0], [1, 1, 0, 1, 0, np.nan])


def test_margin_age_and_slope_by_hand():
    panel = flip_panel(INPUTS, DAYS)
    rows = INPUTS.states.filter(industry="Tech")
    feature = {name: panel.features[:, 2, i] for i, name in enumerate(NAMES)}
    own = np.where(rows["volatility"] == "calm", rows["p_calm"], rows["p_turbulent"])
    np.testing.assert_allclose(feature["margin_volatility"], own - (1 - own), atol=1e-12)
    np.testing.assert_allclose(feature["margin_trend"], 0.4)
    assert feature["slope_p_calm"][50] == rows["p_calm"][50] - rows["p_calm"][45]
    changed = np.flatnonzero(np.diff(panel.labels[:, 2, 1])) + 1
    assert feature["log_age_volatility"][changed].tolist() == [0.0] * len(changed)
    assert feature["log_age_volatility"][changed[0] + 1] in (0.0, np.log(2))
    assert feature["log_age_trend"][-1] == pytest.approx(np.log1p(HISTORY - 1))
    assert np.isnan(feature["p_systemic"][:100]).all()
    assert np.isnan(feature["credit_change_21"]).all()


def test_fits_keep_their_schema_and_count_what_had_matured():
    assert_stored_as(FITS, FLIP_FITS)
    assert FITS.select("model", "term").rows() == sorted(FITS.select("model", "term").rows())
    assert set(FITS.filter(model="logistic")["term"]) == {*NAMES, "intercept"}
    n_rows = FITS["n_rows"].unique().item()
    assert n_rows == pytest.approx((390 - 10) / 2 * 4, abs=4)
    assert FITS.filter(term="credit_change_21").item(0, "coefficient") == 0.0  # there is none
    margin = FITS.filter(term="margin_volatility").item(0, "coefficient")
    assert margin < -0.3
    assert FITS.filter(term="brier_skill").item(0, "coefficient") > 0.02


def test_probabilities_of_sessions_after_the_fit_are_calibrated_and_better_than_the_base_rate():
    days = DAYS[N_FIT : N_FIT + N_AFTER - 10]
    rows = pl.concat([transition_risk(INPUTS, on(day), day, SETTINGS) for day in days])
    assert_stored_as(rows, TRANSITION_RISK)
    panel = flip_panel(INPUTS, DAYS)
    outcome = flips(panel.labels, 10)[N_FIT : N_FIT + N_AFTER - 10].ravel() == 1.0
    p = rows["p_flip"].to_numpy()
    truth = 1 - (1 - RATES[N_FIT : N_FIT + N_AFTER - 10].ravel()) ** 10
    assert np.corrcoef(p, truth)[0, 1] > 0.6
    assert brier_skill(p, outcome) > 0.02
    assert 0.5 < calibration_slope(p, outcome) < 2


def test_noise_foretells_nothing_and_says_so():
    noise, _ = planted(4, effect=0.0)
    fits = flip_fits(noise, SESSION, SETTINGS, seed=1)
    worth = dict(fits.filter(model="calibration").select("term", "coefficient").iter_rows())
    assert worth["brier_skill"] < 0.02
    assert worth["slope"] < 0.5
    rows = transition_risk(noise, fits, SESSION, SETTINGS)
    assert (rows["p_flip"] - rows["base_rate"]).abs().max() < 0.1


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_row_of_a_session_is_that_of_the_long_panel():
    long = flip_panel(INPUTS, DAYS[:N_FIT])
    short = flip_panel(INPUTS, DAYS[N_FIT - HISTORY : N_FIT])
    np.testing.assert_array_equal(long.features[-1], short.features[-1])


def test_only_the_window_counts_and_nothing_after_the_session():
    window = cut(INPUTS, DAYS[N_FIT - fit_sessions(SETTINGS)], SESSION)
    assert_frame_equal(flip_fits(window, SESSION, SETTINGS, seed=1), FITS, check_exact=True)
    day = DAYS[N_FIT + 5]
    whole = transition_risk(INPUTS, on(day), day, SETTINGS)
    few = transition_risk(cut(INPUTS, DAYS[N_FIT + 6 - HISTORY], day), on(day), day, SETTINGS)
    assert_frame_equal(whole, few, check_exact=True)


def test_the_order_of_rows_and_the_seed_do_not_matter():
    shuffled = FlipInputs(
        *(getattr(INPUTS, field.name).sample(fraction=1, shuffle=True, seed=5) for field in fields(INPUTS))
    )
    again = flip_fits(shuffled, SESSION, SETTINGS, seed=1)
    assert_frame_equal(again, FITS, check_exact=True)
    rows = transition_risk(shuffled, FITS.sample(fraction=1, shuffle=True, seed=6), SESSION, SETTINGS)
    assert_frame_equal(rows, transition_risk(INPUTS, FITS, SESSION, SETTINGS), check_exact=True)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_too_few_rows_have_no_fit_and_null_probabilities():
    early = DAYS[100]
    fits = flip_fits(INPUTS, early, SETTINGS, seed=1)
    assert fits.is_empty()
    assert fits.schema == dict(FLIP_FITS.computed_schema)
    rows = transition_risk(INPUTS, fits, early, SETTINGS)
    assert rows["industry"].to_list() == INDUSTRIES
    assert rows.drop("event_date", "industry").null_count().row(0) == (4,) * 5


def test_an_industry_without_labels_has_no_probability_and_none_has_no_row():
    unknown = INPUTS.states.with_columns(trend=pl.when(pl.col("industry") != "Tech").then("trend"))
    rows = transition_risk(replace(INPUTS, states=unknown), FITS, SESSION, SETTINGS)
    assert rows["p_flip"].is_null().to_list() == [False, False, True, False]
    nothing = transition_risk(replace(INPUTS, states=INPUTS.states.clear()), FITS, SESSION, SETTINGS)
    assert nothing.is_empty()


def test_a_fit_of_other_features_is_rejected():
    with pytest.raises(ValueError, match="refit regimes/flip_fits"):
        transition_risk(INPUTS, FITS.filter(pl.col("term") != "p_systemic"), SESSION, SETTINGS)
