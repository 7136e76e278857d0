"""The asset graph as text: a diff of the snapshot shows that it changed."""

from pathlib import Path

import pytest

from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.execution import BOOKS
from quant_assets.engine.asset import Recursive, SessionAsset, Source
from quant_assets.graph import as_text, core_assets

SNAPSHOT = Path(__file__).with_name("graph_snapshot.txt")
# left to right; a slice reads what stands left of it or itself, and what projects the book reads the book
SLICES = ("market", "features", "regimes", "risk", "alpha", "portfolio", "execution", "backtest")

# -- known values ------------------------------------------------------------------------------------------------------


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    """After a wanted change, write the lines of `as_text(core_assets())` to the snapshot."""
    assert [line.rstrip() for line in as_text(core_assets()).splitlines()] == SNAPSHOT.read_text().splitlines()


def test_every_dataset_has_one_asset() -> None:
    assert sorted(asset.name for asset in core_assets()) == sorted(DATASETS)


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", core_assets(), ids=lambda asset: asset.name)
def test_an_asset_comes_after_everything_that_it_reads(asset: SessionAsset) -> None:
    order = [a.name for a in core_assets()]
    read = [window.dataset.name for window in asset.inputs.values()]
    assert all(order.index(name) < order.index(asset.name) for name in read)
    assert bool(read) == (not isinstance(asset, Source))


@pytest.mark.parametrize("asset", core_assets(), ids=lambda asset: asset.name)
def test_a_slice_reads_what_stands_left_of_it(asset: SessionAsset) -> None:
    read = {window.dataset.name for window in asset.inputs.values()}
    if read == {"execution/book"}:
        return  # a projection, which decides nothing, whatever its slice
    slices = {name.split("/")[0] for name in read}
    assert all(SLICES.index(name) <= SLICES.index(asset.dataset.slice) for name in slices)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_nothing_but_the_books_carries_its_own_past() -> None:
    books = {dataset.name for dataset in BOOKS.values()}
    assert {asset.datasets[0].name for asset in core_assets() if isinstance(asset, Recursive)} == books
    assert not [a.name for a in core_assets() if a.name in {w.dataset.name for w in a.inputs.values()}]
