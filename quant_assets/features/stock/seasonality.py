"""Calendar effects: what a stock did a year ago, on such weekdays, and at the turn of the month.

The day that comes next is the next weekday, whether the exchange opens on it or not: no schedule is read that could
have been changed later.
"""

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from quant_assets.features.stock.bars import Bars
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.rolling import window_mean

YEAR = 252
LIKE_DAYS = 48  # a year has 48 to 52 sessions of a weekday, and as many at the turn of a month

Days = NDArray[np.datetime64]


def seasonality(bars: Bars, turn: tuple[int, int]) -> dict[str, Array]:
    """(T - first, N) each.

    Args:
        turn: how many of the last and of the first weekdays of a month are its turn.
    """
    days = as_days(bars.sessions)
    following = next_weekday(days[bars.first :])
    turning = at_turn(days, turn)
    width = bars.present.shape[1]
    return {
        "seasonal_return_21": bars.total(bars.returns, 21, YEAR - 21),
        "seasonal_return_63": bars.total(bars.returns, 63, YEAR - 63),
        "weekday_return_252": _on_weekday(bars, weekday(days), weekday(following)),
        "turn_of_month_return_252": _mean_on(bars, turning) - _mean_on(bars, ~turning),
        "day_of_week": _for_all(weekday(days[bars.first :]), width),
        "turn_of_month": _for_all(at_turn(following, turn), width),
    }


def as_days(sessions: list[dt.date]) -> Days:
    return np.array(sessions, dtype="datetime64[D]")


def weekday(days: Days) -> Index:
    """1 is Monday; day 0 of the epoch was a Thursday."""
    return (days.astype(np.int64) + 3) % 7 + 1


def next_weekday(days: Days) -> Days:
    """Monday to Friday, after the day."""
    return np.busday_offset(days, 1, roll="backward").astype("datetime64[D]")


def at_turn(days: Days, turn: tuple[int, int]) -> Mask:
    """Whether each day is among the last or the first weekdays of its month, as many as `turn` says."""
    months = days.astype("datetime64[M]")
    since = np.busday_count(months.astype("datetime64[D]"), days)
    left = np.busday_count(days, (months + 1).astype("datetime64[D]"))
    return np.asarray((left <= turn[0]) | (since < turn[1]))


def _mean_on(bars: Bars, sessions: Mask) -> Array:
    """Mean return of these sessions of a year."""
    own_returns = np.where(sessions[:, None], bars.returns, np.nan)
    return window_mean(own_returns, YEAR, bars.min_count(LIKE_DAYS), bars.first)


def _on_weekday(bars: Bars, of: Index, weekdays: Index) -> Array:
    """Mean return of a year's sessions on the weekday that each row wants."""
    means = np.full((len(weekdays), bars.present.shape[1]), np.nan)
    for day in np.unique(weekdays):
        means = np.where((weekdays == day)[:, None], _mean_on(bars, of == day), means)
    return means


def _for_all(values: Index | Mask, width: int) -> Array:
    """The same for each symbol."""
    return np.repeat(values.astype(np.float64)[:, None], width, axis=1)
