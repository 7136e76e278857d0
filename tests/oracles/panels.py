"""Small markets for tests: frames from plain lists, and random ones with holes, from a seed."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Market
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.schemas.market import ADJUSTED_BARS, BARS, CORPORATE_ACTIONS, INDUSTRIES, MACRO, MEMBERS, UNIVERSE
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.numerics.panel import window

FIRST = dt.date(2015, 1, 2)


def sessions(n: int, first: dt.date = FIRST) -> list[dt.date]:
    start = calendar.index_of(first)
    return list(calendar.all_sessions()[start : start + n])


def stored(dataset: Dataset) -> dict[str, pl.DataType]:
    """The columns that a pure function sees and returns."""
    return dataset.computed_schema


def assert_stored_as(frame: pl.DataFrame, dataset: Dataset, also: tuple[str, ...] = ()) -> None:
    """Columns and types are the dataset's, keys are unique, and what may not be null is not."""
    expected = stored(dataset)
    assert set(frame.columns) == {*expected, *also}
    assert {name: frame.schema[name] for name in expected} == expected
    assert not frame.select("event_date", *dataset.key).is_duplicated().any()
    for column in dataset.columns:
        assert column.nullable or frame[column.name].null_count() == 0


def bars(rows: list[tuple[dt.date, str, float, float]], volume: int = 1000) -> pl.DataFrame:
    """BARS from (day, symbol, open, close)."""
    whole = [(day, symbol, o, max(o, c), min(o, c), c, volume, None, None) for day, symbol, o, c in rows]
    return pl.DataFrame(whole, schema=stored(BARS), orient="row").sort("symbol", "event_date")


def actions(rows: list[tuple[dt.date | str | float | None, ...]]) -> pl.DataFrame:
    """CORPORATE_ACTIONS from (ex-date, symbol, action, value) and, where there are any, cash_usd and other_symbol."""
    whole = [(*row, None, None)[:6] for row in rows]
    frame = pl.DataFrame(whole, schema=stored(CORPORATE_ACTIONS), orient="row")
    return frame.sort("symbol", "action", "event_date")


