"""Each symbol's bars walked back from a session, and what the path of its total return index says.

Levels are built backward from the session, whose own is 1, from the one-step returns of the window alone: the same bits
wherever the array begins, and nothing of what happens to the share later. Bars stand side by side, whatever sessions
lie between them; a window still counts sessions, and its regressions are on the number of the session. Compiled
functions call those of their own file only: Numba's cache would not notice a change in another.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.compiled import njit

TIE = 1e-12  # levels that are equal but for rounding are a tie, which the later session wins


class Chain(NamedTuple):
    """(N, T) of each symbol's sessions; NaN where missing.

    Attributes:
        present: has a bar.
        onward: history leads further back: there is no bar, or one with a return.
        returns: one-step log total return, 0 where there is none.
        shrink: total return level of the bar before per level of this one.
        split: new per old share since the bar before, 1 where there is none.
        high, low: per close.
        close: USD as traded.
        typical: USD, the session's vwap where known, else the mean of high, low and close.
        shares: dollar volume over close.
    """

    present: Mask
    onward: Mask
    returns: Array
    shrink: Array
    split: Array
    high: Array
    low: Array
    close: Array
    typical: Array
    shares: Array

    @staticmethod
    def of(columns: Mapping[str, Array], present: Mask) -> "Chain":
        """Of (T, N) columns of ADJUSTED_BARS."""
        returns, split, close = columns["log_return"], columns["split_ratio"], columns["close"]
        seen = ~np.isnan(returns) & ~np.isnan(split)
        step = np.where(seen, returns, 0.0)
        mean = (columns["high"] + columns["low"] + close) / 3.0
        parts = (
            present,
            ~present | seen,
            step,
            np.exp(-step),
            np.where(seen, split, 1.0),
            columns["high"] / close,
            columns["low"] / close,
            close,
            np.where(np.isnan(columns["vwap"]), mean, columns["vwap"]),
            columns["dollar_volume_usd"] / close,
        )
        return Chain(*(np.ascontiguousarray(part.T) for part in parts))


class Path(NamedTuple):
    """The bars of one symbol in the last W sessions, oldest first, at the end of arrays of length W.

    Attributes:
        level, log_level: of the total return index, where the session's own is 1 and 0.
        row: of the array.
        begin: (W + 1,) [n] is the position of the first bar of the last n sessions.
    """

    level: Array
    log_level: Array
    row: Index
    begin: Index


@njit()
def _empty_path(window: int) -> Path:
    return Path(
        np.empty(window),
        np.empty(window),
        np.empty(window, dtype=np.int64),
        np.empty(window + 1, dtype=np.int64),
    )


@njit()
def _fill_window(chain: Chain, i: int, t: int, path: Path) -> None:
    """Fill `path` with symbol i's bars up to row t, back to where its history begins."""
    window = len(path.level)
    at, level, log_level, reached = window, 1.0, 0.0, True
    path.begin[0] = window
    for back in range(window):
        s = t - back
        reached = reached and s >= 0
        if reached and chain.present[i, s]:
            at -= 1
            path.level[at], path.log_level[at], path.row[at] = level, log_level, s
            level *= chain.shrink[i, s]
            log_level -= chain.returns[i, s]
            reached = chain.onward[i, s]
        path.begin[back + 1] = at


def over_rows(
    kernel: Callable[..., Array], names: tuple[str, ...], chain: Chain, first: int, *parameters: object
) -> dict[str, Array]:
    """By name the (T - first, N) arrays of a kernel that gives (len(names), T - first, N)."""
    values = kernel(chain, first, len(names), *parameters)
    return dict(zip(names, values, strict=True))


PATH_FEATURES = (
    "slope_21",
    "slope_63",
    "slope_126",
    "slope_252",
    "slope_fit_63",
    "slope_fit_252",
    "low_gap_252",
    "max_drawdown_63",
    "max_drawdown_252",
    "ulcer_63",
    "price_z_63",
    "price_z_252",
    "half_life_126",
    "days_since_high_252",
    "days_since_low_252",
)
WINDOWS = (21, 63, 126, 252)


def path_features(chain: Chain, first: int, min_count: Callable[[int], int]) -> dict[str, Array]:
    """Slopes, drawdowns and distances of the total return index, (T - first, N) each."""
    needed = np.array([min_count(n) for n in WINDOWS], dtype=np.int64)
    return over_rows(_paths, PATH_FEATURES, chain, first, np.array(WINDOWS, dtype=np.int64), needed)


