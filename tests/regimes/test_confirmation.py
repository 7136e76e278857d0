import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.regimes.confirmation import UNKNOWN, confirmed, likeliest
from tests.oracles.regimes import confirmed_state

OBSERVED = st.lists(st.sampled_from([UNKNOWN, 0, 1, 2]), min_size=1, max_size=40)


def in_force(observed: list[int], sessions: int) -> list[int]:
    return confirmed(np.array(observed)[:, None], sessions)[:, 0].tolist()


# known values


def test_the_confirmed_state_stays_until_enough_sessions_agree_on_another() -> None:
    assert in_force([0, 0, 0, 1, 1, 0, 1, 1, 1, 0], 3) == [-1, -1, 0, 0, 0, 0, 0, 0, 1, 1]
    assert in_force([2, 0, 1], 1) == [2, 0, 1]


def test_a_session_without_a_state_neither_confirms_nor_interrupts() -> None:
    assert in_force([0, 0, -1, 0, 1, -1, 1, -1, 1], 3) == [-1, -1, -1, 0, 0, 0, 0, 0, 1]


def test_the_likeliest_is_the_first_of_equals_and_unknown_without_probabilities() -> None:
    p = np.array([[0.4, 0.2, 0.4], [0.1, 0.7, 0.2], [np.nan, 0.5, 0.5]])
    assert likeliest(p).tolist() == [0, 1, UNKNOWN]


# properties


@given(OBSERVED, st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_it_is_the_latest_run_of_agreement_of_what_was_seen_by_then(observed: list[int], sessions: int) -> None:
    seen = [None if state == UNKNOWN else state for state in observed]
    expected = [confirmed_state(seen[: t + 1], sessions) for t in range(len(seen))]
    assert in_force(observed, sessions) == [UNKNOWN if state is None else state for state in expected]


@given(OBSERVED, OBSERVED, st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_a_window_that_holds_an_agreement_gives_what_the_whole_history_gives(
    past: list[int], window: list[int], sessions: int
) -> None:
    alone, whole = in_force(window, sessions), in_force(past + window, sessions)[len(past) :]
    assert all(one in (UNKNOWN, other) for one, other in zip(alone, whole, strict=True))
