"""Features of one company: what it reported, what was expected of it, who lends its shares, and the price since."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import Features
from feature_store.schemas.company_features import COMPANY, COMPANY_FEATURES, REACH
from quant_assets.features.company.fundamentals import fundamentals
from quant_assets.features.company.snapshots import SAME_PERIOD_DAYS, exchange_days
from quant_assets.features.stock.anchored import since_anchor
from quant_assets.features.stock.bars import log, ratio
from quant_assets.features.stock.paths import Chain
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.panel import panel
from quant_assets.numerics.rolling import least_of

BAR_COLUMNS = ("log_return", "split_ratio", "high", "low", "close", "dollar_volume_usd", "vwap")
MONTH, QUARTER = 21, 63  # sessions


def company_features(
    financials: pl.DataFrame,
    snapshots: pl.DataFrame,
    bars: pl.DataFrame,
    sessions: list[dt.date],
    first: dt.date,
    settings: Features,
) -> pl.DataFrame:
    """Every feature that COMPANY declares, along time.

    Amounts per share and numbers of shares of earlier sessions are brought into shares of the session by the splits
    since; null where one of these is not known. An estimate is compared with an earlier one of the same period, the
    first or second that was not reported then. A surprise needs the last estimate before the report within `REACH`.

    Args:
        financials: rows of COMPANY_FINANCIALS.
        snapshots: rows of COMPANY_SNAPSHOTS.
        bars: rows of ADJUSTED_BARS, `BAR_COLUMNS` of them.
        sessions: the window, ascending; a value is exact once `REACH` of it have passed, wherever the window begins.
        first: the first session that is wanted.
        settings: `min_observations_fraction`, `avwap_slope_sessions`.

    Returns:
        Rows of COMPANY_FEATURES from `first` on, one for each bar of a company with financials or a snapshot; null
        where the source has nothing.
    """
    known = pl.concat([frame.select("event_date", "symbol") for frame in (financials, snapshots)]).unique()
    of = bars.filter(pl.col("event_date") >= first).select("event_date", "symbol")
    wanted = of.join(known, on=["event_date", "symbol"], how="semi", maintain_order="left")
    rows = panel(wanted, sessions)
    begin = len(sessions) - sum(day >= first for day in sessions)
    told, said = (_Past.of(frame, sessions, rows.symbols, begin) for frame in (financials, snapshots))
    traded = _Past.of(bars.select("event_date", "symbol", *BAR_COLUMNS), sessions, rows.symbols, begin)
    made = {
        **fundamentals({name: told.now(name) for name in told.columns}),
        **_levels(told, said, traded.now("close")),
        **_revisions(said, traded),
        **_surprises(told, said, traded),
        **_lending(told, said, traded, sessions, settings.min_observations_fraction),
        **_events(said, sessions),
        **_anchored(said, traded, sessions, settings),
    }
    at = rows.row - begin, rows.column
    named = [pl.Series(feature.name, made[feature.name][at], nan_to_null=True) for feature in COMPANY]
    return wanted.with_columns(named).select(*COMPANY_FEATURES.computed_schema)


@dataclass(frozen=True)
class _Past:
    """Columns of a frame as (T, N) arrays, dates as days since 1970, and which rows of them are wanted.

    Attributes:
        begin: the first row that is wanted.
        present: (T, N), true where the frame has a row.
        columns: by name; NaN where null.
    """

    begin: int
    present: Mask
    columns: dict[str, Array]

    @staticmethod
    def of(frame: pl.DataFrame, sessions: list[dt.date], symbols: list[str], begin: int) -> "_Past":
        own = frame.filter(pl.col("symbol").is_in(symbols))
        where = panel(own, sessions)
        column = np.searchsorted(symbols, where.symbols)
        shape = len(sessions), len(symbols)
        present, columns = np.zeros(shape, dtype=np.bool_), {}
        present[:, column] = where.present()
        for name in frame.columns[2:]:
            columns[name] = np.full(shape, np.nan)
            columns[name][:, column] = where.dense(own[name].to_physical())
        return _Past(begin, present, columns)

    def now(self, name: str) -> Array:
        return self.columns[name][self.begin :]

    def before(self, name: str, lag: int) -> Array:
        """The wanted rows as they were `lag` sessions before; NaN before the window."""
        return _before(self.columns[name], lag, self.begin)

    def expected(self, period: str, item: str, lag: int, end: Array) -> Array:
        """What was expected `lag` sessions before of the period that ends on the days `end`."""
        found = np.full(end.shape, np.nan)
        for place in (f"next_{period}", period):
            same = np.abs(self.before(f"{place}_end", lag) - end) <= SAME_PERIOD_DAYS
            found = np.where(same, self.before(f"{place}_{item}", lag), found)
        return found


def _before(x: Array, lag: int, begin: int) -> Array:
    rows = x[max(begin - lag, 0) : max(len(x) - lag, 0)]
    return np.vstack([np.full((len(x) - begin - len(rows), x.shape[1]), np.nan), rows])


def _levels(told: _Past, said: _Past, close: Array) -> dict[str, Array]:
    """What needs no past."""
    earnings = said.now("quarter_eps_usd")
    return {
        "expected_earnings_to_price": ratio(said.now("year_eps_usd"), close),
        "expected_revenue_growth": ratio(said.now("year_revenue_usd"), told.now("revenue_ttm_usd")) - 1.0,
        "estimate_dispersion": ratio(said.now("quarter_eps_std_usd"), np.abs(earnings)),
        "analysts": said.now("analysts"),
        "report_age_days": told.now("age_days"),
        "borrow_fee": said.now("borrow_fee_annual"),
        "borrow_supply": ratio(said.now("shares_to_borrow"), told.now("shares_outstanding")),
    }


def _splits(traded: _Past) -> Iterator[tuple[int, Array]]:
    """Each lag, and new shares per share of so many sessions ago; NaN where a split since is not known."""
    ratios = np.where(traded.present, traded.columns["split_ratio"], 1.0)
    since = np.ones_like(traded.now("close"))
    for lag in range(REACH):
        yield lag, since
        since = since * _before(ratios, lag, traded.begin)


def _revisions(said: _Past, traded: _Past) -> dict[str, Array]:
    """Of what is expected now, against what was expected of the same period."""
    close, made = traded.now("close"), {}
    ends = {period: said.now(f"{period}_end") for period in ("quarter", "year")}
    for lag, splits in _splits(traded):
        if lag in (MONTH, QUARTER):
            before = said.expected("quarter", "eps_usd", lag, ends["quarter"])
            made[f"earnings_revision_{lag}"] = ratio(said.now("quarter_eps_usd") - before / splits, close)
        if lag == QUARTER:
            year = said.expected("year", "eps_usd", lag, ends["year"])
            made[f"year_earnings_revision_{lag}"] = ratio(said.now("year_eps_usd") - year / splits, close)
            sales = said.expected("quarter", "revenue_usd", lag, ends["quarter"])
            made[f"revenue_revision_{lag}"] = log(ratio(said.now("quarter_revenue_usd"), sales))
            break
    return made


def _surprises(told: _Past, said: _Past, traded: _Past) -> dict[str, Array]:
    """The last report against the last session on which its quarter was still expected."""
    close, end, revenue = traded.now("close"), told.now("period_end"), told.now("revenue_quarter_usd")
    actual = ratio(told.now("net_income_quarter_usd"), told.now("shares_outstanding"))
    surprise, deviations, sales = (np.full_like(close, np.nan) for _ in range(3))
    awaited = ~np.isnan(end)
    for lag, splits in _splits(traded):
        found = awaited & (np.abs(said.before("quarter_end", lag) - end) <= SAME_PERIOD_DAYS)
        if not found.any():
            continue
        awaited &= ~found
        gap = actual - said.before("quarter_eps_usd", lag) / splits
        surprise[found] = ratio(gap, close)[found]
        deviations[found] = ratio(gap, said.before("quarter_eps_std_usd", lag) / splits)[found]
        sales[found] = log(ratio(revenue, said.before("quarter_revenue_usd", lag)))[found]
    return {
        "earnings_surprise": surprise,
        "standardized_earnings_surprise": deviations,
        "revenue_surprise": sales,
    }


def _lending(told: _Past, said: _Past, traded: _Past, sessions: list[dt.date], share: float) -> dict[str, Array]:
    """Short interest over the shares there are, and over those that are traded."""
    volume = traded.columns["dollar_volume_usd"] / traded.columns["close"]
    total, seen = np.zeros_like(traded.now("close")), np.zeros_like(traded.now("close"))
    short = np.full_like(total, np.nan)
    age = _age(said.now("settled"), sessions, traded.begin)
    for lag, splits in _splits(traded):
        short = np.where(age == lag, said.now("shares_short") * splits, short)
        if lag < MONTH:
            one = _before(volume, lag, traded.begin) * splits
            total, seen = total + np.where(np.isnan(one), 0.0, one), seen + ~np.isnan(one)
    mean = np.where(seen >= least_of(MONTH, share), total / np.maximum(seen, 1.0), np.nan)
    return {
        "short_interest_fraction": ratio(short, told.now("shares_outstanding")),
        "days_to_cover": ratio(short, mean),
    }


def _age(day: Array, sessions: list[dt.date], begin: int) -> Array:
    """Sessions of the window after each day; NaN where the day is not known or lies before the window."""
    days = np.array(sessions, dtype="datetime64[D]").astype(np.float64)
    at = np.searchsorted(days, day, side="right") - 1.0
    age: Array = np.arange(begin, len(days))[:, None] - at
    return np.where(np.isnan(day) | (at < 0), np.nan, age)


def _events(said: _Past, sessions: list[dt.date]) -> dict[str, Array]:
    """Sessions since and until announcements."""
    days = exchange_days().astype(np.float64)
    today = np.searchsorted(days, np.array(sessions[said.begin :], dtype="datetime64[D]").astype(np.float64))[:, None]
    since, until = (
        np.where(np.isnan(day), np.nan, sign * (np.searchsorted(days, day) - today))
        for sign, day in ((-1.0, said.now("last_earnings")), (1.0, said.now("next_earnings")))
    )
    return {"sessions_since_earnings": since, "sessions_until_earnings": until}


def _anchored(said: _Past, traded: _Past, sessions: list[dt.date], settings: Features) -> dict[str, Array]:
    """Volume-weighted mean price since the session that first traded on the last announcement."""
    age = _age(said.now("last_earnings"), sessions, traded.begin)
    # further back the value would depend on where the window begins
    sessions_since = np.where(age < REACH, age, -1.0).astype(np.int64)
    least = [least_of(n, settings.min_observations_fraction) for n in range(REACH + 1)]
    chain = Chain.of(traded.columns, traded.present)
    gap, slope, state = since_anchor(
        chain, traded.begin, np.array(least), sessions_since, settings.avwap_slope_sessions
    )
    return {"avwap_earnings_gap": gap, "avwap_earnings_slope": slope, "avwap_earnings_state": state}
