"""A kind of model: each score alone explains the label, and the slopes are averaged."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from configs.settings.models import ModelSettings
from quant_assets.alpha.models.protocol import Fit, Term
from quant_assets.alpha.training.samples import Sample
from quant_assets.numerics.arrays import Array, Mask


class MarginalSettings(ModelSettings):
    kind: Literal["marginal"] = "marginal"
    shrinkage: float = Field(0.5, ge=0, le=1, description="of each slope towards 0")


class Marginal:
    """A slope for each score; a score that is missing says nothing."""

    settings: ClassVar[type[ModelSettings]] = MarginalSettings

    @staticmethod
    def fit(sample: Sample, parts: Sequence[Mask], settings: MarginalSettings, min_rows: int, seed: int) -> list[Fit]:
        return [_fit(sample, part, settings, min_rows) for part in parts]

    @staticmethod
    def predict(terms: Mapping[str, Term], features: Array, names: tuple[str, ...]) -> Array:
        slopes = [terms[name].coefficient if name in terms else None for name in names]
        if None in slopes:
            return np.full(len(features), np.nan)
        total = np.zeros(len(features))
        for scores, slope in zip(features.T, slopes, strict=True):  # one after the other: the same bits for any rows
            total += np.where(np.isnan(scores), 0.0, slope * scores)
        return total


def _fit(sample: Sample, part: Mask, settings: MarginalSettings, min_rows: int) -> Fit:
    rows = sample.rows(part)
    if len(rows) < min_rows:
        return Fit({name: Term() for name in sample.names}, len(rows))
    scores = np.nan_to_num(sample.features[rows])
    products, squares = (scores * sample.log[rows, None]).sum(axis=0), (scores * scores).sum(axis=0)
    slopes = (1.0 - settings.shrinkage) * products / np.where(squares > 0, squares, np.inf) / len(sample.names)
    return Fit({name: Term(float(slope)) for name, slope in zip(sample.names, slopes, strict=True)}, len(rows))
