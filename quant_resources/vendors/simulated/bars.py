"""Bars of the simulated stocks: bid-ask bounce, ranges, volume, mean prices, before delivery. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.factors import Companies
from quant_resources.vendors.simulated.lifecycles import ILLIQUID, Lifecycles
from quant_resources.vendors.simulated.paths import Paths
from quant_resources.vendors.simulated.regimes import Regimes
from quant_resources.vendors.simulated.streams import Array, Flags, fading

SPREAD_DISPERSION = 0.5  # standard deviation of the log of the spread between stocks
TURNOVER, TURNOVER_DISPERSION = 0.01, 0.3  # of the capitalisation a quiet session; log, cut at two standard deviations
ILLIQUID_FRACTION = 0.002  # of the volume it would have
VOLUME_HALF_LIFE, VOLUME_DEVIATION = 5.0, 0.3  # sessions; log
VOLUME_ON_MOVE, USUAL_MOVE = 0.35, 0.8  # log, per standard deviation of the absolute move over its mean
VOLUME_ON_ALPHA = 0.4  # log, per standard deviation of an alpha that the volume shows
TRADE_SHARES = (80, 250)
HALT_SESSIONS = 10  # at most


@dataclass(frozen=True)
class Bars:
    """(T, M): cents and whole shares; NaN without a bar.

    Attributes:
        bounce: log of the noisy close over the efficient one, before rounding.
    """

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    vwap: Array
    transactions: Array
    bounce: Array


def bars(
    settings: SimulatedVendor,
    seed: int,
    regimes: Regimes,
    companies: Companies,
    lifecycles: Lifecycles,
    paths: Paths,
    signals: Sequence[Array],
) -> Bars:
    places, T = lifecycles.places, len(paths.close)
    half = settings.half_spread * np.exp(SPREAD_DISPERSION * ndtri(lifecycles.trait["spread"]))
    first, last = (
        np.where(streams.uniform(seed, places, side, T) < 0.5, -half, half) for side in ("open_side", "close_side")
    )
    gone = _without_bar(settings, seed, lifecycles, T)
    opened, closed = (_cents(price * np.exp(noise)) for price, noise in ((paths.open, first), (paths.close, last)))
    variance = _variance(settings, regimes, companies)
    high, low = _range(seed, lifecycles, paths, variance * (1 - settings.overnight_fraction))
    high = np.maximum(_cents(high), np.maximum(opened, closed))
    low = np.minimum(_cents(low), np.minimum(opened, closed))
    volume = _volume(settings, seed, lifecycles, paths, np.sqrt(variance), signals)
    for values in (opened, closed, high, low, volume):
        values[gone] = np.nan
    size = TRADE_SHARES[0] + (TRADE_SHARES[1] - TRADE_SHARES[0]) * lifecycles.trait["trade_size"]
    trades = volume / size * np.exp(0.2 * streams.normal(seed, places, "trades", T))
    mean = (opened + high + low + closed) / 4 + (high - low) * 0.05 * streams.normal(seed, places, "vwap", T)
    return Bars(
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=volume,
        vwap=np.clip(np.round(mean, 4), low, high),
        transactions=np.minimum(np.maximum(np.round(trades), 1.0), volume),
        bounce=last,
    )


def _cents(price: Array) -> Array:
    return np.maximum(np.round(price, 2), 0.01)


def _without_bar(settings: SimulatedVendor, seed: int, lifecycles: Lifecycles, T: int) -> Flags:
    """Before a symbol is listed, after it is gone, and while it is halted."""
    t = np.arange(T)[:, None]
    without: Flags = (t < lifecycles.listed) | (t >= lifecycles.gone)
    if settings.faults.halts:
        drawn = streams.uniform(seed, lifecycles.places, "halt", T) / settings.faults.halts
        for start, i in np.argwhere(drawn < 1):
            without[start : start + 1 + int(drawn[start, i] * HALT_SESSIONS), i] = True
    return without


def _variance(settings: SimulatedVendor, regimes: Regimes, companies: Companies) -> Array:
    """(T, M) of the whole log return of a session, as planted; the styles by an exposure of one each."""
    other = companies.volatility**2 + (companies.load * settings.sector_volatility) ** 2
    other = other + 4 * settings.style_volatility**2
    variance: Array = companies.beta**2 * (regimes.volatility**2)[:, None]
    variance += other * (regimes.other**2)[:, None]
    return variance


def _range(seed: int, lifecycles: Lifecycles, paths: Paths, variance: Array) -> tuple[Array, Array]:
    """Highest and lowest price of a Brownian bridge from the open to the close; each has its exact distribution."""
    T = len(paths.close)
    start, move = np.log(paths.open), np.log(paths.close / paths.open)
    extremes = []
    for name, sign in (("high", 1), ("low", -1)):
        u = streams.uniform(seed, lifecycles.places, name, T)
        extremes.append(np.exp(start + (move + sign * np.sqrt(move**2 - 2 * variance * np.log1p(-u))) / 2))
    return extremes[0], extremes[1]


def _volume(
    settings: SimulatedVendor,
    seed: int,
    lifecycles: Lifecycles,
    paths: Paths,
    volatility: Array,
    signals: Sequence[Array],
) -> Array:
    """Shares: persistent, busier on days of large moves, in step with the capitalisation."""
    T = len(paths.close)
    log = VOLUME_DEVIATION * fading(streams.normal(seed, lifecycles.places, "volume", T), VOLUME_HALF_LIFE)
    log += VOLUME_ON_MOVE * np.minimum(np.abs(paths.total) / volatility - USUAL_MOVE, 4)
    for planted, signal in zip(settings.alphas, signals, strict=True):
        if planted.shown_by == "volume":
            log += VOLUME_ON_ALPHA * signal
    usual = TURNOVER * np.exp(TURNOVER_DISPERSION * np.clip(ndtri(lifecycles.trait["turnover"]), -2, 2))
    if len(usual) > ILLIQUID:
        usual[ILLIQUID] *= ILLIQUID_FRACTION
    volume: Array = np.maximum(np.round(usual * paths.shares * np.exp(log)), 1.0)
    return volume
