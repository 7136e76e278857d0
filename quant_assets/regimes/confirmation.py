"""The state in force: the last one that enough sessions in a row agreed on."""

import numpy as np

from quant_assets.numerics.arrays import Array, Index

UNKNOWN = -1
CONFIRMATION_WINDOW = 126  # sessions that are looked through for an agreement; half a year without one leaves no state


def confirmed(observed: Index, sessions: int) -> Index:
    """States in force on each session: the confirmed one stays until `sessions` observations in a row agree on another.

    A run of agreement confirms its state whatever was in force before it, so that the state in force rests on nothing
    before the latest such run: any window that holds one gives what the whole history gives.

    Args:
        observed: (T, N) number of the state that each session shows, UNKNOWN where it shows none. Such a session
            neither confirms nor interrupts.
        sessions: observations in a row that must agree.

    Returns:
        (T, N); row t rests on rows 0..t. UNKNOWN before the first agreement.
    """
    in_force = np.full_like(observed, UNKNOWN)
    last, current = np.full(observed.shape[1:], UNKNOWN), np.full(observed.shape[1:], UNKNOWN)
    run = np.zeros(observed.shape[1:], dtype=np.int64)
    for t, states in enumerate(observed):  # each row needs the one before
        seen = states != UNKNOWN
        run = np.where(seen, np.where(states == last, run + 1, 1), run)
        last = np.where(seen, states, last)
        current = np.where(seen & (run >= sessions), last, current)
        in_force[t] = current
    return in_force


def likeliest(probabilities: Array) -> Index:
    """(...) number of the likeliest of (..., K) states, the first of equals; UNKNOWN where a probability is NaN."""
    known = np.logical_and.reduce(~np.isnan(probabilities), axis=-1)
    place: Index = np.where(known, np.nan_to_num(probabilities, nan=-1.0).argmax(axis=-1), UNKNOWN)
    return place
