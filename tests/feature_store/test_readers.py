import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store.dataset import Dataset, key, number
from feature_store.decision_time import end_of_day
from feature_store.errors import MissingSessionsError
from feature_store.readers import last_of_each, latest_versions
from tests.feature_store.examples import (
    DATASETS,
    DAYS,
    DERIVED,
    FACTS,
    NOW,
    decided,
    group,
    new,
    opened,
    row,
    rows,
    values,
)

MICROSECOND = dt.timedelta(microseconds=1)

# known values


def test_a_correction_is_seen_from_its_own_session_on(tmp_path: Path):
    store = opened(tmp_path)
    correction = pl.concat([row(DAYS[2], value=3.0), rows((DAYS[0], "A", 9.0, end_of_day(DAYS[2])))])
    store.write(FACTS, [new(DAYS[0]), new(DAYS[1]), new(DAYS[2], correction)])
    assert values(store, as_of=DAYS[1]) == [1.0, 1.0]
    assert values(store, as_of=DAYS[2]) == [9.0, 1.0, 3.0]
    assert values(store, as_of=end_of_day(DAYS[2]) - MICROSECOND) == [1.0, 1.0]
    assert values(store, as_of=end_of_day(DAYS[2])) == [9.0, 1.0]  # the row of DAYS[2] itself is known later


def test_of_two_versions_in_one_session_the_one_known_by_then_counts(tmp_path: Path):
    store = opened(tmp_path)
    early, late = end_of_day(DAYS[0]), decided(DAYS[0])
    store.write(FACTS, [new(DAYS[0], rows((DAYS[0], "A", 1.0, early), (DAYS[0], "A", 2.0, late)))])
    assert values(store, as_of=early - MICROSECOND) == []
    assert values(store, as_of=early) == [1.0]
    assert values(store, as_of=late - MICROSECOND) == [1.0]
    assert values(store, as_of=DAYS[0]) == [2.0]


def test_of_two_words_at_one_moment_the_later_session_has_the_last(tmp_path: Path):
    store = opened(tmp_path)
    moment = end_of_day(DAYS[0])
    for day, value in [(DAYS[1], 2.0), (DAYS[0], 1.0)]:
        store.write(FACTS, [new(day, rows((DAYS[0], "A", value, moment)))])
    assert values(store, as_of=DAYS[0]) == [1.0]
    assert values(store, as_of=DAYS[1]) == [2.0]


def test_the_word_known_last_counts_though_an_earlier_session_holds_it(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, [new(DAYS[1], rows((DAYS[0], "A", 1.0, decided(DAYS[1]))))])
    store.write(FACTS, [new(DAYS[2], rows((DAYS[0], "A", 2.0, decided(DAYS[0]))))])
    assert values(store) == [1.0]


def test_a_withdrawn_value_is_null_not_the_word_before(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, [new(DAYS[0]), new(DAYS[1], rows((DAYS[0], "A", None, decided(DAYS[1]))))])
    assert values(store) == [None]


def test_an_announced_event_lies_ahead_and_can_be_moved(tmp_path: Path):
    store = opened(tmp_path)
    ahead = dt.date(2017, 6, 30)
    store.write(FACTS, [new(DAYS[0], rows((ahead, "A", 1.0, end_of_day(DAYS[0]))))])
    store.write(FACTS, [new(DAYS[1], rows((ahead, "A", 2.0, end_of_day(DAYS[1]))))])
    assert values(store, as_of=DAYS[0]) == values(store, as_of=DAYS[0], first=ahead, last=ahead) == [1.0]
    assert values(store, as_of=DAYS[1], first=DAYS[0]) == [2.0]
    assert values(store, last=DAYS[-1]) == []


def test_a_day_without_trading_means_the_decision_of_the_session_before(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS))
    assert values(store, as_of=dt.date(2017, 3, 12)) == values(store, as_of=dt.date(2017, 3, 10)) == [1.0] * 3


def test_what_was_computed_in_a_later_session_is_not_there_before(tmp_path: Path):
    store = opened(tmp_path)
    store.write(DERIVED, [new(DAYS[1], rows((DAYS[1], "A", 1.0, decided(DAYS[0]))))])
    assert values(store, DERIVED, as_of=DAYS[0]) == []
    assert values(store, DERIVED, as_of=DAYS[1]) == [1.0]


def test_generations_are_read_by_the_time_they_were_written(tmp_path: Path):
    moment = [NOW]
    store = opened(tmp_path, now=lambda: moment[0])
    for i, frame in enumerate([row(DAYS[0], value=1.0), FACTS.empty(), row(DAYS[0], value=3.0)]):
        moment[0] = NOW + dt.timedelta(hours=i)
        store.write(FACTS, [new(DAYS[0], frame, f"{i}")])
    hours = [NOW + dt.timedelta(hours=i) for i in range(3)]
    assert values(store) == [3.0]
    assert values(store, written_before=hours[0]) == []
    assert values(store, written_before=hours[0] + MICROSECOND) == values(store, written_before=hours[1]) == [1.0]
    assert values(store, written_before=hours[2]) == []  # the empty generation hides the one before
    assert values(store, written_before=hours[2] + MICROSECOND) == [3.0]


