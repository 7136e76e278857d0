"""The package `asof`: one name, imported in a moment, that knows no Dagster."""

import subprocess
import sys

import pytest

import asof


def in_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


# -- known values ------------------------------------------------------------------------------------------------------


def test_every_name_leads_to_something() -> None:
    assert dir(asof) == sorted(asof.__all__)
    assert all(getattr(asof, name) is not None for name in asof.__all__)


# -- properties --------------------------------------------------------------------------------------------------------


def test_importing_it_loads_no_numeric_library() -> None:
    heavy = ("numpy", "polars", "pandas", "numba", "sklearn", "dagster", "duckdb")
    assert in_new_process(f"import asof, sys; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_none_of_it_loads_dagster() -> None:
    code = "import asof, sys; [getattr(asof, name) for name in asof.__all__]; print('dagster' in sys.modules)"
    assert in_new_process(code) == "False"


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_name_that_there_is_not_is_rejected_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match="asof has no 'purged'; it has CombinatorialPurged, PurgedKFold"):
        asof.purged  # noqa: B018
