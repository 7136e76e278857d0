"""What is to be predicted: returns from the fill on, relative to the industry."""

import datetime as dt

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from configs.settings import Features
from quant_assets.features.panel import Array, panel, window_sessions
from quant_assets.features.scores import with_industry

MIN_PEERS = 2  # one member is its own mean: its relative return would be 0 by construction


def forward_returns(bars: pl.DataFrame, sessions: list[dt.date], settings: Features) -> pl.DataFrame:
    """Total return of each event_date t over k sessions, from the open of t+1 to the close of t+k, along time.

    Args:
        bars: rows of ADJUSTED_BARS.
        sessions: the window, ascending; a horizon needs k + 1 of them, event_date and last session included.
        settings: `horizons`.

    Returns:
        Rows of FORWARD_RETURNS and the column `session` (t+k, in which the row is learned), for every bar and horizon
        that ends inside the window. Null where there is no bar on t+1 (no fill), none on t+k (halted or delisted: no
        price to close at), or a gap inside so long that adjusted_bars gave no return for it. A bar missing inside is
        otherwise covered by the return of the next one.
    """
    where = panel(bars, sessions)
    returns, intraday = where.dense(bars["log_return"]), where.dense(bars["intraday_log_return"])
    return pl.concat(
        _matured(bars, sessions, k, where.row, where.flat(forward_sum(returns, intraday, where.present(), k)))
        for k in sorted(settings.horizons)
    )


def _matured(
    bars: pl.DataFrame, sessions: list[dt.date], horizon: int, row: NDArray[np.int64], returns: pl.Series
) -> pl.DataFrame:
    """The rows of one horizon that ends inside the window."""
    ends = pl.Series([*sessions[horizon:], *[None] * min(horizon, len(sessions))], dtype=pl.Date)
    rows = bars.select(
        "event_date",
        "symbol",
        horizon_sessions=pl.lit(horizon, pl.Int32),
        log_return=returns,
        session=ends.gather(pl.Series(row)),
    )
    return rows.drop_nulls("session")


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def forward_sum(returns: Array, intraday: Array, present: NDArray[np.bool_], horizon: int) -> Array:
    """(T, N) intraday return of t+1 plus the returns of t+2 .. t+horizon, in that order; NaN by the rule above."""
    n_sessions, n_symbols = returns.shape
    out = np.full((n_sessions, n_symbols), np.nan)
    for t in range(n_sessions - horizon):
        for i in range(n_symbols):
            total = intraday[t + 1, i] if present[t + horizon, i] else np.nan
            for s in range(t + 2, t + horizon + 1):
                if present[s, i]:
                    total += returns[s, i]
            out[t, i] = total
    return out


def labels(forward: pl.DataFrame, industries: pl.DataFrame, universe: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Forward returns less the mean of the stock's industry, as both were on the event_date.

    Args:
        forward: rows of FORWARD_RETURNS; those that mature in the session count, one event_date a horizon.
        industries: rows of INDUSTRIES of those event_dates at least.
        universe: rows of UNIVERSE of those event_dates at least.
        session: in which the labels mature.

    Returns:
        Rows of LABELS for the securities that were tradable on the event_date, sorted by event_date, symbol and
        horizon; null where the forward return is. Means are over the members that have a forward return. An industry
        with fewer than two of them is compared with the whole cross-section; with fewer than two there, null.
    """
    matured = maturing(forward["horizon_sessions"].unique().sort().to_list(), session)
    days = pl.col("event_date").is_in(matured["event_date"].implode())
    tradable = universe.filter(days, "tradable").select("event_date", "symbol")
    # The window of the longest horizon also holds shorter ones, which matured and were stored in earlier sessions.
    due = forward.filter(days).join(matured, on=["event_date", "horizon_sessions"], how="semi")
    chosen = due.join(tradable, on=["event_date", "symbol"], how="semi")
    peers = with_industry(chosen, industries.filter(days)).sort("event_date", "horizon_sessions", "industry", "symbol")
    simple = peers.with_columns(simple_return=_expm1(pl.col("log_return")))
    return (
        simple.with_columns(label_log=_relative("log_return"), label_simple=_relative("simple_return"))
        .select("event_date", "symbol", "horizon_sessions", "label_log", "label_simple")
        .sort("event_date", "symbol", "horizon_sessions")
    )


def maturing(horizons: list[int], session: dt.date) -> pl.DataFrame:
    """event_date and horizon_sessions of the labels that mature in the session."""
    windows = {k: window_sessions(session, k + 1) for k in horizons}
    rows = [(days[0], k) for k, days in windows.items() if len(days) == k + 1]  # shorter where the calendar begins
    return pl.DataFrame(rows, schema={"event_date": pl.Date, "horizon_sessions": pl.Int32}, orient="row")


def _expm1(x: pl.Expr) -> pl.Expr:
    return x.exp() - 1.0


def _relative(column: str) -> pl.Expr:
    """`column` less its mean over the industry of the event_date, or over all when too few peers have a value."""
    x = pl.col(column)
    section = ["event_date", "horizon_sessions"]
    industry = [*section, "industry"]
    return (
        pl.when(x.count().over(industry) >= MIN_PEERS)
        .then(x - x.mean().over(industry))
        .when(x.count().over(section) >= MIN_PEERS)
        .then(x - x.mean().over(section))
    )
