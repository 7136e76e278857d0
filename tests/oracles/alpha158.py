"""Qlib's Alpha158 of one symbol at one session, from its own window by pandas, expression by expression: slow, obvious.

Qlib's operators work with what is observed, be it one value; here a factor is missing with fewer than `share` of its
window.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

WINDOWS = (5, 10, 20, 30, 60)
TIE = 1e-12


def window_of(frame: pl.DataFrame, days: list, symbol: str, t: int) -> pd.DataFrame:
    """The last 61 sessions up to t, one row each, NaN where there is no bar or history does not lead back."""
    own = {row["event_date"]: row for row in frame.filter(symbol=symbol).iter_rows(named=True)}
    rows, level, multiple, leads = [], 1.0, 1.0, True
    for day in reversed(days[max(0, t - 60) : t + 1]):
        bar = own.get(day) if leads else None
        if bar is None:
            rows.append(dict.fromkeys(("open", "high", "low", "close", "vwap", "volume"), math.nan))
            continue
        scale = level / bar["close"]
        prices = {
            name: math.nan if bar[name] is None else bar[name] * scale for name in ("open", "high", "low", "vwap")
        }
        dollars = math.nan if bar["dollar_volume_usd"] is None else bar["dollar_volume_usd"]
        traded = {f"{name}_usd": bar[name] for name in ("open", "high", "low", "close")}
        rows.append({**prices, **traded, "close": level, "volume": dollars / bar["close"] * multiple})
        leads = bar["log_return"] is not None and bar["split_ratio"] is not None
        if leads:
            level *= math.exp(-bar["log_return"])
            multiple *= bar["split_ratio"]
    return pd.DataFrame(rows[::-1])


class Alpha158:
    """Factors at the last row of `window_of`, by Qlib's names; None where missing."""

    def __init__(self, window: pd.DataFrame, share: float) -> None:
        self.x = window
        self.share = share

    def factors(self) -> dict[str, float | None]:
        found = self.of_bar()
        for n in WINDOWS:
            found |= {f"{family}{n}": value for family, value in self.rolling(n).items()}
        return {name: None if value is None or math.isnan(value) else float(value) for name, value in found.items()}

    def of_bar(self) -> dict[str, float]:
        o, h, low, c = (self.x[f"{name}_usd"].iloc[-1] for name in ("open", "high", "low", "close"))
        span = h - low + 1e-12
        return {
            "KMID": (c - o) / o,
            "KLEN": (h - low) / o,
            "KMID2": (c - o) / span,
            "KUP": (h - max(o, c)) / o,
            "KUP2": (h - max(o, c)) / span,
            "KLOW": (min(o, c) - low) / o,
            "KLOW2": (min(o, c) - low) / span,
            "KSFT": (2 * c - h - low) / o,
            "KSFT2": (2 * c - h - low) / span,
            "OPEN0": o / c,
            "HIGH0": h / c,
            "LOW0": low / c,
            "VWAP0": self.x["vwap"].iloc[-1],
        }

    def rolling(self, n: int) -> dict[str, float | None]:
        close, volume = self.x["close"], self.x["volume"]
        before, volume_before = close.shift(1), volume.shift(1)
        ratio, volume_ratio = close / before, volume / volume_before.where(volume_before > 0)
        change, volume_change = close - before, volume - volume_before
        moved = (ratio - 1).abs() * volume
        known = change.notna()
        rise, fall = ((sign * ratio > sign).astype(float).where(known) for sign in (1, -1))
        found: dict[str, float | None] = {
            "ROC": close.iloc[-1 - n] if len(close) > n else math.nan,
            "MA": self.of(close, n, pd.Series.mean),
            "STD": self.of(close, n, pd.Series.std),
            **self.line(close, n),
            "MAX": self.of(self.x["high"], n, pd.Series.max),
            "MIN": self.of(self.x["low"], n, pd.Series.min),
            "QTLU": self.of(close, n, lambda s: s.quantile(0.8)),
            "QTLD": self.of(close, n, lambda s: s.quantile(0.2)),
            "RANK": self.of(close, n, lambda s: ((s < 1 - TIE).mean() + (s <= 1 + TIE).mean() + 1 / len(s)) / 2),
            **self.places(n),
            "CORR": self.correlation(close, np.log(volume + 1), n),
            "CORD": self.correlation(ratio, np.log(volume_ratio + 1), n),
            "CNTP": self.of(rise, n, pd.Series.mean),
            "CNTN": self.of(fall, n, pd.Series.mean),
            "CNTD": self.of(rise - fall, n, pd.Series.mean),
            **self.ways("SUM", change, n),
            **self.ways("VSUM", volume_change, n),
        }
        own = volume.iloc[-1]
        for name, statistic in (("VMA", pd.Series.mean), ("VSTD", pd.Series.std)):
            found[name] = self.of(volume, n, statistic) / own if own > 0 else math.nan
        found["WVMA"] = self.of(moved, n, pd.Series.std) / (self.of(moved, n, pd.Series.mean) + 1e-12)
        return found

    def of(self, x: pd.Series, n: int, statistic: Callable[[pd.Series], float]) -> float:
        """A statistic of what is observed in the last n sessions, if that is enough."""
        seen = x.iloc[-n:].dropna()
        return statistic(seen) if len(seen) >= max(1, math.ceil(n * self.share - 1e-9)) else math.nan

    def line(self, x: pd.Series, n: int) -> dict[str, float]:
        seen = x.iloc[-n:].dropna()
        if math.isnan(self.of(x, n, len)) or len(seen) < 2:
            return {"BETA": math.nan, "RESI": math.nan, "RSQR": math.nan}
        slope, start = np.polyfit(seen.index, seen, 1)
        moves = seen.std() > 1e-12
        fit = np.corrcoef(seen.index, seen)[0, 1] ** 2 if moves else math.nan
        return {"BETA": slope, "RESI": seen.iloc[-1] - slope * seen.index[-1] - start, "RSQR": fit}

    def places(self, n: int) -> dict[str, float]:
        high, low = self.x["high"].iloc[-n:], self.x["low"].iloc[-n:]
        top, bottom = self.of(high, n, pd.Series.max), self.of(low, n, pd.Series.min)
        if math.isnan(top):
            return dict.fromkeys(("RSV", "IMAX", "IMIN", "IMXD"), math.nan)
        end = self.x.index[-1]
        highest = n - (end - high[high >= top * (1 - TIE)].index[0])
        lowest = n - (end - low[low <= bottom * (1 + TIE)].index[0])
        place = (1 - bottom) / (top - bottom + 1e-12)
        return {"RSV": place, "IMAX": highest / n, "IMIN": lowest / n, "IMXD": (highest - lowest) / n}

    def correlation(self, x: pd.Series, y: pd.Series, n: int) -> float:
        both = x.notna() & y.notna()
        x, y = x.where(both), y.where(both)
        if (
            math.isnan(self.of(x, n, len))
            or self.of(x, n, pd.Series.std) <= 1e-12
            or self.of(y, n, pd.Series.std) <= 1e-7
        ):
            return math.nan
        return x.iloc[-n:].corr(y.iloc[-n:])

    def ways(self, name: str, change: pd.Series, n: int) -> dict[str, float]:
        up, down = self.of(change.clip(lower=0), n, pd.Series.sum), self.of((-change).clip(lower=0), n, pd.Series.sum)
        way = up + down + 1e-12
        return {f"{name}P": up / way, f"{name}N": down / way, f"{name}D": (up - down) / way}
