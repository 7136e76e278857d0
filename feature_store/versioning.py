"""Fingerprints: what a stored value depends on, in one hash. What code does is in `feature_store.code`."""

import json
from collections.abc import Mapping

from feature_store.dataset import Dataset
from feature_store.hashing import digest_of

COLUMN_FIELDS = ("name", "dtype", "unit", "nullable", "at_least", "above", "at_most", "one_of", "grade")


def schema_version(dataset: Dataset) -> str:
    """Hash of what the dataset's files look like and allow."""
    columns = ["|".join(column.values()) for column in _columns(dataset)]
    return digest_of([dataset.name, str(dataset.version), *dataset.key, str(dataset.restates), *columns])


def schema_text(dataset: Dataset) -> str:
    """What the hash stands for, as JSON."""
    meaning = {"key": list(dataset.key), "restates": dataset.restates, "columns": _columns(dataset)}
    return json.dumps(meaning, sort_keys=True)


def _columns(dataset: Dataset) -> list[dict[str, str]]:
    return [{name: f"{getattr(column, name)}" for name in COLUMN_FIELDS} for column in dataset.columns]


def fingerprint(parts: Mapping[str, str]) -> str:
    return digest_of([f"{name}={parts[name]}" for name in sorted(parts)])
