"""Returns of the simulated factors, what stocks are exposed to, and the alphas planted in them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from configs.settings import PlantedAlpha, SimulatedVendor
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.regimes import Regimes
from quant_resources.vendors.simulated.streams import (
    MARKET_STREAM,
    SECTOR_STREAM,
    STYLE_STREAM,
    YEAR,
    Array,
    Ints,
    Place,
    fading,
    stream,
)

SECTORS = (
    "Energy", "Financials", "Health Care", "Industrials", "Information Technology", "Utilities", "Materials",
    "Consumer Discretionary", "Consumer Staples", "Real Estate", "Communication Services",
)  # fmt: skip
# Premium a year per standard deviation of exposure.
STYLES = {"size": -0.01, "value": 0.02, "momentum": 0.02, "volatility": -0.01}
VOLATILITY_DISPERSION = 0.25  # standard deviation of the log of idiosyncratic volatility between stocks
BETA_RANGE, LOAD_RANGE = (0.7, 1.3), (0.7, 1.3)
BETA_HALF_LIFE = 252.0
MONTH = 21  # sessions over which the strength of an alpha is stated
SKIP = 21  # the month that 12-1 momentum omits
FURTHEST = 3.0  # standard deviations; scores are clipped there
MARKET_RETURN = 3  # place of the stream, after the regimes'


@dataclass(frozen=True)
class Factors:
    """Log moves, overnight (0) and intraday (1).

    Attributes:
        market: (2, T)
        sectors: (2, T, n_sectors)
        styles: (2, T, 4) in the order of STYLES.
    """

    market: Array
    sectors: Array
    styles: Array


@dataclass(frozen=True)
class Companies:
    """What M symbols are like; children of spin-offs come after the `n_symbols` first.

    Attributes:
        sector: (M,) position in SECTORS, before any reclassification; a child has its parent's.
        new_sector: (M,) after it, another one where there is another.
        volatility: (M,) idiosyncratic, per session, in the calm regime.
        volatility_score: (M,) exposure to the style.
        beta: (T, M) to the market.
        load: (M,) exposure to the own sector.
    """

    sector: Ints
    new_sector: Ints
    volatility: Array
    volatility_score: Array
    beta: Array
    load: Array


def factors(settings: SimulatedVendor, seed: int, regimes: Regimes) -> Factors:
    fraction = session_fractions(settings)
    market = _moves(seed, (MARKET_STREAM, MARKET_RETURN), regimes.volatility, fraction)
    market += fraction * regimes.drift
    sector_volatility, style_volatility = settings.sector_volatility * regimes.other, settings.style_volatility
    sectors = [_moves(seed, (SECTOR_STREAM, j), sector_volatility, fraction) for j in range(settings.n_sectors)]
    styles = [
        _moves(seed, (STYLE_STREAM, k), style_volatility * regimes.other, fraction) + fraction * premium / YEAR
        for k, premium in enumerate(STYLES.values())
    ]
    return Factors(market, np.stack(sectors, axis=2), np.stack(styles, axis=2))


def session_fractions(settings: SimulatedVendor) -> Array:
    """(2, 1) of variance and drift, overnight and intraday."""
    return np.array([[settings.overnight_fraction], [1 - settings.overnight_fraction]])


def _moves(seed: int, place: tuple[int, ...], volatility: Array, fraction: Array) -> Array:
    """(2, T) log moves; their exponentials have mean one."""
    draws = np.stack([stream(seed, *place, part).standard_normal(len(volatility)) for part in (0, 1)])
    variance = fraction * volatility**2
    return -variance / 2 + np.sqrt(variance) * draws


def companies(
    settings: SimulatedVendor, seed: int, places: Sequence[Place], trait: dict[str, Array], sector: Ints, T: int
) -> Companies:
    score = np.clip(ndtri(trait["volatility"]), -FURTHEST, FURTHEST)
    beta = np.broadcast_to(_between(BETA_RANGE, trait["beta"]), (T, len(places)))
    if settings.beta_volatility:
        beta = beta + settings.beta_volatility * fading(streams.normal(seed, places, "beta", T), BETA_HALF_LIFE)
    away = 1 + (trait["new_sector"] * (settings.n_sectors - 1)).astype(np.int64)
    return Companies(
        sector=sector,
        new_sector=(sector + away) % settings.n_sectors,
        volatility=settings.idiosyncratic_volatility * np.exp(VOLATILITY_DISPERSION * score),
        volatility_score=score,
        beta=beta,
        load=_between(LOAD_RANGE, trait["sector_load"]),
    )


def _between(bounds: tuple[float, float], u: Array) -> Array:
    return bounds[0] + (bounds[1] - bounds[0]) * u


def idiosyncratic(
    settings: SimulatedVendor, seed: int, places: Sequence[Place], volatility: Array, regimes: Regimes
) -> Array:
    """(2, T, M) overnight and intraday noise with fat tails, before any alpha."""
    T = len(regimes.other)
    noise = np.empty((2, T, len(places)))
    for part, name in enumerate(("overnight", "intraday")):
        fraction = session_fractions(settings)[part, 0]
        noise[part] = streams.fat_tailed(seed, places, name, T, settings.tail_degrees)
        noise[part] *= np.sqrt(fraction) * volatility
        noise[part] *= regimes.other[:, None]
        # the exponentials have mean one but for the fat tails
        noise[part] -= fraction / 2 * (volatility * regimes.other[:, None]) ** 2
    return noise


def alpha_signals(alphas: Sequence[PlantedAlpha], seed: int, places: Sequence[Place], T: int) -> list[Array]:
    """(T, M) of standard deviation one, for each alpha: what is known of it at the session."""
    return [
        fading(streams.normal(seed, places, "alpha", T, number), alpha.half_life) for number, alpha in enumerate(alphas)
    ]


def strength(ic: float, half_life: float) -> float:
    """Return expected of the next session per standard deviation of the signal, in standard deviations.

    The signal decays by `keep` a session, so over the next month it promises strength * (1 - keep^21) / (1 - keep)
    standard deviations of a session's return, whose sum over the month has a standard deviation of sqrt(21).
    """
    keep = 0.5 ** (1 / half_life)
    promised = (1 - keep**MONTH) / (1 - keep) if keep < 1 else MONTH
    return float(ic * np.sqrt(MONTH) / promised)
