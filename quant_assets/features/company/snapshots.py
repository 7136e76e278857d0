"""What is known of companies on a session beside their reports: estimates, announcements, short interest, borrow."""

import datetime as dt
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store import sessions as calendar
from feature_store.schemas.company_snapshots import COMPANY_SNAPSHOTS

SAME_PERIOD_DAYS = 10  # between the end of a fiscal period as filed and as analysts date it, often the month's
LATE_REPORT_DAYS = 130  # after the end of its period; an estimate that is older was never met by a report
YEAR_SESSIONS = 273  # a date may be announced, and a period estimated, so long ahead
SCHEMA = COMPANY_SNAPSHOTS.computed_schema
PERIODS = {"quarter": (3, 1), "next_quarter": (3, 2), "year": (12, 1), "next_year": (12, 2)}  # months, place


def company_snapshots(
    financials: pl.DataFrame,
    estimates: pl.DataFrame,
    earnings_dates: pl.DataFrame,
    short_interest: pl.DataFrame,
    borrow: pl.DataFrame,
    session: dt.date,
) -> pl.DataFrame:
    """One row for each company with an estimate, an announcement, short interest or a quote, across symbols.

    A period is reported once COMPANY_FINANCIALS has it, or a later one; without financials, once it has ended.

    Args:
        financials: rows of COMPANY_FINANCIALS of the session.
        estimates, earnings_dates: rows of ESTIMATES and EARNINGS_DATES as known at the session, of `YEAR_SESSIONS`; a
            null mean and a null time of day are withdrawn.
        short_interest, borrow: rows of SHORT_INTEREST and BORROW as known at the session; older ones than the windows
            count for nothing.
        session: the partition.

    Returns:
        Rows of COMPANY_SNAPSHOTS, sorted by symbol.
    """
    frames = [
        _open_periods(estimates, financials, session),
        _announced(earnings_dates, session),
        _last(short_interest.drop_nulls("shares_short"), session).select(
            "symbol", "shares_short", settled="event_date"
        ),
        _last(borrow, session).select("symbol", borrow_fee_annual="fee_annual", shares_to_borrow="shares_available"),
    ]
    rows = pl.concat([frame.select("symbol") for frame in frames]).unique().sort("symbol")
    for frame in frames:
        rows = rows.join(frame, on="symbol", how="left", maintain_order="left")
    return rows.select(event_date=pl.lit(session, pl.Date), **{name: name for name in SCHEMA if name != "event_date"})


def _open_periods(estimates: pl.DataFrame, financials: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Of each symbol the first two quarters and fiscal years that are not reported."""
    reported = financials.select("symbol", reported="period_end").drop_nulls()
    from_day = pl.max_horizontal(
        pl.col("reported") + pl.duration(days=SAME_PERIOD_DAYS), pl.lit(session - dt.timedelta(days=LATE_REPORT_DAYS))
    )
    items = pl.col("item").is_in(["eps_diluted", "revenue"])
    open_ = (
        estimates.filter(pl.col("mean").is_not_null(), items, pl.col("months").is_in([3, 12]))
        .join(reported, on="symbol", how="left")
        .filter(pl.col("event_date") > pl.when(pl.col("reported").is_null()).then(pl.lit(session)).otherwise(from_day))
        .with_columns(place=pl.col("event_date").rank("dense").over("symbol", "months"))
        .sort("symbol", "event_date", "item", "months")
    )
    named = {"eps": "eps_diluted", "revenue": "revenue"}

    def first(column: str, months: int, place: int, item: str | None = None) -> pl.Expr:
        is_it = (pl.col("months") == months) & (pl.col("place") == place)
        return pl.col(column).filter(is_it if item is None else is_it & (pl.col("item") == named[item])).first()

    return open_.group_by("symbol", maintain_order=True).agg(
        *(first("event_date", *at).alias(f"{period}_end") for period, at in PERIODS.items()),
        *(first("mean", *at, item).alias(f"{period}_{item}_usd") for period, at in PERIODS.items() for item in named),
        *(first("std", *at, "eps").alias(f"{period}_eps_std_usd") for period, at in PERIODS.items()),
        analysts=first("analysts", *PERIODS["quarter"], "eps"),
    )


def _announced(earnings_dates: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Of each symbol the sessions that trade on the last and on the next announcement.

    An announcement after the close trades on the next session, as does one on a day without a session; where the time
    is not known, it trades on the session of its day.
    """
    days = exchange_days()
    announced = earnings_dates.drop_nulls("time_of_day")
    dates = announced["event_date"].to_numpy().astype("datetime64[D]")
    at = np.minimum(np.searchsorted(days, dates), len(days) - 1)
    late = (announced["time_of_day"] == "after_close").to_numpy() & (days[at] == dates)
    trades = pl.Series("trades", days[np.minimum(at + late, len(days) - 1)]).cast(pl.Date)
    past = pl.col("trades") <= session
    return (
        announced.select("symbol", trades)
        .group_by("symbol", maintain_order=True)
        .agg(
            last_earnings=pl.col("trades").filter(past).max(),
            next_earnings=pl.col("trades").filter(~past).min(),
        )
    )


@cache
def exchange_days() -> NDArray[np.datetime64]:
    """Every session of the exchange, ascending."""
    return np.array(calendar.all_sessions(), dtype="datetime64[D]")


def _last(rows: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Of each symbol the row with the latest event_date, up to the session."""
    return (
        rows.filter(pl.col("event_date") <= session)
        .sort("symbol", "event_date")
        .unique("symbol", keep="last", maintain_order=True)
    )
