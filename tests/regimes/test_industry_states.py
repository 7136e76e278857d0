import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import HmmSettings, JumpModelSettings, Regimes
from feature_store.schemas.regimes import HMM_FITS, TREND_STATES, VOLATILITY_STATES
from quant_assets.numerics.hidden_markov import filter_states, log_density
from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.detectors import hmm
from quant_assets.regimes.detectors.registry import FITS as FITS_BY_KIND
from quant_assets.regimes.industry_states import (
    KEPT_REFITS,
    fit_metadata,
    fit_window,
    hmm_fits,
    trend_states,
    volatility_states,
)
from tests.oracles.panels import assert_stored_as, sessions, stored

DAYS = sessions(300)
SESSION = DAYS[-1]
HMM = HmmSettings(random_starts=1)
REGIMES = Regimes(lookback_sessions=240, filter_sessions=120, min_observations=120, industry=HMM)
LEVELS = (0.006, 0.012, 0.04)  # standard deviation a session: calm, turbulent, crisis
SPELL = 20


def one_industry(seed: int, name: str, n: int = len(DAYS), levels: tuple[float, ...] = LEVELS) -> pl.DataFrame:
    """The features of an industry whose volatility goes through the levels, a spell each, and back."""
    rng = np.random.default_rng(seed)
    volatility = np.resize(np.repeat([*levels, *levels[-2:0:-1]], SPELL), n)
    r = volatility * rng.standard_t(8, n)
    squares = np.convolve(r**2, np.ones(10), "full")[:n] / np.minimum(np.arange(n) + 1, 10)
    ranges = np.exp(0.25 * rng.normal(size=n)) * volatility * ANNUAL
    return pl.DataFrame(
        {
            "event_date": DAYS[-n:],
            "industry": [name] * n,
            "return_1": r,
            "volatility_10": np.sqrt(squares) * ANNUAL,
            "range_volatility_1": ranges,
            "member_range_volatility_1": 1.5 * ranges,
        }
    )


