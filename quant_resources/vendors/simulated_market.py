"""A seeded market with planted truth, as arrays over sessions and symbols. Pure.

Every quantity of every symbol has its own random stream, drawn in time order, so that neither a later end nor more
symbols change anything earlier.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.settings import SimulatedVendor
from feature_store import sessions as calendar

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

INDUSTRIES = ("Energy", "Financials", "Health Care", "Industrials", "Technology", "Utilities")
YEAR = 252
SKIP = 21  # the month that 12-1 momentum leaves out
MARKET_DRIFT_ANNUAL = 0.06  # simple, of every stock
OVERNIGHT_SHARE = 0.3  # of variance and drift
INDUSTRY_VOLATILITY = 0.5  # of the market's, in the same regime
IDIOSYNCRATIC_VOLATILITY = 0.013  # per session, in the calm regime
IDIOSYNCRATIC_TURBULENCE = 1.4  # multiple in the turbulent one
DIVIDEND_QUARTERLY = 0.005  # of the price
QUARTER = 63
SPLIT_ABOVE, SPLIT_RATIO = 120.0, 2.0
REVERSE_BELOW, REVERSE_RATIO = 4.0, 0.2
NOTICE = 5  # sessions from the declaration of a split to its ex-date
# Symbols with a story, by position; sessions count from the start, so that `end` does not move them. Markets of ten
# symbols or fewer have no illiquid one.
DELISTED, JOINS_LATE, LEAVES_INDEX, CHANGES_INDUSTRY, ILLIQUID = 0, 1, 2, 3, 10
DELISTING_SESSION, JOIN_SESSION, LEAVE_SESSION, RECLASSIFIED_SESSION = 420, 150, 300, 200
DELISTING_RETURN = -0.45
USUAL_USD = (2e7, 2e8)  # dollar volume of a quiet session, from the least to the most liquid symbol
ILLIQUID_SHARE = 0.01  # of the volume it would have
# Actions known by the last session may go ex after it; blocks keep vectorized loops alike for any end.
BEYOND, BLOCK = 16, 64

MARKET_STREAM, INDUSTRY_STREAM, SYMBOL_STREAM, FUND_STREAM, MACRO_STREAM = range(5)


@dataclass(frozen=True)
class Market:
    """Everything generated; (T, N) unless said otherwise.

    Attributes:
        sessions: T exchange sessions from the vendor's start, a few beyond its end.
        turbulent: (T,) the market's regime.
        factors: (T,) log total return of the market factor.
        momentum: planted signal known at the session: 12-1 idiosyncratic momentum in deviations; 0 in the first year.
        alpha: expected idiosyncratic log return of the *next* session because of it.
        idiosyncratic: log return of the session, alpha included.
        beta: (N,) exposure to the market factor.
        open, high, low, close, volume: as traded; NaN without a bar.
        split: new per old share going ex on the session, else 1; declared NOTICE sessions before.
        dividend: USD per share going ex on the session, else 0.
    """

    sessions: list[dt.date]
    symbols: list[str]
    turbulent: Flags
    factors: Array
    momentum: Array
    alpha: Array
    idiosyncratic: Array
    beta: Array
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    split: Array
    dividend: Array


def stream(seed: int, *place: int) -> np.random.Generator:
    """The random stream of one quantity of one symbol (or industry, or the market)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def simulate(settings: SimulatedVendor, seed: int) -> Market:
    """The market of a seed."""
    sessions = _sessions(settings)
    T, N = len(sessions), settings.n_symbols
    turbulent = regimes(settings, stream(seed, MARKET_STREAM, 0).random(T))
    market_volatility = np.where(turbulent, settings.volatility_turbulent, settings.volatility_calm)
    market = _moves(seed, (MARKET_STREAM, 1), market_volatility, MARKET_DRIFT_ANNUAL / YEAR)
    industry = [
        _moves(seed, (INDUSTRY_STREAM, j), INDUSTRY_VOLATILITY * market_volatility) for j in range(len(INDUSTRIES))
    ]
    own_volatility = IDIOSYNCRATIC_VOLATILITY * np.where(turbulent, IDIOSYNCRATIC_TURBULENCE, 1.0)
    noise = np.stack([_moves(seed, (SYMBOL_STREAM, i, 0), own_volatility) for i in range(N)], axis=2)
    momentum, alpha, own = plant_momentum(noise, own_volatility, settings.momentum_ic)
    beta = np.array([stream(seed, SYMBOL_STREAM, i, 1).uniform(0.7, 1.3) for i in range(N)])
    moves = np.stack(
        [market * beta[i] + industry[i % len(INDUSTRIES)] + own[:, :, i] for i in range(N)], axis=2
    )  # (2, T, N): overnight, intraday
    paths = _prices(seed, moves)
    return Market(
        sessions=sessions,
        symbols=[f"S{i:04d}" for i in range(N)],
        turbulent=turbulent,
        factors=market.sum(axis=0),
        momentum=momentum,
        alpha=alpha,
        idiosyncratic=own.sum(axis=0),
        beta=beta,
        **_bars(seed, moves, paths, own_volatility),
    )


