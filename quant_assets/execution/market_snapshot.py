"""What the market says of each name on a session, as aligned arrays."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from feature_store import sessions
from quant_assets.numerics.arrays import Array, Index, Mask

DIVIDENDS = ("cash_dividend", "special_dividend")
ENDINGS = ("delisting", "merger")


@dataclass(frozen=True)
class Exchange:
    """What the holder of a share of `source` gets by a spin-off, beside it, or by a merger, in its place.

    Attributes:
        source, receives: places among the names; `receives` is None where the other share is none of them.
        shares: of the other for one of the source, both after the splits of the session; 0 where it is paid in cash.
        cash_usd: per share of the source. Spin-off: worth of what is distributed; merger: paid beside the shares. NaN
            where not known.
    """

    source: int
    receives: int | None
    shares: float
    cash_usd: float


@dataclass(frozen=True)
class MarketSnapshot:
    """Arrays (N,) in the order of the names.

    Attributes:
        open, close: USD, as traded; NaN where there is no bar.
        split: new per old share, ex since the session before; 1 where none.
        dividend: USD per share held after that split, special ones included; 0 where none.
        delisting: recorded return (simple) of a delisting that is ex by now; NaN where none.
        delisted_today: the delisting's ex-date is this session, whether or not there is still a bar.
        next_split: ex at the next session, as far as known.
        leaving: a delisting or a merger is known that is ex by the next session.
        spin_offs: that are ex since the session before.
        mergers: that end a position today: on their ex-date or, where that has passed, without a bar of the target.
        merging: a merger is known, whenever it is ex.
    """

    open: Array
    close: Array
    split: Array
    dividend: Array
    delisting: Array
    delisted_today: Mask
    next_split: Array
    leaving: Mask
    spin_offs: tuple[Exchange, ...]
    mergers: tuple[Exchange, ...]
    merging: Mask

    @property
    def has_bar(self) -> Mask:
        return ~np.isnan(self.close)


def market_snapshot(bars: pl.DataFrame, actions: pl.DataFrame, names: list[str], session: dt.date) -> MarketSnapshot:
    """What happened on the session, and what is known of the next.

    Args:
        bars: BARS of the session, as known at it.
        actions: rows of CORPORATE_ACTIONS as known at the session; those without a value are withdrawn.
        names: sorted.
    """
    opens, closes = aligned(bars, names, "open", "close")
    effects = _effects(actions, names, session)
    exchanges = _exchanges(actions, names, session, ~np.isnan(closes))
    return MarketSnapshot(open=opens, close=closes, **effects, **exchanges)


def received(actions: pl.DataFrame, bars: pl.DataFrame, held: list[str], session: dt.date) -> set[str]:
    """Names with a bar today whose shares the holders of others may get by what is ex by now."""
    is_spin_off = (pl.col("action") == "spin_off") & (pl.col("event_date") > sessions.shift(session, -1))
    exchanged = actions.filter(
        pl.col("value") > 0,
        pl.col("event_date") <= session,
        is_spin_off | (pl.col("action") == "merger"),
        pl.col("symbol").is_in(held),
    )
    return set(exchanged["other_symbol"].drop_nulls()) & set(bars["symbol"])


def aligned(frame: pl.DataFrame, names: list[str], *columns: str) -> list[Array]:
    """Columns of a frame with one row a symbol, as (N,) arrays in the order of the names; NaN where missing."""
    place, known = positions(frame, names)
    out = [np.full(len(names), np.nan) for _ in columns]
    for values, column in zip(out, columns, strict=True):
        values[place[known]] = frame[column].cast(pl.Float64).to_numpy()[known]
    return out


def positions(frame: pl.DataFrame, names: list[str]) -> tuple[Index, Mask]:
    """Where each row's symbol stands among the names, and whether it is there at all."""
    index = {name: i for i, name in enumerate(names)}  # of some hundred names, faster than a join
    place = np.array([index.get(symbol, -1) for symbol in frame["symbol"].to_list()], dtype=np.intp)
    return place, place >= 0


def _effects(actions: pl.DataFrame, names: list[str], session: dt.date) -> dict[str, Any]:
    """Splits, dividends and endings by their ex-date; one on a day without trading acts at the next session."""
    n = len(names)
    before, after = sessions.shift(session, -1), sessions.shift(session, 1)
    split, dividend, next_split, delisting = np.ones(n), np.zeros(n), np.ones(n), np.full(n, np.nan)
    delisted_today, leaving = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    index = {name: i for i, name in enumerate(names)}
    recent = (pl.col("event_date") > before) | pl.col("action").is_in(ENDINGS)
    # within a day splits come first: a dividend of that day is per new share
    due = actions.filter(pl.col("value").is_not_null(), pl.col("event_date") <= after, recent).sort(
        "event_date", "action", "symbol", descending=[False, True, False]
    )
    for day, symbol, action, value in due.select("event_date", "symbol", "action", "value").iter_rows():
        if (i := index.get(symbol)) is None:
            continue
        if action in ENDINGS:
            leaving[i] = True
            if action == "delisting" and day <= session:
                delisting[i], delisted_today[i] = value, day > before
        elif action == "split" and day > session:
            next_split[i] *= value
        elif action == "split" and day > before:
            # a dividend of an earlier day without trading was per old share
            split[i], dividend[i] = split[i] * value, dividend[i] / value
        elif action in DIVIDENDS and before < day <= session:
            dividend[i] += value
    return {
        "split": split,
        "dividend": dividend,
        "delisting": delisting,
        "delisted_today": delisted_today,
        "next_split": next_split,
        "leaving": leaving,
    }


def _exchanges(actions: pl.DataFrame, names: list[str], session: dt.date, has_bar: Mask) -> dict[str, Any]:
    """Spin-offs and mergers that act today, in shares as of today.

    A spin-off that was learned after its session does not act, as no split or dividend does. A merger that was ends
    the position on the first session that knows it and has no bar; the acquirer's splits since then multiply its terms.
    """
    before, index = sessions.shift(session, -1), {name: i for i, name in enumerate(names)}
    known = actions.filter(pl.col("value").is_not_null(), pl.col("action").is_in(["spin_off", "merger"]))
    splits = actions.filter(pl.col("action") == "split", pl.col("value").is_not_null(), pl.col("event_date") <= session)
    merging = np.zeros(len(names), dtype=bool)
    spin_offs: list[Exchange] = []
    mergers: dict[int, Exchange] = {}  # the last one known of a name stands
    columns = ("event_date", "symbol", "action", "value", "cash_usd", "other_symbol")
    for day, symbol, action, value, cash_usd, other in known.sort("event_date", "symbol").select(columns).iter_rows():
        if (i := index.get(symbol)) is None:
            continue
        merging[i] |= action == "merger"
        late = action == "merger" and not has_bar[i]
        if day > session or not (day > before or late):
            continue
        # terms of an earlier day, one without trading included, are per share of that day
        own, its = _splits_after(splits, symbol, day), _splits_after(splits, other, day)
        cash = np.nan if cash_usd is None else cash_usd
        exchange = Exchange(i, index.get(other), value * its / own, cash / own)
        if action == "spin_off":
            spin_offs.append(exchange)
        else:
            mergers[i] = exchange
    return {"spin_offs": tuple(spin_offs), "mergers": tuple(mergers.values()), "merging": merging}


def _splits_after(splits: pl.DataFrame, symbol: str | None, day: dt.date) -> float:
    """New per old share of all splits after the day."""
    later = splits.filter(pl.col("symbol").eq_missing(pl.lit(symbol, pl.String)), pl.col("event_date") > day)["value"]
    return float(np.prod(later.to_numpy()))
