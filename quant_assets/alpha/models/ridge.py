"""A linear model of relative returns from scores. A null score enters as 0, the mean of its cross-section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from configs.settings.models import ModelSettings, RidgeSettings
from quant_assets.alpha.models.protocol import Fit, Term
from quant_assets.alpha.training.samples import Sample
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.compiled import njit

RIDGE, INTERCEPT = "ridge", "intercept"


class Ridge:
    """A coefficient a feature and an intercept, which is not penalized; see `models.protocol`."""

    settings: ClassVar[type[ModelSettings]] = RidgeSettings

    @staticmethod
    def fit(sample: Sample, parts: Sequence[Mask], settings: RidgeSettings, min_rows: int, seed: int) -> list[Fit]:
        sums = moments(sample)
        return [_fit(sums, part, sample.names, settings.penalty, min_rows) for part in parts]

    @staticmethod
    def predict(terms: Mapping[str, Term], features: Array, names: tuple[str, ...]) -> Array:
        values = [terms[term].coefficient if term in terms else None for term in (*names, INTERCEPT)]
        if None in values:
            return np.full(len(features), np.nan)
        return np.asarray(linear(features, np.array(values, dtype=np.float64)))


@dataclass(frozen=True)
class Moments:
    """Sums over rows, one block a session: all that a linear fit on any set of sessions needs.

    Attributes:
        gram: (S, P, P) sums of x x', where x holds the features and a last 1.
        log: (S, P) sums of x times label_log.
        rows: (S,) numbers of labelled rows.
    """

    gram: Array
    log: Array
    rows: Index


def moments(sample: Sample) -> Moments:
    """Sums over the labelled rows of each session."""
    return Moments(*_blocks(sample.features, sample.log, sample.edges))


@njit()
def _blocks(features: Array, label: Array, edges: Index) -> tuple[Array, Array, Index]:
    """Sums in row order, session by session: a matrix product would depend on its library's threads and blocking."""
    n_sessions, p = len(edges) - 1, features.shape[1] + 1
    gram, log = np.zeros((n_sessions, p, p)), np.zeros((n_sessions, p))
    rows = np.zeros(n_sessions, dtype=np.int64)
    x = np.ones(p)
    for s in range(n_sessions):
        for row in range(edges[s], edges[s + 1]):
            if np.isnan(label[row]):
                continue
            rows[s] += 1
            for i in range(p - 1):
                x[i] = 0.0 if np.isnan(features[row, i]) else features[row, i]
            for i in range(p):
                log[s, i] += x[i] * label[row]
                for j in range(p):
                    gram[s, i, j] += x[i] * x[j]
    return gram, log, rows


def _fit(sums: Moments, part: Mask, names: tuple[str, ...], penalty: float, min_rows: int) -> Fit:
    fitted = coefficients(sums, part, penalty, min_rows)
    values = [None] * (len(names) + 1) if fitted is None else fitted.tolist()
    terms = {term: Term(value) for term, value in zip((*names, INTERCEPT), values, strict=True)}
    return Fit(terms, int(sums.rows[part].sum()))


def coefficients(sums: Moments, sessions: Mask, penalty: float, min_rows: int) -> Array | None:
    """(P,) ridge coefficients of these sessions, intercept last; None with fewer than `min_rows` rows."""
    if sums.rows[sessions].sum() < min_rows:
        return None
    return ridge(sums.gram[sessions].sum(axis=0), sums.log[sessions].sum(axis=0), penalty)


def ridge(gram: Array, moment: Array, penalty: float) -> Array:
    """(P,) minimizer of |y - Xb|^2 + penalty * |b without its last|^2, from X'X and X'y; the last is the intercept.

    A tiny fraction of the largest diagonal is added throughout, so that a feature that is 0 in every row gets 0.
    """
    diagonal = np.full(len(gram), penalty)
    diagonal[-1] = 0.0
    return np.linalg.solve(gram + np.diag(diagonal + 1e-12 * gram.diagonal().max()), moment).astype(np.float64)


@njit()
def linear(features: Array, b: Array) -> Array:
    """(n,) intercept plus the sum of coefficient times score, added in the features' order."""
    total = np.full(len(features), b[-1])
    for row in range(len(features)):
        for i in range(features.shape[1]):
            if not np.isnan(features[row, i]):
                total[row] += b[i] * features[row, i]
    return total
