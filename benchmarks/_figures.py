"""What benchmarks share: a folder that goes away, and how figures are told."""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def scratch(beside):
    """A new folder inside the one named, or here; gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=beside or "."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def tell(figures, as_json):
    """By name, or as JSON for programs."""
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:60s} {value:12.4g}")
