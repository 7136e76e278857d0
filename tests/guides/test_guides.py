"""Guides to a feature, a detector, a model and a limit, done as they say: docs/guides."""

from pathlib import Path

import pytest

from tests.guides.steps import Done, follow

PASSED = {
    "add_a_feature": (
        "test_gaps.py::test_the_largest_gap_of_a_month_by_hand",
        "test_gaps.py::test_stock_features_have_it",
    ),
    "add_a_detector": (
        "test_thirds.py::test_the_last_session_lies_in_its_third",
        "test_conformance.py::test_the_states_of_a_session_never_depend_on_later_ones[thirds-trend]",
    ),
    "add_a_model": (
        "test_marginal.py::test_the_slope_of_one_feature_by_hand",
        "test_conformance.py::test_a_prediction_depends_on_its_own_row_only[marginal]",
    ),
    "add_a_limit": (
        "test_volatile_weight.py::test_the_volatile_stock_is_held_to_the_cap_and_diagnostics_say_so",
        "test_conformance.py::test_the_solution_keeps_it_or_says_that_it_was_relaxed[volatile_weight]",
    ),
}


@pytest.fixture(scope="module", params=PASSED)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Done]:
    """The guide, and the tree in which it was followed."""
    return request.param, follow(request.param, Path(tmp_path_factory.mktemp("guide")))


def test_two_files_are_touched_beside_the_new_ones(done: tuple[str, Done]) -> None:
    _, tree = done
    assert len({*tree.changed}) == 2
    assert not {*tree.changed} & {*tree.created}


def test_what_it_writes_passes_the_linter(done: tuple[str, Done]) -> None:
    assert done[1].style() == ""


def test_what_it_says_works(done: tuple[str, Done]) -> None:
    guide, tree = done
    (command,) = tree.commands
    result = tree.run(command)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [name for name in PASSED[guide] if name not in result.stdout] == []
