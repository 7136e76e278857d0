"""docs/guides/add_a_page.md, done as it says."""

from pathlib import Path

import pytest

from tests.guides.steps import Done, follow

PASSED = (
    "test_liquidity.py::test_the_slowest_position_stands_first_and_the_hold_out_is_not_shown",
    "test_liquidity.py::test_people_get_a_page_that_the_index_lists",
    "test_liquidity.py::test_without_a_book_the_command_says_what_to_run",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return follow("add_a_page", Path(tmp_path_factory.mktemp("guide")))


def test_at_most_two_files_are_touched_beside_the_new_ones(done: Done) -> None:
    assert {*done.changed} == {"quant_assets/reporting/pages.py"}
    assert not {*done.changed} & {*done.created}


def test_what_it_writes_passes_the_linter(done: Done) -> None:
    assert done.style() == ""


def test_what_it_says_works(done: Done) -> None:
    (command,) = done.commands
    result = done.run(command)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [name for name in PASSED if name not in result.stdout] == []
