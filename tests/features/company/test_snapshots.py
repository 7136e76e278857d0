"""What is known of companies on a session beside their reports."""

import datetime as dt

import pytest

from tests.features.company.samples import TODAY, snapshot


def test_the_first_periods_that_are_not_reported_are_those_that_count():
    ends = [dt.date(2014, 12, 31), dt.date(2015, 3, 31), dt.date(2015, 6, 30), dt.date(2015, 9, 30)]
    quarters = [{"event_date": day, "mean": float(i), "std": 0.5, "analysts": i} for i, day in enumerate(ends)]
    sales = [{"event_date": ends[2], "mean": 50.0, "item": "revenue"}]
    years = [{"event_date": dt.date(2015 + i, 12, 31), "mean": 10.0 + i, "months": 12} for i in range(3)]
    other = [
        {"event_date": ends[2], "mean": 99.0, "item": "net_income"},
        {"event_date": ends[2], "mean": 9.0, "months": 6},
    ]
    reported = [{"symbol": "A", "period_end": dt.date(2015, 3, 28)}]  # a fiscal quarter of weeks
    row = snapshot(reported, quarters + sales + years + other)["A"]
    assert (row["quarter_end"], row["quarter_eps_usd"], row["analysts"]) == (ends[2], 2.0, 2)
    assert (row["quarter_eps_std_usd"], row["quarter_revenue_usd"]) == (0.5, 50.0)
    assert (row["next_quarter_end"], row["next_quarter_eps_usd"], row["next_quarter_revenue_usd"]) == (
        ends[3],
        3.0,
        None,
    )
    assert (row["year_eps_usd"], row["next_year_eps_usd"]) == (10.0, 11.0)
    awaited = snapshot([{"symbol": "A", "period_end": ends[0]}], quarters)["A"]
    assert awaited["quarter_end"] == ends[1]
    assert snapshot([], quarters)["A"]["quarter_end"] == ends[2]  # without reports, the one that has not ended
    never = snapshot([{"symbol": "A", "period_end": dt.date(2013, 12, 31)}], quarters)["A"]
    assert never["quarter_end"] == ends[1]  # 2014 was not reported in 130 days, and will not be


def test_an_estimate_that_was_withdrawn_is_none():
    assert snapshot([], [{"event_date": dt.date(2015, 6, 30), "mean": None}]) == {}


@pytest.mark.parametrize(
    ("day", "time", "last", "following"),
    [
        (dt.date(2015, 6, 1), "before_open", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 1), "in_session", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 1), "unknown", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 1), "after_close", None, dt.date(2015, 6, 2)),
        (dt.date(2015, 5, 29), "after_close", dt.date(2015, 6, 1), None),  # a Friday
        (dt.date(2015, 5, 30), "after_close", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 6), "before_open", None, dt.date(2015, 6, 8)),
    ],
)
def test_an_announcement_counts_from_the_session_that_can_trade_on_it(
    day: dt.date, time: str, last: dt.date | None, following: dt.date | None
):
    row = snapshot(dates=[{"event_date": day, "time_of_day": time}])["A"]
    assert (row["last_earnings"], row["next_earnings"]) == (last, following)


def test_the_nearest_announcements_count_and_withdrawn_ones_do_not():
    days = [dt.date(2015, 2, 5), dt.date(2015, 5, 5), dt.date(2015, 6, 10), dt.date(2015, 8, 5), dt.date(2015, 11, 5)]
    told = [{"event_date": day, "time_of_day": None if i == 2 else "before_open"} for i, day in enumerate(days)]
    row = snapshot(dates=told)["A"]
    assert (row["last_earnings"], row["next_earnings"]) == (days[1], days[3])


def test_the_last_settlement_and_the_last_quote_count():
    short = [{"event_date": dt.date(2015, 5, 15), "shares_short": 7.0}, {"event_date": TODAY, "shares_short": None}]
    borrow = [
        {"event_date": dt.date(2015, 5, 28), "fee_annual": 0.2, "shares_available": 9.0},
        {"event_date": dt.date(2015, 5, 29), "fee_annual": None, "shares_available": 8.0},
    ]
    row = snapshot(short=short, borrow=borrow)["A"]
    assert (row["settled"], row["shares_short"]) == (dt.date(2015, 5, 15), 7.0)
    assert (row["borrow_fee_annual"], row["shares_to_borrow"]) == (None, 8.0)  # no quote is carried over another
