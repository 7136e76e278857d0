import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store import sessions as calendar
from feature_store.schemas.features import FORWARD_RETURNS, LABELS
from quant_assets.features.labels import forward_returns, labels, maturing
from tests.lookahead import assert_causal
from tests.oracles import features as oracle
from tests.oracles.panels import adjusted, assert_stored_as, industries, random_returns, sessions, stored, universe

DAYS = sessions(6)
NAN = float("nan")


def settings_of(*horizons: int) -> Features:
    return Features(horizons=horizons)


def forward(rows: list[tuple[dt.date, str, int, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=stored(FORWARD_RETURNS), orient="row")


# known values


def test_a_label_starts_at_the_fill_and_ends_at_the_close_k_sessions_later():
    frame = adjusted(DAYS, {"A": [0.1, 1.0, 2.0, 4.0, 8.0, 16.0]}, intraday=0.5)
    rows = forward_returns(frame, DAYS, settings_of(3))
    # from Friday: the intraday return of Monday, then Tuesday and Wednesday; Monday's overnight return is not earned
    assert rows.select("event_date", "log_return", "session").rows() == [
        (DAYS[0], 0.5 + 2.0 + 4.0, DAYS[3]),
        (DAYS[1], 0.5 + 4.0 + 8.0, DAYS[4]),
        (DAYS[2], 0.5 + 8.0 + 16.0, DAYS[5]),
    ]
    assert_stored_as(rows, FORWARD_RETURNS, also=("session",))


def test_one_session_is_the_intraday_return_of_the_fill():
    frame = adjusted(DAYS[:2], {"A": [0.1, 1.0]}, intraday=0.5)
    assert forward_returns(frame, DAYS[:2], settings_of(1))["log_return"].to_list() == [0.5]


def test_a_bar_missing_inside_is_covered_by_the_next_but_not_at_the_ends():
    frame = adjusted(DAYS, {"A": [0.0, 0.0, None, 0.3, 0.0, None]}, intraday=0.01)
    by_day = dict(forward_returns(frame, DAYS, settings_of(3)).select("event_date", "log_return").iter_rows())
    assert by_day[DAYS[0]] == pytest.approx(0.31)
    assert by_day[DAYS[1]] is None  # no bar on which to fill
    assert DAYS[2] not in by_day  # no bar, no row
    assert forward_returns(frame, DAYS, settings_of(1))["log_return"].to_list() == [0.01, None, 0.01, None]


def test_a_gap_too_long_for_a_return_makes_the_label_null():
    frame = adjusted(DAYS, {"A": [0.0, 0.0, NAN, 0.0, 0.0, 0.0]})
    rows = forward_returns(frame, DAYS, settings_of(3))
    assert rows["log_return"].is_null().to_list() == [True, False, False]


def test_several_horizons_mature_in_their_own_sessions():
    rows = forward_returns(adjusted(DAYS, {"A": [0.0] * 6}), DAYS, settings_of(5, 2))
    learned = rows.filter(session=DAYS[5]).select("event_date", "horizon_sessions").sort("event_date")
    assert learned.rows() == [(DAYS[0], 5), (DAYS[3], 2)]


def test_a_window_shorter_than_the_horizon_gives_no_rows():
    frame = adjusted(DAYS[:3], {"A": [0.0] * 3})
    assert_stored_as(forward_returns(frame, DAYS[:3], settings_of(5)), FORWARD_RETURNS, also=("session",))


def test_labels_are_relative_to_the_industry_of_the_event_date():
    day, today = DAYS[0], DAYS[3]
    frame = labels(
        forward([(day, "A", 3, 0.1), (day, "B", 3, 0.3), (day, "C", 3, -0.2), (day, "D", 3, 0.2), (day, "E", 3, None)]),
        industries([(day, s, "x" if s in "ABE" else "y") for s in "ABCDE"] + [(today, s, "later") for s in "ABCDE"]),
        universe([(day, s, True) for s in "ABCDE"]),
        today,
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
    )
    assert frame["label_log"].to_list() == pytest.approx([-0.1, 0.1, -0.2])  # C: less the mean of all, 0.1


def test_a_stock_alone_in_the_market_has_no_relative_return():
    day = DAYS[0]
    frame = labels(forward([(day, "A", 3, 0.1)]), industries([]), universe([(day, "A", True)]), DAYS[3])
    assert frame["label_log"].to_list() == [None]


def test_only_stocks_that_were_tradable_on_the_event_date_have_labels():
    day, today = DAYS[0], DAYS[3]
    frame = labels(
        forward([(day, s, 3, x) for s, x in zip("ABC", (0.1, 0.2, 9.0), strict=True)]),
        industries([]),
        universe([(day, "A", True), (day, "B", True), (day, "C", False), (today, "C", True)]),
        today,
    )
    assert frame.select("symbol", "label_log").rows() == [("A", pytest.approx(-0.05)), ("B", pytest.approx(0.05))]


def test_of_a_window_of_several_horizons_only_what_matures_today_is_a_label():
    days = sessions(64)
    today = days[63]
    everything = forward([(day, s, k, 0.1) for day in days for k in (21, 63) for s in "AB"])
    frame = labels(everything, industries([]), universe([(day, s, True) for day in days for s in "AB"]), today)
    assert frame.select("event_date", "horizon_sessions").unique(maintain_order=True).rows() == [
        (days[0], 63),
        (days[42], 21),
    ]
    assert len(frame) == 4


def test_a_label_matures_in_one_session_whichever_horizons_stand_beside_it():
    frame, days = random_returns(5, 30, holes=0.05)
    members = universe([(day, f"S{i}", True) for day in days for i in range(4)])
    published = industries([(day, f"S{i}", "x") for day in days for i in range(4)])
    learned = {k: forward_returns(frame, days, settings_of(*k)).sort("event_date", "symbol") for k in [(3, 8), (3,)]}

    def stored_labels(horizons: tuple[int, ...]) -> list[pl.DataFrame]:
        window = {today: days[max(0, t - max(horizons)) : t + 1] for t, today in enumerate(days)}
        return [
            labels(
                learned[horizons].filter(pl.col("session") <= today, pl.col("event_date").is_in(known)),
                published.filter(pl.col("event_date").is_in(known)),
                members.filter(pl.col("event_date").is_in(known)),
                today,
            )
            for today, known in window.items()
        ]

    both, alone = stored_labels((3, 8)), stored_labels((3,))
    assert_frame_equal(pl.concat(both).filter(horizon_sessions=3), pl.concat(alone), check_exact=True)
    assert not pl.concat(both).select("event_date", "symbol", "horizon_sessions").is_duplicated().any()
    assert pl.concat(both).filter(horizon_sessions=8)["event_date"].n_unique() == 22


def test_where_the_calendar_begins_nothing_matures():
    first = calendar.all_sessions()[0]
    assert maturing([1, 21], first).is_empty()
    assert maturing([1, 21], calendar.shift(first, 21))["event_date"].to_list() == [calendar.shift(first, 20), first]


def test_nothing_matured_gives_no_rows_of_the_right_schema():
    assert_stored_as(labels(forward([]), industries([]), universe([]), DAYS[3]), LABELS)


# properties


@given(st.integers(0, 10**6), st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_forward_returns_are_the_slow_ones(seed: int, horizon: int):
    frame, days = random_returns(seed, 15, n_symbols=3, holes=0.15)
    fast = forward_returns(frame, days, settings_of(horizon))
    assert len(fast) == len(frame.filter(pl.col("event_date") <= days[-1 - horizon]))
    for row in fast.iter_rows(named=True):
        t = days.index(row["event_date"])
        assert row["session"] == days[t + horizon]
        traded = [x is not None for x in oracle.series(frame, days, row["symbol"], "close")]
        returns, intraday = (
            oracle.series(frame, days, row["symbol"], name) for name in ("log_return", "intraday_log_return")
        )
        slow = oracle.forward_return(returns, intraday, traded, t, horizon)
        assert row["log_return"] == (None if slow is None else pytest.approx(slow, abs=1e-14))


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_a_label_is_known_once_its_session_is_and_no_later(seed: int):
    frame, days = random_returns(seed, 15)
    assert_causal(lambda f: forward_returns(f, days, settings_of(1, 4)), frame, learned="session")


@given(st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=10, deadline=None)
def test_a_forward_return_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    frame, days = random_returns(seed, 15)
    horizons = settings_of(1, 4)
    later = pl.col("event_date") >= days[start]
    assert_frame_equal(
        forward_returns(frame.filter(later), days[start:], horizons),
        forward_returns(frame, days, horizons).filter(later),
        check_exact=True,
    )


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_symbols_do_not_touch_one_another_along_time(seed: int):
    frame, days = random_returns(seed, 12, n_symbols=5)
    alone = pl.col("symbol") == "S3"
    assert_frame_equal(
        forward_returns(frame.filter(alone), days, settings_of(2)),
        forward_returns(frame, days, settings_of(2)).filter(alone),
        check_exact=True,
    )


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
    )
    simple = {s: None if r is None else float(np.expm1(r)) for s, r in returns.items()}
    for column, values in (("label_log", returns), ("label_simple", simple)):
        slow = oracle.relative(values, industry)
        for symbol, value in frame.select("symbol", column).iter_rows():
            assert value == (None if slow[symbol] is None else pytest.approx(slow[symbol], abs=1e-13))


# refusals


def test_a_bar_outside_the_window_is_refused():
    with pytest.raises(ValueError, match="outside the window"):
        forward_returns(adjusted(DAYS, {"A": [0.0] * 6}), DAYS[1:], settings_of(1))
