"""Opinions about one state made into one: logarithmic pools, and a cap on how far a level may contradict its parent."""

import numpy as np

from quant_assets.numerics.arrays import Array, Mask


def log_pool(opinions: Array, weights: Array, floor: float) -> Array:
    """The logarithmic pool of several probabilities over the same K states: p ∝ Π p_i ^ w_i.

    Args:
        opinions: (M, ..., K); an opinion with a NaN is left out, and the weights of the others keep their proportions.
        weights: (M,) of at least 0, or (M, ...) where they differ by what the opinions are about.
        floor: a smaller probability enters as this one, so that no opinion is a veto.

    Returns:
        (..., K), summing to 1 over the last axis; NaN where no opinion of positive weight is left.

    Source: Genest and Zidek (1986), Statistical Science 1(1).
    """
    exists = complete(opinions)
    weight = exists * weights.reshape(*weights.shape, *[1] * (exists.ndim - weights.ndim))
    total = weight.sum(axis=0)
    logs = np.log(np.maximum(np.where(exists[..., None], opinions, 1.0), floor))
    mean = (weight[..., None] * logs).sum(axis=0) / np.where(total > 0, total, np.nan)[..., None]
    pooled = np.exp(mean - mean.max(axis=-1, keepdims=True))
    return normalized(pooled)


def capped(child: Array, parent: Array, max_contradiction: float) -> Array:
    """`child` moved towards `parent` until they are at most `max_contradiction` apart in total variation.

    Args:
        child, parent: (..., K) probabilities; a child whose parent has NaN stays.
    """
    apart = distance(child, parent)
    keep = np.where(apart > max_contradiction, max_contradiction / np.maximum(apart, max_contradiction), 1.0)
    moved = parent + keep[..., None] * (child - parent)
    return np.where((np.isnan(apart) | (keep == 1.0))[..., None], child, normalized(moved))


def distance(one: Array, other: Array) -> Array:
    """(...) total variation distance of (..., K) probabilities, from 0 to 1."""
    apart: Array = np.clip(0.5 * np.abs(one - other).sum(axis=-1), 0.0, 1.0)
    return apart


def normalized(positive: Array) -> Array:
    """(..., K) divided by its sum over the last axis."""
    sums_to_one: Array = positive / positive.sum(axis=-1, keepdims=True)
    return sums_to_one


def complete(rows: Array) -> Mask:
    """(...) whether no value of the last axis of (..., K) is missing."""
    exists: Mask = np.logical_and.reduce(~np.isnan(rows), axis=-1)
    return exists
