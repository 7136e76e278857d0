"""asof from Python, without Dagster: point-in-time data and the platform's numerics; docs/library.md goes through it.

A name is imported when it is first used, so that `import asof` takes a moment whatever the parts bring.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import feature_store  # noqa: F401 -- pins the numeric platform before anything loads NumPy (ADR 15)

if TYPE_CHECKING:
    from asof import book, detectors, features, metrics, models, portfolio, risk, technical
    from asof.dates import sessions
    from asof.splitters import CombinatorialPurged, PurgedKFold, WalkForward
    from asof.stores import Store, open

_MODULES = ("book", "detectors", "features", "metrics", "models", "portfolio", "risk", "technical")
_PLACES = {
    "CombinatorialPurged": "splitters",
    "PurgedKFold": "splitters",
    "Store": "stores",
    "WalkForward": "splitters",
    "open": "stores",
    "sessions": "dates",
}

__all__ = [
    "CombinatorialPurged",
    "PurgedKFold",
    "Store",
    "WalkForward",
    "book",
    "detectors",
    "features",
    "metrics",
    "models",
    "open",
    "portfolio",
    "risk",
    "sessions",
    "technical",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"asof.{name}")
    if name in _PLACES:
        return getattr(import_module(f"asof.{_PLACES[name]}"), name)
    raise AttributeError(f"asof has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
