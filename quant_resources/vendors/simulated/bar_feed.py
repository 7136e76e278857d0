"""Bars of the simulated stocks as a vendor delivers them: late, wrong at first, twice or not at all. Pure."""

import numpy as np
import polars as pl

from feature_store.dataset import Grade
from feature_store.schemas.market import BARS
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.payloads import payload, published, published_by_end, rows_of
from quant_resources.vendors.simulated.streams import FAULT_STREAM, Array, Flags, Ints

WRONG_BY = 0.03  # standard deviation of the log error in the close of a bar that is corrected later
WORST_CORRECTION, WORST_DELAY = 5, 3  # sessions
MISSING_DAYS, LATE_FILES = 0, 1  # places of the faults' streams
COLUMNS = ("open", "high", "low", "close", "volume", "vwap", "transactions")
PART = 256  # sessions made at once
WRONG_SHARES = 100  # by which the volumes of contradicting duplicates differ


def bar_feed(market: Market) -> pl.DataFrame:
    """Every version of every bar: some come late, some are wrong at first and corrected within a week."""
    T, delivered = len(market.sessions), _delivered(market)
    drawn = {
        name: streams.uniform(market.seed, market.lifecycles.places, name, T)
        for name, rate in (
            ("late", market.settings.late_rate),
            ("wrong", market.settings.correction_rate),
            ("duplicate", market.settings.faults.duplicates),
        )
        if rate > 0
    }
    parts = [_versions(market, delivered, drawn, first) for first in range(0, T, PART)]
    return pl.concat([payload(BARS, rows.filter(published_by_end(market.settings)), Grade.OBSERVED) for rows in parts])


def _versions(market: Market, delivered: Flags, drawn: dict[str, Array], first: int) -> pl.DataFrame:
    """Of PART sessions from `first` on; a whole market at once would fill the memory several times."""
    settings, part = market.settings, slice(first, first + PART)
    columns = {name: getattr(market.bars, name)[part] for name in COLUMNS}
    rows, t, i = rows_of(market, delivered[part], columns, first)
    arrival, _ = _spread(drawn.get("late"), t, i, settings.late_rate, WORST_DELAY)
    arrival = np.maximum(arrival, _days(market, LATE_FILES, settings.faults.late_files)[t])
    correction, error = _spread(drawn.get("wrong"), t, i, settings.correction_rate, WORST_CORRECTION)
    published_at, bad = t + arrival, correction > 0
    frames = [
        _known(market, rows.filter(~bad), published_at[~bad]),
        _known(market, _with_error(rows.filter(bad), error[bad]), published_at[bad]),
        _known(market, rows.filter(bad), (published_at + correction)[bad]),
    ]
    if "duplicate" in drawn:
        frames.append(
            _duplicates(rows, drawn["duplicate"][t, i], settings.faults.duplicates, bad, published_at, market)
        )
    return pl.concat(frames)


def _delivered(market: Market) -> Flags:
    delivered: Flags = ~np.isnan(market.bars.close)
    delivered[[day > market.settings.end for day in market.sessions]] = False
    delivered[_days(market, MISSING_DAYS, market.settings.faults.missing_days)] = False
    return delivered


def _days(market: Market, place: int, rate: float) -> Flags:
    """(T,) whether the fault occurs on a session."""
    return streams.stream(market.seed, FAULT_STREAM, place).random(len(market.sessions)) < rate


def _spread(drawn: Array | None, t: Ints, i: Ints, rate: float, worst: int) -> tuple[Ints, Array]:
    """Sessions of delay, 1 to `worst` for a fraction `rate` of the rows, else 0; and another uniform number each."""
    if drawn is None:
        return np.zeros(len(t), np.int64), np.zeros(len(t))
    u = drawn[t, i] / rate
    delayed = u < 1
    whole = np.floor(u * worst)
    return np.where(delayed, 1 + whole, 0).astype(np.int64), np.where(delayed, u * worst - whole, 0.0)


def _known(market: Market, rows: pl.DataFrame, session: Ints) -> pl.DataFrame:
    """The rows as published after the close of a session; without those published after the last one."""
    moments = published(market.sessions)
    come = session < len(moments)
    return rows.filter(come).with_columns(moments.gather(session[come]))


def _with_error(rows: pl.DataFrame, u: Array) -> pl.DataFrame:
    """The bar as first published: its close off by a few percent, its range stretched to hold it."""
    # uniform with standard deviation WRONG_BY, at least half a percent off
    error = (u - 0.5) * (2 * np.sqrt(3) * WRONG_BY)
    error += np.where(error < 0, -0.005, 0.005)
    close = (pl.col("close") * pl.Series(1 + error)).round(2).clip(lower_bound=0.01)
    return rows.with_columns(close=close, high=pl.max_horizontal("high", close), low=pl.min_horizontal("low", close))


def _duplicates(
    rows: pl.DataFrame, u: Array, rate: float, bad: Flags, published_at: Ints, market: Market
) -> pl.DataFrame:
    """Bars that come a second time at the same moment; half of these contradict the first in their volume."""
    twice = (u < rate) & ~bad
    other = pl.Series(np.where(u[twice] < rate / 2, WRONG_SHARES, 0))
    return _known(market, rows.filter(twice).with_columns(pl.col("volume") + other), published_at[twice])
