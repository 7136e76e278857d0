"""Bands of the active exposure to factors of the risk model."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from scipy import sparse

from configs.settings.limits import FactorExposureSettings, LimitSettings
from quant_assets.numerics.arrays import Array
from quant_assets.portfolio.inputs import AssetInputs, RiskForecast
from quant_assets.portfolio.limits.protocol import LinearRows


class FactorExposure:
    """Exposure of what can be traded, less that of the benchmark's fraction of what is invested; see `protocol`.

    Dollar neutral there is no benchmark, and the bands lie around 0.
    """

    settings: ClassVar[type[LimitSettings]] = FactorExposureSettings

    @staticmethod
    def rows(assets: AssetInputs, risk: RiskForecast, settings: FactorExposureSettings) -> LinearRows:
        free = assets.tradable.astype(np.float64)
        exposures = _exposures(assets, risk, settings.bands).T * free
        active = exposures - np.outer(exposures @ assets.benchmark, free)
        band = np.array([*settings.bands.values()])
        return LinearRows(tuple(f"factor:{name}" for name in settings.bands), active, -band, band)

    @staticmethod
    def values(weights: Array, assets: AssetInputs, risk: RiskForecast, settings: FactorExposureSettings) -> Array:
        free = assets.tradable
        exposures, benchmark = _exposures(assets, risk, settings.bands)[free], assets.benchmark[free]
        invested = weights[free].sum()
        return np.asarray(exposures.T @ (weights[free] - invested * benchmark))


def _exposures(assets: AssetInputs, risk: RiskForecast, factors: Iterable[str]) -> Array:
    """(N, M) exposures to the named factors."""
    if unknown := sorted({*factors} - {*risk.factors}):
        raise ValueError(
            f"portfolio.limits: the risk model has no factor {', '.join(unknown)}; it has {', '.join(risk.factors)}"
        )
    columns = [risk.factors.index(name) for name in factors]
    return np.asarray(sparse.csc_array(assets.exposures)[:, columns].toarray())
