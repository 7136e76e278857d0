"""The simulated market of a seed, drawn whole: regimes, factors, lifecycles, paths and bars. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated import factors as factor_model
from quant_resources.vendors.simulated.bars import Bars, bars
from quant_resources.vendors.simulated.factors import Companies, Factors
from quant_resources.vendors.simulated.lifecycles import Lifecycles, draw_lifecycles
from quant_resources.vendors.simulated.paths import Paths
from quant_resources.vendors.simulated.quarters import Quarters, quarters
from quant_resources.vendors.simulated.regimes import Regimes, draw_regimes
from quant_resources.vendors.simulated.simulation import Simulation
from quant_resources.vendors.simulated.streams import Array, sessions_of


@dataclass(frozen=True)
class Market:
    """Everything that happens to prices; (T, M) over sessions and symbols.

    Attributes:
        sessions: T exchange sessions from the vendor's start, a few beyond its end.
        symbols: M stable ids: `n_symbols` of them, then what was spun off from them.
        signals: (T, M) of each planted alpha.
    """

    settings: SimulatedVendor
    seed: int
    sessions: list[dt.date]
    symbols: list[str]
    regimes: Regimes
    factors: Factors
    companies: Companies
    lifecycles: Lifecycles
    quarters: Quarters
    signals: Sequence[Array]
    paths: Paths
    bars: Bars


def simulate(settings: SimulatedVendor, seed: int) -> Market:
    """The market of a seed."""
    sessions = sessions_of(settings)
    T = len(sessions)
    regimes = draw_regimes(settings, seed, T)
    returns = factor_model.factors(settings, seed, regimes)
    lifecycles = draw_lifecycles(settings, seed, T)
    parent = np.where(lifecycles.parent >= 0, lifecycles.parent, np.arange(len(lifecycles.symbols)))
    firms = factor_model.companies(settings, seed, lifecycles.places, lifecycles.trait, parent % settings.n_sectors, T)
    reports = quarters(settings, seed, sessions, lifecycles)
    signals = factor_model.alpha_signals(settings.alphas, seed, lifecycles.places, T)
    noise = factor_model.idiosyncratic(settings, seed, lifecycles.places, firms.volatility, regimes)
    paths = Simulation(
        settings,
        seed,
        regimes=regimes,
        factors=returns,
        companies=firms,
        lifecycles=lifecycles,
        quarters=reports,
        noise=noise,
        signals=signals,
    ).run()
    del noise
    return Market(
        settings=settings,
        seed=seed,
        sessions=sessions,
        symbols=lifecycles.symbols,
        regimes=regimes,
        factors=returns,
        companies=firms,
        lifecycles=lifecycles,
        quarters=reports,
        signals=signals,
        paths=paths,
        bars=bars(settings, seed, regimes, firms, lifecycles, paths, signals),
    )
