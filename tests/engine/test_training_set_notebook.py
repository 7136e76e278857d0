"""The notebook of docs/, cell by cell, on the small market."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quant_resources.home import Choice, Home
from tests.engine.market import OVERRIDES, copy_store

NOTEBOOK = Path(__file__).parents[2] / "docs/training_set.ipynb"


def test_the_notebook_runs_and_sql_says_the_same(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASOF_HOME", str(tmp_path))
    Home.of_environment().remember(Choice("demo", overrides=OVERRIDES))
    copy_store(whole, tmp_path / "store")
    names: dict[str, object] = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    training, matured, in_sql, sizes = (names[name] for name in ("training", "matured", "in_sql", "sizes"))
    assert isinstance(training, pl.DataFrame) and isinstance(matured, pl.DataFrame) and isinstance(in_sql, pl.DataFrame)
    assert 0 < len(matured) < len(training)
    assert (matured["label_end"] > matured["session"]).all()
    assert len(sizes) == 3
    columns = ["session", "symbol", "z_momentum_63", "label_log"]
    assert_frame_equal(in_sql, training.select(columns).sort("session", "symbol"), check_exact=True)
