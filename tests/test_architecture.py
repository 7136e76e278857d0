"""docs/architecture.md says what the code has: the graph, counts, checks, the order of packages."""

import itertools
import re
from collections import defaultdict
from configparser import ConfigParser
from datetime import date
from pathlib import Path

import pytest

from configs.settings import Features, History, Profile, SimulatedVendor
from feature_store.schemas.aggregate_features import INDUSTRY, MARKET
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.company_features import COMPANY
from feature_store.schemas.stock_features import FEATURES
from quant_assets.features.scores import scored
from quant_assets.graph import core_assets

ROOT = Path(__file__).parent.parent
PACKAGES = ("configs", "feature_store", "quant_resources", "quant_assets", "asof")


def architecture() -> str:
    return (ROOT / "docs" / "architecture.md").read_text()


def table_of_the_graph() -> dict[str, tuple[bool, str, dict[str, int]]]:
    """Of each dataset: whether it may speak of earlier dates, its kind, and how many sessions of what it reads."""
    rows = re.findall(r"^\| `(\w+/\w+)`( L)? \| ([^|]+?) \| ([^|]*)\|$", architecture(), flags=re.MULTILINE)
    return {
        name: (bool(late), kind, {of: int(n or 1) for of, n in re.findall(r"(\w+)(?: \((\d+)\))?", reads)})
        for name, late, kind, reads in rows
    }


def arrows_of_the_picture() -> tuple[set[tuple[str, str]], dict[tuple[str, str], set[str]]]:
    """Arrows between datasets of a slice, and what is read from slice to slice, in the Mermaid graph."""
    (picture,) = re.findall(r"```mermaid\n(.+?)```", architecture(), flags=re.DOTALL)
    within: set[tuple[str, str]] = set()
    between = {}
    for line in picture.splitlines():
        if labelled := re.fullmatch(r'  (\w+) -- "(.+)" --> (\w+)', line):
            source, read, reader = labelled.groups()
            between[source, reader] = set(read.split(", "))
        elif "-->" in line:
            stops = [[re.match(r"\w+", node.strip())[0] for node in part.split("&")] for part in line.split("-->")]
            within |= {arrow for a, b in itertools.pairwise(stops) for arrow in itertools.product(a, b)}
    return within, between


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_architecture_counts_what_there_is() -> None:
    text = " ".join(architecture().split())
    stock, company, scores = len(FEATURES), len(COMPANY), len(scored(Features()))
    assert f"for all {len(core_assets())} assets" in text
    assert f"{stock} of each stock from its own past and {company} of its company; by default {scores} of them" in text
    assert f"{len(INDUSTRY)} of each industry, and {len(MARKET)} of the market" in text


def test_the_architecture_orders_packages_and_slices_as_the_contracts_do() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    text = " ".join(architecture().split())
    for name, begin in (("packages", ""), ("slices", "quant_assets: ")):
        lines = contracts[f"importlinter:contract:{name}"]["layers"].split("\n")
        layers = [re.sub(r"[()]", "", line) for line in lines if line and not line.startswith("#")]
        places = (ROOT, ROOT / "quant_assets")
        there = [layer for layer in layers if any([*place.glob(f"{layer.split()[0]}*")] for place in places)]
        assert begin + " > ".join(there) in text


def test_the_architecture_lists_every_check_of_a_subject() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| .+ \|$", architecture(), flags=re.MULTILINE)
    checks = [(check, asset.dataset.name.split("/")[1]) for asset in core_assets() for check in asset.checks]
    assert sorted((check, name) for check, names in rows for name in names.split(", ")) == sorted(checks)


def test_the_table_of_the_graph_says_what_each_asset_reads() -> None:
    profile = Profile(name="default", history=History(start=date(2015, 1, 2)), vendor=SimulatedVendor(kind="simulated"))
    assert table_of_the_graph() == {
        asset.name: (
            asset.dataset.restates,
            asset.title,
            {window.dataset.name.split("/")[1]: window.sessions(profile) for window in asset.inputs.values()},
        )
        for asset in core_assets()
    }


def test_the_picture_of_the_graph_has_every_arrow_and_no_other() -> None:
    within, between = set(), defaultdict(set)
    for asset in core_assets():
        for window in asset.inputs.values():
            (source, read), (reader, made) = window.dataset.name.split("/"), asset.name.split("/")
            if source == reader:
                within.add((read, made))
            else:
                between[source, reader].add(read)
    assert arrows_of_the_picture() == (within, between)


@pytest.mark.parametrize("name", DATASETS)
def test_the_picture_of_the_graph_shows_every_dataset(name: str) -> None:
    assert f"`{name}`" in architecture()


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    pages = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert all(f"adr/{name}" in architecture() for name in pages)