@njit()
def _paths(chain: Chain, first: int, n_features: int, windows: Index, min_count: Index) -> Array:
    n_symbols, n_sessions = chain.present.shape
    out = np.full((n_features, n_sessions - first, n_symbols), np.nan)
    path = _empty_path(windows[-1])
    for i in range(n_symbols):
        for t in range(first, n_sessions):
            if chain.present[i, t]:
                _fill_window(chain, i, t, path)
                for f, value in enumerate(_path_values(path, windows, min_count)):
                    out[f, t - first, i] = value
    return out


@njit()
def _path_values(path: Path, windows: Index, min_count: Index) -> tuple[float, ...]:
    """In the order of PATH_FEATURES."""
    month, quarter, half, year = path.begin[windows]
    end = len(path.level)
    has_month, has_quarter = end - month >= min_count[0], end - quarter >= min_count[1]
    has_half, has_year = end - half >= min_count[2], end - year >= min_count[3]
    slope_21 = slope_63 = slope_126 = slope_252 = fit_63 = fit_252 = np.nan
    low_gap = deepest_63 = deepest_252 = ulcer = z_63 = z_252 = half_life = since_high = since_low = np.nan
    if has_month:
        slope_21, _ = slope_and_fit(path.row[month:], path.log_level[month:])
    if has_quarter:
        slope_63, fit_63 = slope_and_fit(path.row[quarter:], path.log_level[quarter:])
        deepest_63, ulcer = drawdown(path.log_level[quarter:])
        z_63 = last_z(path.level[quarter:])
    if has_half:
        slope_126, _ = slope_and_fit(path.row[half:], path.log_level[half:])
        half_life = reversion_half_life(path.log_level[half:])
    if has_year:
        slope_252, fit_252 = slope_and_fit(path.row[year:], path.log_level[year:])
        deepest_252, _ = drawdown(path.log_level[year:])
        z_252 = last_z(path.level[year:])
        low, high = lowest(path.level[year:]), highest(path.level[year:])
        low_gap = max(0.0, -math.log(path.level[year + low]))
        since_low, since_high = float(path.row[-1] - path.row[year + low]), float(path.row[-1] - path.row[year + high])
    return (
        slope_21,
        slope_63,
        slope_126,
        slope_252,
        fit_63,
        fit_252,
        low_gap,
        deepest_63,
        deepest_252,
        ulcer,
        z_63,
        z_252,
        half_life,
        since_high,
        since_low,
    )


@njit()
def slope_and_fit(row: Index, y: Array) -> tuple[float, float]:
    """Least-squares slope of y on the row, and its R squared; NaN with one row, and without spread no fit."""
    n = len(y)
    row_mean, y_mean = 0.0, 0.0
    for k in range(n):
        row_mean += row[k] - row[-1]
        y_mean += y[k]
    row_mean, y_mean = row_mean / n, y_mean / n
    xy, xx, yy = 0.0, 0.0, 0.0
    for k in range(n):
        x_gap, y_gap = row[k] - row[-1] - row_mean, y[k] - y_mean
        xy += x_gap * y_gap
        xx += x_gap * x_gap
        yy += y_gap * y_gap
    slope = xy / xx if xx > 0 else np.nan
    return slope, min(1.0, xy * xy / (xx * yy)) if xx > 0 and yy > 1e-24 else np.nan


@njit()
def drawdown(log_level: Array) -> tuple[float, float]:
    """Deepest fall from the running high, at most 0, and the root mean square fall."""
    high, deepest, squares = log_level[0], 0.0, 0.0
    for k in range(len(log_level)):
        high = max(high, log_level[k])
        fall = log_level[k] - high
        deepest = min(deepest, fall)
        squares += fall * fall
    return deepest, math.sqrt(squares / len(log_level))


@njit()
def last_z(x: Array) -> float:
    """The last value less the mean of all, per their sample standard deviation; NaN where they do not differ."""
    mean, squares = 0.0, 0.0
    for k in range(len(x)):
        mean += x[k]
    mean /= len(x)
    for k in range(len(x)):
        squares += (x[k] - mean) ** 2
    std = math.sqrt(squares / max(1, len(x) - 1))
    return (x[-1] - mean) / std if std > 1e-12 * mean else np.nan


@njit()
def reversion_half_life(y: Array) -> float:
    """Bars in which an AR(1), by least squares, loses half of a gap to its mean; NaN where it does not revert."""
    n = len(y) - 1
    if n < 2:
        return np.nan
    before, change = 0.0, 0.0
    for k in range(n):
        before += y[k]
        change += y[k + 1] - y[k]
    before, change = before / n, change / n
    xy, xx = 0.0, 0.0
    for k in range(n):
        xy += (y[k] - before) * (y[k + 1] - y[k] - change)
        xx += (y[k] - before) ** 2
    slope = xy / xx if xx > 1e-24 else 0.0
    return math.log(0.5) / math.log1p(slope) if -1.0 < slope < 0.0 else np.nan


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
