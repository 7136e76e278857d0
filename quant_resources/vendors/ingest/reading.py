"""Payloads of the raw store as one frame, row by row with the load that each came in."""

from collections.abc import Callable, Sequence

import polars as pl

from feature_store.code.identity import code_version
from quant_resources.vendors.ingest.arrivals import LOADS
from quant_resources.vendors.ingest.raw_payloads import Load, RawStore

Parse = Callable[[bytes], pl.DataFrame]


def rows_of(raw: RawStore, loads: Sequence[Load], parse: Parse) -> pl.DataFrame:
    """What `parse` finds in the loads, with `load` and `source`; parsed payloads are kept beside the store."""
    parser = f"{parse.__name__}-{code_version(parse)[:12]}"
    frames = [
        raw.parsed(page.digest, parser, parse).with_columns(
            load=pl.lit(load.number, pl.Int64), source=pl.lit(load.series)
        )
        for load in loads
        for page in load.pages
    ]
    return pl.concat(frames) if frames else parse(b"{}").with_columns(load=pl.lit(0, pl.Int64), source=pl.lit(""))


def loads_of(loads: Sequence[Load]) -> pl.DataFrame:
    """In the columns of `arrivals.LOADS`."""
    rows = [(x.number, x.series, x.first, x.last, x.begun, x.arrived, x.live) for x in loads]
    return pl.DataFrame(rows, schema=LOADS, orient="row")
