"""The market's vendor, and beside it those of plugins, each for its own sources."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from feature_store.dataset import Dataset
from quant_resources.vendors.protocol import Vendor


@dataclass(frozen=True)
class SeveralVendors:
    """Passes each question on to the vendor of the dataset.

    Attributes:
        market: serves all datasets that no feed serves.
        feeds: vendor by dataset.
    """

    market: Vendor
    feeds: Mapping[str, Vendor]

    def of(self, dataset: Dataset) -> Vendor:
        """The vendor that serves the dataset."""
        return self.feeds.get(dataset.name, self.market)

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        return self.of(dataset).fetch(dataset, sessions, until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        return self.of(dataset).parse(dataset, raw, sessions)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        return self.of(dataset).left_out(dataset, raw, sessions)


def vendor_of(vendor: Vendor, dataset: Dataset) -> Vendor:
    """The vendor that serves the dataset: itself, or one of several."""
    return vendor.of(dataset) if isinstance(vendor, SeveralVendors) else vendor
