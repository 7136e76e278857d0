"""docs/guides/add_a_detector.md, done as it says."""

from pathlib import Path

import pytest

from tests.guides.steps import Done, follow

PASSED = (
    "test_thirds.py::test_the_last_session_lies_in_its_third",
    "test_conformance.py::test_the_states_of_a_session_never_depend_on_later_ones[thirds-trend]",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return follow("add_a_detector", Path(tmp_path_factory.mktemp("guide")))


def test_two_files_are_touched_beside_the_new_ones(done: Done) -> None:
    assert len({*done.changed}) == 2
    assert not {*done.changed} & {*done.created}


def test_what_it_writes_passes_the_linter(done: Done) -> None:
    assert done.style() == ""


def test_what_it_says_works(done: Done) -> None:
    (command,) = done.commands
    result = done.run(command)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [name for name in PASSED if name not in result.stdout] == []
