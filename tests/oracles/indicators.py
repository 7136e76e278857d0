"""Technical indicators and statistics of one window, from pandas."""

import math

import numpy as np
import pandas as pd

NAN = float("nan")


def moment(x: pd.Series, power: int) -> float:
    return float(((x - x.mean()) ** power).mean())


def half_life(y: np.ndarray) -> float:
    if len(y) < 3:
        return NAN
    slope = np.polyfit(y[:-1], y[1:], 1)[0]
    return math.log(0.5) / math.log(slope) if 0 < slope < 1 else NAN


def smoothed(x: np.ndarray, n: int, weight: float) -> float:
    """Mean of the first n, then weight on each new value, with every weight written out."""
    x = np.asarray(x)
    if len(x) < n:
        return NAN
    rest = len(x) - n
    fades = (1 - weight) ** np.arange(rest - 1, -1, -1)
    return float((1 - weight) ** rest * x[:n].mean() + weight * (fades * x[n:]).sum())


def rsi(level: pd.Series, n: int) -> float:
    change = level.diff().to_numpy()[1:]
    up, down = smoothed(np.maximum(change, 0), n, 1 / n), smoothed(np.maximum(-change, 0), n, 1 / n)
    return 100 * up / (up + down)


def macd(level: np.ndarray) -> tuple[float, float]:
    if len(level) < 26:
        return NAN, NAN
    lines = [smoothed(level[14:k], 12, 2 / 13) - smoothed(level[:k], 26, 2 / 27) for k in range(26, len(level) + 1)]
    return lines[-1], smoothed(np.array(lines), 9, 0.2)


def true_ranges(x: pd.DataFrame) -> np.ndarray:
    before = x["level"].shift()
    parts = [x["t_high"] - x["t_low"], (x["t_high"] - before).abs(), (x["t_low"] - before).abs()]
    return pd.concat(parts, axis=1).max(axis=1).to_numpy()[1:]


def directional(x: pd.DataFrame, n: int) -> list[tuple[float, float]]:
    """+DI and -DI after each change from the n-th on."""
    up, down = x["t_high"].diff().to_numpy()[1:], -x["t_low"].diff().to_numpy()[1:]
    moves = [np.where((up > down + 1e-11) & (up > 0), up, 0.0), np.where((down > up + 1e-11) & (down > 0), down, 0.0)]
    ranges, number = true_ranges(x), np.arange(1, len(x))
    found = []
    for last in range(n, len(x)):
        weight = np.where(number > last, 0.0, (1 - 1 / n) ** (last - np.maximum(number, n - 1)))
        plus, minus = (100 * (weight * move).sum() / (weight * ranges).sum() for move in moves)
        found.append((plus, minus))
    return found


def adx(x: pd.DataFrame, n: int) -> float:
    return smoothed(np.array([100 * abs(p - m) / (p + m) for p, m in directional(x, n)]), n, 1 / n)


def aroon(x: pd.DataFrame) -> float:
    top = x["row"][x["t_high"] >= x["t_high"].max() * (1 - 1e-12)].iloc[-1]
    bottom = x["row"][x["t_low"] <= x["t_low"].min() * (1 + 1e-12)].iloc[-1]
    return 4.0 * (top - bottom)


def cci(typical: pd.Series) -> float:
    return (typical.iloc[-1] - typical.mean()) / (0.015 * (typical - typical.mean()).abs().mean())


def fast_k(x: pd.DataFrame, end: int) -> float:
    part = x.iloc[max(0, end - 14) : end]
    low, high = part["t_low"].min(), part["t_high"].max()
    return 100 * (part["level"].iloc[-1] - low) / (high - low)


def slow_k(x: pd.DataFrame, end: int) -> float:
    return float(np.mean([fast_k(x, end - k) for k in (2, 1, 0)])) if end > 2 else NAN