def frame(*industries: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(industries).sort("event_date", "industry")


def planted() -> pl.DataFrame:
    """Two industries, one of them with holes and without a fund, and one too young to be fitted."""
    t = pl.int_range(pl.len())
    holes = one_industry(2, "Tech").with_columns(
        return_1=pl.when(t % 9 != 0).then("return_1"), range_volatility_1=pl.lit(None, pl.Float64)
    )
    return frame(one_industry(1, "Energy"), holes, one_industry(3, "Young", 60))


def market() -> pl.DataFrame:
    rng = np.random.default_rng(4)
    equity = rng.normal(0, 0.01, len(DAYS))
    volatility = np.resize(np.repeat([*LEVELS, LEVELS[1]], SPELL), len(DAYS))
    columns = {"vix": 1000 * volatility + 10, "equity_return_1": equity, "bonds_return_1": -0.3 * equity}
    return pl.DataFrame({"event_date": DAYS, **columns})


FEATURES, DESCRIBED = planted(), market()


def fits_of(features: pl.DataFrame, session: dt.date = SESSION, settings: Regimes = REGIMES, seed: int = 1):
    return hmm_fits(features, DESCRIBED, session, settings, seed=seed)


FITS = fits_of(FEATURES)


def with_hmm(**changed: int) -> Regimes:
    return REGIMES.model_copy(update={"industry": HMM.model_copy(update=changed)})


def on(fits: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    return fits.with_columns(event_date=pl.lit(day))


# known values


def test_the_volatility_of_planted_states_is_found_and_named_by_its_level():
    for industry in ("Energy", "Tech"):
        rows = FITS.filter(model="volatility", industry=industry)
        assert rows["label"].to_list() == ["calm", "turbulent", "crisis"]
        # a Student-t of 8 degrees is a sixth more volatile than its scale
        assert rows["volatility_annual"].to_numpy() == pytest.approx(1.155 * ANNUAL * np.array(LEVELS), rel=0.3)
        assert rows["fraction"].sum() == pytest.approx(1.0)
        assert rows["duration_sessions"].to_numpy() == pytest.approx([SPELL] * 3, rel=0.6)


def test_states_are_described_by_what_else_moved_while_they_held():
    rows = FITS.filter(model="volatility", industry="Energy")
    assert rows["mean_vix"].to_numpy() == pytest.approx([1000 * level + 10 for level in LEVELS], rel=0.15)
    assert rows["equity_bond_correlation"].to_numpy() == pytest.approx([-1.0] * 3)
    nothing = DESCRIBED.with_columns(pl.lit(None, pl.Float64).alias(name) for name in DESCRIBED.columns[1:])
    bare = hmm_fits(FEATURES, nothing, SESSION, REGIMES, seed=1)
    assert bare["mean_vix"].null_count() == bare["equity_bond_correlation"].null_count() == len(bare)
    described = ("mean_vix", "equity_bond_correlation")
    assert_frame_equal(bare.drop(described), FITS.drop(described), check_exact=True)


def test_a_quiet_window_has_no_crisis_and_a_wild_one_has_by_multiple_or_by_level():
    def labels(levels: tuple[float, ...], **settings: float) -> list[str]:
        fits = fits_of(one_industry(1, "One", levels=levels), settings=REGIMES.model_copy(update=settings))
        return fits.filter(model="volatility")["label"].to_list()

    assert labels((0.004, 0.008)) == ["calm", "turbulent"]
    assert labels((0.004, 0.008), crisis_median_multiple=1.1) == ["calm", "crisis"]
    assert labels((0.01, 0.03), crisis_median_multiple=9.0) == ["calm", "crisis"]
    assert labels((0.01, 0.03), crisis_median_multiple=9.0, crisis_volatility_annual=0.9) == ["calm", "turbulent"]


def test_planted_states_are_recognized_session_by_session():
    states = [volatility_states(FEATURES, on(FITS, day), day, REGIMES) for day in DAYS[-80:]]
    detected = pl.concat(states).filter(industry="Energy").select("p_calm", "p_turbulent", "p_crisis").to_numpy()
    planted_states = np.resize(np.repeat([0, 1, 2, 1], SPELL), len(DAYS))[-80:]
    assert (detected.argmax(axis=1) == planted_states).mean() > 0.85


def test_fits_and_states_keep_their_schemas():
    assert_stored_as(FITS, HMM_FITS)
    assert FITS.columns == list(stored(HMM_FITS))
    assert FITS.select("model", "industry", "state").rows() == [
        (model, industry, k) for model in ("trend", "volatility") for industry in ("Energy", "Tech") for k in range(3)
    ]
    observed = {(m, i): n for m, i, n in FITS.select("model", "industry", "n_observations").rows()}
    assert observed["volatility", "Energy"] == 240
    assert observed["volatility", "Tech"] == 213  # 27 of 240 are holes
    volatility = FITS.filter(model="volatility")
    assert volatility.filter(industry="Energy").select("mean_1", "mean_2").null_count().row(0) == (0, 3)
    assert volatility.filter(industry="Tech").select("mean_1", "mean_2").null_count().row(0) == (3, 0)
    for states, dataset in ((trend_states, TREND_STATES), (volatility_states, VOLATILITY_STATES)):
        rows = states(FEATURES, FITS, SESSION, REGIMES)
        assert_stored_as(rows, dataset)
        assert rows.columns == list(stored(dataset))
        assert rows["industry"].to_list() == ["Energy", "Tech"]
        assert probabilities_sum_to_one(rows) is None


def test_the_states_of_an_industry_are_the_last_row_of_its_filter():
    rows = FITS.filter(model="trend", industry="Energy")
    seen = FEATURES.filter(industry="Energy").tail(120)
    x = (seen["return_1"] * ANNUAL / seen["volatility_10"]).to_numpy()[:, None]
    density = log_density(x, rows.select("mean_0").to_numpy(), rows.select("variance_0").to_numpy())
    filtered = filter_states(density, rows.select("^to_.$").to_numpy(), rows["initial"].to_numpy())
    states = trend_states(FEATURES, FITS, SESSION, REGIMES).filter(industry="Energy")
    assert states.select("p_bear", "p_sideways", "p_bull").row(0) == tuple(filtered[-1])


def test_states_of_one_label_count_together():
    # three volatilities, none of which is a crisis: turbulent has two states, and theirs is the sum
    fits = FITS.with_columns(label=pl.col("label").replace("crisis", "turbulent"))
    apart, together = (volatility_states(FEATURES, f, SESSION, REGIMES) for f in (FITS, fits))
    assert together["p_crisis"].to_list() == [0.0, 0.0]
    for k in range(2):
        assert together["p_turbulent"][k] == pytest.approx(apart["p_turbulent"][k] + apart["p_crisis"][k])


def test_industries_of_two_and_of_three_states_stand_side_by_side():
    both = frame(one_industry(1, "Energy"), one_industry(5, "Calm", levels=(0.004, 0.01)))
    fits = fits_of(both)
    counts = fits.filter(model="volatility").group_by("industry").len().sort("industry")["len"].to_list()
    assert counts == [2, 3]
    states = volatility_states(both, fits, SESSION, REGIMES)
    assert states["industry"].to_list() == ["Calm", "Energy"]
    assert probabilities_sum_to_one(states) is None
    alone = volatility_states(both.filter(industry="Calm"), fits, SESSION, REGIMES)
    assert_frame_equal(states.filter(industry="Calm"), alone, check_exact=True)


def test_two_states_are_bear_and_bull_calm_and_another():
    two = with_hmm(n_states=2)
    fits = fits_of(FEATURES, settings=two)
    assert_stored_as(fits, HMM_FITS)
    assert fits["to_2"].null_count() == len(fits) == 8
    assert fits.filter(model="trend")["label"].to_list() == ["bear", "bull"] * 2
    trend = trend_states(FEATURES, fits, SESSION, two)
    assert trend["p_sideways"].to_list() == [0.0, 0.0]
    assert probabilities_sum_to_one(trend) is None


def test_jump_models_are_fitted_stored_and_followed_likewise():
    jumps = REGIMES.model_copy(update={"industry": JumpModelSettings(jump_penalty=5.0)})
    features = FEATURES.with_columns(
        **{f"momentum_{n}": pl.col("return_1") for n in (21, 63)},
        volatility_21="volatility_10",
        volatility_63="volatility_10",
    )
    fits = fits_of(features, settings=jumps)
    assert_stored_as(fits, HMM_FITS)
    assert fits["degrees_0"].null_count() == len(fits)
    states = volatility_states(features, fits, SESSION, jumps)
    assert states["industry"].to_list() == ["Energy", "Tech"]
    assert probabilities_sum_to_one(states) is None


def test_a_fit_that_does_not_converge_leaves_the_last_one_in_force(monkeypatch):
    true_fit = hmm.state_fit

    def never_on_the_session(aspect, signals, settings, rng):
        fitted = true_fit(aspect, signals, settings, rng)
        ends_now = signals[-1, 0] in last_signals
        return replace(fitted, converged=not ends_now)

    energy = FEATURES.filter(industry="Energy")
    last = energy.filter(event_date=SESSION)
    last_signals = {last["return_1"][0] * 100, (last["return_1"] * ANNUAL / last["volatility_10"])[0]}
    monkeypatch.setitem(FITS_BY_KIND, "hmm", never_on_the_session)
    kept = fits_of(energy)
    before = DAYS[-1 - 5]
    assert kept["fit_session"].unique().to_list() == [before]
    assert kept["event_date"].unique().to_list() == [SESSION]
    assert fit_metadata(kept) == {"not_converged": 0.0, "kept_from_before": 2.0}
    assert fit_metadata(on(FITS, SESSION)) == {"not_converged": 0.0, "kept_from_before": 0.0}
    monkeypatch.undo()
    own = fits_of(energy, before)
    assert_frame_equal(kept.drop("event_date"), own.drop("event_date"), check_exact=True)


# properties


def test_fits_are_the_same_bits_again_and_in_any_company():
    again = fits_of(FEATURES)
    assert_frame_equal(FITS, again, check_exact=True)
    shuffled = FEATURES.sample(fraction=1, shuffle=True, seed=3)
    assert_frame_equal(FITS, fits_of(shuffled), check_exact=True)
    alone = fits_of(FEATURES.filter(industry="Tech"))
    assert_frame_equal(FITS.filter(industry="Tech"), alone, check_exact=True)


def test_the_seed_moves_the_random_starts_and_nothing_else():
    none = with_hmm(random_starts=0)
    one, other = (fits_of(FEATURES, settings=none, seed=seed) for seed in (1, 2))
    assert_frame_equal(one, other, check_exact=True)


def test_states_do_not_depend_on_the_company_either():
    for states in (trend_states, volatility_states):
        together = states(FEATURES, FITS, SESSION, REGIMES)
        alone = states(FEATURES.filter(industry="Tech"), FITS, SESSION, REGIMES)
        assert_frame_equal(together.filter(industry="Tech"), alone, check_exact=True)


def test_only_the_trailing_window_speaks():
    assert fit_window(REGIMES) == 240 + 5 * KEPT_REFITS
    cut = FEATURES.filter(pl.col("event_date") >= DAYS[-REGIMES.lookback_sessions])
    assert_frame_equal(FITS, fits_of(cut), check_exact=True)
    cut = FEATURES.filter(pl.col("event_date") >= DAYS[-REGIMES.filter_sessions])
    for states in (trend_states, volatility_states):
        expected = states(FEATURES, FITS, SESSION, REGIMES)
        assert_frame_equal(states(cut, FITS, SESSION, REGIMES), expected, check_exact=True)


def test_later_sessions_change_neither_fits_nor_states():
    day = DAYS[-20]
    past = FEATURES.filter(pl.col("event_date") <= day)
    fits = fits_of(past, day)
    assert_frame_equal(fits, fits_of(FEATURES, day), check_exact=True)
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
    assert_stored_as(fits_of(FEATURES.clear()), HMM_FITS)


def test_a_return_that_never_moves_gives_no_fit():
    still = one_industry(1, "Still").with_columns(return_1=pl.lit(0.0))
    null = one_industry(1, "Null").with_columns(return_1=pl.lit(None, pl.Float64))
    assert fits_of(frame(still, null)).is_empty()


def test_fits_that_ran_out_of_iterations_are_flagged():
    fits = fits_of(FEATURES, settings=with_hmm(max_iterations=2))
    assert not fits["converged"].any()
    assert fits["fit_session"].unique().to_list() == [SESSION]
    assert FITS["converged"].all()
