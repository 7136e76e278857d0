"""What an asset sees of a restating input, at any target, is the last word known by then."""

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.load import load
from feature_store import sessions
from feature_store.dataset import Dataset, key, number
from feature_store.decision_time import end_of_day
from feature_store.readers import last_of_each
from quant_assets.engine.asset import trailing
from quant_assets.engine.views import View, succession

FACTS = Dataset("market/facts", ("symbol",), (key("symbol", ""), number("value", "", "")), "", restates=True)
DAYS = sessions.between(dt.date(2015, 1, 2), dt.date(2015, 1, 15))
PROFILE = load("demo", overrides={"history.start": "2015-01-02"})

WORD = st.tuples(st.integers(0, 7), st.integers(0, 8), st.sampled_from("ABC"), st.integers(0, 7))
Words = list[tuple[int, int, str, int]]  # session, event date, symbol, when known


def versions(words: Words) -> pl.DataFrame:
    told = {(s, e, symbol, min(known, s)) for s, e, symbol, known in words}
    rows = [
        (DAYS[e], symbol, float(i), end_of_day(DAYS[k]), DAYS[s]) for i, (s, e, symbol, k) in enumerate(sorted(told))
    ]
    schema = {**FACTS.schema, "session": pl.Date()}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("session", "event_date", "symbol", "known_at")


# known values


def test_a_word_stands_until_the_session_of_the_next_one():
    frame = versions([(1, 1, "A", 1), (3, 1, "A", 3), (3, 2, "A", 2)])
    found = succession(frame, FACTS)
    assert found is not None
    assert found.select("event_date", "session", "until").rows() == [
        (DAYS[1], DAYS[1], DAYS[3]),
        (DAYS[1], DAYS[3], None),
        (DAYS[2], DAYS[3], None),
    ]


def test_a_word_known_later_in_an_earlier_session_is_left_to_the_window():
    assert succession(versions([(2, 1, "A", 2), (4, 1, "A", 1)]), FACTS) is None


# properties


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 8), st.sampled_from("ABC"), st.integers(0, 7)),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 9),
)
def test_every_target_sees_the_last_word_of_its_window(words: Words, length: int):
    frame = versions(words)
    window = trailing(FACTS, length)
    view = View(window, PROFILE, frame)
    for target in DAYS[:8]:
        first = window.first(target, PROFILE)
        known = frame.filter(pl.col("session").is_between(first, target), pl.col("event_date") >= first)
        expected = last_of_each(known, FACTS).select("event_date", "symbol", "value")
        assert view.at(target).equals(expected)
