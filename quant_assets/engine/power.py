"""With what probability a leak would have been found, by how many stored sessions were computed again."""

import math

FRACTIONS = (0.1, 0.01, 0.001)  # of the sessions, on which a leak may lie


def detection_probability(stored: int, looked_at: int, fraction: float) -> float:
    """Probability that sessions drawn without replacement hold one at least on which the leak lies.

    Hypergeometric: 1 - C(N - K, n) / C(N, n), with the gamma function where K is not whole.

    Args:
        stored: N, sessions that are stored.
        looked_at: n of them that were computed again, each another one.
        fraction: of the sessions, on which the leak lies; K is that of N, and 1 at least.

    Raises:
        ValueError: more sessions were looked at than there are, or the fraction is none.

    Source: Feller (1968), An Introduction to Probability Theory and Its Applications, II.6.
    """
    if not 0 <= looked_at <= stored or not 0 < fraction <= 1:
        raise ValueError(f"{looked_at} of {stored} sessions cannot be looked at for a leak on {fraction} of them")
    if stored == 0:
        return 0.0
    leaky = max(1.0, fraction * stored)
    if looked_at + leaky > stored:  # fewer are left than the leak lies on
        return 1.0
    missed = _log_choices(stored - leaky, looked_at) - _log_choices(stored, looked_at)
    return 1.0 - math.exp(missed)


def looks_needed(stored: int, fraction: float, probability: float) -> int:
    """Fewest sessions to look at that find a leak on a fraction of the stored ones with at least a probability."""
    low, high = 0, stored
    while low < high:  # the probability grows with the sessions looked at
        middle = (low + high) // 2
        if detection_probability(stored, middle, fraction) < probability:
            low = middle + 1
        else:
            high = middle
    return low


def _log_choices(among: float, count: float) -> float:
    """Logarithm of how many ways there are to draw `count` of them."""
    return math.lgamma(among + 1) - math.lgamma(count + 1) - math.lgamma(among - count + 1)
