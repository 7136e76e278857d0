"""Rows of payloads become known by rule at first, and by arrival where they change."""

import dataclasses
import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock, end_of_day, morning_of
from quant_resources.vendors.ingest.arrivals import LOADS, STAMPS, dated_versions
from tests.oracles import arrivals as oracle
from tests.oracles.arrivals import Payload

CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
ROWS = {"symbol": pl.String(), "event_date": pl.Date(), "value": pl.Float64(), **STAMPS}
HOUR = dt.timedelta(hours=1)


def frames(payloads: list[Payload]) -> tuple[pl.DataFrame, pl.DataFrame]:
    loads = [(i, "s", p.first, p.last, p.arrived, p.arrived, p.live) for i, p in enumerate(payloads)]
    rows = [
        (symbol, day, value, i, "s", day, rule, int(Grade.RULED))
        for i, p in enumerate(payloads)
        for (symbol, day, rule), value in p.rows.items()
    ]
    return pl.DataFrame(rows, schema=ROWS, orient="row"), pl.DataFrame(loads, schema=LOADS, orient="row")


def parsed(payloads: list[Payload], **options: bool) -> pl.DataFrame:
    rows, loads = frames(payloads)
    began = payloads[0].arrived
    return dated_versions(rows, loads, CLOCK, ["symbol", "event_date"], ["value"], began=began, **options)


def bars(days: list[dt.date], values: dict[str, float]) -> dict[tuple[str, dt.date, dt.datetime], float]:
    return {(symbol, day, end_of_day(day)): value for day in days for symbol, value in values.items()}


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_bootstrap_is_known_by_its_rule_and_graded_so() -> None:
    found = parsed([Payload(MON, TUE, end_of_day(FRI), False, bars([MON, TUE], {"A": 1.0}))])
    assert found.select("event_date", "known_at", "grade").rows() == [
        (MON, end_of_day(MON), Grade.RULED),
        (TUE, end_of_day(TUE), Grade.RULED),
    ]


def test_what_is_lived_through_is_known_when_it_arrives_and_the_history_loaded_before_by_rule() -> None:
    arrived = end_of_day(WED) + HOUR
    found = parsed([
        Payload(MON, TUE, end_of_day(TUE) + HOUR, True, bars([MON, TUE], {"A": 1.0})),
        Payload(WED, WED, arrived, True, bars([WED], {"A": 2.0})),
    ])  # fmt: skip
    assert found.select("known_at", "grade").rows() == [
        (end_of_day(MON), Grade.RULED),
        (end_of_day(TUE), Grade.RULED),
        (arrived, Grade.OBSERVED),
    ]


def test_a_changed_row_is_a_late_row_and_the_former_stays() -> None:
    again = end_of_day(WED) + HOUR
    found = parsed([
        Payload(MON, MON, end_of_day(MON) + HOUR, False, bars([MON], {"A": 1.0, "B": 5.0})),
        Payload(MON, MON, again, False, bars([MON], {"A": 1.5, "B": 5.0})),
    ])  # fmt: skip
    assert found.select("symbol", "value", "known_at", "grade").rows() == [
        ("A", 1.0, end_of_day(MON), Grade.RULED),
        ("A", 1.5, again, Grade.OBSERVED),
        ("B", 5.0, end_of_day(MON), Grade.RULED),
    ]


def test_a_row_that_an_earlier_payload_of_its_days_had_not_is_late_once_its_session_was_decided() -> None:
    before, after = CLOCK.decision_time(MON) - HOUR, CLOCK.decision_time(MON) + HOUR
    first = Payload(MON, MON, end_of_day(MON), False, bars([MON], {"A": 1.0}))
    both = bars([MON], {"A": 1.0, "B": 5.0})
    in_time = parsed([first, Payload(MON, MON, before, False, both)])
    late = parsed([first, Payload(MON, MON, after, False, both)])
    assert in_time.filter(symbol="B")["known_at"].to_list() == [end_of_day(MON)]
    assert late.filter(symbol="B")["known_at"].to_list() == [after]


def test_what_a_later_payload_of_the_same_days_lacks_is_withdrawn_where_that_is_meant() -> None:
    again = end_of_day(WED) + HOUR
    payloads = [
        Payload(MON, MON, end_of_day(MON) + HOUR, False, bars([MON], {"A": 1.0, "B": 5.0})),
        Payload(MON, MON, again, False, bars([MON], {"B": 5.0})),
        Payload(MON, MON, again + HOUR, False, bars([MON], {"A": 1.0, "B": 5.0})),
    ]
    found = parsed(payloads, withdraws=True).filter(symbol="A")
    assert found.select("value", "known_at").rows() == [(1.0, end_of_day(MON)), (None, again), (1.0, again + HOUR)]
    assert parsed(payloads).filter(symbol="A").height == 1


def test_an_action_amended_before_its_date_of_knowledge_is_known_once_as_amended() -> None:
    rule = morning_of(FRI)
    found = parsed([
        Payload(FRI, FRI, end_of_day(MON), False, {("A", FRI, rule): 0.25}),
        Payload(FRI, FRI, end_of_day(TUE), False, {("A", FRI, rule): 0.30}),
    ])  # fmt: skip
    assert found.select("value", "known_at").rows() == [(0.30, rule)]


