"""Every feature of a stock, one session at a time, from pandas frames of its window: slow, and written another way.

Levels run forward from the oldest bar of the window; exponential averages are sums with their weights written out.
"""

import datetime as dt
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

from tests.oracles import features as first_ones
from tests.oracles.indicators import (
    NAN,
    adx,
    aroon,
    cci,
    directional,
    fast_k,
    half_life,
    macd,
    moment,
    rsi,
    slow_k,
    smoothed,
    true_ranges,
)
from tests.oracles.trading import Traded


def frame_of(frame: pl.DataFrame, days: list[dt.date], symbol: str) -> pd.DataFrame:
    """ADJUSTED_BARS of one symbol, a row a session; NaN where missing."""
    own = frame.filter(symbol=symbol).drop("symbol").to_pandas()
    own.index = pd.DatetimeIndex(own.pop("event_date"))
    return own.reindex(pd.DatetimeIndex(days)).astype(float)


class StockReference(Traded):
    """The features of one symbol on row t."""

    def features(self) -> dict[str, float | None]:
        share = self.settings.min_observations_fraction
        lists = {
            name: [None if math.isnan(x) else x for x in self.bars[name]]
            for name in self.bars.columns
        }  # fmt: skip
        with np.errstate(all="ignore"):
            found: dict[str, float | None] = {
                **first_ones.stock_features(lists, self.t, share),
                **self.momentum(),
                **self.trend(),
                **self.volatility(),
                **self.volume(),
                **self.liquidity(),
                **self.seasonality(),
                **self.indicators(),
                **self.anchored(),
            }
        return {name: None if x is None or math.isnan(x) else float(x) for name, x in found.items()}

    def momentum(self) -> dict[str, float]:
        months = [self.total(21, 21 * k) for k in range(12)]
        seen = [m for m in months if not math.isnan(m)]
        return {
            **{f"momentum_{n}": self.total(n) for n in (42, 126, 252)},
            "momentum_252_126": self.total(126, 126),
            "acceleration_21": self.total(21) - self.total(21, 21),
            "acceleration_63": self.total(63) - self.total(63, 63),
            **{
                f"return_per_risk_{n}": math.sqrt(252) * self.mean(self.r, n) / self.deviation(self.r, n)
                for n in (63, 252)
            },
            **{f"up_fraction_{n}": self.of(self.r, n, lambda seen: (seen > 0).sum() / len(seen)) for n in (21, 63)},
            "months_up_12": sum(m > 0 for m in seen) / len(seen) if self.enough(len(seen), 12) else NAN,
            "discreteness_252": np.sign(self.total(252))
            * self.of(self.r, 252, lambda seen: ((seen < 0).sum() - (seen > 0).sum()) / len(seen)),
            "overnight_21": self.total(21, x=self.bars["overnight_log_return"]),
            "intraday_21": self.of(self.bars["intraday_log_return"], 21, math.fsum),
            **{f"reversal_{n}": -self.total(n) for n in (10, 15)},
            "reversal_5_per_risk": -self.total(5) / (self.deviation(self.r, 63) * math.sqrt(5)),
        }

    def trend(self) -> dict[str, float]:
        def average(n: int) -> float:
            rows = self.known(n)
            return NAN if rows is None else rows["level"].mean()

        def line(n: int) -> tuple[float, float]:
            rows = self.known(n)
            if rows is None or len(rows) < 2:
                return NAN, NAN
            slope = np.polyfit(rows["row"] - rows["row"].iloc[-1], rows["log"], 1)[0]
            return slope, np.corrcoef(rows["row"], rows["log"])[0, 1] ** 2

        year, rows_126 = self.known(252), self.known(126)
        above = [mean < 1 for mean in self.means_50() if not math.isnan(mean)]
        found = {
            **{f"ma_gap_{n}": -np.log(average(n)) for n in (10, 100)},
            **{
                f"ma_cross_{fast}_{slow}": np.log(average(fast) / average(slow))
                for fast, slow in ((10, 50), (20, 100), (50, 200))
            },
            **{f"slope_{n}": line(n)[0] for n in (21, 63, 126, 252)},
            **{f"slope_fit_{n}": line(n)[1] for n in (63, 252)},
            **{f"efficiency_{n}": abs(self.total(n)) / self.total(n, x=self.r.abs()) for n in (21, 63)},
            "above_ma_200": NAN if math.isnan(average(200)) else float(average(200) < 1),
            "ma_50_above_200": float(average(50) > average(200)) if not math.isnan(average(50) + average(200)) else NAN,
            "above_ma_50_fraction_63": np.mean(above) if self.enough(len(above), 63) else NAN,
            "half_life_126": NAN if rows_126 is None else half_life(rows_126["log"].to_numpy()),
        }
        for n in (63, 252):
            rows = self.known(n)
            fall = None if rows is None else rows["log"] - rows["log"].cummax()
            found[f"max_drawdown_{n}"] = NAN if fall is None else fall.min()
            found[f"price_z_{n}"] = NAN if rows is None else (1 - rows["level"].mean()) / rows["level"].std()
            if n == 63:
                found["ulcer_63"] = NAN if fall is None else math.sqrt((fall**2).mean())
        found["low_gap_252"] = NAN if year is None else -year["log"].min()
        for name, values in (
            ("high", None if year is None else year["log"]),
            ("low", None if year is None else -year["log"]),
        ):
            best = None if values is None else values.index[values >= values.max() - 1e-12][-1]
            found[f"days_since_{name}_252"] = NAN if best is None else self.t - year.loc[best, "row"]
        return found

    def means_50(self) -> list[float]:
        """Of each of 63 sessions: the mean level of its last 50, per its own; NaN without a bar."""
        found = []
        for t in range(max(0, self.t - 62), self.t + 1):
            part = slice(max(0, t - 49), t + 1)
            step, there = self.r.to_numpy()[part], self.there[part]
            unknown = np.flatnonzero(there & np.isnan(step))
            begin = unknown[-1] if len(unknown) else 0
            step, there = np.where(np.isnan(step), 0.0, step)[begin:].copy(), there[begin:]
            step[0] = 0.0
            level = np.exp(step.cumsum() - step.sum())[there]
            found.append(level.mean() if there[-1] and self.enough(len(level), 50) else NAN)
        return found

    def volatility(self) -> dict[str, float]:
        annual, r, bars = math.sqrt(252), self.r, self.bars
        opening, h, low, c = (np.log(bars[name]) for name in ("open", "high", "low", "close"))
        night, day = bars["overnight_log_return"], bars["intraday_log_return"]
        klass = 0.5 * (h - low) ** 2 - (2 * math.log(2) - 1) * (c - opening) ** 2
        satchell = (h - c) * (h - opening) + (low - c) * (low - opening)
        found = {f"volatility_{n}": annual * self.deviation(r, n) for n in (5, 10, 126)}
        for n in (21, 63):
            k = 0.34 / (1.34 + (n + 1) / (n - 1))
            both = self.deviation(night, n) ** 2 + k * self.deviation(day, n) ** 2
            found |= {
                f"garman_klass_{n}": annual * np.sqrt(self.mean(klass, n)),
                f"rogers_satchell_{n}": annual * np.sqrt(self.mean(satchell, n)),
                f"yang_zhang_{n}": annual * np.sqrt(both + (1 - k) * self.mean(satchell, n)),
            }
        past = [r.iloc[max(0, t - 20) : t + 1].dropna() for t in range(max(0, self.t - 251), self.t + 1)]
        rolled = pd.Series([x.std() if self.enough(len(x), 21) else NAN for x in past])
        fives = pd.Series([self.total(5, lag) for lag in range(min(125, self.t), -1, -1)])
        year = rolled.dropna()
        percentile = (year <= rolled.iloc[-1]).mean() if self.enough(len(year), 252) else NAN
        return {
            **found,
            "range_volatility_63": annual * np.sqrt(self.mean((h - low) ** 2 / (4 * math.log(2)), 63)),
            "downside_volatility_252": annual * np.sqrt(self.mean(r.where(~(r > 0), 0.0) ** 2, 252)),
            "overnight_volatility_63": annual * self.deviation(night, 63),
            "intraday_volatility_63": annual * self.deviation(day, 63),
            **{
                f"volatility_ratio_{a}_{b}": np.log(self.deviation(r, a) / self.deviation(r, b))
                for a, b in ((5, 21), (21, 63), (63, 252))
            },
            "volatility_of_volatility_63": self.deviation(np.log(rolled), 63),
            "volatility_percentile_252": NAN if math.isnan(rolled.iloc[-1]) else percentile,
            "volatility_persistence_126": self.correlation(r.abs(), r.abs().shift(), 126),
            "jump_fraction_63": 1 - math.pi / 2 * self.mean(r.abs() * r.abs().shift(), 63) / self.mean(r**2, 63),
            **{f"autocorrelation_{n}": self.correlation(r, r.shift(), n) for n in (63, 252)},
            "variance_ratio_5_126": self.deviation(fives, 126) ** 2 / (5 * self.deviation(r, 126) ** 2),
            "skewness_252": self.of(r, 252, lambda x: moment(x, 3) / moment(x, 2) ** 1.5, 3),
            **{f"kurtosis_{n}": self.of(r, n, lambda x: moment(x, 4) / moment(x, 2) ** 2, 3) for n in (63, 252)},
            "min_return_21": self.of(r, 21, min),
        }

    def seasonality(self) -> dict[str, float]:
        days, first, last = self.bars.index, self.settings.turn_of_month[1], self.settings.turn_of_month[0]

        def turning(day: pd.Timestamp) -> bool:
            month = pd.bdate_range(day.replace(day=1), day + pd.offsets.MonthEnd(0))
            place = int(month.searchsorted(day))
            return place < first or len(month) - place <= last

        following = days[-1] + pd.offsets.BDay()
        year = self.r.iloc[-252:].dropna()
        turn = pd.Series([turning(day) for day in year.index], index=year.index, dtype=bool)
        alike = [year[year.index.day_of_week == following.day_of_week], year[turn], year[~turn]]
        means = [x.mean() if self.enough(len(x), 48) else NAN for x in alike]
        return {
            "seasonal_return_21": self.total(21, 231),
            "seasonal_return_63": self.total(63, 189),
            "weekday_return_252": means[0],
            "turn_of_month_return_252": means[1] - means[2],
            "day_of_week": days[-1].day_of_week + 1,
            "turn_of_month": float(turning(following)),
        }

    def indicators(self) -> dict[str, float]:
        def at(n: int, what: Callable[[pd.DataFrame], float]) -> float:
            rows = self.known(n)
            return NAN if rows is None else what(rows)

        band = self.settings.bollinger_standard_deviations
        return {
            **{f"rsi_wilder_{n}": at(w, lambda x, n=n: rsi(x["level"], n)) for n, w in ((7, 53), (14, 109), (28, 220))},
            **{
                f"ema_gap_{n}": -np.log(at(w, lambda x, n=n: smoothed(x["level"].to_numpy(), n, 2 / (n + 1))))
                for n, w in ((10, 45), (20, 90), (50, 224))
            },
            "macd_line": at(157, lambda x: macd(x["level"].to_numpy())[0]),
            "macd_signal": at(157, lambda x: macd(x["level"].to_numpy())[1]),
            "macd_histogram": at(157, lambda x: np.subtract(*macd(x["level"].to_numpy()))),
            "adx_14": at(217, lambda x: adx(x, 14)),
            "directional_14": at(109, lambda x: np.subtract(*directional(x, 14)[-1]) if len(x) > 14 else NAN),
            "atr_14": at(109, lambda x: smoothed(true_ranges(x), 14, 1 / 14)),
            "aroon_25": at(26, aroon),
            "cci_20": at(20, lambda x: cci(x["typical"])),
            "stochastic_k_14": at(16, lambda x: slow_k(x, len(x))),
            "stochastic_d_14": at(18, lambda x: np.mean([slow_k(x, len(x) - k) for k in (2, 1, 0)])),
            "williams_r_14": at(14, lambda x: fast_k(x, len(x)) - 100),
            "bollinger_position_20": at(20, lambda x: (1 - x["level"].mean()) / (band * x["level"].std(ddof=0))),
            "bollinger_width_20": at(20, lambda x: 2 * band * x["level"].std(ddof=0) / x["level"].mean()),
        }

    def anchored(self) -> dict[str, float]:
        def vwap(rows: pd.DataFrame) -> float:
            traded = rows[rows["shares"] > 0]
            return traded["paid"].sum() / traded["shares"].sum() if len(traded) else NAN

        close = self.bars["close"].iloc[-1]
        prices = {}
        for n in (21, 63):
            rows = self.window(n)
            prices[n] = vwap(rows) if self.enough((rows["shares"] > 0).sum(), n) else NAN
        days, year = self.bars.index, self.window(252)
        so_far = int((days.year == days[-1].year).sum())
        own = self.window(so_far)
        anchors = {"year": (own, own["row"].iloc[0])} if self.enough(len(own), so_far) else {}
        if self.enough(len(year), 252):
            levels = {
                "low_252": -year["low"] / year["multiple"],
                "high_252": year["high"] / year["multiple"],
                "volume_252": year["shares"].fillna(0.0),
            }
            for name, x in levels.items():
                best = x.index[x >= x.max() - 1e-12 * abs(x.max())][-1]
                anchors[name] = (year, year.loc[best, "row"])
        found = {
            "vwap_gap_21": np.log(close / prices[21]),
            "vwap_gap_63": np.log(close / prices[63]),
            "vwap_momentum_21_63": np.log(prices[21] / prices[63]),
        }
        k = self.settings.avwap_slope_sessions
        for name in ("year", "low_252", "high_252", "volume_252"):
            rows, row = anchors.get(name, (year, self.t + 1))
            since = rows[rows["row"] >= row]
            gap = np.log(close / vwap(since))
            slope = np.log(vwap(since) / vwap(since[since["row"] <= self.t - k])) / k
            state = 1.0 if gap > 0 and slope > 0 else -1.0 if gap < 0 and slope < 0 else 0.0
            found |= {
                f"avwap_{name}_gap": gap,
                f"avwap_{name}_slope": slope,
                f"avwap_{name}_state": NAN if math.isnan(gap + slope) else state,
            }
        return found
