"""Fusion and smoothing of regimes, one industry and session at a time."""

import datetime as dt
from collections.abc import Mapping, Sequence

Triple = tuple[float, float, float]


def smoothed_state(
    own: Mapping[dt.date, Triple],
    word: Mapping[dt.date, str | None],
    words: Sequence[str],
    days: Sequence[dt.date],
    market_weight: float,
    half_life: float,
) -> list[float]:
    """Probabilities on the last of `days`, from the industry's own on some of them and the market's word on others."""
    total, weights = [0.0, 0.0, 0.0], 0.0
    for age, day in enumerate(reversed(days)):
        if age > 10 * half_life or day not in own:
            continue
        fused = list(own[day])
        said = word.get(day)
        if said is not None:
            fused = [(1 - market_weight) * p + market_weight * (said == w) for p, w in zip(fused, words, strict=True)]
        weight = 2.0 ** (-age / half_life)
        total = [sum_ + weight * p for sum_, p in zip(total, fused, strict=True)]
        weights += weight
    return [x / weights for x in total]
