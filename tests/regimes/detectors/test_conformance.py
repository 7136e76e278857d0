"""What every kind of detector promises, whoever wrote it: each entry of the registry goes through all of it."""

import numpy as np
import polars as pl
import pytest

from configs.settings.detectors import DETECTOR_SETTINGS, DetectorSettings, HmmSettings, JumpModelSettings
from feature_store.schemas.features import INDUSTRY_FEATURES, MARKET_FEATURES
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect, StateParameters
from quant_assets.regimes.detectors.registry import DETECTORS, FITS

SMALL: dict[str, DetectorSettings] = {
    "hmm": HmmSettings(n_states=2, random_starts=1, max_iterations=20),
    "jump_model": JumpModelSettings(random_starts=1),
}
N_SERIES, N_SESSIONS, FITTED_ON = 3, 160, 120
ASPECTS: tuple[Aspect, ...] = ("trend", "volatility")

pytestmark = [pytest.mark.parametrize("kind", DETECTORS), pytest.mark.parametrize("aspect", ASPECTS)]


def settings_of(kind: str) -> DetectorSettings:
    return SMALL.get(kind) or DETECTORS[kind].settings()


def signals_of(kind: str, aspect: Aspect, seed: int = 1) -> np.ndarray:
    """(N, T, D) of columns that move between quiet and wild stretches, all above 0 where the signal takes a log."""
    rng = np.random.default_rng(seed)
    shape = N_SERIES * N_SESSIONS
    wild = np.repeat(rng.random(shape // 20) < 0.4, 20)
    columns = {
        name for signals in DETECTORS[kind].signals.values() for signal in signals for name in signal.meta.root_names()
    }
    drawn = {
        name: np.abs(0.1 + 0.3 * wild + 0.1 * rng.normal(size=shape))
        if "volatility" in name
        else 0.1 * (1 - 2 * wild) + 0.05 * rng.normal(size=shape)
        for name in sorted(columns)
    }
    signals = [signal.alias(str(d)) for d, signal in enumerate(DETECTORS[kind].signals[aspect])]
    return pl.DataFrame(drawn).select(signals).to_numpy().reshape(N_SERIES, N_SESSIONS, -1)


def parameters_of(kind: str, aspect: Aspect, signals: np.ndarray) -> StateParameters | None:
    """Of each series, from its first sessions."""
    assert DETECTORS[kind].is_fitted == (kind in FITS)
    if kind not in FITS:
        return None
    rngs = [np.random.default_rng(seed) for seed in range(len(signals))]
    fits = [FITS[kind](aspect, one[:FITTED_ON], settings_of(kind), rng) for one, rng in zip(signals, rngs, strict=True)]
    names = ("mean", "variance", "degrees", "initial", "transition")
    return StateParameters(*(np.stack([getattr(fit, name) for fit in fits]) for name in names))


def probabilities(kind: str, aspect: Aspect, signals: np.ndarray, parameters: StateParameters | None) -> np.ndarray:
    return DETECTORS[kind].probabilities(aspect, signals, parameters, settings_of(kind))


# -- known values ------------------------------------------------------------------------------------------------------


def test_its_settings_name_it_and_profiles_know_them(kind: str, aspect: Aspect) -> None:
    assert settings_of(kind).kind == kind
    assert DETECTOR_SETTINGS[kind] is DETECTORS[kind].settings


def test_it_reads_features_of_industries_or_of_the_market(kind: str, aspect: Aspect) -> None:
    columns = {name for signal in DETECTORS[kind].signals[aspect] for name in signal.meta.root_names()}
    assert columns
    assert columns <= {*INDUSTRY_FEATURES.values} or columns <= {*MARKET_FEATURES.values}


# -- properties --------------------------------------------------------------------------------------------------------


def test_probabilities_are_those_of_the_labels_and_sum_to_one(kind: str, aspect: Aspect) -> None:
    signals = signals_of(kind, aspect)
    parameters = parameters_of(kind, aspect, signals)
    for end in (1, 10, N_SESSIONS):
        found = probabilities(kind, aspect, signals[:, :end], parameters)
        assert found.shape[0] == N_SERIES
        assert found.shape[1] in (2, len(STATES_IN_ORDER[aspect]))
        assert ((found >= 0) & (found <= 1)).all()
        assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-12)


def test_the_states_of_a_session_never_depend_on_later_ones(kind: str, aspect: Aspect) -> None:
    signals, other = signals_of(kind, aspect), signals_of(kind, aspect, seed=2)
    spliced = np.concatenate([signals[:, :FITTED_ON], other[:, FITTED_ON:]], axis=1)
    one, two = (parameters_of(kind, aspect, x) for x in (signals, spliced))
    if one is not None and two is not None:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(vars(one).values(), vars(two).values(), strict=True))
    for end in (FITTED_ON // 2, FITTED_ON):
        found = [probabilities(kind, aspect, x[:, :end], p) for x, p in ((signals, one), (spliced, two))]
        assert found[0].tobytes() == found[1].tobytes()


def test_the_states_do_depend_on_what_is_observed(kind: str, aspect: Aspect) -> None:
    signals = signals_of(kind, aspect)
    parameters = parameters_of(kind, aspect, signals)
    ends = [probabilities(kind, aspect, signals[:, :end], parameters) for end in range(20, N_SESSIONS, 10)]
    assert len({found.argmax(axis=1).tobytes() for found in ends}) > 1


def test_a_series_depends_on_nothing_of_the_others(kind: str, aspect: Aspect) -> None:
    signals = signals_of(kind, aspect)
    parameters = parameters_of(kind, aspect, signals)
    alone = None if parameters is None else StateParameters(*(values[1:2] for values in vars(parameters).values()))
    together = probabilities(kind, aspect, signals, parameters)
    assert probabilities(kind, aspect, signals[1:2], alone).tobytes() == together[1:2].tobytes()


def test_the_same_signals_and_seed_give_the_same_bits(kind: str, aspect: Aspect) -> None:
    first, second = signals_of(kind, aspect), signals_of(kind, aspect)
    found = [probabilities(kind, aspect, x, parameters_of(kind, aspect, x)) for x in (first, second)]
    assert found[0].tobytes() == found[1].tobytes()
    assert first.tobytes() == second.tobytes()


def test_a_session_without_a_signal_leaves_a_state_that_sums_to_one_or_none_at_all(kind: str, aspect: Aspect) -> None:
    signals = signals_of(kind, aspect)
    parameters = parameters_of(kind, aspect, signals)
    signals = signals.copy()
    signals[0, -1, 0] = np.nan
    found = probabilities(kind, aspect, signals, parameters)
    assert np.isnan(found[0]).all() or found[0].sum() == pytest.approx(1.0, abs=1e-12)
    assert not np.isnan(found[1:]).any()
