"""What is to be predicted: returns from the fill on, relative to the industry."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Features
from feature_store.schemas.features import ENDED, LABELS
from quant_assets.features.scores import with_industry
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.panel import Panel, panel

MIN_PEERS = 2  # one member is its own mean: its relative return would be 0 by construction
LEFT_AT_LEAST = 0.01  # of a price: the log of nothing is no number
DELISTED, MERGED, WRITTEN_OFF = range(1, len(ENDED) + 1)
SECTION = ("event_date", "horizon_sessions")

Codes = NDArray[np.int8]


class Exits(NamedTuple):
    """What holders are left with by the session from which the stock is gone, (T, N); NaN where nothing says so.

    Attributes:
        left: worth of what was one dollar at the last close.
        cash_usd: paid for a share instead, by a merger for cash alone.
        how: DELISTED or MERGED, else 0.
    """

    left: Array
    cash_usd: Array
    how: Codes


class Forward(NamedTuple):
    """(T, N) of each event_date as learned in one session; NaN is null.

    Attributes:
        filled: log return from the open of t+1.
        closed: log return from the close of t.
        how: position in ENDED plus 1; 0 where the stock did not end.
        row: of the session in which it was learned; -1 where nothing was.
    """

    filled: Array
    closed: Array
    how: Codes
    row: Index


def lookback_sessions(settings: Features) -> int:
    """Sessions from the event_date of the longest label to the last that may tell of it, both included."""
    return max(settings.horizons) + settings.delisted_after_sessions + 1


def forward_returns(
    bars: pl.DataFrame, actions: pl.DataFrame, sessions: list[dt.date], settings: Features
) -> pl.DataFrame:
    """Total return of each event_date t over k sessions, from the open of t+1 to the close of t+k, along time.

    A stock without a bar on t+k counts at what its holders are left with: at the last close times one plus the return
    of a delisting, at the cash that a merger pays or, if it pays in shares, at the last close, if the action's ex-date
    is t+k or earlier. What stops without a word is delisted once it had no bar on `delisted_after_sessions` sessions in
    a row, and counts at the last close times one plus `delisting_return`. Until that is known the row is null; when it
    becomes known after t+k, a later row says so, in the session in which it does. What is left earns nothing more.

    Args:
        bars: rows of ADJUSTED_BARS.
        actions: rows of CORPORATE_ACTIONS; mergers and delistings count from their ex-date on.
        sessions: the window, ascending; a horizon needs k + 1 of them, event_date and last session included, and a
            stock that stops `delisted_after_sessions` more.
        settings: `horizons`, `delisted_after_sessions`, `delisting_return`.

    Returns:
        Rows of FORWARD_RETURNS and the column `session` (in which the row is learned), for every bar and horizon that
        ends inside the window. `log_return` is null where there is no bar on t+1 (no fill), both are where there is
        none on t+k, unless the stock is known to have ended, or a gap inside is so long that adjusted_bars gave no
        return for it. A bar missing inside is otherwise covered by the return of the next one.
    """
    where = panel(bars, sessions)
    dense = (where.dense(bars["log_return"]), where.dense(bars["intraday_log_return"]), where.dense(bars["close"]))
    ends, present = exits(actions, where), where.present()
    known = (ends.left, ends.cash_usd, ends.how)
    gone, left = settings.delisted_after_sessions, 1.0 + settings.delisting_return
    parts = []
    for k in sorted(settings.horizons):
        both = _forward(dense, present, known, k, gone, left)
        parts += [_learned(bars, sessions, k, where, Forward(*(array[part] for array in both))) for part in (0, 1)]
    return pl.concat(parts)


def exits(actions: pl.DataFrame, where: Panel) -> Exits:
    """Mergers and delistings by the first session on which they are effective; of several the last named counts."""
    shape = (len(where.sessions), len(where.symbols))
    ends = Exits(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int8))
    place = {symbol: i for i, symbol in enumerate(where.symbols)}
    endings = actions.filter(pl.col("action").is_in(["merger", "delisting"]), pl.col("value").is_not_null())
    days = np.array(where.sessions, dtype="datetime64[D]")
    for row in endings.sort("event_date", "symbol", "action").iter_rows(named=True):
        t, i = int(np.searchsorted(days, np.datetime64(row["event_date"]))), place.get(row["symbol"])
        if i is None or t >= len(days) or (t == 0 and row["event_date"] < where.sessions[0]):
            continue
        merged, cash = row["action"] == "merger", row["cash_usd"]
        ends.how[t, i] = MERGED if merged else DELISTED
        ends.left[t, i] = 1.0 if merged else 1.0 + row["value"]
        ends.cash_usd[t, i] = cash if merged and row["value"] == 0 and cash is not None else np.nan
    return ends


def _learned(bars: pl.DataFrame, sessions: list[dt.date], horizon: int, where: Panel, forward: Forward) -> pl.DataFrame:
    """The rows of one horizon that were learned inside the window."""
    at = forward.row[where.row, where.column]
    here = np.flatnonzero(at >= 0)
    labels_of_ends = pl.Series([None, *ENDED], dtype=pl.String)
    learned = pl.Series(sessions, dtype=pl.Date).gather(pl.Series(at[here]))
    rows, columns = where.row[here], where.column[here]
    return bars.select("event_date", "symbol")[here].select(
        "event_date",
        "symbol",
        horizon_sessions=pl.lit(horizon, pl.Int32),
        log_return=pl.Series(forward.filled[rows, columns], nan_to_null=True),
        close_log_return=pl.Series(forward.closed[rows, columns], nan_to_null=True),
        ended=labels_of_ends.gather(pl.Series(forward.how[rows, columns].astype(np.int64))),
        learned=learned,
        session=learned,
    )


@njit()
def _forward(
    dense: tuple[Array, Array, Array],
    present: Mask,
    known: tuple[Array, Array, Codes],
    horizon: int,
    gone: int,
    written_off: float,
) -> tuple[Array, Array, Codes, Index]:
    """As in `Forward`, (2, T, N): what was learned in t+horizon, and what only later."""
    returns, intraday, close = dense
    n_sessions, n_symbols = returns.shape
    shape = (2, n_sessions, n_symbols)
    filled, closed = np.full(shape, np.nan), np.full(shape, np.nan)
    how, row = np.zeros(shape, dtype=np.int8), np.full(shape, -1)
    last = np.empty(n_sessions, dtype=np.int64)  # row with a bar, up to each
    for i in range(n_symbols):
        for s in range(n_sessions):
            last[s] = s if present[s, i] or s == 0 else last[s - 1]
        for t in range(n_sessions - horizon):
            if not present[t, i]:
                continue
            end, stop = t + horizon, last[t + horizon]
            fill, whole = _earned(returns[:, i], intraday[:, i], present[:, i], t, stop)
            row[0, t, i] = end
            if stop == end:
                filled[0, t, i], closed[0, t, i] = fill, whole
                continue
            for part, until in enumerate((end, stop + gone)):
                if end <= until < n_sessions and last[until] == stop:
                    rest, reason = _left(known, i, stop, until, close[stop, i], gone, written_off)
                    filled[part, t, i], closed[part, t, i], how[part, t, i] = fill + rest, whole + rest, reason
                    row[part, t, i] = until
            if row[1, t, i] == end:
                row[1, t, i] = -1  # nothing more is learned
    return filled, closed, how, row


@njit()
def _earned(returns: Array, intraday: Array, present: Mask, t: int, stop: int) -> tuple[float, float]:
    """Log return to the close of `stop` from the open of t+1 and from the close of t, of one symbol."""
    fill, whole = intraday[t + 1] if present[t + 1] else np.nan, 0.0
    for s in range(t + 1, stop + 1):
        if present[s]:
            whole += returns[s]
            if s > t + 1:
                fill += returns[s]
    return fill, whole


@njit()
def _left(
    known: tuple[Array, Array, Codes], i: int, stop: int, until: int, close: float, gone: int, written_off: float
) -> tuple[float, int]:
    """Log of what a holder of `stop` has by `until` for a dollar at the close of it, and how; NaN while not known."""
    left, cash, how = known
    for s in range(stop + 1, until + 1):
        if how[s, i]:
            paid = cash[s, i] / close
            return np.log(max(left[s, i] if np.isnan(paid) else paid, LEFT_AT_LEAST)), how[s, i]
    if until - stop >= gone:
        return np.log(max(written_off, LEFT_AT_LEAST)), WRITTEN_OFF
    return np.nan, 0


def labels(
    forward: pl.DataFrame, industries: pl.DataFrame, universe: pl.DataFrame, session: dt.date, settings: Features
) -> pl.DataFrame:
    """Forward returns less the mean of the stock's industry, as both were on the event_date.

    Args:
        forward: rows of FORWARD_RETURNS; those learned in the session count, beside others of their event_date and
            horizon as they are known by then.
        industries: rows of INDUSTRIES of those event_dates at least.
        universe: rows of UNIVERSE of those event_dates at least.
        session: in which the labels are learned.
        settings: `label_quantiles`.

    Returns:
        Rows of LABELS for the securities that were tradable on the event_date, sorted by event_date, symbol and
        horizon; null where the forward return is. Means are over the members that have a forward return. An industry
        with fewer than two of them is compared with the whole cross-section; with fewer than two there, null. The
        labels of others stay as they were learned when the end of a stock becomes known after them.
    """
    due = forward.filter(learned=session).select("event_date", "horizon_sessions").unique()
    days = pl.col("event_date").is_in(due["event_date"].implode())
    tradable = universe.filter(days, "tradable").select("event_date", "symbol")
    section = forward.filter(days).join(due, on=["event_date", "horizon_sessions"], how="semi")
    members = section.join(tradable, on=["event_date", "symbol"], how="semi")
    peers = with_industry(members, industries.filter(days)).sort("event_date", "horizon_sessions", "industry", "symbol")
    simple = peers.with_columns(simple_return=_expm1(pl.col("log_return")))
    relative = simple.with_columns(
        label_log=_relative("log_return"),
        label_simple=_relative("simple_return"),
        label_close_log=_relative("close_log_return"),
    )
    return (
        relative.with_columns(direction=pl.col("label_log").sign().cast(pl.Int8), quantile=_quantile(settings))
        .filter(learned=session)
        .select(*LABELS.computed_schema)
        .sort("event_date", "symbol", "horizon_sessions")
    )


def _expm1(x: pl.Expr) -> pl.Expr:
    return x.exp() - 1.0


def _relative(column: str) -> pl.Expr:
    """`column` less its mean over the industry of the event_date, or over all when too few peers have a value."""
    x, industry = pl.col(column), [*SECTION, "industry"]
    return (
        pl.when(x.count().over(industry) >= MIN_PEERS)
        .then(x - x.mean().over(industry))
        .when(x.count().over(SECTION) >= MIN_PEERS)
        .then(x - x.mean().over(SECTION))
    )


def _quantile(settings: Features) -> pl.Expr:
    """Of `label_log` within its cross-section, from 0 on; equal values share one. Null with fewer values than it."""
    n, x = settings.label_quantiles, pl.col("label_log")
    below, count = x.rank("average").over(SECTION) - 0.5, x.count().over(SECTION)
    return pl.when(count >= n).then((below * n / count).floor().cast(pl.Int8))
