"""Fingerprints: what a stored value depends on, in one hash. What code does is in `feature_store.code`."""

from collections.abc import Mapping

from feature_store.dataset import Dataset
from feature_store.hashing import digest_of


def schema_version(dataset: Dataset) -> str:
    """Hash of what the dataset's files look like and allow."""
    columns = [
        f"{c.name}|{c.dtype}|{c.unit}|{c.nullable}|{c.at_least}|{c.above}|{c.at_most}|{c.one_of}|{c.grade}"
        for c in dataset.columns
    ]
    return digest_of([dataset.name, str(dataset.version), *dataset.key, str(dataset.restates), *columns])


def fingerprint(parts: Mapping[str, str]) -> str:
    return digest_of([f"{name}={parts[name]}" for name in sorted(parts)])
