import numpy as np
import pytest
from pydantic import ValidationError

from configs.settings import E1Settings, E2Settings, Factor, Vote
from quant_assets.numerics.arrays import Array
from quant_assets.regimes.confirmation import UNKNOWN
from quant_assets.regimes.risk_appetite import (
    NEUTRAL,
    RISK_OFF,
    RISK_ON,
    RiskAppetite,
    e1,
    e2,
    features_read,
    sessions_read,
    vote,
)

GOOD = {"ma_gap_200": 0.05, "volatility_21": 0.1, "drawdown_252": -0.01, "breadth_200": 0.8}
BAD = {"ma_gap_200": -0.1, "volatility_21": 0.4, "drawdown_252": -0.3, "breadth_200": 0.1}
MORE = {"credit_ratio_z_252": 0.0, "vix_term": 0.05, "gold_relative_63": 0.0, "bonds_relative_63": 0.0}
NAN = float("nan")


def columns(*rows: dict[str, float]) -> dict[str, Array]:
    return {name: np.array([row.get(name, NAN) for row in rows]) for name in GOOD | MORE}


def by_votes(*rows: dict[str, float]) -> RiskAppetite:
    return e1(columns(*rows), E1Settings())


# known values


def test_a_vote_has_two_thresholds_and_a_direction() -> None:
    values = np.array([0.14, 0.15, 0.2, 0.25, 0.3, NAN])
    np.testing.assert_array_equal(vote(values, Vote(risk_on=0.15, risk_off=0.25)), [1, 1, 0, -1, -1, NAN])
    np.testing.assert_array_equal(vote(-values, Vote(risk_on=-0.15, risk_off=-0.25)), [1, 1, 0, -1, -1, NAN])


def test_e1_needs_a_majority_and_enough_votes() -> None:
    half = GOOD | {"volatility_21": 0.2, "drawdown_252": -0.1}  # two for, two neither
    split = GOOD | {"volatility_21": 0.3}  # three for, one against
    torn = split | {"breadth_200": 0.5}  # two for, one neither, one against
    few = {"ma_gap_200": 0.05, "volatility_21": 0.1}
    found = by_votes(GOOD, BAD, half, split, torn, few)
    assert found.state.tolist() == [RISK_ON, RISK_OFF, RISK_ON, RISK_ON, NEUTRAL, UNKNOWN]
    assert found.score == pytest.approx([1.0, 0.0, 0.75, 0.75, 0.625, NAN], nan_ok=True)
    assert found.n_votes.tolist() == [4, 4, 4, 4, 4, 2]


def test_e2_is_the_weighted_mean_of_logistic_functions() -> None:
    settings = E2Settings(
        factors={"vix_term": Factor(centre=0.05, scale=0.05), "breadth_200": Factor(centre=0.5, scale=0.1, weight=3.0)}
    )
    row = {"vix_term": 0.1, "breadth_200": 0.4}
    up = 1 / (1 + np.exp(-1))
    found = e2(columns(GOOD | MORE | row), settings)
    assert found.score == pytest.approx([(up + 3 * (1 - up)) / 4])
    assert found.state.tolist() == [RISK_OFF]
    assert found.missing == ((),)


def test_the_score_halves_its_weights_every_half_life() -> None:
    settings = E2Settings(factors={"vix_term": Factor(centre=0.0, scale=1e-3)}, half_life_sessions=1.0)
    rows = [GOOD | {"vix_term": x} for x in (1.0, -1.0, -1.0)]
    assert e2(columns(*rows), settings).score == pytest.approx([1.0, 1 / 3, 1 / 7])
    assert sessions_read(settings) == 11


def test_e2_without_its_inputs_is_e1_and_says_what_is_missing() -> None:
    found = e2(columns(GOOD | MORE, GOOD, BAD | MORE | {"vix_term": NAN}), E2Settings())
    votes = by_votes(GOOD, GOOD, BAD)
    assert found.missing == ((), tuple(MORE), ("vix_term",))
    assert found.state.tolist()[1:] == votes.state.tolist()[1:]
    assert found.score.tolist()[1:] == votes.score.tolist()[1:]


# properties


def test_each_session_rests_on_itself_and_its_window() -> None:
    rng = np.random.default_rng(1)
    drawn = {name: rng.normal(value, 0.1, 80) for name, value in (GOOD | MORE).items()}
    drawn["vix_term"][rng.random(80) < 0.1] = NAN
    for model, settings in ((e1, E1Settings()), (e2, E2Settings())):
        whole = model(drawn, settings)
        for end in (50, 79):
            begin = end - sessions_read(settings)
            cut = model({name: values[begin:end] for name, values in drawn.items()}, settings)
            assert cut.score[-1] == whole.score[end - 1] or np.isnan(cut.score[-1])
            assert cut.state[-1] == whole.state[end - 1]
            assert cut.missing[-1] == whole.missing[end - 1]
        assert ((whole.score >= 0) & (whole.score <= 1)).all()


def test_both_read_what_their_settings_name() -> None:
    assert features_read(E1Settings()) == tuple(GOOD)
    assert set(features_read(E2Settings())) == {*GOOD, *MORE}


# refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vote(risk_on=0.1, risk_off=0.1), "set two values"),
        (lambda: Factor(centre=0.0, scale=0.0), "set a distance"),
        (lambda: E1Settings(min_votes=9), "only 4 features vote"),
    ],
)
def test_settings_that_say_nothing_are_refused(make, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make()
