"""Returns from a fill to a close some sessions later, whatever became of the stock."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.schemas.features import FORWARD_RETURNS
from quant_assets.features import labels as module
from quant_assets.features.labels import labels
from tests.features.label_samples import DAYS, FEATURES
from tests.oracles import features as oracle
from tests.oracles.panels import (
    actions,
    adjusted,
    assert_stored_as,
    industries,
    random_returns,
    sessions,
    universe,
)
from tests.support.lookahead import assert_causal

NAN = float("nan")
NOTHING = actions([])


def settings_of(*horizons: int) -> Features:
    return Features(horizons=horizons)


def forward_returns(
    bars: pl.DataFrame, days: list[dt.date], settings: Features, acts: pl.DataFrame = NOTHING
) -> pl.DataFrame:
    return module.forward_returns(bars, acts, days, settings)


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
                FEATURES,
            )
            for today, known in window.items()
        ]

    both, alone = stored_labels((3, 8)), stored_labels((3,))
    assert_frame_equal(pl.concat(both).filter(horizon_sessions=3), pl.concat(alone), check_exact=True)
    assert not pl.concat(both).select("event_date", "symbol", "horizon_sessions").is_duplicated().any()
    assert pl.concat(both).filter(horizon_sessions=8)["event_date"].n_unique() == 22


def test_the_form_from_the_close_earns_the_night_before_the_fill():
    frame = adjusted(DAYS, {"A": [0.1, 1.0, 2.0, 4.0, None, 16.0]}, intraday=0.5)
    rows = forward_returns(frame, DAYS, settings_of(2))
    assert rows.select("event_date", "log_return", "close_log_return").rows() == [
        (DAYS[0], 0.5 + 2.0, 1.0 + 2.0),
        (DAYS[1], 0.5 + 4.0, 2.0 + 4.0),
        (DAYS[2], None, None),  # nothing on its last session
        (DAYS[3], None, 16.0),  # nobody could fill, and whoever held went on to hold
    ]
    assert rows["learned"].equals(rows["session"].rename("learned"))


def test_what_a_delisting_leaves_counts_from_its_ex_date_on():
    frame = adjusted(DAYS, {"A": [0.0, 0.01, 0.02, None, None, None]})
    acts = actions([(DAYS[4], "A", "delisting", -0.5)])
    rows = {row["event_date"]: row for row in forward_returns(frame, DAYS, settings_of(3), acts).iter_rows(named=True)}
    assert rows[DAYS[0]]["log_return"] is None  # on its last session nothing is known yet
    assert rows[DAYS[1]]["log_return"] == pytest.approx(np.log(0.5))
    assert rows[DAYS[1]]["close_log_return"] == pytest.approx(0.02 + np.log(0.5))
    assert rows[DAYS[1]]["ended"] == "delisted"
    assert rows[DAYS[2]]["log_return"] is None  # it was never filled
    assert rows[DAYS[2]]["close_log_return"] == pytest.approx(np.log(0.5))


@pytest.mark.parametrize(
    ("value", "cash", "left"), [(0.0, 110.0, 1.1), (0.0, None, 1.0), (0.5, None, 1.0), (0.5, 3.0, 1.0)]
)
def test_a_merger_pays_its_cash_or_the_last_close(value: float, cash: float | None, left: float):
    frame = adjusted(DAYS[:4], {"A": [0.0, 0.01, None, None]})
    acts = actions([(DAYS[2], "A", "merger", value, cash, "B")])
    first = forward_returns(frame, DAYS[:4], settings_of(3), acts).row(0, named=True)
    assert (first["log_return"], first["ended"]) == (pytest.approx(np.log(left)), "merged")


def test_a_total_loss_leaves_a_cent_of_each_dollar():
    frame = adjusted(DAYS[:3], {"A": [0.0, 0.0, None]})
    acts = actions([(DAYS[2], "A", "delisting", -1.0)])
    assert forward_returns(frame, DAYS[:3], settings_of(2), acts)["log_return"].to_list() == [
        pytest.approx(np.log(0.01))
    ]


def test_what_stops_without_a_word_is_known_to_be_gone_only_later():
    days = sessions(12)
    frame = adjusted(days, {"A": [0.0, 0.01, 0.02, *[None] * 9]})
    settings = Features(horizons=(3, 8), delisted_after_sessions=5, delisting_return=-0.3)
    rows = forward_returns(frame, days, settings).sort("horizon_sessions", "event_date", "session")
    told = [(days.index(e), k, r, ended, days.index(s)) for e, _, k, r, _, ended, _, s in rows.iter_rows()]
    left = np.log(0.7)
    assert told == [
        (0, 3, None, None, 3),
        (0, 3, pytest.approx(0.02 + left), "written_off", 7),  # five sessions after the last bar
        (1, 3, None, None, 4),
        (1, 3, pytest.approx(left), "written_off", 7),
        (2, 3, None, None, 5),
        (2, 3, None, "written_off", 7),
        (0, 8, pytest.approx(0.02 + left), "written_off", 8),  # by then it is
        (1, 8, pytest.approx(left), "written_off", 9),
        (2, 8, None, "written_off", 10),
    ]


def test_a_halt_that_ends_is_no_end():
    days = sessions(12)
    frame = adjusted(days, {"A": [0.0, 0.0, 0.0, None, None, None, None, 0.5, 0.0, 0.0, 0.0, 0.0]})
    settings = Features(horizons=(3,), delisted_after_sessions=5)
    rows = forward_returns(frame, days, settings)
    assert rows["ended"].is_null().all()
    assert rows.filter(event_date=days[0])["log_return"].to_list() == [None]


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


@given(st.integers(0, 10**6), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_ends_are_the_slow_ones(seed: int, horizon: int):
    rng = np.random.default_rng(seed)
    frame, days = random_returns(seed, 22, n_symbols=4, holes=0.1)
    stops = {f"S{i}": int(rng.integers(4, 22)) for i in range(4)}
    frame = pl.concat([frame.filter(pl.col("event_date") <= days[t], symbol=s) for s, t in stops.items()])
    acts = {
        s: [(min(t + int(rng.integers(1, 6)), 30), str(rng.choice(["merger", "delisting"])),
             float(rng.choice([0.0, -0.4, -1.0])), float(rng.choice([0.0, 90.0])) or None)]
        for s, t in stops.items() if rng.random() < 0.6
    }  # fmt: skip
    beyond = sessions(31)
    rows = actions([(beyond[t], s, a, abs(v) if a == "merger" else v, c if a == "merger" else None, None)
                    for s, told in acts.items() for t, a, v, c in told])  # fmt: skip
    settings_ = Features(horizons=(horizon,), delisted_after_sessions=4, delisting_return=-0.3)
    fast = {(r["event_date"], r["symbol"], r["session"]): r
            for r in forward_returns(frame, days, settings_, rows).iter_rows(named=True)}  # fmt: skip
    expected = {}
    for symbol in stops:
        returns, intraday, closes = (
            oracle.series(frame, days, symbol, name) for name in ("log_return", "intraday_log_return", "close")
        )
        traded = [x is not None for x in closes]
        told = [(t, a, abs(v) if a == "merger" else v, c) for t, a, v, c in acts.get(symbol, [])]
        for t in (t for t in range(22 - horizon) if traded[t]):
            end = t + horizon
            stop = max(s for s in range(t, end + 1) if traded[s])
            for until in {end, stop + 4} if stop < end else {end}:
                if not end <= until < 22 or any(traded[stop + 1 : until + 1]):
                    continue
                found = oracle.ended(traded, told, closes, t, until, 4, -0.3)
                _, how, rest = found or (stop, None, 0.0 if stop == end else None)
                both = [oracle.walk(returns, intraday, traded, t, stop, filled) for filled in (True, False)]
                values = [None if x is None or rest is None else x + rest for x in both]
                expected[days[t], symbol, days[until]] = (how, *values)
    assert fast.keys() == expected.keys()
    for key, (how, fill, whole) in expected.items():
        row = fast[key]
        assert row["ended"] == how, key
        for name, value in (("log_return", fill), ("close_log_return", whole)):
            assert row[name] == (None if value is None else pytest.approx(value, abs=1e-12)), (key, name)


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


# refusals
def test_a_bar_outside_the_window_is_refused():
    with pytest.raises(ValueError, match="outside the window"):
        forward_returns(adjusted(DAYS, {"A": [0.0] * 6}), DAYS[1:], settings_of(1))
