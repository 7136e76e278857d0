"""Qlib's Alpha158, along time: 13 factors of one bar, and 29 families over windows of 5 to 60 sessions."""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from configs.settings import Features
from feature_store.schemas.alpha158 import BAR, FACTORS, ROLLING, WINDOWS
from feature_store.schemas.features import ALPHA158
from quant_assets.features.alpha158.kernels import KERNELS
from quant_assets.features.alpha158.lanes import EPSILON, Request, Values, bar_columns, lanes_of, place
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.rolling import min_observations
from quant_assets.numerics.sorting_network import ordering

WINDOW_COLUMNS = ("high", "low", "close", "dollar_volume_usd", "split_ratio", "log_return")
BAR_COLUMNS = ("open", "vwap", *WINDOW_COLUMNS)
LOOKBACK_SESSIONS = max(WINDOWS) + 1  # Ref($close, 60)
PLACES = 32_768  # of sessions side by side times their lags: as many numbers fit the processor's nearer memory
BLOCK_ROWS = 16_384  # rows worked on at once: their memory is used again, and values do not depend on it


def alpha158(bars: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: Features) -> pl.DataFrame:
    """Every factor of FACTORS, along time, where `settings.alpha158` asks for them; else no rows.

    Args:
        bars: rows of ADJUSTED_BARS, `BAR_COLUMNS` of them.
        sessions: the window, ascending; a value is exact once `LOOKBACK_SESSIONS` of it have passed, and the same bits
            wherever the window begins.
        first: the first session that is due.

    Returns:
        Rows of ALPHA158, one for each bar from `first` on.
    """
    if not settings.alpha158:
        return ALPHA158.empty().drop("known_at")
    return factors(bars, sessions, first, tuple(FACTORS), settings.min_observations_fraction)


def factors(
    bars: pl.DataFrame, sessions: list[dt.date], first: dt.date, names: Sequence[str], min_fraction: float
) -> pl.DataFrame:
    """The factors that are named, in single precision, by event_date and symbol of each bar from `first` on.

    On windows in which every session has a bar and a volume they are Qlib's. A window counts sessions; where less than
    `min_fraction` of what a factor takes of it is observed, it is null, where Qlib makes do with one value. A bar
    without a return (after a gap too long) hides all before it. A factor in terms of the session's volume is null where
    that is 0 or not known; RSQR, CORR and CORD are null where nothing moves.

    Raises:
        ValueError: a name that FACTORS has not, a bar outside `sessions`, or two of one symbol and session.
    """
    if unknown := [name for name in names if name not in FACTORS]:
        raise ValueError(f"Alpha158 has no factor {unknown}; choose among {', '.join(FACTORS)}")
    families, windows, request = _request(names, min_fraction)
    single = [name for name in BAR if name in names]
    bars = _in_order(bars)
    n_rows = int((bars["event_date"] >= first).sum())
    # of all rows, in the memory that the result keeps: pieces would be held twice
    rolling = np.empty((len(families), len(windows), n_rows), dtype=np.float32)
    of_bar = np.empty((len(single), n_rows), dtype=np.float32)
    end = 0
    for block in _blocks(bars, sessions):
        rows = np.flatnonzero((block.bars["event_date"] >= first).to_numpy())
        start, end = end, end + len(rows)
        column = {name: block.bars[name].to_numpy() for name in BAR_COLUMNS}  # null becomes NaN
        if families and len(rows):
            of_windows = bar_columns(np.array([column[name] for name in WINDOW_COLUMNS]), block.begin, block.day)
            _fill(of_windows, block.begin, block.day, rows, request, rolling[:, :, start:end])
        if single:
            values = _of_bar({name: whole[rows] for name, whole in column.items()})
            of_bar[:, start:end] = [values[name] for name in single]
    by_name = dict(zip(single, of_bar, strict=True)) | {
        f"{family}{n}": rolling[f, w] for f, family in enumerate(families) for w, n in enumerate(windows)
    }
    keys = bars.lazy().filter(pl.col("event_date") >= first).select("event_date", "symbol").collect()
    return keys.hstack([_nullable(name, by_name[name]) for name in names])


class Block(NamedTuple):
    """Bars of some whole symbols, each symbol's oldest first, with the row of its first and their session's number."""

    bars: pl.DataFrame
    begin: Index
    day: Index


def _request(names: Sequence[str], min_fraction: float) -> tuple[list[str], list[int], Request]:
    """Families and windows that the names take, and the same for the kernels."""
    split = [(name.rstrip("0123456789"), name) for name in names if name not in BAR]
    families = list(dict.fromkeys(family for family, _ in split))
    windows = sorted({int(name.removeprefix(family)) for family, name in split})
    slot = [families.index(family) if family in families else len(families) for family in ROLLING]
    quantiles = {"QTLU", "QTLD"} & set(families)
    networks = [ordering(n, before) if quantiles else [] for before, n in pairwise([0, *windows])]
    return families, windows, Request(
        np.array(windows, dtype=np.int64),
        np.array([min_observations(n, min_fraction) for n in windows], dtype=np.int64),
        np.array(slot, dtype=np.int64),
        np.array(list(chain(*networks)), dtype=np.int64).reshape(-1, 2),
        np.cumsum([len(network) for network in networks], dtype=np.int64),
    )  # fmt: skip