def members(rows: list[tuple[dt.date, str, bool]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=stored(MEMBERS), orient="row")


def universe(rows: list[tuple[dt.date, str, bool]]) -> pl.DataFrame:
    """UNIVERSE from (day, symbol, tradable); who is not tradable had no bar."""
    whole = [
        (day, symbol, tradable, tradable, 100.0 if tradable else None, 1e7 if tradable else None, None)
        for day, symbol, tradable in rows
    ]
    return pl.DataFrame(whole, schema=stored(UNIVERSE), orient="row")


def industries(rows: list[tuple[dt.date, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=stored(INDUSTRIES), orient="row")


def macro(rows: list[tuple[dt.date, str, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=stored(MACRO), orient="row").sort("event_date", "series")


def industry_returns(
    days: list[dt.date], returns: dict[str, list[float | None]], members: dict[str, int] | None = None
) -> pl.DataFrame:
    """INDUSTRY_RETURNS of one-step log returns per industry, equal weights or proxy; None means no row, NaN a null."""
    rows = [
        {
            "event_date": day,
            "industry": industry,
            "log_return": r,
            "n_members": 0 if np.isnan(r) else (members or {}).get(industry, 10),
            "proxy": None if np.isnan(r) else "capitalisation",
            "proxy_log_return": r,
            "n_volumes": 0,
        }
        for industry, path in returns.items()
        for day, r in zip(days, path, strict=True)
        if r is not None
    ]
    frame = pl.DataFrame(rows, schema=stored(INDUSTRY_RETURNS))
    return frame.with_columns(pl.col("log_return", "proxy_log_return").fill_nan(None)).sort("event_date", "industry")


def adjusted(
    days: list[dt.date], returns: dict[str, list[float | None]], intraday: float = 0.0, dollars: float | None = 1e6
) -> pl.DataFrame:
    """ADJUSTED_BARS of one-step log returns per symbol; None means no bar."""
    rows = [
        (day, symbol, r, 0.0, intraday, 1.0, 0.0, 100.0, 101.0, 99.0, 100.0, dollars, None)
        for symbol, path in returns.items()
        for day, r in zip(days, path, strict=True)
        if r is not None
    ]
    frame = pl.DataFrame(rows, schema=stored(ADJUSTED_BARS), orient="row")
    return frame.with_columns(pl.col("log_return").fill_nan(None)).sort("symbol", "event_date")


def random_market(seed: int, n_sessions: int, n_symbols: int = 4) -> tuple[pl.DataFrame, pl.DataFrame, list[dt.date]]:
    """BARS with missing bars and volumes, CORPORATE_ACTIONS also on weekends and after the end, and the sessions.

    Of the actions only those that a holder of the symbol alone can see, and some that do nothing for him.
    """
    rng = np.random.default_rng(seed)
    days = sessions(n_sessions)
    rows, acts = [], []
    for symbol in [f"S{i}" for i in range(n_symbols)]:
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, n_sessions)))
        opens = close * np.exp(rng.normal(0, 0.01, n_sessions))
        present = rng.random(n_sessions) > 0.15
        rows += [(days[t], symbol, float(opens[t]), float(close[t])) for t in np.flatnonzero(present)]
        for day in rng.choice(n_sessions + 8, size=4, replace=False):
            ex_date = days[0] + dt.timedelta(days=int(day * 7 / 5))
            acts.append((ex_date, symbol, "split", float(rng.choice([0.5, 2.0, 1.5]))))
            acts.append(
                (ex_date + dt.timedelta(days=int(rng.integers(0, 3))), symbol, "cash_dividend", float(rng.random()))
            )
        acts += _events(symbol, days, np.random.default_rng([seed, len(acts)]))
    frame = bars(rows).with_columns(volume=pl.when(pl.Series(rng.random(len(rows)) > 0.1)).then("volume"))
    return (
        frame,
        actions(acts).unique(["symbol", "action", "event_date"], keep="first").sort("symbol", "action", "event_date"),
        days,
    )


def _events(symbol: str, days: list[dt.date], rng: np.random.Generator) -> list[tuple]:
    """What happens to a share beside splits and usual dividends."""
    when = [days[0] + dt.timedelta(days=int(day)) for day in rng.integers(0, len(days) * 7 // 5, 5)]
    return [
        (when[0], symbol, "special_dividend", float(rng.random())),
        (when[1], symbol, "spin_off", 0.5, float(rng.random()), "KID"),
        (when[2], symbol, "spin_off", 0.5, None, "KID") if rng.random() < 0.5 else (when[2], symbol, "split", None),
        (when[3], symbol, "symbol_change", 1.0, None, "NEW"),
        (when[4], symbol, "merger", 0.5, 3.0, "ACQUIRER"),
    ]


def random_returns(
    seed: int, n_sessions: int, n_symbols: int = 4, holes: float = 0.1, breaks: float = 0.02
) -> tuple[pl.DataFrame, list[dt.date]]:
    """ADJUSTED_BARS with missing bars, null returns and null dollar volumes, and the sessions."""
    rng = np.random.default_rng(seed)
    days = sessions(n_sessions)
    paths = {
        f"S{i}": [None if rng.random() < holes else float(r) for r in rng.normal(0, 0.02, n_sessions)]
        for i in range(n_symbols)
    }
    frame = adjusted(days, paths)
    n = len(frame)
    return frame.with_columns(
        log_return=pl.when(pl.Series(rng.random(n) > breaks)).then("log_return"),
        intraday_log_return=pl.Series(rng.normal(0, 0.01, n)),
        dollar_volume_usd=pl.when(pl.Series(rng.random(n) > 0.05)).then(pl.Series(rng.uniform(1e5, 1e8, n))),
    ).with_columns(
        overnight_log_return=pl.col("log_return") - pl.col("intraday_log_return"),
        high=pl.Series(100.0 * np.exp(np.abs(rng.normal(0, 0.01, n)))),
        low=pl.Series(100.0 * np.exp(-np.abs(rng.normal(0, 0.01, n)))),
    ), days


def last_window(frame: pl.DataFrame, days: list[dt.date], length: int) -> pl.DataFrame:
    return window(frame, days[-1], length)


def random_traded(
    seed: int, n_sessions: int, n_symbols: int = 3, holes: float = 0.05, breaks: float = 0.003
) -> tuple[pl.DataFrame, list[dt.date]]:
    """ADJUSTED_BARS of prices that were traded: ranges around open and close, splits, dividends, nights, and halts.

    Some volumes are missing and some zero, most bars have a vwap, some do not move at all, and after a gap of more than
    two sessions nothing is known of a holder.
    """
    rng = np.random.default_rng(seed)
    days = sessions(n_sessions)
    rows, acts = [], []
    for symbol in [f"S{i}" for i in range(n_symbols)]:
        ex = rng.random((2, n_sessions)) < 0.01
        splits = np.where(ex[0], rng.choice([2.0, 0.5, 1.5], n_sessions), 1.0)
        moves = np.where(rng.random(n_sessions) < 0.05, 0.0, rng.normal(0, 0.02, n_sessions))
        close = 50 * np.exp(np.cumsum(moves - np.log(splits)))
        opens = close * np.exp(np.where(moves == 0, 0.0, rng.normal(0, 0.01, n_sessions)))
        wide = np.exp(np.where(moves == 0, 0.0, np.abs(rng.normal(0, 0.01, (2, n_sessions)))))
        high, low = np.maximum(opens, close) * wide[0], np.minimum(opens, close) / wide[1]
        volume = np.where(rng.random(n_sessions) < 0.02, 0, rng.integers(1e4, 1e6, n_sessions))
        vwap = (high + low + 2 * close) / 4
        absent = rng.random(n_sessions) < holes
        for at in np.flatnonzero(rng.random(n_sessions) < breaks):
            absent[at : at + 4] = True
        rows.extend((
                days[t], symbol, opens[t], high[t], low[t], close[t],
                None if rng.random() < 0.02 else int(volume[t]), None if rng.random() < 0.2 else vwap[t], None,
            ) for t in np.flatnonzero(~absent))  # fmt: skip
        acts += [(days[t], symbol, "split", float(splits[t])) for t in np.flatnonzero(ex[0])]
        acts += [(days[t], symbol, "cash_dividend", float(close[t] * 0.01)) for t in np.flatnonzero(ex[1])]
    traded = pl.DataFrame(rows, schema=stored(BARS), orient="row").sort("symbol", "event_date")
    return adjusted_bars(traded, actions(acts), days, Market(max_gap_sessions=3)), days