def _sessions(settings: SimulatedVendor) -> list[dt.date]:
    wanted = len(calendar.between(settings.start, settings.end)) + BEYOND
    blocks = -(-wanted // BLOCK) * BLOCK
    first = calendar.index_of(calendar.at_or_after(settings.start))
    return list(calendar.all_sessions()[first : first + blocks])


def regimes(settings: SimulatedVendor, uniform: Array) -> Flags:
    """(T,) turbulent or not: a two-state Markov chain that starts calm."""
    # mean lengths d_c, d_t with (d_c + d_t) / 2 = the average length and d_t / (d_c + d_t) = the share
    leave_turbulent = 1 / max(1.0, 2 * settings.regime_half_life * settings.turbulent_share)
    leave_calm = 1 / max(1.0, 2 * settings.regime_half_life * (1 - settings.turbulent_share))
    state, states = False, np.empty(len(uniform), bool)
    for t, u in enumerate(uniform):
        state = state != (u < (leave_turbulent if state else leave_calm))
        states[t] = state
    return states


def _moves(seed: int, place: tuple[int, ...], volatility: Array, drift: float = 0.0) -> Array:
    """(2, T) overnight and intraday log moves; their exponentials have mean one plus the drift."""
    draws = np.stack([stream(seed, *place, part).standard_normal(len(volatility)) for part in (0, 1)])
    share = np.array([[OVERNIGHT_SHARE], [1 - OVERNIGHT_SHARE]])
    variance = share * volatility**2
    return share * drift - variance / 2 + np.sqrt(variance) * draws


def plant_momentum(noise: Array, volatility: Array, ic: float) -> tuple[Array, Array, Array]:
    """Adds to each session's idiosyncratic noise what its momentum of the session before promised.

    The correlation of the signal with the idiosyncratic return of the next month is `ic`: the signal hardly moves
    within it, so each of its 21 sessions carries ic / sqrt(21) deviations.

    Args:
        noise: (2, T, N) overnight and intraday.
        volatility: (T,) of the noise.

    Returns:
        signal (T, N), alpha (T, N), idiosyncratic moves (2, T, N).
    """
    _, T, N = noise.shape
    signal, alpha = np.zeros((T, N)), np.zeros((T, N))
    moves, total, scale = noise.copy(), np.zeros((T + 1, N)), np.zeros(T + 1)
    share = np.array([[OVERNIGHT_SHARE], [1 - OVERNIGHT_SHARE]])
    for t in range(T):  # each session's alpha rests on the idiosyncratic returns before it
        if t > 0:
            moves[:, t] += share * alpha[t - 1]
        total[t + 1] = total[t] + moves[0, t] + moves[1, t]
        scale[t + 1] = scale[t] + volatility[t] * volatility[t]
        if t + 1 >= YEAR:
            past = total[t + 1 - SKIP] - total[t + 1 - YEAR]
            signal[t] = np.clip(past / np.sqrt(scale[t + 1 - SKIP] - scale[t + 1 - YEAR]), -3, 3)
            # by the calm volatility: the alpha does not know tomorrow's regime
            alpha[t] = ic / np.sqrt(SKIP) * IDIOSYNCRATIC_VOLATILITY * signal[t]
    return signal, alpha, moves


@dataclass(frozen=True)
class _Paths:
    open: Array
    close: Array
    split: Array
    dividend: Array


def _prices(seed: int, moves: Array) -> _Paths:
    """Traded prices before rounding, with the splits that they call for and quarterly dividends."""
    _, T, N = moves.shape
    grown = np.exp(moves)
    price = np.array([stream(seed, SYMBOL_STREAM, i, 2).uniform(20, 110) for i in range(N)])
    pays = np.array([stream(seed, SYMBOL_STREAM, i, 3).random() < 0.6 for i in range(N)])
    offset = np.array([stream(seed, SYMBOL_STREAM, i, 4).integers(QUARTER) for i in range(N)])
    opened, closed = np.empty((T, N)), np.empty((T, N))
    split, dividend = np.ones((T, N)), np.zeros((T, N))
    for t in range(T):  # each price rests on the one before
        due = pays & ((t + offset) % QUARTER == QUARTER - 1) & (t > 0)
        dividend[t] = np.where(due, np.round(DIVIDEND_QUARTERLY * price / split[t], 2), 0.0)
        opened[t] = price / split[t] * grown[0, t] - dividend[t]
        closed[t] = opened[t] * grown[1, t]
        price = closed[t]
        if t + NOTICE < T:
            pending = (split[t + 1 : t + NOTICE] != 1).any(axis=0)
            wanted = np.where(price > SPLIT_ABOVE, SPLIT_RATIO, np.where(price < REVERSE_BELOW, REVERSE_RATIO, 1.0))
            split[t + NOTICE] = np.where(pending, 1.0, wanted)
    return _Paths(opened, closed, split, dividend)


def _bars(seed: int, moves: Array, paths: _Paths, volatility: Array) -> dict[str, Array]:
    """Bars in cents and whole shares; NaN before a symbol joins and after it is delisted."""
    T, N = paths.open.shape
    opened, closed = (np.maximum(np.round(x, 2), 0.01) for x in (paths.open, paths.close))
    reach = volatility * np.sqrt(1 - OVERNIGHT_SHARE) / 2
    up, down, volume = (np.empty((T, N)) for _ in range(3))
    for i in range(N):
        up[:, i] = np.exp(reach * np.abs(stream(seed, SYMBOL_STREAM, i, 5).standard_normal(T)))
        down[:, i] = np.exp(-reach * np.abs(stream(seed, SYMBOL_STREAM, i, 6).standard_normal(T)))
        usual_usd = np.exp(stream(seed, SYMBOL_STREAM, i, 7).uniform(*np.log(USUAL_USD)))
        usual_usd *= ILLIQUID_SHARE if i == ILLIQUID else 1.0
        # busier on days of large moves
        busy = np.exp(0.3 * stream(seed, SYMBOL_STREAM, i, 8).standard_normal(T) + 5 * np.abs(moves[:, :, i].sum(0)))
        volume[:, i] = np.round(usual_usd * busy / closed[:, i])
    high = np.round(np.maximum(opened, closed) * up, 2)
    low = np.maximum(np.round(np.minimum(opened, closed) * down, 2), 0.01)
    gone = _without_bar(T, N)
    bars = {"open": opened, "high": high, "low": low, "close": closed, "volume": volume}
    return {
        **{name: np.where(gone, np.nan, values) for name, values in bars.items()},
        "split": np.where(gone, 1.0, paths.split),
        "dividend": np.where(gone, 0.0, paths.dividend),
    }


def _without_bar(T: int, N: int) -> Flags:
    t, gone = np.arange(T), np.zeros((T, N), bool)
    gone[t < JOIN_SESSION, JOINS_LATE] = True
    gone[t >= DELISTING_SESSION, DELISTED] = True
    return gone
