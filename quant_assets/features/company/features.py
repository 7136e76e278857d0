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
from quant_assets.numerics.rolling import min_observations

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
        first: the first session that is due.
        settings: `min_observations_fraction`, `avwap_slope_sessions`.

    Returns:
        Rows of COMPANY_FEATURES from `first` on, one for each bar of a company with financials or a snapshot; null
        where the source has nothing.
    """
    known = pl.concat([frame.select("event_date", "symbol") for frame in (financials, snapshots)]).unique()
    of = bars.filter(pl.col("event_date") >= first).select("event_date", "symbol")
    rows_due = of.join(known, on=["event_date", "symbol"], how="semi", maintain_order="left")
    rows = panel(rows_due, sessions)
    begin = len(sessions) - sum(day >= first for day in sessions)
    reports, known_of = (_Past.of(frame, sessions, rows.symbols, begin) for frame in (financials, snapshots))
    traded = _Past.of(bars.select("event_date", "symbol", *BAR_COLUMNS), sessions, rows.symbols, begin)
    made = {
        **fundamentals({name: reports.now(name) for name in reports.columns}),
        **_levels(reports, known_of, traded.now("close")),
        **_revisions(known_of, traded),
        **_surprises(reports, known_of, traded),
        **_lending(reports, known_of, traded, sessions, settings.min_observations_fraction),
        **_events(known_of, sessions),
        **_anchored(known_of, traded, sessions, settings),
    }
    at = rows.row - begin, rows.column
    named = [pl.Series(feature.name, made[feature.name][at], nan_to_null=True) for feature in COMPANY]
    return rows_due.with_columns(named).select(*COMPANY_FEATURES.computed_schema)


@dataclass(frozen=True)
class _Past:
    """Columns of a frame as (T, N) arrays, dates as days since 1970, and which rows of them are due.

    Attributes:
        begin: the first row that is due.
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
        """The due rows as they were `lag` sessions before; NaN before the window."""
        return _before(self.columns[name], lag, self.begin)

    def expected(self, period: str, item: str, lag: int, end: Array) -> Array:
        """What was expected `lag` sessions before of the period that ends on the days `end`."""
        expected = np.full(end.shape, np.nan)
        for place in (f"next_{period}", period):
            same = np.abs(self.before(f"{place}_end", lag) - end) <= SAME_PERIOD_DAYS
            expected = np.where(same, self.before(f"{place}_{item}", lag), expected)
        return expected


def _before(x: Array, lag: int, begin: int) -> Array:
    rows = x[max(begin - lag, 0) : max(len(x) - lag, 0)]
    return np.vstack([np.full((len(x) - begin - len(rows), x.shape[1]), np.nan), rows])


def _levels(reports: _Past, snapshots: _Past, close: Array) -> dict[str, Array]:
    """What needs no past."""
    earnings = snapshots.now("quarter_eps_usd")
    return {
        "expected_earnings_to_price": ratio(snapshots.now("year_eps_usd"), close),
        "expected_revenue_growth": ratio(snapshots.now("year_revenue_usd"), reports.now("revenue_ttm_usd")) - 1.0,
        "estimate_dispersion": ratio(snapshots.now("quarter_eps_std_usd"), np.abs(earnings)),
        "analysts": snapshots.now("analysts"),
        "report_age_days": reports.now("age_days"),
        "borrow_fee": snapshots.now("borrow_fee_annual"),
        "borrow_supply": ratio(snapshots.now("shares_to_borrow"), reports.now("shares_outstanding")),
    }


def _splits(traded: _Past) -> Iterator[tuple[int, Array]]:
    """Each lag, and new shares per share of so many sessions ago; NaN where a split since is not known."""
    ratios = np.where(traded.present, traded.columns["split_ratio"], 1.0)
    since = np.ones_like(traded.now("close"))
    for lag in range(REACH):
        yield lag, since
        since = since * _before(ratios, lag, traded.begin)


def _revisions(snapshots: _Past, traded: _Past) -> dict[str, Array]:
    """Of what is expected now, against what was expected of the same period."""
    close, made = traded.now("close"), {}
    ends = {period: snapshots.now(f"{period}_end") for period in ("quarter", "year")}
    for lag, splits in _splits(traded):
        if lag in (MONTH, QUARTER):
            before = snapshots.expected("quarter", "eps_usd", lag, ends["quarter"])
            made[f"earnings_revision_{lag}"] = ratio(snapshots.now("quarter_eps_usd") - before / splits, close)
        if lag == QUARTER:
            year = snapshots.expected("year", "eps_usd", lag, ends["year"])
            made[f"year_earnings_revision_{lag}"] = ratio(snapshots.now("year_eps_usd") - year / splits, close)
            sales = snapshots.expected("quarter", "revenue_usd", lag, ends["quarter"])
            made[f"revenue_revision_{lag}"] = log(ratio(snapshots.now("quarter_revenue_usd"), sales))
            break
    return made


