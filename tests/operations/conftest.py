"""The small market, stored once for the tests of what corrections reach."""

import os

import pytest

from quant_resources.vendors.registry import make_vendor
from tests.operations.stored_market import DAYS, GRAPH, Stored, market
from tests.support.arrivals import Arrivals, rebuild


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    chosen = market()
    vendor = make_vendor(chosen)
    folder = tmp_path_factory.mktemp("impact") / "base"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing here outlives a crash
        rebuild(folder, chosen, vendor, GRAPH, DAYS)
    return Stored(folder, chosen, vendor, Arrivals(vendor, chosen, DAYS))
