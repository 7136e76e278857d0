"""Quarters, announcements and filings of the simulated companies, and the surprises in them. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from configs.settings import SimulatedVendor
from feature_store import sessions as calendar
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.lifecycles import Lifecycles
from quant_resources.vendors.simulated.streams import Array, Flags, Ints

BEFORE = 8  # quarters before the start, so that twelve months and their year ago are there on the first session
AHEAD = 6  # quarters after the last session that estimates may speak of
LAGS = (18, 40)  # days from the end of a quarter to its announcement
ANNUAL_LAG = 15  # more days where the year is closed
JITTER = 3  # days
LATEST_FILING = 5  # days from the announcement to the filing
CALENDAR_YEAR = 0.7  # fraction of companies whose year ends in December
BEFORE_OPEN = 0.4  # fraction of companies that announce then; the others after the close


@dataclass(frozen=True)
class Quarters:
    """Q calendar quarters from BEFORE ones before the start on, and what M companies do about them.

    Sessions are positions since the start, negative before it and beyond T after the end.

    Attributes:
        ends: last calendar day of each quarter.
        current: (T,) position of the quarter in which a session lies.
        place: (Q, M) 1 to 4, in the company's year.
        announced: (Q, M) session of the earnings announcement.
        filed: (Q, M) session of the filing.
        surprise: (Q, M) standard normal: earnings over the last consensus.
        before_open: (M,) announces before the open.
    """

    ends: list[dt.date]
    current: Ints
    place: Ints
    announced: Ints
    filed: Ints
    surprise: Array
    before_open: Flags

    def news(self, T: int, move: float) -> Array:
        """(T, M) log return overnight on the first session that trades on an announcement."""
        Q, M = self.announced.shape
        news = np.zeros((T, M))
        for q in range(Q):
            session = self.announced[q] + np.where(self.before_open, 0, 1)
            inside = np.flatnonzero((session >= 0) & (session < T))
            news[session[inside], inside] += move * self.surprise[q, inside]
        return news


def quarters(settings: SimulatedVendor, seed: int, days: Sequence[dt.date], lifecycles: Lifecycles) -> Quarters:
    ends = _quarter_ends(days[0], days[-1])
    Q, trait, places = len(ends), lifecycles.trait, lifecycles.places
    ordinals = np.array([day.toordinal() for day in ends])
    current = np.searchsorted(ordinals, [day.toordinal() for day in days])
    # the year's last quarter: 3 is the one that ends in December
    last = np.where(trait["fiscal_year"] < CALENDAR_YEAR, 3, (trait["fiscal_year"] * 1000).astype(int) % 3)
    place = (np.array([(day.month - 1) // 3 for day in ends])[:, None] - last - 1) % 4 + 1
    drawn = streams.uniform(seed, places, "reports", 2 * Q).reshape(Q, 2, len(places))
    lag = _integers(LAGS, trait["report_lag"]) + ANNUAL_LAG * (place == 4)
    day = ordinals[:, None] + lag + np.floor((drawn[:, 0] * 2 - 1) * (JITTER + 1)).astype(np.int64)
    sessions = np.array([session.toordinal() for session in calendar.all_sessions()])
    announced = np.searchsorted(sessions, day)
    filed = np.searchsorted(sessions, sessions[announced] + np.floor(drawn[:, 1] * (LATEST_FILING + 1)))
    first = calendar.index_of(days[0])
    return Quarters(
        ends=ends,
        current=current,
        place=place,
        announced=announced - first,
        filed=filed - first,
        surprise=streams.normal(seed, places, "surprise", Q),
        before_open=trait["time_of_day"] < BEFORE_OPEN,
    )


def _integers(bounds: tuple[int, int], u: Array) -> Ints:
    return (bounds[0] + (bounds[1] - bounds[0]) * u).astype(np.int64)


def _quarter_ends(first: dt.date, last: dt.date) -> list[dt.date]:
    """From BEFORE quarters before the first day's to AHEAD after the last day's."""
    start = first.year * 4 + (first.month - 1) // 3 - BEFORE
    end = last.year * 4 + (last.month - 1) // 3 + AHEAD
    return [dt.date((n + 1) // 4, (n + 1) % 4 * 3 + 1, 1) - dt.timedelta(days=1) for n in range(start, end + 1)]
