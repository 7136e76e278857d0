"""In which order groups of assets run, and which do not run after a failure."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.dataset import Dataset, key, number
from quant_assets.engine.asset import CrossSection, SessionAsset, same
from quant_assets.engine.schedule import Schedule


def dataset(number_: int) -> Dataset:
    return Dataset(f"order/d{number_}", (key("symbol", "id"),), (number("value", "usd", "a number"),), "A test's.")


def of_nothing(**_: pl.DataFrame) -> pl.DataFrame:
    raise AssertionError("a schedule calls nobody")


def chart(reads: list[list[int]]) -> list[list[SessionAsset]]:
    """One asset a group; each reads some of those before it."""
    made = [dataset(i) for i in range(len(reads))]
    return [
        [CrossSection(made[i], of_nothing, {f"i{j}": same(made[j]) for j in before})] for i, before in enumerate(reads)
    ]


@st.composite
def charts(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(1, 9))
    return [sorted(draw(st.sets(st.integers(0, i - 1)))) if i else [] for i in range(size)]


def all_behind(reads: list[list[int]], failed: set[int]) -> set[int]:
    behind: set[int] = set()
    for i, before in enumerate(reads):
        if {*before} & (failed | behind) and i not in failed:
            behind.add(i)
    return behind


# -- known values ------------------------------------------------------------------------------------------------------


def test_of_what_can_run_the_one_with_the_longest_way_after_it_comes_first() -> None:
    schedule = Schedule(chart([[], [], [1], [2]]))
    first, second = schedule.next(), schedule.next()
    assert first is not None
    assert second is not None
    assert [first[0].name, second[0].name, schedule.next()] == ["order/d1", "order/d0", None]


def test_a_group_that_reads_nothing_of_the_run_waits_for_nobody() -> None:
    outside = CrossSection(dataset(5), of_nothing, {"far": same(dataset(9))})
    assert Schedule([[outside]]).next() == [outside]


# -- properties --------------------------------------------------------------------------------------------------------


@given(reads=charts(), data=st.data())
def test_every_group_runs_once_after_what_it_reads_and_none_behind_a_failure(
    reads: list[list[int]], data: st.DataObject
) -> None:
    failing = data.draw(st.sets(st.integers(0, len(reads) - 1)))
    schedule = Schedule(chart(reads))
    running: list[int] = []
    ended: list[int] = []
    while True:
        while group := schedule.next():
            i = int(group[0].name.removeprefix("order/d"))
            assert {*reads[i]} <= {*ended}
            running.append(i)
        if not running:
            break
        i = running.pop(data.draw(st.integers(0, len(running) - 1)))
        ended.append(i)
        schedule.done([chart(reads)[i][0]], [f"order/d{i}"] if i in failing else [])
    stopped = {int(name.removeprefix("order/d")) for name in schedule.stopped}
    assert stopped == all_behind(reads, failing & {*ended})
    assert sorted([*ended, *stopped]) == [*range(len(reads))]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_what_is_stopped_is_reported_with_what_it_reads() -> None:
    schedule = Schedule(chart([[], [0]]))
    group = schedule.next()
    assert group is not None
    schedule.done(group, ["order/d0"])
    assert schedule.next() is None
    assert schedule.stopped == {"order/d1": ["order/d0"]}


def test_a_group_that_is_not_running_cannot_be_done() -> None:
    groups = chart([[], [0]])
    with pytest.raises(ValueError, match="not passed out"):
        Schedule(groups).done(groups[1])
