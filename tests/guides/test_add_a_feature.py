"""docs/guides/add_a_feature.md, done as it says."""

from pathlib import Path

import pytest

from tests.guides.steps import Done, follow

PASSED = (
    "test_gaps.py::test_the_largest_gap_of_a_month_by_hand",
    "test_gaps.py::test_stock_features_have_it",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return follow("add_a_feature", Path(tmp_path_factory.mktemp("guide")))


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