def _surprises(reports: _Past, snapshots: _Past, traded: _Past) -> dict[str, Array]:
    """The last report against the last session on which its quarter was still expected."""
    close, end, revenue = traded.now("close"), reports.now("period_end"), reports.now("revenue_quarter_usd")
    actual = ratio(reports.now("net_income_quarter_usd"), reports.now("shares_outstanding"))
    surprise, standardized, sales = (np.full_like(close, np.nan) for _ in range(3))
    awaited = ~np.isnan(end)
    for lag, splits in _splits(traded):
        met = awaited & (np.abs(snapshots.before("quarter_end", lag) - end) <= SAME_PERIOD_DAYS)
        if not met.any():
            continue
        awaited &= ~met
        gap = actual - snapshots.before("quarter_eps_usd", lag) / splits
        surprise[met] = ratio(gap, close)[met]
        standardized[met] = ratio(gap, snapshots.before("quarter_eps_std_usd", lag) / splits)[met]
        sales[met] = log(ratio(revenue, snapshots.before("quarter_revenue_usd", lag)))[met]
    return {
        "earnings_surprise": surprise,
        "standardized_earnings_surprise": standardized,
        "revenue_surprise": sales,
    }


def _lending(
    reports: _Past, snapshots: _Past, traded: _Past, sessions: list[dt.date], min_fraction: float
) -> dict[str, Array]:
    """Short interest over the shares there are, and over those that are traded."""
    volume = traded.columns["dollar_volume_usd"] / traded.columns["close"]
    total, seen = np.zeros_like(traded.now("close")), np.zeros_like(traded.now("close"))
    short = np.full_like(total, np.nan)
    age = _age(snapshots.now("settled"), sessions, traded.begin)
    for lag, splits in _splits(traded):
        short = np.where(age == lag, snapshots.now("shares_short") * splits, short)
        if lag < MONTH:
            one = _before(volume, lag, traded.begin) * splits
            total, seen = total + np.where(np.isnan(one), 0.0, one), seen + ~np.isnan(one)
    mean = np.where(seen >= min_observations(MONTH, min_fraction), total / np.maximum(seen, 1.0), np.nan)
    return {
        "short_interest_fraction": ratio(short, reports.now("shares_outstanding")),
        "days_to_cover": ratio(short, mean),
    }


def _age(day: Array, sessions: list[dt.date], begin: int) -> Array:
    """Sessions of the window after each day; NaN where the day is not known or lies before the window."""
    days = np.array(sessions, dtype="datetime64[D]").astype(np.float64)
    at = np.searchsorted(days, day, side="right") - 1.0
    age: Array = np.arange(begin, len(days))[:, None] - at
    return np.where(np.isnan(day) | (at < 0), np.nan, age)


def _events(snapshots: _Past, sessions: list[dt.date]) -> dict[str, Array]:
    """Sessions since and until announcements."""
    days = exchange_days().astype(np.float64)
    today = np.searchsorted(days, np.array(sessions[snapshots.begin :], dtype="datetime64[D]").astype(np.float64))[
        :, None
    ]
    since, until = (
        np.where(np.isnan(day), np.nan, sign * (np.searchsorted(days, day) - today))
        for sign, day in ((-1.0, snapshots.now("last_earnings")), (1.0, snapshots.now("next_earnings")))
    )
    return {"sessions_since_earnings": since, "sessions_until_earnings": until}


def _anchored(snapshots: _Past, traded: _Past, sessions: list[dt.date], settings: Features) -> dict[str, Array]:
    """Volume-weighted mean price since the session that first traded on the last announcement."""
    age = _age(snapshots.now("last_earnings"), sessions, traded.begin)
    # further back the value would depend on where the window begins
    sessions_since = np.where(age < REACH, age, -1.0).astype(np.int64)
    min_count = [min_observations(n, settings.min_observations_fraction) for n in range(REACH + 1)]
    chain = Chain.of(traded.columns, traded.present)
    gap, slope, state = since_anchor(
        chain, traded.begin, np.array(min_count), sessions_since, settings.avwap_slope_sessions
    )
    return {"avwap_earnings_gap": gap, "avwap_earnings_slope": slope, "avwap_earnings_state": state}
