"""Dated lists of members are step functions of time."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.decision_time import end_of_day
from feature_store.schemas.market import MEMBERS
from quant_resources.vendors.errors import VendorError
from tests.quant_resources.vendors.ingest.test_identities import (
    DAYS,
    FRI,
    HEADER,
    MON,
    THU,
    TUE,
    WEEK,
    by_day,
    drop_of,
    left_out,
    parsed,
    renamed,
    write,
)

# --- known values -----------------------------------------------------------------------------------------------------


def lists_of(folder: Path, *lines: str, header: str = "symbol,date", market: Market | None = None, **table: object):
    write(folder, "bars.csv", HEADER)
    write(folder, "members.csv", header, *lines)
    chosen = market or Market()
    return drop_of(folder, chosen, members=[{"file": "members", "snapshots": True, **table}])


def test_a_name_is_in_from_its_list_until_the_first_later_list_without_it(tmp_path: Path) -> None:
    vendor = lists_of(tmp_path, "A,2017-03-07", "B,2017-03-07", "B,2017-03-09", "C,2017-03-09")
    rows = parsed(vendor, MEMBERS, WEEK)
    assert by_day(rows, WEEK) == [[], ["A", "B"], ["A", "B"], ["B", "C"], ["B", "C"]]  # nothing is interpolated
    assert rows["grade"].unique().to_list() == [Grade.RULED]
    assert rows.filter(session=FRI)["known_at"].unique().to_list() == [end_of_day(THU)]


def test_a_list_counts_from_the_day_it_was_known(tmp_path: Path) -> None:
    header = "symbol,date,known_at"
    told_late = ["A,2017-03-06,2017-03-06", "B,2017-03-07,2017-03-09"]
    assert by_day(parsed(lists_of(tmp_path, *told_late, header=header), MEMBERS, WEEK), WEEK) == [
        ["A"], ["A"], ["A"], ["B"], ["B"]
    ]  # fmt: skip
    announced = ["A,2017-03-06,2017-03-06", "B,2017-03-09,2017-03-07"]  # of a day to come
    assert by_day(parsed(lists_of(tmp_path, *announced, header=header), MEMBERS, WEEK), WEEK) == [
        ["A"], ["A"], ["A"], ["B"], ["B"]
    ]  # fmt: skip
    overtaken = ["A,2017-03-06,2017-03-10", "B,2017-03-07,2017-03-07"]  # the older list comes last
    assert by_day(parsed(lists_of(tmp_path, *overtaken, header=header), MEMBERS, WEEK), WEEK) == [
        [], ["B"], ["B"], ["B"], ["B"]
    ]  # fmt: skip


def test_a_list_that_is_too_old_has_no_members_and_is_counted(tmp_path: Path) -> None:
    vendor = lists_of(tmp_path, "A,2017-03-06", "B,2017-03-06", market=Market(membership_max_age_sessions=2))
    assert by_day(parsed(vendor, MEMBERS, WEEK), WEEK) == [["A", "B"]] * 3 + [[], []]
    assert left_out(vendor, MEMBERS, WEEK) == {"older_than_membership_max_age": 4}
    fresh = lists_of(tmp_path, "A,2017-03-06")
    assert left_out(fresh, MEMBERS, WEEK) == {}


def test_a_list_by_ticker_names_securities_and_those_without_one_are_not_linked(tmp_path: Path) -> None:
    renamed(tmp_path)
    tickers = (tmp_path / "tickers.csv").read_text()
    lines = ["FB,2017-03-07", "LOST,2017-03-07", "FB,2017-03-10", "META,2017-03-10"]
    vendor = lists_of(tmp_path, *lines, by="ticker")
    assert (tmp_path / "tickers.csv").read_text() == tickers
    rows = parsed(vendor, MEMBERS, [TUE, THU, FRI])
    # the FB of the first list is still META on Thursday
    assert by_day(rows, [TUE, THU, FRI]) == [["F1", "LOST.UNLINKED"], ["F1", "LOST.UNLINKED"], ["F1", "F2"]]
    assert rows.filter(symbol="LOST.UNLINKED")["linked"].to_list() == [False, False]


# --- properties -------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 25), st.sets(st.sampled_from("ABCD"), min_size=1)),
        min_size=1, max_size=5, unique_by=lambda row: row[0],
    ),
    st.integers(2, 12),
)  # fmt: skip
@effort(max_examples=25, deadline=None)
def test_on_every_day_the_last_list_known_by_then_is_in_force(
    tmp_path_factory: pytest.TempPathFactory, lists: list[tuple[int, int, set[str]]], age: int
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    first = DAYS[0]
    dated = [(first + dt.timedelta(listed), first + dt.timedelta(known), names) for listed, known, names in lists]
    lines = [f"{name},{day},{known}" for day, known, names in dated for name in names]
    vendor = lists_of(folder, *lines, header="symbol,date,known_at", market=Market(membership_max_age_sessions=age))
    days = DAYS[:18]
    whole = parsed(vendor, MEMBERS, days)
    for day in days:
        counts = [row for row in dated if max(row[0], row[1]) <= day]
        listed, _, names = max(counts, default=(day, day, set()), key=lambda row: row[0])
        old = calendar.index_of(day) - calendar.index_of(calendar.at_or_before(listed)) > age
        assert whole.filter(session=day)["symbol"].to_list() == ([] if old else sorted(names)), day
        assert_frame_equal(parsed(vendor, MEMBERS, [day]), whole.filter(session=day))  # a range is its days


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tables",
    [
        {"macro": [{"file": "macro", "by": "ticker"}]},
        {"tickers": [{"file": "tickers", "by": "ticker"}]},
        {"bars": [{"file": "bars", "snapshots": True}]},
    ],
)
def test_what_has_no_ticker_and_is_no_list_is_rejected(tmp_path: Path, tables: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"by: ticker|snapshots"):
        drop_of(tmp_path, **tables)


def test_a_list_without_a_date_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(VendorError, match="1 rows of lists have no date"):
        parsed(lists_of(tmp_path, "A,"), MEMBERS, [MON])
