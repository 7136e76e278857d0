"""The probability with which a leak would have been found, by how many sessions were computed again."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.engine.power import FRACTIONS, detection_probability, looks_needed

# -- known values ------------------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    assert detection_probability(10, 5, 0.2) == pytest.approx(1 - (5 * 4) / (10 * 9))  # two leaky sessions of ten
    assert detection_probability(100, 50, 0.01) == pytest.approx(0.5)  # one of a hundred, half of them looked at
    assert detection_probability(250, 15, 0.001) == pytest.approx(15 / 250)  # one session at least
    assert detection_probability(200, 60, 0.01) == pytest.approx(1 - 140 * 139 / (200 * 199))


@pytest.mark.parametrize(("stored", "looked_at", "leaky"), [(12, 3, 4), (9, 6, 2), (7, 1, 7)])
def test_it_is_the_fraction_of_all_draws(stored: int, looked_at: int, leaky: int) -> None:
    draws = list(itertools.combinations(range(stored), looked_at))
    found = sum(any(t < leaky for t in draw) for draw in draws) / len(draws)
    assert detection_probability(stored, looked_at, leaky / stored) == pytest.approx(found)


def test_a_years_run_needs_61_sessions_for_one_percent_and_even_odds() -> None:
    assert looks_needed(252, 0.01, 0.5) == 61
    assert detection_probability(252, 61, 0.01) >= 0.5 > detection_probability(252, 60, 0.01)
    assert looks_needed(3000, 0.01, 0.5) == 69  # hardly more of a longer one


# -- properties --------------------------------------------------------------------------------------------------------

STORED = st.integers(1, 3000)


@given(STORED, st.sampled_from(FRACTIONS), st.data())
def test_it_grows_with_the_sessions_looked_at_from_none_to_all(
    stored: int, fraction: float, data: st.DataObject
) -> None:
    looked_at = data.draw(st.integers(0, stored - 1))
    now, more = (detection_probability(stored, n, fraction) for n in (looked_at, looked_at + 1))
    assert 0 <= now <= more + 1e-9
    assert detection_probability(stored, 0, fraction) == pytest.approx(0)
    assert detection_probability(stored, stored, fraction) == pytest.approx(1)


@given(STORED, st.data())
def test_a_leak_on_more_sessions_is_found_sooner(stored: int, data: st.DataObject) -> None:
    looked_at = data.draw(st.integers(0, stored))
    several = [detection_probability(stored, looked_at, fraction) for fraction in sorted(FRACTIONS)]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(several))


def test_of_nothing_nothing_is_found() -> None:
    assert detection_probability(0, 0, 0.1) == 0.0


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("looked_at", "fraction"), [(6, 0.1), (-1, 0.1), (2, 0.0), (2, math.nan)])
def test_what_cannot_be_is_rejected(looked_at: int, fraction: float) -> None:
    with pytest.raises(ValueError, match="cannot be looked at"):
        detection_probability(5, looked_at, fraction)