def test_columns_symbols_and_bounds(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, [new(day, pl.concat([row(day, "B", 2.0), row(day, "A", 1.0)])) for day in DAYS])
    found = store.read(FACTS, DAYS[-1], DAYS[1], DAYS[2], ["session", "value", "symbol"], symbols=["B", "absent"])
    assert found.columns == ["event_date", "symbol", "session", "value"]
    assert found.rows() == [(day, "B", day, 2.0) for day in DAYS[1:3]]
    assert store.read(FACTS, DAYS[-1], DAYS[2], DAYS[1]).is_empty()
    assert store.read(FACTS, DAYS[-1], symbols=[]).is_empty()
    assert store.read(FACTS, DAYS[-1], columns=[]).columns == ["event_date", "symbol"]


def test_nothing_stored_is_an_empty_frame_of_the_schema(tmp_path: Path):
    assert opened(tmp_path).read(FACTS, DAYS[0]).schema == FACTS.schema
    assert opened(tmp_path).versions(FACTS, DAYS[0], DAYS[1]).schema == {**FACTS.schema, "session": pl.Date()}


def test_versions_are_all_rows_of_the_sessions(tmp_path: Path):
    store = opened(tmp_path)
    frames = [row(day) for day in DAYS]
    frames[2] = pl.concat([rows((DAYS[0], "A", 9.0, end_of_day(DAYS[2]))), frames[2]])
    store.write(FACTS, [new(day, frame) for day, frame in zip(DAYS, frames, strict=True)])
    found = store.versions(FACTS, DAYS[1], DAYS[2], ["event_date", "value"])
    assert found.rows() == [(DAYS[1], 1.0, DAYS[1]), (DAYS[0], 9.0, DAYS[2]), (DAYS[2], 1.0, DAYS[2])]


# properties


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    on_time=st.sets(st.tuples(st.integers(0, 4), st.sampled_from("ABCDEFGH"))),
    others=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from("ABCDEFGH"), st.integers(0, 3)), max_size=6
    ),
)
def test_the_few_contested_rows_are_settled_as_by_sorting_all(
    on_time: set[tuple[int, str]], others: list[tuple[int, int, str, int]]
):
    """(session, event, symbol, when known): a row may lie in a later session than its known_at asks for."""
    told = {(s, s, symbol, s) for s, symbol in on_time} | {(s, e, symbol, min(k, s)) for s, e, symbol, k in others}
    dates = [*DAYS, dt.date(2017, 6, 30)]
    frame = pl.DataFrame(
        [
            (dates[e], symbol, float(i), end_of_day(DAYS[k]), DAYS[s])
            for i, (s, e, symbol, k) in enumerate(sorted(told))
        ],
        schema={**FACTS.schema, "session": pl.Date()},
        orient="row",
    ).sort("session", "event_date", "symbol", "known_at")
    words = {row[:2]: row for row in sorted(frame.rows(), key=lambda row: row[3:])}
    expected = [words[name] for name in sorted(words)]
    assert latest_versions(frame, FACTS, repeated=True).rows() == expected
    assert last_of_each(frame, FACTS).rows() == expected


# refusals


def test_as_of_without_a_time_zone_is_rejected(tmp_path: Path):
    with pytest.raises(ValueError, match="has no time zone; pass UTC"):
        opened(tmp_path).read(FACTS, dt.datetime(2017, 3, 8))  # noqa: DTZ001


def test_as_of_outside_the_calendar_is_rejected(tmp_path: Path):
    store = opened(tmp_path)
    for as_of in (dt.date(1989, 1, 1), dt.date(2040, 1, 1), dt.datetime(2040, 1, 1, tzinfo=dt.UTC)):
        with pytest.raises(ValueError, match=r"calendar|after the last decision"):
            store.read(FACTS, as_of)


def test_unknown_columns_are_named_with_those_that_exist(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    with pytest.raises(ValueError, match=r"examples/facts has no column \['vale'\]; it has .*'value'"):
        store.read(FACTS, DAYS[0], columns=["vale"])
    with pytest.raises(ValueError, match=r"has no column \['vale'\]"):
        store.versions(FACTS, DAYS[0], DAYS[0], ["vale"])


def test_symbols_of_a_dataset_without_them_are_rejected(tmp_path: Path):
    series = Dataset(
        "examples/series", ("series",), (key("series", "name"), number("value", "1", "x")), "Of no symbol."
    )
    store = opened(tmp_path, datasets={**DATASETS, series.name: series})
    with pytest.raises(ValueError, match="examples/series has no symbols"):
        store.read(series, DAYS[0], symbols=["A"])


def test_missing_sessions_are_named_with_the_command_that_stores_them(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[1:2]))
    store.require(FACTS, [])
    store.require(FACTS, DAYS[1:2])
    with pytest.raises(MissingSessionsError, match=r"2 sessions.*2017-03-08, 2017-03-10; run `asof backfill --from"):
        store.require(FACTS, DAYS[:3])
