"""A source is declared once, as a `Dataset`; what else there is of each agrees with that."""

import pytest

from configs.validation import TABLES
from feature_store.dataset import Dataset, Events, States
from feature_store.schemas.catalogue import DATASETS, EVENTS, SOURCES
from feature_store.schemas.quality import QUARANTINE
from quant_assets.engine.asset import Source
from quant_assets.graph import core_assets
from quant_resources.vendors.http.vendor import SERVED
from quant_resources.vendors.ingest.canonical import PRICED
from quant_resources.vendors.ingest.rules import rules_of
from quant_resources.vendors.simulated.vendor import PAYLOADS

# -- known values ------------------------------------------------------------------------------------------------------


def test_bars_of_three_datasets_are_priced() -> None:
    assert sorted(PRICED) == ["market/bars", "market/benchmarks", "market/compared_bars"]


def test_members_industries_and_tickers_are_states_and_the_other_sources_events() -> None:
    assert sorted(set(SOURCES) - set(EVENTS)) == ["market/industries", "market/members", "market/tickers"]


# -- properties --------------------------------------------------------------------------------------------------------


def test_each_source_has_an_asset_that_asks_the_vendor_and_so_has_what_is_quarantined() -> None:
    assert {asset.name for asset in core_assets() if isinstance(asset, Source)} == {*SOURCES, QUARANTINE.name}


def test_files_and_the_simulated_market_serve_every_source_and_vendors_over_http_no_other() -> None:
    assert {f"market/{table}" for table in TABLES} == PAYLOADS.keys() == set(SOURCES)
    assert {dataset.name for dataset in SERVED} <= set(SOURCES)


@pytest.mark.parametrize("name", EVENTS)
def test_events_can_be_corrected_and_have_rules(name: str) -> None:
    assert DATASETS[name].restates
    assert isinstance(rules_of(DATASETS[name]), tuple)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_only_columns_of_events_that_may_be_null_may_be_left_out_of_a_file(dataset: Dataset) -> None:
    optional = [column for column in dataset.columns if column.optional]
    assert all(column.nullable and column.name not in dataset.key for column in optional)
    assert isinstance(dataset.origin, Events) or not optional


@pytest.mark.parametrize("name", [name for name, d in DATASETS.items() if isinstance(d.origin, States)])
def test_a_state_is_recorded_once_a_session(name: str) -> None:
    assert not DATASETS[name].restates
