"""The error of a wrong configuration."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """A setting that is unknown, missing or out of bounds; says where it was written and the fix."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The closest of the known names, as the end of a sentence; empty where none is close."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""
