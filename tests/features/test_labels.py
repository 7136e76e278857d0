import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import Features
from feature_store import sessions as calendar
from feature_store.schemas.features import FORWARD_RETURNS, LABELS
from quant_assets.features.labels import labels
from tests.features.label_samples import DAYS, FEATURES
from tests.oracles import features as oracle
from tests.oracles.panels import (
    assert_stored_as,
    industries,
    sessions,
    stored,
    universe,
)


def forward(rows: list[tuple[dt.date, str, int, float | None]]) -> pl.DataFrame:
    """FORWARD_RETURNS learned in t+k, the same from the fill and from the close."""
    whole = [(*row, row[3], None, calendar.shift(row[0], row[2])) for row in rows]
    return pl.DataFrame(whole, schema=stored(FORWARD_RETURNS), orient="row")


def test_labels_are_relative_to_the_industry_of_the_event_date():
    day, today = DAYS[0], DAYS[3]
    frame = labels(
        forward([(day, "A", 3, 0.1), (day, "B", 3, 0.3), (day, "C", 3, -0.2), (day, "D", 3, 0.2), (day, "E", 3, None)]),
        industries([(day, s, "x" if s in "ABE" else "y") for s in "ABCDE"] + [(today, s, "later") for s in "ABCDE"]),
        universe([(day, s, True) for s in "ABCDE"]),
        today,
        FEATURES,
    )
    assert frame["label_log"].to_list() == pytest.approx([-0.1, 0.1, -0.2, 0.2, None])
    gap = (np.exp(0.3) - np.exp(0.1)) / 2
    assert frame["label_simple"].to_list()[:2] == pytest.approx([-gap, gap])
    assert_stored_as(frame, LABELS)


def test_a_stock_alone_in_its_industry_is_compared_with_all():
    day = DAYS[0]
    frame = labels(
        forward([(day, "A", 3, 0.1), (day, "B", 3, 0.3), (day, "C", 3, -0.1)]),
        industries([(day, "A", "x"), (day, "B", "x"), (day, "C", "alone")]),
        universe([(day, s, True) for s in "ABC"]),
        DAYS[3],
        FEATURES,
    )
    assert frame["label_log"].to_list() == pytest.approx([-0.1, 0.1, -0.2])  # C: less the mean of all, 0.1


def test_a_stock_alone_in_the_market_has_no_relative_return():
    day = DAYS[0]
    frame = labels(forward([(day, "A", 3, 0.1)]), industries([]), universe([(day, "A", True)]), DAYS[3], FEATURES)
    assert frame["label_log"].to_list() == [None]


def test_only_stocks_that_were_tradable_on_the_event_date_have_labels():
    day, today = DAYS[0], DAYS[3]
    frame = labels(
        forward([(day, s, 3, x) for s, x in zip("ABC", (0.1, 0.2, 9.0), strict=True)]),
        industries([]),
        universe([(day, "A", True), (day, "B", True), (day, "C", False), (today, "C", True)]),
        today,
        FEATURES,
    )
    assert frame.select("symbol", "label_log").rows() == [("A", pytest.approx(-0.05)), ("B", pytest.approx(0.05))]


def test_of_a_window_of_several_horizons_only_what_matures_today_is_a_label():
    days = sessions(64)
    today = days[63]
    everything = forward([(day, s, k, 0.1) for day in days for k in (21, 63) for s in "AB"])
    frame = labels(
        everything, industries([]), universe([(day, s, True) for day in days for s in "AB"]), today, FEATURES
    )
    assert frame.select("event_date", "horizon_sessions").unique(maintain_order=True).rows() == [
        (days[0], 63),
        (days[42], 21),
    ]
    assert len(frame) == 4


def test_an_end_that_becomes_known_later_changes_no_label_of_others():
    day, matured, later = DAYS[0], DAYS[3], DAYS[5]
    names = ("A", "B", "GONE")
    known = forward([(day, "A", 3, 0.1), (day, "B", 3, 0.3)])
    gone = forward([(day, "GONE", 3, -0.7)]).with_columns(ended=pl.lit("written_off"), learned=pl.lit(later))
    members = universe([(day, s, True) for s in names])
    first = labels(known, industries([]), members, matured, FEATURES)
    second = labels(pl.concat([known, gone]), industries([]), members, later, FEATURES)
    assert first["label_log"].to_list() == pytest.approx([-0.1, 0.1])
    assert second.select("symbol", "label_log").rows() == [("GONE", pytest.approx(-0.6))]  # less the mean of three
    assert labels(pl.concat([known, gone]), industries([]), members, DAYS[4], FEATURES).is_empty()


def test_direction_and_quantile_are_of_the_label_among_all_of_its_day():
    day, names = DAYS[0], "ABCDEF"
    returns = [0.1, 0.4, -0.3, 0.0, 0.0, None]
    frame = labels(
        forward([(day, s, 3, x) for s, x in zip(names, returns, strict=True)]),
        industries([]),
        universe([(day, s, True) for s in names]),
        DAYS[3],
        Features(label_quantiles=5),
    )
    assert frame["direction"].to_list() == [1, 1, -1, -1, -1, None]  # against their mean, 0.04
    assert frame["quantile"].to_list() == [3, 4, 0, 2, 2, None]  # those in the middle share theirs
    few = labels(
        forward([(day, s, 3, x) for s, x in zip("ABCD", returns, strict=False)]),
        industries([]),
        universe([(day, s, True) for s in "ABCD"]),
        DAYS[3],
        Features(label_quantiles=5),
    )
    assert few["quantile"].to_list() == [None] * 4


def test_where_the_calendar_begins_nothing_matures():
    first = calendar.all_sessions()[0]
    assert labels(forward([]), industries([]), universe([]), first, FEATURES).is_empty()


def test_nothing_matured_gives_no_rows_of_the_right_schema():
    assert_stored_as(labels(forward([]), industries([]), universe([]), DAYS[3], FEATURES), LABELS)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_labels_are_the_slow_ones(seed: int):
    rng = np.random.default_rng(seed)
    day, names = DAYS[0], [f"S{i}" for i in range(12)]
    returns = {s: None if rng.random() < 0.2 else float(rng.normal(0, 0.1)) for s in names}
    industry = {s: str(rng.integers(0, 5)) for s in names}
    frame = labels(
        forward([(day, s, 3, r) for s, r in returns.items()]),
        industries([(day, s, x) for s, x in industry.items()]),
        universe([(day, s, True) for s in names]),
        DAYS[3],
        FEATURES,
    )
    simple = {s: None if r is None else float(np.expm1(r)) for s, r in returns.items()}
    for column, values in (("label_log", returns), ("label_simple", simple)):
        slow = oracle.relative(values, industry)
        for symbol, value in frame.select("symbol", column).iter_rows():
            assert value == (None if slow[symbol] is None else pytest.approx(slow[symbol], abs=1e-13))
