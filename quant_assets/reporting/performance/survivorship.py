"""The returns of the dated universe and of today's names: what it would be worth to know beforehand who survives."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from feature_store.schemas.market import ADJUSTED_BARS, UNIVERSE
from quant_assets.backtest import metrics
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.evaluation import Evaluation
from quant_assets.reporting.performance import summaries

DATED, TODAYS = "dated universe", "names of the last session (hindsight)"


def mean_returns(
    universe: pl.DataFrame, adjusted: pl.DataFrame, todays: Collection[str], sessions: Sequence[dt.date]
) -> pl.DataFrame:
    """Mean simple return of the names held at equal weight since the session before, once by each list.

    Args:
        universe: event_date, symbol, has_bar of UNIVERSE; the names of a session are those of the session before that
            had a bar then.
        adjusted: event_date, symbol, log_return of ADJUSTED_BARS; a name without a return is held by neither.
        todays: the other list, whichever session it is from, held on every session on which its names have a return.
        sessions: ascending; the first has no return.

    Returns:
        event_date, DATED, TODAYS, n_dated, n_todays: a row a session; null where nobody has a return.
    """
    following = pl.DataFrame(
        {"event_date": sessions[:-1], "next": sessions[1:]}, schema=dict.fromkeys(("event_date", "next"), pl.Date)
    )
    held = universe.filter("has_bar").join(following, on="event_date").select("symbol", event_date="next")
    returns = adjusted.drop_nulls("log_return").sort("event_date", "symbol")
    lists = (
        returns.join(held, on=["event_date", "symbol"], how="semi", maintain_order="left"),
        returns.filter(pl.col("symbol").is_in(list(todays))),
    )
    days = pl.Series("event_date", sessions, pl.Date)
    columns: dict[str, pl.Series] = {"event_date": days}
    for name, count, rows in zip((DATED, TODAYS), ("n_dated", "n_todays"), lists, strict=True):
        columns |= dict(zip((name, count), _means(rows, sessions), strict=True))
    return pl.DataFrame(columns)


def _means(rows: pl.DataFrame, sessions: Sequence[dt.date]) -> tuple[pl.Series, pl.Series]:
    """By session, of the simple returns, and of how many."""
    place = np.searchsorted(np.array(sessions, dtype="datetime64[D]"), rows["event_date"].to_numpy())
    simple = np.expm1(rows["log_return"].to_numpy())
    n = np.bincount(place, minlength=len(sessions))
    # bincount adds row by row: the same bits whatever the threads
    total = np.bincount(place, weights=simple, minlength=len(sessions))
    mean = np.divide(total, n, out=np.full(len(sessions), np.nan), where=n > 0)
    mean[0] = np.nan
    return pl.Series(mean).fill_nan(None), pl.Series(n)


@dataclass(frozen=True)
class Survivorship:
    """
    Attributes:
        daily: as `mean_returns` gives it.
    """

    daily: pl.DataFrame

    @cached_property
    def sessions(self) -> list[dt.date]:
        return self.daily["event_date"].to_list()

    @cached_property
    def returns(self) -> dict[str, Array]:
        return {name: self.daily[name].to_numpy() for name in (DATED, TODAYS)}

    @cached_property
    def gain_annual(self) -> float | None:
        """Annual return of the names of the last session less that of the dated universe."""
        dated, todays = (metrics.annual_return(self.returns[name]) for name in (DATED, TODAYS))
        return None if dated is None or todays is None else todays - dated

    @cached_property
    def by_year(self) -> pl.DataFrame:
        """metric (the year, or `annual`), unit, both returns and the gain."""
        annual = {name: metrics.annual_return(series) for name, series in self.returns.items()}
        years = summaries.by_year(self.returns, self.sessions)
        whole = pl.DataFrame([{"metric": "annual", "unit": summaries.FRACTION} | annual], schema=years.schema)
        return pl.concat([years, whole]).with_columns(gain=pl.col(TODAYS) - pl.col(DATED))


def survivorship(home: Evaluation) -> Survivorship:
    """Over the sessions of a report, as known at its last one; the hold-out is in it only if it is in the report."""
    last = home.span.last
    todays = home.read(UNIVERSE, "has_bar", first=last).filter("has_bar")["symbol"].to_list()
    parts = []
    for year in sorted({day.year for day in home.sessions}):  # memory does not grow with the range
        days = [day for day in home.sessions if day.year == year]
        before = [day for day in home.sessions if day < days[0]][-1:]
        listed = home.read(UNIVERSE, "has_bar", first=(before or days)[0], last=days[-1])
        adjusted = home.read(ADJUSTED_BARS, "log_return", first=days[0], last=days[-1])
        parts.append(mean_returns(listed, adjusted, todays, before + days)[len(before) :])
    return Survivorship(pl.concat(parts))
