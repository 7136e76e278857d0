"""Regimes of the simulated market: Markov chains in volatility, trend and correlation, each on its own. Pure."""

from dataclasses import dataclass

import numpy as np

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated.streams import MARKET_STREAM, YEAR, Array, Flags, stream

TURBULENT_STREAM, FALLING_STREAM, COUPLED_STREAM = 0, 1, 2  # of the market
IDIOSYNCRATIC_TURBULENCE = 1.4  # multiple of the calm volatility of what is not the market's


@dataclass(frozen=True)
class Regimes:
    """Two states each, (T,).

    Attributes:
        turbulent: the market's volatility is `volatility_turbulent`, and all else is more volatile too.
        falling: the market's drift is `drift_falling`.
        coupled: only `coupled_variance` of the other variance is left, so that stocks move together.
        volatility: of the market factor, per session.
        drift: simple return of the market expected a session.
        other: multiple of the calm volatility of sectors, styles and idiosyncratic returns.
    """

    turbulent: Flags
    falling: Flags
    coupled: Flags
    volatility: Array
    drift: Array
    other: Array


def draw_regimes(settings: SimulatedVendor, seed: int, T: int) -> Regimes:
    """The regimes of T sessions; all begin calm, rising and apart."""
    draws = [stream(seed, MARKET_STREAM, part).random(T) for part in (TURBULENT_STREAM, FALLING_STREAM, COUPLED_STREAM)]
    turbulent = chain(draws[0], settings.turbulent_fraction, settings.regime_half_life)
    falling = chain(draws[1], settings.falling_fraction, settings.trend_sessions)
    coupled = chain(draws[2], settings.coupled_fraction, settings.coupled_sessions)
    return Regimes(
        turbulent=turbulent,
        falling=falling,
        coupled=coupled,
        volatility=np.where(turbulent, settings.volatility_turbulent, settings.volatility_calm),
        drift=np.where(falling, settings.drift_falling, settings.drift_rising) / YEAR,
        other=np.where(turbulent, IDIOSYNCRATIC_TURBULENCE, 1.0)
        * np.where(coupled, np.sqrt(settings.coupled_variance), 1.0),
    )


def chain(uniform: Array, fraction: float, length: float) -> Flags:
    """(T,) whether the second state holds: it does for `fraction` of the time; episodes last `length` on average."""
    # mean episodes d_0, d_1 with (d_0 + d_1) / 2 = the average length and d_1 / (d_0 + d_1) = the fraction
    leave_second = 1 / max(1.0, 2 * length * fraction)
    leave_first = 1 / max(1.0, 2 * length * (1 - fraction))
    state, states = False, np.empty(len(uniform), bool)
    for t, u in enumerate(uniform):
        state = state != (u < (leave_second if state else leave_first))
        states[t] = state
    return states
