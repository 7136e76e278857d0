"""A few hundred damaged inputs to every parser; `benchmarks/fuzz.py` gives fifty thousand."""

import signal
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks._fuzz_targets import TARGETS, run_one

FEW = {"vendors": 4, "records": 6, "footers": 10, "settings": 20, "drops": 40}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_end_well_or_by_a_named_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYGON_API_KEY", "a-key-of-polygon")
    monkeypatch.setenv("FRED_API_KEY", "a-key-of-fred-too")
    monkeypatch.setattr("quant_resources.vendors.http.vendor.HttpClient", None)  # set by a target, and put back
    for number in range(FEW.get(name, 80)):
        run_one(number, name, tmp_path / "input")


def test_what_ends_otherwise_is_seen_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "FIRST_SECONDS", 0.5)
    inputs = [(1, "no such target"), (2, "abort"), (3, "hang"), (4, "no such target")]
    failed = fuzz.run(inputs, 0.2, tmp_path, start="fork")  # none of these needs a process of its own
    assert [(number, what) for number, _, what, _ in failed] == [
        (1, "KeyError"), (2, f"end of the process ({-signal.SIGKILL})"), (3, "hang"), (4, "KeyError"),
    ]  # fmt: skip
