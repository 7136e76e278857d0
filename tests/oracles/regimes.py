"""Pooling, smoothing and confirmation of regimes, one industry and session at a time."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence

Triple = tuple[float, float, float]


def pool(own: Triple, above: Triple | None, weight: float, floor: float, cap: float) -> list[float]:
    """An industry's probabilities with those of the level above, capped."""
    pooled = list(own)
    if above is not None and weight > 0:
        powers = [max(p, floor) ** (1 - weight) * max(q, floor) ** weight for p, q in zip(own, above, strict=True)]
        pooled = [p / sum(powers) for p in powers]
    if above is None:
        return pooled
    apart = sum(abs(p - q) for p, q in zip(pooled, above, strict=True)) / 2
    keep = min(1.0, cap / apart) if apart > 0 else 1.0
    return [q + keep * (p - q) for p, q in zip(pooled, above, strict=True)]


def smoothed_state(
    own: Mapping[dt.date, Triple],
    above: Mapping[dt.date, Triple],
    days: Sequence[dt.date],
    half_life: float,
    weight: float,
    floor: float,
    cap: float,
) -> list[float] | None:
    """Probabilities on the last of `days`, from the industry's own on some of them and the market's on others."""
    total, weights = [0.0, 0.0, 0.0], 0.0
    for age, day in enumerate(reversed(days)):
        if age > math.floor(10 * half_life) or day not in own:
            continue
        fused = pool(own[day], above.get(day), weight, floor, cap)
        decay = 2.0 ** (-age / half_life)
        total = [sum_ + decay * p for sum_, p in zip(total, fused, strict=True)]
        weights += decay
    return [x / weights for x in total] if weights else None


def confirmed_state(observed: Sequence[int | None], sessions: int) -> int | None:
    """The state of the latest run of agreement; None observations are passed over."""
    seen = [state for state in observed if state is not None]
    for end in range(len(seen), sessions - 1, -1):
        run = seen[end - sessions : end]
        if len(set(run)) == 1:
            return run[0]
    return None
