"""What stands beside the simulated stocks: funds that hold them, bonds and gold, and macro series. Pure.

Drawn from streams of its own, in time order: it changes nothing of the stocks, and a later end changes nothing of it.
"""

import numpy as np
import polars as pl

from feature_store.dataset import Grade
from feature_store.schemas.market import BENCHMARKS
from quant_resources.vendors.simulated.factors import SECTORS
from quant_resources.vendors.simulated.macro import rates
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.payloads import payload, published, published_by_end
from quant_resources.vendors.simulated.streams import FUND_STREAM, YEAR, Array, Ints, stream

FUND = "INDEX"
FUND_FEE_ANNUAL = 0.0009
FUND_START_USD = 100.0
FUND_USUAL_USD = 5e8  # dollar volume of a quiet session
# Funds of bonds: years of duration on the 10-year yield, years on the spread, fraction of the market's return.
BONDS = {"FUND_TREASURIES": (17.0, 0.0, 0.0), "FUND_CREDIT": (8.0, 7.0, 0.05), "FUND_HIGH_YIELD": (3.0, 5.0, 0.35)}
GOLD, GOLD_VOLATILITY, GOLD_DRIFT = "FUND_GOLD", 0.009, 0.03  # per session; a year
BOND_NOISE = 0.001  # log, per session
OWN_PLACES = 100  # of the streams: the index and its sectors below, other funds from here on


def benchmarks(market: Market) -> pl.DataFrame:
    """Bars of the funds, published with those of the stocks."""
    days = pl.Series("event_date", market.sessions, pl.Date)
    frames = [
        pl.DataFrame({"event_date": days, "known_at": published(market.sessions), **bars}).with_columns(
            symbol=pl.lit(name)
        )
        for name, bars in funds(market).items()
    ]
    rows = pl.concat(frames).filter(pl.col("event_date") <= market.settings.end, published_by_end(market.settings))
    return payload(BENCHMARKS, rows, Grade.OBSERVED)


def funds(market: Market) -> dict[str, dict[str, Array]]:
    """Bars (T,) by fund: the index, the sectors, bonds, credit and gold.

    A fund of stocks holds every one with a bar, by the weights that the settings name, rebalanced at each close.
    Dividends are reinvested, a fee goes out daily, and a stock that fails or is bought costs or earns it what it
    does any holder.
    """
    overnight, whole = (_simple(market, price) for price in (market.bars.open, market.bars.close))
    weights = _weights(market)
    sector = sectors(market)
    held = {FUND: (0, np.ones_like(sector, dtype=bool))}
    held |= {
        f"FUND_{SECTORS[j].upper().replace(' ', '_')}": (1 + j, sector == j) for j in range(market.settings.n_sectors)
    }
    bars_of = {
        name: _bars(market, place, _mean(overnight, weights * who), _mean(whole, weights * who))
        for name, (place, who) in held.items()
    }
    return bars_of | _others(market)


def sectors(market: Market) -> Ints:
    """(T, M) positions in SECTORS, through reclassifications."""
    t = np.arange(len(market.sessions))[:, None]
    moved = t >= market.lifecycles.reclassified
    return np.where(moved, market.companies.new_sector, market.companies.sector)


def _simple(market: Market, price: Array) -> Array:
    """(T, M) simple total return from the previous close to `price`; NaN where not held."""
    simple = np.full(price.shape, np.nan)
    paths = market.paths
    simple[1:] = (price[1:] + paths.paid[1:]) * paths.split[1:] / market.bars.close[:-1] - 1
    for (t, i), earned in paths.exits.items():
        simple[t, i] = earned
    return simple


def _weights(market: Market) -> Array:
    """(T, M) at the previous close, before they are made to sum to one."""
    if market.settings.fund_weights == "equal":
        return np.ones_like(market.bars.close)
    capital = market.paths.close * market.paths.shares
    return np.concatenate([capital[:1], capital[:-1]])


def _mean(simple: Array, weights: Array) -> Array:
    """(T,) mean over the stocks held; 0 where none is."""
    held = np.where(np.isnan(simple), 0.0, weights)
    mean: Array = (np.nan_to_num(simple) * held).sum(axis=1) / np.maximum(held.sum(axis=1), 1e-300)
    return mean


def _others(market: Market) -> dict[str, dict[str, Array]]:
    fraction, bars_of = market.settings.overnight_fraction, {}
    latent = rates(market)
    stocks = market.factors.market.sum(axis=0)
    for place, (name, (duration, credit, equity)) in enumerate(BONDS.items(), start=OWN_PLACES):
        yields, spread = latent["DGS10"] / 100, latent["BAA10Y"] / 100
        move = -duration * np.diff(yields, prepend=yields[0]) - credit * np.diff(spread, prepend=spread[0])
        noise = BOND_NOISE * stream(market.seed, FUND_STREAM, place, 9).standard_normal(len(move))
        move += yields / YEAR + (credit > 0) * spread / YEAR + equity * stocks + noise
        bars_of[name] = _bars(market, place, np.expm1(fraction * move), np.expm1(move))
    place = OWN_PLACES + len(BONDS)
    drawn = stream(market.seed, FUND_STREAM, place, 9).standard_normal(len(stocks))
    move = GOLD_DRIFT / YEAR + GOLD_VOLATILITY * drawn
    bars_of[GOLD] = _bars(market, place, np.expm1(fraction * move), np.expm1(move))
    return bars_of


def _bars(market: Market, place: int, overnight: Array, whole: Array) -> dict[str, Array]:
    """Bars of a fund that earns the returns, less its fee."""
    T = len(whole)
    whole = whole - FUND_FEE_ANNUAL / YEAR
    closed = FUND_START_USD * np.cumprod(1 + whole)
    opened = np.concatenate([[FUND_START_USD], closed[:-1]]) * (1 + overnight)
    reach = market.regimes.volatility * np.sqrt(1 - market.settings.overnight_fraction) / 2
    up, down, busy = (stream(market.seed, FUND_STREAM, place, part).standard_normal(T) for part in range(3))
    traded = FUND_USUAL_USD * np.exp(0.2 * busy + 5 * np.abs(whole))
    high = np.maximum(opened, closed) * np.exp(reach * np.abs(up))
    low = np.minimum(opened, closed) * np.exp(-reach * np.abs(down))
    prices = {"open": opened, "high": high, "low": low, "close": closed}
    return {name: np.round(values, 2) for name, values in prices.items()} | {"volume": np.round(traded / closed)}
