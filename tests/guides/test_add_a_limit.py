"""docs/guides/add_a_limit.md, done as it says."""

from pathlib import Path

import pytest

from tests.guides.steps import Done, follow

PASSED = (
    "test_volatile_weight.py::test_the_volatile_stock_is_held_to_the_cap_and_diagnostics_say_so",
    "test_conformance.py::test_the_solution_keeps_it_or_says_that_it_was_relaxed[volatile_weight]",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return follow("add_a_limit", Path(tmp_path_factory.mktemp("guide")))


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