def _in_order(bars: pl.DataFrame) -> pl.DataFrame:
    """Each symbol's bars together, its oldest first."""
    starts = _starts(bars)
    if bars["symbol"].gather(starts).n_unique() < len(starts) or not _ascend(bars).all():
        bars = bars.sort("symbol", "event_date")
    if not (ascend := _ascend(bars)).all():
        row = bars.row(int(ascend.arg_min() or 0), named=True)
        raise ValueError(f"{row['symbol']} has two rows on {row['event_date']}; pass rows as known at one moment")
    return bars


def _blocks(bars: pl.DataFrame, sessions: list[dt.date]) -> Iterator[Block]:
    if not len(bars):
        return
    starts, days = _starts(bars), np.array(sessions, dtype="datetime64[D]").astype(np.int64)
    reached = np.searchsorted(starts, np.arange(0, len(bars), BLOCK_ROWS), side="right") - 1
    for start, end in pairwise([*np.unique(starts[reached]), len(bars)]):
        block = bars.slice(start, end - start)
        own = _starts(block)
        yield Block(block, np.repeat(own, np.diff(own, append=len(block))), _number(block["event_date"], days))


def _starts(bars: pl.DataFrame) -> Index:
    """Rows at which a symbol begins."""
    new = bars["symbol"] != bars["symbol"].shift(1)
    return np.flatnonzero(new.fill_null(True).to_numpy()).astype(np.int64)


def _ascend(bars: pl.DataFrame) -> pl.Series:
    """Of each row, whether it is of a later session than the one before, or of another symbol."""
    symbol, date = bars["symbol"], bars["event_date"]
    return ((date > date.shift(1)) | (symbol != symbol.shift(1))).fill_null(True)


def _number(event_date: pl.Series, days: Index) -> Index:
    """Number of each row's session among `days`, which count from 1970."""
    dates = event_date.to_physical().to_numpy()
    number = np.minimum(np.searchsorted(days, dates), len(days) - 1)
    if (outside := days[number] != dates).any():
        date = event_date[int(np.argmax(outside))]
        raise ValueError(f"rows of {date} lie outside the window of {len(days)} sessions; pass that they belong to")
    return number.astype(np.int64)


def _nullable(name: str, values: Values) -> pl.Series:
    """Null for NaN, over the same memory: Polars alone would copy it."""
    known = ~np.isnan(values)
    mask = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    array = pa.Array.from_buffers(pa.float32(), len(values), [mask, pa.py_buffer(values)])
    return pl.Series(name, array)


def _fill(columns: Array, begin: Index, day: Index, rows: Index, request: Request, out: Values) -> None:
    """Write the requested factors of each of the `rows` to out[slot, w]; NaN where it is not known.

    Args:
        columns: `bar_columns` of all symbols one after the other, each symbol's oldest first.
        begin: row of each bar's symbol's first.
        day: number of each bar's session.
        rows: ascending.
        out: (slots, W, rows).
    """
    kernels = [kernel for kernel, families in KERNELS.items() if (request.slot[list(families)] < len(out)).any()]
    side_by_side = max(1, PLACES // (request.windows[-1] + 1))
    block = begin[rows] * (day.max() // side_by_side + 1) + day[rows] // side_by_side
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1), len(rows)]
    for start, end in pairwise(edges):
        first, last = rows[start], rows[end - 1]
        lanes = lanes_of(columns, begin[first], day, first, last, request.windows[-1])
        values = np.full((len(out) + 1, out.shape[1], lanes.bar.shape[1]), np.nan, dtype=np.float32)
        for kernel in kernels:
            kernel(lanes, request, values)
        place(values, day[rows[start:end]] - day[first], out[:, :, start:end])


def _of_bar(bar: dict[str, Array]) -> dict[str, Array]:
    opens, high, low, close = (bar[name] for name in ("open", "high", "low", "close"))
    top, bottom, span = np.maximum(opens, close), np.minimum(opens, close), high - low + EPSILON
    parts = {"KMID": close - opens, "KUP": high - top, "KLOW": bottom - low, "KSFT": 2 * close - high - low}
    return {
        "KLEN": (high - low) / opens,
        **{name: values / opens for name, values in parts.items()},
        **{f"{name}2": values / span for name, values in parts.items()},
        **{f"{name.upper()}0": bar[name] / close for name in ("open", "high", "low", "vwap")},
    }
