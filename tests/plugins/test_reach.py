"""What functions of plugins may reach: their inputs, and data files of their own package, which then count."""

import datetime as dt
import sys
from pathlib import Path

import polars as pl
import pytest

from feature_store.code import identity
from feature_store.code.access import AccessError
from quant_assets.engine.access_profile import Bounded, strictly
from quant_assets.graph import all_assets
from quant_resources.plugins import PluginError
from tests.plugins.packages import package, profile_of

CODED = """
from importlib.resources import files


def coded(bars, sessions, first):
    codes = files("{name}").joinpath("codes.csv").read_text().split()
    return bars.with_columns(value=pl.lit(float(codes[0])))


PLUGIN = Plugin(name="{name}", assets=[asset("{name}/coded", coded)])
"""
BARS = pl.DataFrame({"symbol": ["ACME"]})
ARGUMENTS = {"bars": BARS, "sessions": [dt.date(2016, 12, 1)], "first": dt.date(2016, 12, 1)}


def coded_package(folder: Path, name: str) -> Path:
    """A package with a data file; returns the file."""
    (folder / name).mkdir()
    package(folder / name, "__init__", CODED.format(name=name))
    data = folder / name / "codes.csv"
    data.write_text("1.5\n")
    return data


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_data_file_of_the_package_may_be_read_and_its_bytes_count(tmp_path: Path) -> None:
    data = coded_package(tmp_path, "with_codes")
    profile = profile_of(tmp_path, "with_codes")
    (own,) = [a for a in all_assets(profile) if a.name == "with_codes/coded"]
    with strictly(own):
        assert Bounded(own.name, own.function)(**ARGUMENTS)["value"].to_list() == [1.5]
    before = identity.code_version(own.function)
    data.write_text("2.5\n")
    identity.forget()
    assert identity.code_version(own.function) != before


LATE = """
def late(bars, sessions, first):
    from late_part.scales import SCALE

    return bars.with_columns(value=pl.lit(SCALE))


PLUGIN = Plugin(name="late_part", assets=[asset("late_part/late", late)])
"""
SCALES = """
import re
from pathlib import PurePath

SCALE = float(len(re.compile("a|b").pattern))
HERE = PurePath(__file__).name
"""


def test_a_module_that_is_imported_late_is_no_access(tmp_path: Path) -> None:
    (tmp_path / "late_part").mkdir()
    package(tmp_path / "late_part", "__init__", LATE)
    (tmp_path / "late_part" / "scales.py").write_text(SCALES)
    (own,) = [a for a in all_assets(profile_of(tmp_path, "late_part")) if a.name == "late_part/late"]
    with strictly(own):
        sys.modules.pop("late_part.scales", None)  # as in a process that has not computed anything yet
        assert Bounded(own.name, own.function)(**ARGUMENTS)["value"].to_list() == [3.0]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_data_file_of_another_place_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "beside.csv").write_text("1.5\n")
    data = coded_package(tmp_path, "by_a_link")
    data.unlink()
    data.symlink_to(tmp_path / "beside.csv")
    (own,) = [a for a in all_assets(profile_of(tmp_path, "by_a_link")) if a.name == "by_a_link/coded"]
    with pytest.raises(AccessError, match=r"asset by_a_link/coded: its function by_a_link\.coded opens"):
        Bounded(own.name, own.function)(**ARGUMENTS)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("reads_ahead", "TABLE = pl.read_parquet", r"\.TABLE .*reads_ahead.py:\d+\) uses polars.read_parquet"),
        ("asks_store", "from feature_store.store import Store\nTABLE = lambda p: Store(p)", "uses|is no part"),
        ("asks_clock", "import time\nTABLE = lambda p: time.time()", "uses time.time; take the parameter `session`"),
        ("runs_text", "TABLE = lambda p: eval(p)", "eval of what is only known at run time"),
        ("counts", "COUNTS = {}\ndef TABLE(p):\n    COUNTS[p] = 1\n    return COUNTS", "changes counts.COUNTS"),
    ],
)  # fmt: skip
def test_a_plugin_whose_asset_reaches_beyond_its_inputs_is_rejected_at_load(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    body = f"""
{text}


def leaky(bars, sessions, first):
    return bars.join(TABLE("future.parquet"), on="symbol")


PLUGIN = Plugin(name="{name}", assets=[asset("{name}/leaky", leaky)])
"""
    package(tmp_path, name, body)
    with pytest.raises(PluginError, match=f"plugin {name}: .*({complaint})"):
        all_assets(profile_of(tmp_path, name))
