"""The simulated market of a seed, drawn whole: regimes, factors, lives, paths and bars. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated import factors as factor_model
from quant_resources.vendors.simulated.bars import Bars, bars
from quant_resources.vendors.simulated.factors import Companies, Factors
from quant_resources.vendors.simulated.lifecycles import Lives, lives
from quant_resources.vendors.simulated.paths import Paths
from quant_resources.vendors.simulated.quarters import Quarters, quarters
from quant_resources.vendors.simulated.regimes import Regimes, regimes
from quant_resources.vendors.simulated.simulation import Walk
from quant_resources.vendors.simulated.streams import Array, sessions_of


@dataclass(frozen=True)
class Market:
    """Everything that happens to prices; (T, M) over sessions and symbols.

    Attributes:
        sessions: T exchange sessions from the vendor's start, a few beyond its end.
        symbols: M stable ids: those asked for, then what was spun off from them.
        signals: (T, M) of each planted alpha.
    """

    settings: SimulatedVendor
    seed: int
    sessions: list[dt.date]
    symbols: list[str]
    regimes: Regimes
    factors: Factors
    companies: Companies
    lives: Lives
    quarters: Quarters
    signals: Sequence[Array]
    paths: Paths
    bars: Bars


def simulate(settings: SimulatedVendor, seed: int) -> Market:
    """The market of a seed."""
    sessions = sessions_of(settings)
    T = len(sessions)
    weather = regimes(settings, seed, T)
    returns = factor_model.factors(settings, seed, weather)
    fates = lives(settings, seed, T)
    parent = np.where(fates.parent >= 0, fates.parent, np.arange(len(fates.symbols)))
    firms = factor_model.companies(settings, seed, fates.places, fates.trait, parent % settings.n_sectors, T)
    reports = quarters(settings, seed, sessions, fates)
    signals = factor_model.alpha_signals(settings.alphas, seed, fates.places, T)
    noise = factor_model.idiosyncratic(settings, seed, fates.places, firms.volatility, weather)
    paths = Walk(settings, seed, weather, returns, firms, fates, reports, noise, signals).run()
    del noise
    return Market(
        settings=settings,
        seed=seed,
        sessions=sessions,
        symbols=fates.symbols,
        regimes=weather,
        factors=returns,
        companies=firms,
        lives=fates,
        quarters=reports,
        signals=signals,
        paths=paths,
        bars=bars(settings, seed, weather, firms, fates, paths, signals),
    )