def test_vintages_are_dated_by_themselves_and_repeated_values_add_nothing() -> None:
    rows = {("A", MON, end_of_day(TUE)): 1.0, ("A", MON, end_of_day(WED)): 1.0, ("A", MON, end_of_day(THU)): 2.0}
    found = parsed([Payload(MON, FRI, end_of_day(FRI), False, rows)], dated=True)
    assert found.select("value", "known_at").rows() == [(1.0, end_of_day(TUE)), (2.0, end_of_day(THU))]


def test_an_old_vintage_that_comes_late_does_not_take_the_place_of_a_newer_one() -> None:
    new = {("A", MON, end_of_day(WED)): 2.0}
    found = parsed(
        [
            Payload(MON, FRI, end_of_day(WED) + HOUR, False, new),
            Payload(MON, FRI, end_of_day(FRI), False, new | {("A", MON, end_of_day(TUE)): 1.0}),
        ],
        dated=True,
    )
    assert found.select("value", "known_at").rows() == [(2.0, end_of_day(WED))]


# --- properties -----------------------------------------------------------------------------------------------------

DAYS = [MON, TUE, WED, THU]


@st.composite
def logs(draw: st.DrawFn, dated: bool, live: bool | None = None) -> list[Payload]:
    arrivals = sorted(draw(st.lists(st.integers(0, 24 * 8), min_size=1, max_size=5, unique=True)))
    payloads = []
    for hours in arrivals:
        first, last = sorted((draw(st.sampled_from(DAYS)), draw(st.sampled_from(DAYS))))
        rows = {}
        for symbol in "AB":
            for day in calendar.between(first, last):
                lags = draw(st.sets(st.integers(0, 3), max_size=3)) if dated else draw(st.sampled_from([set(), {0}]))
                for lag in lags:
                    rows[symbol, day, end_of_day(day + dt.timedelta(days=lag))] = float(draw(st.integers(1, 2)))
        arrived = end_of_day(MON) + dt.timedelta(hours=hours, minutes=7)
        payloads.append(Payload(first, last, arrived, draw(st.booleans()) if live is None else live, rows))
    return payloads


@pytest.mark.parametrize("dated", [False, True])
@given(data=st.data())
@effort(max_examples=60, deadline=None)
def test_the_fold_agrees_with_one_row_at_a_time(dated: bool, data: st.DataObject) -> None:
    payloads = data.draw(logs(dated))
    found = parsed(payloads, dated=dated).select("symbol", "event_date", "value", "known_at")
    assert set(found.rows()) == oracle.versions(payloads, CLOCK, dated)
    assert found.is_unique().all()


@pytest.mark.parametrize("dated", [False, True])
@given(data=st.data())
@effort(max_examples=40, deadline=None)
def test_in_live_operation_a_later_payload_changes_nothing_of_a_decided_session(
    dated: bool, data: st.DataObject
) -> None:
    payloads = data.draw(logs(dated, live=True))
    # the bootstrap spoke of all days: what it lacked is late, and no history that is loaded later
    payloads[0] = dataclasses.replace(payloads[0], first=MON, last=THU)
    whole = parsed(payloads, dated=dated)
    columns = ["symbol", "event_date", "value", "known_at"]
    for i in range(1, len(payloads)):
        session = calendar.shift(CLOCK.session_of(payloads[i].arrived), -1)
        known = pl.col("known_at") <= CLOCK.decision_time(session)
        before = parsed(payloads[:i], dated=dated)
        assert_frame_equal(before.filter(known).select(columns), whole.filter(known).select(columns))


@given(payloads=logs(dated=False))
@effort(max_examples=40, deadline=None)
def test_a_payload_that_comes_twice_tells_nothing_more(payloads: list[Payload]) -> None:
    twice = [p for payload in payloads for p in (payload, _again(payload))]
    columns = ["symbol", "event_date", "value", "known_at"]
    assert_frame_equal(parsed(payloads).select(columns), parsed(twice).select(columns))


def _again(payload: Payload) -> Payload:
    later = payload.arrived + dt.timedelta(minutes=1)
    return Payload(payload.first, payload.last, later, payload.live, payload.rows)


@given(payloads=logs(dated=False))
@effort(max_examples=30, deadline=None)
def test_the_order_of_rows_does_not_matter(payloads: list[Payload]) -> None:
    rows, loads = frames(payloads)
    began = payloads[0].arrived
    options = {"clock": CLOCK, "key": ["symbol", "event_date"], "values": ["value"], "began": began}
    assert_frame_equal(
        dated_versions(rows, loads, **options), dated_versions(rows.reverse(), loads.reverse(), **options)
    )


# --- refusals -------------------------------------------------------------------------------------------------------


def test_rows_of_one_payload_that_contradict_one_another_are_all_handed_on_for_the_door_to_judge() -> None:
    rows, loads = frames([Payload(MON, MON, end_of_day(FRI), False, bars([MON], {"A": 1.0}))])
    other = rows.with_columns(value=pl.lit(2.0))
    found = dated_versions(pl.concat([rows, rows, other]), loads, CLOCK, ["symbol", "event_date"], ["value"])
    assert found["value"].to_list() == [1.0, 2.0]
    assert found["known_at"].n_unique() == 1
