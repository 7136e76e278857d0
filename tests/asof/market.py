"""Bars of a few made-up stocks, as a user without a store has them."""

import numpy as np
import polars as pl

from feature_store import sessions

N_SESSIONS = 320


def bars(n_symbols: int = 6, n_sessions: int = N_SESSIONS, seed: int = 0) -> pl.DataFrame:
    """event_date, symbol, open, high, low, close, volume; random returns with a common factor."""
    rng = np.random.default_rng(seed)
    first = sessions.index_of(sessions.at_or_after(sessions.all_sessions()[5000]))
    days = list(sessions.all_sessions()[first : first + n_sessions])
    market = rng.normal(0, 0.01, n_sessions)
    parts = []
    for i in range(n_symbols):
        returns = market * (0.6 + 0.2 * i) + rng.normal(0, 0.012, n_sessions)
        close = 50.0 * np.exp(np.cumsum(returns))
        opened = close * np.exp(rng.normal(0, 0.004, n_sessions))
        parts.append(
            pl.DataFrame(
                {
                    "event_date": days,
                    "symbol": [f"S{i}"] * n_sessions,
                    "open": opened,
                    "high": np.maximum(opened, close) * 1.005,
                    "low": np.minimum(opened, close) * 0.995,
                    "close": close,
                    "volume": rng.integers(100_000, 1_000_000, n_sessions),
                }
            )
        )
    return pl.concat(parts)
