"""What stands beside the simulated stocks: a fund that holds them all, and macro series. Pure.

Drawn from streams of its own, in time order: it changes nothing of the stocks, and a later end changes nothing of it.
"""

import numpy as np

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated_market import (
    DELISTED,
    DELISTING_RETURN,
    DELISTING_SESSION,
    FUND_STREAM,
    MACRO_STREAM,
    OVERNIGHT_SHARE,
    YEAR,
    Array,
    Market,
    stream,
)

FUND = "INDEX"
FUND_FEE_ANNUAL = 0.0009
FUND_START_USD = 100.0
FUND_USUAL_USD = 5e8  # dollar volume of a quiet session
VIX = "VIX_CLOSE"
VIX_PREMIUM = 1.1  # of implied over realized volatility
VIX_SPEED, VIX_NOISE = 0.3, 0.05  # share of the log gap closed a session; log
# Level in percent, deviation of its logarithm in the long run.
RATES = {"DGS10": (2.5, 0.15), "DGS2": (1.4, 0.2), "BAA10Y": (2.6, 0.15), "DFF": (0.9, 0.1)}
RATE_HALF_LIFE = 250.0  # sessions


def fund(market: Market, settings: SimulatedVendor, seed: int) -> dict[str, Array]:
    """Bars (T,) of a fund that holds every stock with a bar at equal weight, rebalanced at each close.

    Dividends stay in the fund, a fee goes out daily, and a delisted stock costs it the delisting return.
    """
    T = len(market.sessions)
    overnight, whole = _mean_return(market, market.open), _mean_return(market, market.close)
    whole -= FUND_FEE_ANNUAL / YEAR
    closed = FUND_START_USD * np.cumprod(1 + whole)
    opened = np.concatenate([[FUND_START_USD], closed[:-1]]) * (1 + overnight)
    volatility = np.where(market.turbulent, settings.volatility_turbulent, settings.volatility_calm)
    reach = volatility * np.sqrt(1 - OVERNIGHT_SHARE) / 2
    up, down, busy = (stream(seed, FUND_STREAM, part).standard_normal(T) for part in range(3))
    traded = FUND_USUAL_USD * np.exp(0.2 * busy + 5 * np.abs(whole))
    return {
        "open": np.round(opened, 2),
        "high": np.round(np.maximum(opened, closed) * np.exp(reach * np.abs(up)), 2),
        "low": np.round(np.minimum(opened, closed) * np.exp(-reach * np.abs(down)), 2),
        "close": np.round(closed, 2),
        "volume": np.round(traded / closed),
    }


def _mean_return(market: Market, price: Array) -> Array:
    """(T,) mean simple total return from the previous close to `price`, over the stocks held then; 0 at first."""
    simple = np.full(price.shape, np.nan)
    simple[1:] = (price[1:] + market.dividend[1:]) * market.split[1:] / market.close[:-1] - 1
    if len(price) > DELISTING_SESSION:
        simple[DELISTING_SESSION, DELISTED] = DELISTING_RETURN
    held = ~np.isnan(simple)
    mean: Array = np.where(held, simple, 0.0).sum(axis=1) / np.maximum(held.sum(axis=1), 1)
    return mean


def macro(market: Market, settings: SimulatedVendor, seed: int) -> dict[str, Array]:
    """Series (T,) of the sessions, by name; percent, the VIX in index points.

    The VIX nears the volatility of the regime that it has seen so far, with noise; the rates wander about their levels.
    """
    T = len(market.sessions)
    volatility = np.where(market.turbulent, settings.volatility_turbulent, settings.volatility_calm)
    target = np.log(100 * VIX_PREMIUM * np.sqrt(YEAR) * volatility)
    noise = VIX_NOISE * stream(seed, MACRO_STREAM, 0).standard_normal(T)
    series = {VIX: np.exp(_nearing(target, VIX_SPEED, noise))}
    speed = 1 - 0.5 ** (1 / RATE_HALF_LIFE)
    for place, (name, (level, deviation)) in enumerate(RATES.items(), start=1):
        step = deviation * np.sqrt(speed * (2 - speed))  # gives that deviation in the long run
        noise = step * stream(seed, MACRO_STREAM, place).standard_normal(T)
        series[name] = np.exp(_nearing(np.full(T, np.log(level)), speed, noise))
    return {name: values.round(2) for name, values in series.items()}


def _nearing(target: Array, speed: float, noise: Array) -> Array:
    """x[t] = x[t-1] + speed * (target[t] - x[t-1]) + noise[t], from the first target on."""
    x, last = np.empty_like(target), target[0]
    for t in range(len(target)):  # each value rests on the one before
        last = x[t] = last + speed * (target[t] - last) + noise[t]
    return x
