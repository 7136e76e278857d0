"""Volume-weighted mean prices: of the last sessions, and since an anchor that is known on the session.

Prices and volumes are in shares of the session (splits of the window only): what was paid for them, so dividends do
not lower it. The price of a bar is its vwap where that is known, else the mean of its high, low and close. Compiled
functions call those of their own file only: Numba's cache would not notice a change in another.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quant_assets.features.stock.paths import Chain, over_rows
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.compiled import njit

TIE = 1e-12  # prices that are equal but for rounding are a tie, which the later session wins
YEAR_SESSIONS = 253  # the most that a calendar year has had
ANCHORS = ("year", "low_252", "high_252", "volume_252")
VOLUME_WEIGHTED = (
    "vwap_gap_21",
    "vwap_gap_63",
    "vwap_momentum_21_63",
    "no_trade_fraction_63",
    *(f"avwap_{anchor}_{kind}" for anchor in ANCHORS for kind in ("gap", "slope", "state")),
)


class Trades(NamedTuple):
    """The bars of one symbol in the last W sessions, oldest first, at the end of arrays of length W.

    Attributes:
        low, high: USD per share of the session.
        shares: of the session, traded; 0 where not known.
        paid: dollars for them.
        known: whether the volume is known.
        row: of the array.
        begin: (W + 1,) [n] is the position of the first bar of the last n sessions.
    """

    low: Array
    high: Array
    shares: Array
    paid: Array
    known: Mask
    row: Index
    begin: Index


def volume_weighted(
    chain: Chain, first: int, min_count: Callable[[int], int], year_begin: Index, slope_sessions: int
) -> dict[str, Array]:
    """(T - first, N) each.

    Anchors: the first bar of the calendar year; of the last 252 sessions the bar with the lowest low, the highest high
    and the most shares, the later of equal ones. NaN with fewer than `min_count` of the window's sessions with a bar
    (the year's window is its sessions so far), or without a traded share since.

    Args:
        year_begin: (T,) first row of each row's calendar year.
        slope_sessions: over which the slope of an anchored price is taken; NaN while the anchor is younger.
    """
    needed = np.array([min_count(n) for n in range(YEAR_SESSIONS + 1)], dtype=np.int64)
    return over_rows(_volume_weighted, VOLUME_WEIGHTED, chain, first, needed, year_begin, slope_sessions)


@njit()
def since_anchor(chain: Chain, first: int, min_count: Index, age: Index, slope_sessions: int) -> Array:
    """(3, T - first, N) gap, slope and state of an anchor of each symbol's own.

    Args:
        min_count: [n] bars that the last n sessions need.
        age: (T - first, N) sessions from the anchor to the row, below `YEAR_SESSIONS`; negative where there is none.
    """
    n_symbols, n_sessions = chain.present.shape
    out = np.full((3, n_sessions - first, n_symbols), np.nan)
    of, first_bar = np.empty((4, YEAR_SESSIONS)), np.empty(YEAR_SESSIONS + 1, dtype=np.int64)
    known, row = np.empty(YEAR_SESSIONS, dtype=np.bool_), np.empty(YEAR_SESSIONS, dtype=np.int64)
    bars = Trades(of[0], of[1], of[2], of[3], known, row, first_bar)
    for i in range(n_symbols):
        for t in range(first, n_sessions):
            so_far = age[t - first, i] + 1
            if chain.present[i, t] and so_far > 0:
                _fill_window(chain, i, t, bars)
                anchor = bars.begin[so_far]
                if YEAR_SESSIONS - anchor >= min_count[so_far]:
                    _gap_slope_state(out[:, t - first, i], anchor, bars, chain.close[i, t], slope_sessions)
    return out


@njit()
def _volume_weighted(
    chain: Chain, first: int, n_features: int, min_count: Index, year_begin: Index, slope_sessions: int
) -> Array:
    n_symbols, n_sessions = chain.present.shape
    out = np.full((n_features, n_sessions - first, n_symbols), np.nan)
    of, first_bar = np.empty((4, YEAR_SESSIONS)), np.empty(YEAR_SESSIONS + 1, dtype=np.int64)
    known, row = np.empty(YEAR_SESSIONS, dtype=np.bool_), np.empty(YEAR_SESSIONS, dtype=np.int64)
    bars = Trades(of[0], of[1], of[2], of[3], known, row, first_bar)
    for i in range(n_symbols):
        for t in range(first, n_sessions):
            if chain.present[i, t]:
                _fill_window(chain, i, t, bars)
                close = chain.close[i, t]
                _recent(out[:, t - first, i], bars, min_count, close)
                _anchored(out[:, t - first, i], bars, min_count, t - year_begin[t] + 1, close, slope_sessions)
    return out


@njit()
def _fill_window(chain: Chain, i: int, t: int, bars: Trades) -> None:
    """Fill `bars` with those of symbol i up to row t, back to where its history begins."""
    window = len(bars.row)
    k, multiple, reached = window, 1.0, True
    bars.begin[0] = window
    for back in range(window):
        s = t - back
        reached = reached and s >= 0
        if reached and chain.present[i, s]:
            k -= 1
            price = chain.close[i, s] / multiple
            bars.low[k], bars.high[k] = price * chain.low[i, s], price * chain.high[i, s]
            bars.known[k], bars.row[k] = not np.isnan(chain.shares[i, s]), s
            shares = chain.shares[i, s] if bars.known[k] else 0.0
            bars.shares[k], bars.paid[k] = shares * multiple, shares * chain.typical[i, s]
            multiple *= chain.split[i, s]
            reached = chain.onward[i, s]
        bars.begin[back + 1] = k


@njit()
def _recent(out: Array, bars: Trades, min_count: Index, close: float) -> None:
    """Close over the mean prices of 21 and 63 sessions, the one over the other, and how often nobody traded."""
    month, quarter = bars.begin[21], bars.begin[63]
    price_21 = mean_price(bars.paid[month:], bars.shares[month:], min_count[21])
    price_63 = mean_price(bars.paid[quarter:], bars.shares[quarter:], min_count[63])
    out[0], out[1], out[2] = np.log(close / price_21), np.log(close / price_63), np.log(price_21 / price_63)
    out[3] = _no_trade_fraction(bars, quarter, min_count[63])


@njit()
def _anchored(out: Array, bars: Trades, min_count: Index, so_far: int, close: float, slope_sessions: int) -> None:
    """Gap, slope and state of each anchor."""
    year, own, end = bars.begin[252], bars.begin[so_far], len(bars.row)
    whole = end - year >= min_count[252]
    anchors = (
        own if end - own >= min_count[so_far] else -1,
        year + lowest(bars.low[year:]) if whole else -1,
        year + highest(bars.high[year:]) if whole else -1,
        year + highest(bars.shares[year:]) if whole else -1,
    )
    for a, anchor in enumerate(anchors):
        if anchor >= 0:
            _gap_slope_state(out[4 + 3 * a : 7 + 3 * a], anchor, bars, close, slope_sessions)


@njit()
def _gap_slope_state(out: Array, anchor: int, bars: Trades, close: float, slope_sessions: int) -> None:
    """Gap, slope and state of one anchor."""
    gap, slope = _since(anchor, bars, close, slope_sessions)
    out[0], out[1] = gap, slope
    if not np.isnan(gap) and not np.isnan(slope):
        out[2] = 1.0 if gap > 0 and slope > 0 else -1.0 if gap < 0 and slope < 0 else 0.0


@njit()
def mean_price(paid: Array, shares: Array, min_count: int) -> float:
    """Dollars over shares; NaN with fewer than `min_count` bars that traded."""
    dollars, total, seen = 0.0, 0.0, 0
    for k in range(len(paid)):
        dollars += paid[k]
        total += shares[k]
        seen += 1 if shares[k] > 0 else 0
    return dollars / total if seen >= min_count and total > 0 else np.nan


@njit()
def _since(anchor: int, bars: Trades, close: float, slope_sessions: int) -> tuple[float, float]:
    """Log of the close over the mean price since the anchor, and the log slope of that price per session."""
    now = mean_price(bars.paid[anchor:], bars.shares[anchor:], 1)
    before = bars.begin[slope_sessions]  # the bars before it had been seen so many sessions ago
    earlier = mean_price(bars.paid[anchor:before], bars.shares[anchor:before], 1) if before > anchor else np.nan
    return np.log(close / now), np.log(now / earlier) / slope_sessions


@njit()
def _no_trade_fraction(bars: Trades, begin: int, min_count: int) -> float:
    """Of the sessions from the first bar on, without a bar or volume; an unknown volume does not count."""
    span, traded = bars.row[-1] - bars.row[begin] + 1, 0
    for k in range(begin, len(bars.row)):
        span -= 0 if bars.known[k] else 1
        traded += 1 if bars.shares[k] > 0 else 0
    return 1.0 - traded / span if span >= min_count else np.nan


@njit()
def highest(x: Array) -> int:
    """Position of the largest positive number; the last of those that are equal but for rounding."""
    best = len(x) - 1
    for k in range(len(x) - 2, -1, -1):
        if x[k] > x[best] * (1.0 + TIE):
            best = k
    return best


@njit()
def lowest(x: Array) -> int:
    """Position of the smallest positive number; the last of those that are equal but for rounding."""
    best = len(x) - 1
    for k in range(len(x) - 2, -1, -1):
        if x[k] < x[best] * (1.0 - TIE):
            best = k
    return best
