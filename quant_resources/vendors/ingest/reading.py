"""Payloads of the raw store as one frame, row by row with the load that each came in."""

from collections.abc import Callable, Sequence

import polars as pl

from feature_store.code.identity import code_version
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest.arrivals import LOADS
from quant_resources.vendors.ingest.panics import SHOWN, named_failures
from quant_resources.vendors.ingest.raw_payloads import Load, Page, RawStore

FIX = "Restore the folder raw from a copy, or delete it and fetch again (late rows are then lost)"
Parse = Callable[[bytes], pl.DataFrame]


def rows_of(raw: RawStore, loads: Sequence[Load], parse: Parse) -> pl.DataFrame:
    """What `parse` finds in the loads, with `load` and `source`; parsed payloads are kept beside the store."""
    parser = f"{parse.__name__}-{code_version(parse)[:12]}"
    frames = [_rows(raw, load, page, parser, parse) for load in loads for page in load.pages]
    return (
        pl.concat(frames, rechunk=True)
        if frames
        else parse(b"{}").with_columns(load=pl.lit(0, pl.Int64), source=pl.lit(""))
    )


def _rows(raw: RawStore, load: Load, page: Page, parser: str, parse: Parse) -> pl.DataFrame:
    """
    Raises:
        VendorError: the payload cannot be read, as one that was kept before payloads were read first.
    """
    try:
        with named_failures(page.request):
            rows = raw.parsed(page.digest, parser, parse)
    except VendorError:
        raise
    except Exception as error:
        raise VendorError(
            f"{load.series}: the kept answer to {page.request} cannot be read ({type(error).__name__}: "
            f"{str(error)[:SHOWN]}); it is the object {page.digest[:12]} of the folder raw. {FIX}"
        ) from None
    return rows.with_columns(load=pl.lit(load.number, pl.Int64), source=pl.lit(load.series))


def loads_of(loads: Sequence[Load]) -> pl.DataFrame:
    """In the columns of `arrivals.LOADS`."""
    rows = [(x.number, x.series, x.first, x.last, x.begun, x.arrived, x.live) for x in loads]
    return pl.DataFrame(rows, schema=LOADS, orient="row")
