"""The wheel is whole: unpacked beside the installed dependencies, it runs from an empty folder without the repository.

It is built from the tracked files by the build backend, with no network, and compiles no kernel: what is tested is
what it brings.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.test_repository import PACKAGES, ROOT, own_files

BUILD = "from setuptools.build_meta import build_wheel; build_wheel('../dist')"
SMALL = {
    "vendor.n_symbols": "4",
    "vendor.start": "2016-11-01",
    "vendor.end": "2017-01-10",
    "history.start": "2016-12-27",
    "history.end": "2016-12-30",
    "alpha.lookback_sessions": "63",
    "features.horizons": "[1]",
    "risk.lookback_sessions": "21",
    "risk.min_observations": "10",
}
SCRIPT = """
import numpy as np, pandas as pd
from sklearn.model_selection import cross_val_score
import asof

store = asof.open()
universe = store.read("market/universe", as_of="2016-12-30").to_pandas()
rows = universe[["symbol", "event_date"]].rename(columns={"event_date": "session"})
frame = store.training_set(rows, {"features/stock_features": ["return_1"]}, [], "2016-12-30").to_pandas()
frame["y"] = np.arange(len(frame), dtype=float)
splits = asof.PurgedKFold(2, horizon_sessions=1)
scores = cross_val_score(asof.models.Ridge(1.0), frame[["return_1"]], frame["y"], groups=frame["session"], cv=splits)
cap = asof.portfolio.Constraint("first two", [1, 1, 0], upper=0.4)
problem = asof.portfolio.problem([0.1, 0.1, 0.0], np.diag([0.04, 0.04, 0.04]), constraints=[cap])
weights = asof.portfolio.solve(problem).weights
print(asof.__file__, len(scores), round(float(weights[:2].sum()), 6), asof.metrics.total_return(pd.Series([0.1, 0.1])))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tracked files alone."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in own_files():
        name = path.relative_to(ROOT)
        if name.parts[0] in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes(path.read_bytes())
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder / "source", check=True, capture_output=True)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path) -> Path:
    folder = wheel.parent.parent / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(site: Path, folder: Path, *words: str) -> str:
    """Python in an empty folder, with the wheel and the dependencies alone."""
    environment = {key: value for key, value in os.environ.items() if key not in ("DAGSTER_HOME", "PYTHONPATH")}
    mine = {"PYTHONPATH": str(site), "ASOF_HOME": str(folder / "home"), "ASOF_WORKERS": "1", "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment | mine, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


# -- known values ------------------------------------------------------------------------------------------------------


def test_it_brings_every_file_of_its_packages_and_no_other(wheel: Path) -> None:
    tracked = {str(path.relative_to(ROOT)) for path in own_files()}
    of_packages = {name for name in tracked if name.split("/")[0] in PACKAGES}
    with zipfile.ZipFile(wheel) as archive:
        brought = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert brought == of_packages
    assert {name.rpartition(".")[2] for name in brought} >= {"py", "yaml", "j2", "css"}


def test_a_plain_install_brings_no_tools_of_development(site: Path) -> None:
    (metadata,) = site.glob("*.dist-info/METADATA")
    lines = [line for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist: ")]
    required = [Requirement(line.removeprefix("Requires-Dist: ")) for line in lines]
    plain = {r.name for r in required if r.marker is None or r.marker.evaluate({"extra": ""})}
    assert (
        plain & {"pytest", "hypothesis", "mypy", "ruff", "import-linter", "pre-commit", "cvxpy", "setuptools"} == set()
    )
    assert {"dagster", "polars", "duckdb"} <= plain
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    assert "asof = quant_assets.cli.app:main" in entry_points.read_text()


def test_it_runs_the_demo_and_ten_lines_of_python_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    run(site, tmp_path, "-m", "asof", "backfill", "--profile", "demo", *settings)
    shown = run(site, tmp_path, "-m", "asof", "demo")
    assert "performance.html" in shown
    assert list((tmp_path / "home").rglob("performance.html"))
    file, *rest = run(site, tmp_path, "-c", SCRIPT).split()
    assert Path(file) == site / "asof" / "__init__.py"
    assert rest == ["2", "0.4", "0.2100000000000002"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
