"""Stores that all workers of a test run share: the first to need one makes it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, in whichever worker; never written to afterwards: take a copy."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = factory.mktemp(name) if alone else factory.getbasetemp().parent / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            make(folder / "made")
            (folder / "done").touch()
    return folder / "made"
