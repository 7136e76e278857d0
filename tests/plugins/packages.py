"""Plugins written into folders of their own, each with a profile of the simulated market beside it."""

import textwrap
from pathlib import Path

from configs.load import load
from configs.settings import Profile
from quant_resources.plugins import load_plugins, with_plugin_settings
from tests.support import tiny

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "my_research"
# The tiny market; which models there are is the profile's own choice.
SETTINGS = {k: v for k, v in tiny.SETTINGS.items() if not k.startswith(("alpha.tree", "alpha.models"))}
MARKET = "history: {start: 2016-12-01}\nvendor: {kind: simulated}\n"

HEAD = """
import polars as pl
from feature_store.dataset import Dataset, Events, number
from feature_store.schemas.alpha import strategy_dataset
from feature_store.schemas.execution import BOOK
from feature_store.schemas.market import ADJUSTED_BARS, BARS, SYMBOL, UNIVERSE
from quant_assets.engine.asset import CrossSection, Source, TimeSeries, same, trailing
from quant_resources.plugins import Plugin


def values(name):
    return Dataset(name, ("symbol",), (SYMBOL, number("value", "ratio", "a value")), "Values.")


def last(bars, sessions, first):
    return bars.filter(pl.col("event_date") >= first).select("event_date", "symbol", value="log_return")


def asset(name, function=last):
    return TimeSeries(values(name), function, {"bars": trailing(ADJUSTED_BARS, 3, columns=("log_return",))})


"""


def package(folder: Path, name: str, text: str) -> Path:
    """A module `name` with the usual imports, and what is its own."""
    file = folder / f"{name}.py"
    file.write_text(HEAD + textwrap.dedent(text))
    return file


def profile_file(folder: Path, *plugins: str, more: str = "") -> Path:
    file = folder / "own.yaml"
    file.write_text(f"{MARKET}plugins: [{', '.join(plugins)}]\n{textwrap.dedent(more)}")
    return file


def profile_of(folder: Path, *plugins: str, more: str = "") -> Profile:
    """The profile as a home would have it."""
    return with_plugin_settings(load(str(profile_file(folder, *plugins, more=more)), load_plugins=load_plugins))
