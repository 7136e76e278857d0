"""Macro series as last known."""

import datetime as dt
import math
from collections.abc import Iterable

import polars as pl

from configs.settings import Macro
from feature_store import sessions as calendar
from quant_assets.numerics.panel import window_sessions

CHANGE_SESSIONS = 21

Observation = tuple[dt.date, float]


def macro_sessions(settings: Macro) -> int:
    """Sessions of MACRO that `macro_features` looks back on: a last value, and one `CHANGE_SESSIONS` before it."""
    return 2 * settings.max_age_sessions + CHANGE_SESSIONS + 1


def macro_features(macro: pl.DataFrame, session: dt.date, settings: Macro) -> dict[str, float | None]:
    """Volatility, slope and credit features of MARKET_FEATURES by name; None where a series is absent or too old.

    Args:
        macro: rows of MACRO of the last `macro_sessions` sessions, as known at the session.
        session: the partition.
        settings: names of the series, `max_age_sessions`.
    """
    names = (settings.vix, settings.yield_10y, settings.yield_2y, settings.credit_spread)
    series, age = observations(macro, {*names, *settings.vix_3m}), settings.max_age_sessions
    vix, long, short, credit = (last_observation(series[name], session, age) for name in names)
    ahead = next((x for name in settings.vix_3m if (x := last_observation(series[name], session, age))), None)
    logs = [(day, math.log(value)) for day, value in series[settings.vix] if value > 0]
    log_vix = last_observation(logs, session, age)
    up, down = (_change(series[name], last, age) for name, last in zip(names[1:3], (long, short), strict=True))
    return {
        "vix": vix and vix[1],
        "vix_change_5": _change(logs, log_vix, age, 5),
        "vix_change_21": _change(logs, log_vix, age),
        "vix_term": math.log(ahead[1]) - log_vix[1] if ahead and ahead[1] > 0 and log_vix else None,
        "slope_10y2y": long[1] - short[1] if long and short else None,
        "slope_change_21": up - down if up is not None and down is not None else None,
        "credit_spread": credit and credit[1],
        "credit_change_21": _change(series[settings.credit_spread], credit, age),
    }


def observations(macro: pl.DataFrame, names: Iterable[str]) -> dict[str, list[Observation]]:
    """Of each series its days and values, ascending; a null value is none."""
    observations: dict[str, list[Observation]] = {name: [] for name in names}
    rows = macro.filter(pl.col("series").is_in(list(observations)), pl.col("value").is_not_null()).sort("event_date")
    for name, day, value in rows.select("series", "event_date", "value").iter_rows():
        observations[name].append((day, value))
    return observations


def last_observation(series: list[Observation], session: dt.date, max_age_sessions: int) -> Observation | None:
    """The last observation on or before the session, by the session it belongs to.

    An observation of a day without trading belongs to the session before it. None where there is none, or only one
    more than `max_age_sessions` sessions old.
    """
    oldest, following = window_sessions(session, max_age_sessions + 1)[0], calendar.shift(session, 1)
    inside = [(day, value) for day, value in series if oldest <= day < following]
    return (calendar.at_or_before(inside[-1][0]), inside[-1][1]) if inside else None


def _change(
    series: list[Observation], last: Observation | None, age: int, sessions: int = CHANGE_SESSIONS
) -> float | None:
    """Over the sessions between two observations: those of a series that is published late are as far apart."""
    if last is None:
        return None
    session, value = last
    back = window_sessions(session, sessions + 1)
    before = last_observation(series, back[0], age) if len(back) > sessions else None
    return value - before[1] if before else None
