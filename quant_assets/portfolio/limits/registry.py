"""The kinds of limits, by the name that `portfolio.limits` gives; and all that a portfolio lists, together."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from configs.settings import Portfolio
from configs.settings.limits import LIMIT_SETTINGS
from configs.settings.registration import add_kind
from quant_assets.numerics.arrays import Array
from quant_assets.portfolio.inputs import AssetInputs, RiskForecast
from quant_assets.portfolio.limits.factor_exposure import FactorExposure
from quant_assets.portfolio.limits.protocol import Limit, LinearRows
from quant_assets.portfolio.problem import TOLERANCE

LIMITS: dict[str, type[Limit[Any]]] = {"factor_exposure": FactorExposure}


def add_limit(limit: type[Limit[Any]]) -> None:
    """Makes a kind of limit known, so that `portfolio.limits` may name it.

    Raises:
        ValueError: another limit has its kind.
    """
    kind = add_kind(LIMIT_SETTINGS, limit.settings)
    if LIMITS.setdefault(kind, limit) is not limit:
        raise ValueError(f"kind {kind!r} is that of {LIMITS[kind].__qualname__}; rename that of {limit.__qualname__}")


def appended(first: LinearRows, assets: AssetInputs, risk: RiskForecast, settings: Portfolio) -> LinearRows:
    """The rows, and below them those of the limits that the portfolio lists, in its order."""
    parts = [first, *(rows for _, rows in _listed(assets, risk, settings))]
    if len(parts) == 1:
        return first
    return LinearRows(
        tuple(name for part in parts for name in part.names),
        sparse.csr_array(sparse.vstack([sparse.csr_array(part.matrix) for part in parts])),
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
    )


def values(weights: Array, assets: AssetInputs, risk: RiskForecast, settings: Portfolio) -> dict[str, float]:
    """What the listed limits are about, at the weights, by name of the row; evaluated without their matrices.

    Raises:
        ValueError: a limit whose evaluation differs from its rows: one of the two is wrong.
    """
    evaluated: dict[str, float] = {}
    for of_kind, rows in _listed(assets, risk, settings):
        anew = LIMITS[of_kind.kind].values(weights, assets, risk, of_kind)
        for name, value, by_rows in zip(rows.names, anew, rows.matrix @ weights, strict=True):
            if not abs(value - by_rows) <= TOLERANCE:
                raise ValueError(
                    f"limit {of_kind.kind}, {name}: its rows give {by_rows:g} and its `values` {value:g}; "
                    "make the two state the same limit"
                )
            evaluated[name] = float(value)
    return evaluated


def _listed(assets: AssetInputs, risk: RiskForecast, settings: Portfolio) -> Iterator[tuple[Any, LinearRows]]:
    for of_kind in settings.limits:
        yield of_kind, LIMITS[of_kind.kind].rows(assets, risk, of_kind)
