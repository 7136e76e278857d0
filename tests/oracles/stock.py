"""Every feature of a stock, one session at a time, from pandas frames of its window: slow, and written another way.

Levels run forward from the oldest bar of the window; exponential averages are sums with their weights written out.
"""

import datetime as dt
import functools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

from configs.settings import Features
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


def frame_of(frame: pl.DataFrame, days: list[dt.date], symbol: str) -> pd.DataFrame:
    """ADJUSTED_BARS of one symbol, a row a session; NaN where missing."""
    own = frame.filter(symbol=symbol).drop("symbol").to_pandas()
    own.index = pd.DatetimeIndex(own.pop("event_date"))
    return own.reindex(pd.DatetimeIndex(days)).astype(float)


class Twin:
    """The features of one symbol on row t."""

    def __init__(self, bars: pd.DataFrame, t: int, settings: Features) -> None:
        self.all, self.t, self.settings = bars, t, settings
        self.bars = bars.iloc[: t + 1]
        self.r = self.bars["log_return"]
        self.there = self.bars["close"].notna().to_numpy()

    def enough(self, count: int, n: int) -> bool:
        return count >= math.ceil(n * self.settings.min_observations_fraction - 1e-9)

    def of(self, x: pd.Series, n: int, what: Callable[[pd.Series], float], least: int = 1) -> float:
        """A statistic of the observed values of the last n sessions."""
        seen = x.iloc[-n:].dropna()
        return what(seen) if self.enough(len(seen), n) and len(seen) >= least else NAN

    def mean(self, x: pd.Series, n: int) -> float:
        return self.of(x, n, lambda seen: math.fsum(seen) / len(seen))

    def deviation(self, x: pd.Series, n: int) -> float:
        return self.of(x, n, lambda seen: seen.std(), least=2)

    def total(self, n: int, lag: int = 0, x: pd.Series | None = None) -> float:
        x = self.r if x is None else x
        end = len(x) - lag
        part = slice(max(0, end - n), max(0, end))
        rows, there = x.to_numpy()[part], self.there[part]
        unknown = np.flatnonzero(there & np.isnan(rows))
        rows = rows[unknown[-1] + 1 :] if len(unknown) else rows
        seen = rows[~np.isnan(rows)]
        return math.fsum(seen) if self.enough(len(seen), n) else NAN

    @functools.cache  # noqa: B019 -- lives as long as the test
    def window(self, n: int) -> pd.DataFrame:
        """The bars of the last n sessions since history began, chained forward, per close of the session."""
        rows = self.bars.assign(row=range(len(self.bars))).iloc[-n:].dropna(subset=["close"]).copy()
        unknown = np.flatnonzero(rows["log_return"].isna() | rows["split_ratio"].isna())
        rows = rows.iloc[unknown[-1] :] if len(unknown) else rows
        steps = rows["log_return"].to_numpy().copy()
        steps[:1] = 0.0
        rows["log"] = steps.cumsum() - steps.sum()
        rows["level"] = np.exp(rows["log"])
        splits = rows["split_ratio"].to_numpy().copy()
        splits[:1] = 1.0
        rows["multiple"] = splits.prod() / splits.cumprod()
        rows["shares"] = rows["dollar_volume_usd"] / rows["close"] * rows["multiple"]
        for name in ("high", "low"):
            rows[f"t_{name}"] = rows[name] / rows["close"] * rows["level"]
        rows["typical"] = (rows["t_high"] + rows["t_low"] + rows["level"]) / 3
        rows["price"] = ((rows["high"] + rows["low"] + rows["close"]) / 3).where(rows["vwap"].isna(), rows["vwap"])
        rows["paid"] = rows["price"] * rows["dollar_volume_usd"] / rows["close"]
        return rows

    def known(self, n: int) -> pd.DataFrame | None:
        rows = self.window(n)
        return rows if self.enough(len(rows), n) else None

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

    def correlation(self, x: pd.Series, y: pd.Series, n: int) -> float:
        pairs = pd.concat([x, y], axis=1, keys=["x", "y"]).iloc[-n:].dropna()
        return pairs["x"].corr(pairs["y"]) if self.enough(len(pairs), n) and len(pairs) > 2 else NAN

    def volume(self) -> dict[str, float]:
        d, r, bars = self.bars["dollar_volume_usd"], self.r, self.bars
        size = np.log(d.where(d > 0))
        recent = pd.Series(size.to_numpy()[-63:]).dropna()
        known = d.where(r.notna())
        middle = (bars["high"] + bars["low"]) / 2
        place = ((bars["close"] - middle) / (bars["high"] - middle)).where(bars["high"] > bars["low"])
        month, quarter, fortnight = self.window(21), self.window(63), self.window(15)
        return {
            "volume_trend_21_252": np.log(self.mean(d, 21) / self.mean(d, 252)),
            **{f"volume_z_{n}": (size.iloc[-1] - self.mean(size, n)) / self.deviation(size, n) for n in (63, 252)},
            "turnover_trend_63": np.polyfit(recent.index, recent, 1)[0]
            if self.enough(len(recent), 63) and len(recent) > 2
            else NAN,
            "volume_concentration_21": self.of(d, 21, max) / self.of(d, 21, sum),
            **{f"volume_return_correlation_{n}": self.correlation(r, size, n) for n in (21, 63)},
            "volume_move_correlation_63": self.correlation(r.abs(), size, 63),
            **{
                f"up_volume_fraction_{n}": self.of(known.where(~(r <= 0), known * 0), n, sum) / self.of(known, n, sum)
                for n in (21, 63)
            },
            "vwap_gap_1": np.log(bars["close"] / bars["vwap"]).iloc[-1],
            "close_location_21": self.mean(place, 21),
            "money_flow_21": self.money_flow(month),
            "mfi_14": self.mfi(fortnight),
            "obv_slope_21": self.obv_slope(month, 21),
            "obv_slope_63": self.obv_slope(quarter, 63),
        }

    def money_flow(self, rows: pd.DataFrame) -> float:
        traded = rows.dropna(subset=["shares"])
        place = (2 * traded["close"] - traded["high"] - traded["low"]) / (traded["high"] - traded["low"])
        weighed = (place.fillna(0.0) * traded["shares"]).sum()
        return weighed / traded["shares"].sum() if self.enough(len(traded), 21) else NAN

    def mfi(self, rows: pd.DataFrame) -> float:
        flow = (rows["high"] + rows["low"] + rows["close"]) / 3 * rows["dollar_volume_usd"] / rows["close"]
        change, flow = rows["typical"].diff().iloc[1:], flow.iloc[1:]
        up, down = flow[change > 1e-11].sum(), flow[change < -1e-11].sum()
        # of 15 bars so many are wanted, which are one change fewer
        return 100 * up / (up + down) if self.enough(flow.notna().sum() + 1, 15) and self.enough(len(rows), 15) else NAN

    def obv_slope(self, rows: pd.DataFrame, n: int) -> float:
        traded = rows.dropna(subset=["shares"])
        if not self.enough(len(traded), n) or len(traded) < 2:
            return NAN
        level = (np.sign(traded["log_return"].fillna(0.0)) * traded["shares"]).cumsum()
        return np.polyfit(traded["row"] - self.t, level / traded["shares"].mean(), 1)[0]

    def liquidity(self) -> dict[str, float]:
        r, bars = self.r, self.bars
        d = bars["dollar_volume_usd"] / 1e6
        impact = (r.abs() / d).where(d > 0)
        traded = d.where(r.notna())
        night, day = bars["overnight_log_return"], bars["intraday_log_return"]
        pairs = pd.concat([r, r.shift()], axis=1).iloc[-63:].dropna()
        covariance = pairs.cov(ddof=0).iloc[0, 1] if self.enough(len(pairs), 63) and len(pairs) > 2 else NAN
        still = (r.abs() <= self.settings.zero_return_bp * 1e-4).astype(float).where(r.notna())
        return {
            "amihud_63": self.mean(impact, 63),
            "amihud_trend_21_252": np.log(self.mean(impact, 21) / self.mean(impact, 252)),
            "price_impact_slope_63": self.mean(r.abs() * np.sqrt(traded), 63) / self.mean(traded, 63),
            "corwin_schultz_21": self.mean(pd.Series([self.corwin_schultz(s) for s in self.month()]), 21),
            "abdi_ranaldo_21": self.mean(pd.Series([self.abdi_ranaldo(s) for s in self.month()]), 21),
            "roll_63": 2 * math.sqrt(max(0.0, -covariance)) if not math.isnan(covariance) else NAN,
            "zero_return_fraction_63": self.mean(still, 63),
            "no_trade_fraction_63": self.no_trade(self.window(63)),
            "high_low_range_21": self.mean(np.log(bars["high"]) - np.log(bars["low"]), 21),
            "overnight_fraction_63": self.mean(night**2, 63) / (self.mean(night**2, 63) + self.mean(day**2, 63)),
        }

    def month(self) -> range:
        return range(max(0, self.t - 20), self.t + 1)

    def pair(self, s: int) -> tuple[pd.Series, pd.Series] | None:
        """Prices of two sessions in a row, both in dollars of the first: what its holder had."""
        if s < 1 or self.all["close"].iloc[[s - 1, s]].isna().any() or math.isnan(self.all["log_return"].iloc[s]):
            return None
        before, now = self.all.iloc[s - 1], self.all.iloc[s]
        factor = before["close"] * math.exp(now["log_return"]) / now["close"]
        return before, now * factor

    def corwin_schultz(self, s: int) -> float:
        found = self.pair(s)
        if found is None:
            return NAN
        before, now = found
        high, low = now["high"], now["low"]
        if low > before["close"]:
            high, low = high * before["close"] / low, before["close"]
        elif high < before["close"]:
            high, low = before["close"], low * before["close"] / high
        beta = math.log(high / low) ** 2 + math.log(before["high"] / before["low"]) ** 2
        gamma = math.log(max(high, before["high"]) / min(low, before["low"])) ** 2
        root = 3 - 2 * math.sqrt(2)
        alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / root - math.sqrt(gamma / root)
        return max(0.0, 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha)))

    def abdi_ranaldo(self, s: int) -> float:
        found = self.pair(s)
        if found is None:
            return NAN
        close = found[0]["close"]
        middles = [math.log(x["high"] / close) + math.log(x["low"] / close) for x in found]
        return math.sqrt(max(0.0, middles[0] * middles[1]))

    def no_trade(self, rows: pd.DataFrame) -> float:
        span = self.t - rows["row"].iloc[0] + 1 - rows["shares"].isna().sum()
        return 1 - (rows["shares"] > 0).sum() / span if self.enough(span, 63) else NAN

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
