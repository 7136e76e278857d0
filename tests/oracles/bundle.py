"""The market data beside the repository, for the tests that may read it."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"


def needs(path: str) -> pytest.MarkDecorator:
    """Skip, and say so, where the file beside the repository is absent."""
    return pytest.mark.skipif(not (SHARED / path).exists(), reason=f"needs {path} beside the repository")
