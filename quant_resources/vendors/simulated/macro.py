"""Macro, rates, credit and volatility series of the simulated market, in step with its regimes. Pure."""

import datetime as dt

import numpy as np
import polars as pl

from feature_store.dataset import Grade
from feature_store.schemas.market import MACRO
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.payloads import days_from, payload, published_by_end
from quant_resources.vendors.simulated.streams import MACRO_STREAM, YEAR, Array, stream

VIX, VIX3M = "VIX_CLOSE", "VIX3M"
VIX_PREMIUM = 1.1  # of implied over realized volatility
VIX_SPEED, VIX_NOISE = 0.3, 0.05  # fraction of the log gap closed a session; log
MONTHS_AHEAD_SPEED, MONTHS_AHEAD_WEIGHT = 0.1, 0.6  # of VIX3M; weight of today's volatility against the usual
# Level in percent, long-run standard deviation of its logarithm, half-life in sessions, log level more in turbulence.
RATES = {
    "DGS10": (2.5, 0.15, 250.0, -0.1),
    "DGS2": (1.4, 0.2, 250.0, -0.2),
    "BAA10Y": (2.2, 0.06, 15.0, 0.35),
    "DFF": (0.9, 0.1, 250.0, 0.0),
}
# Others follow from these: a weighted sum, in percent.
DERIVED = {
    "DGS3MO": {"DFF": 0.95, "DGS2": 0.05},
    "DGS5": {"DGS2": 0.6, "DGS10": 0.4},
    "DGS30": {"DGS10": 1.2},
    "AAA10Y": {"BAA10Y": 0.55},
    "IG_OAS": {"BAA10Y": 0.5},
    "HY_OAS": {"BAA10Y": 1.7},
}
DERIVED_NOISE = 0.01  # percentage points
JOBLESS, JOBLESS_TURBULENT, JOBLESS_SPEED = 5.0, 1.5, 0.08  # percent; more in turbulence; fraction of the gap a month
OUTPUT_GROWTH, OUTPUT_TURBULENT, OUTPUT_NOISE = 0.002, -0.004, 0.003  # log, a month
JOBLESS_LAG, OUTPUT_LAG, REVISED_LAG = 35, 46, 76  # days from the first of the month to the release
FIRST_RELEASE_NOISE = 0.003  # log, of output


def macro(market: Market) -> pl.DataFrame:
    """Volatility is known on its day, rates on the next session; monthly series weeks later, output twice."""
    days = pl.DataFrame({"event_date": pl.Series(market.sessions, dtype=pl.Date)})
    following = days_from(market).slice(1, days.height).alias("following")
    daily = [
        days.with_columns(following, series=pl.lit(name), value=pl.Series(values))
        for name, values in (volatility(market) | rates(market)).items()
    ]
    same_day = pl.col("series").is_in([VIX, VIX3M])
    known_at = moments.end_of_day(pl.when(same_day).then("event_date").otherwise("following"))
    rows = pl.concat([pl.concat(daily).with_columns(known_at=known_at).drop("following"), _monthly(market)])
    return payload(MACRO, rows.filter(published_by_end(market.settings)), Grade.DATED)


def volatility(market: Market) -> dict[str, Array]:
    """(T,) index points: it nears the volatility of the regime that it has seen so far, with noise."""
    now = np.log(100 * VIX_PREMIUM * np.sqrt(YEAR) * market.regimes.volatility)
    settings = market.settings
    usual = np.log(100 * VIX_PREMIUM * np.sqrt(YEAR) * settings.volatility_calm)
    usual += settings.turbulent_fraction * np.log(settings.volatility_turbulent / settings.volatility_calm)
    later = MONTHS_AHEAD_WEIGHT * now + (1 - MONTHS_AHEAD_WEIGHT) * usual
    series = {}
    for place, (name, target, speed) in enumerate(((VIX, now, VIX_SPEED), (VIX3M, later, MONTHS_AHEAD_SPEED))):
        noise = VIX_NOISE * stream(market.seed, MACRO_STREAM, place).standard_normal(len(now))
        series[name] = np.exp(nearing(target, speed, noise)).round(2)
    return series


def rates(market: Market) -> dict[str, Array]:
    """(T,) percent: they wander about levels that turbulence moves."""
    T, series = len(market.sessions), {}
    for place, (name, (level, dispersion, half_life, moved)) in enumerate(RATES.items(), start=2):
        speed = 1 - 0.5 ** (1 / half_life)
        step = dispersion * np.sqrt(speed * (2 - speed))  # gives that standard deviation in the long run
        noise = step * stream(market.seed, MACRO_STREAM, place).standard_normal(T)
        target = np.log(level) + moved * market.regimes.turbulent
        series[name] = np.exp(nearing(target, speed, noise)).round(2)
    for place, (name, weights) in enumerate(DERIVED.items(), start=2 + len(RATES)):
        noise = DERIVED_NOISE * stream(market.seed, MACRO_STREAM, place).standard_normal(T)
        series[name] = (sum(weight * series[other] for other, weight in weights.items()) + noise).round(2)
    return series


def nearing(target: Array, speed: float, noise: Array) -> Array:
    """x[t] = x[t-1] + speed * (target[t] - x[t-1]) + noise[t], from the first target on."""
    x, last = np.empty_like(target), target[0]
    for t in range(len(target)):  # each value rests on the one before
        last = x[t] = last + speed * (target[t] - last) + noise[t]
    return x


def _monthly(market: Market) -> pl.DataFrame:
    """Unemployment, never revised, and output, whose first release is off. Dated by the first of the month."""
    months = sorted({day.replace(day=1) for day in market.sessions})
    turbulent = np.array([_turbulent_fraction(market, month) for month in months])
    drawn = [stream(market.seed, MACRO_STREAM, place).standard_normal(len(months)) for place in (50, 51, 52)]
    jobless = nearing(JOBLESS + JOBLESS_TURBULENT * turbulent, JOBLESS_SPEED, 0.1 * drawn[0]).round(1)
    growth = OUTPUT_GROWTH + OUTPUT_TURBULENT * turbulent + OUTPUT_NOISE * drawn[1]
    output = 100 * np.exp(np.cumsum(growth))
    first = (output * np.exp(FIRST_RELEASE_NOISE * drawn[2])).round(3)
    frames = [
        pl.DataFrame(
            {
                "event_date": pl.Series(months, dtype=pl.Date),
                "value": pl.Series(values),
                "released": pl.Series([month + dt.timedelta(days=lag) for month in months], dtype=pl.Date),
            }
        ).with_columns(series=pl.lit(name))
        for name, values, lag in (
            ("UNRATE", jobless, JOBLESS_LAG),
            ("INDPRO", first, OUTPUT_LAG),
            ("INDPRO", output.round(3), REVISED_LAG),
        )
    ]
    rows = pl.concat(frames).with_columns(known_at=moments.end_of_day(pl.col("released")))
    return rows.select("event_date", "series", "value", "known_at")


def _turbulent_fraction(market: Market, month: dt.date) -> float:
    """Of the month's sessions that are turbulent."""
    here = [t for t, day in enumerate(market.sessions) if day.replace(day=1) == month]
    return float(market.regimes.turbulent[here].mean())
