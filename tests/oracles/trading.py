"""Features of volume and liquidity, one session at a time, from pandas frames of their window.

Levels run forward from the oldest bar of the window.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from configs.settings import Features
from tests.oracles.indicators import (
    NAN,
)


class Traded:
    """The window of one symbol that ends on row t: its statistics, and the features of volume and liquidity."""

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
