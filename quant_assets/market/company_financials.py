"""What is known of each company on a session: twelve months up to the last reported period, and its balance sheet."""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import Market
from feature_store.schemas.companies import COMPANY_FINANCIALS, FLOWS, INSTANTS
from quant_assets.numerics.arrays import Array, Index

# A report speaks of one of these; other items are dated by other days too, such as a share count by its cover page.
REPORTED = ("revenue", "net_income", "assets", "equity")
ITEMS = (*INSTANTS, *FLOWS)
REPORTED_FLOWS = ("revenue", "operating_income", "net_income", "operating_cash_flow", "capital_expenditure")
REPORTED_INSTANTS = ("assets", "current_assets", "cash", "liabilities", "current_liabilities", "debt", "equity")
SCHEMA = COMPANY_FINANCIALS.computed_schema

# Days from an earlier end of a period to a later one: fiscal quarters have 12 to 17 weeks, fiscal years 52 or 53.
QUARTER, YEAR = (77, 126), (357, 378)
BACK = {1: QUARTER, 2: (161, 210), 3: (245, 294), 4: YEAR}
DAYS_PER_QUARTER = 365.25 / 4
SLOTS = 12  # ends of quarters: the last one, and those up to three years before it
SESSIONS_PER_DAY = 252 / 365


def lookback_sessions(settings: Market) -> int:
    """Sessions of FUNDAMENTALS that `company_financials` looks back on: the age of the last report, and three years."""
    return math.ceil((settings.fundamentals_max_age_days + 3 * YEAR[1]) * SESSIONS_PER_DAY)


def action_sessions(settings: Market) -> int:
    """Sessions of CORPORATE_ACTIONS: a share count's age, and the year by which a split may be declared ahead."""
    return math.ceil((settings.fundamentals_max_age_days + 365) * SESSIONS_PER_DAY)


def company_financials(
    fundamentals: pl.DataFrame, bars: pl.DataFrame, actions: pl.DataFrame, session: dt.date, settings: Market
) -> pl.DataFrame:
    """Items of twelve months up to the last reported period, its balance sheet, and both per share.

    Twelve months are the first of these that is known in full, and otherwise null:

        one item of twelve months
        four single quarters
        the last twelve months reported + the year to date since − the same part of the year before

    where a single quarter is reported as such, or the difference of two amounts that began on the same day (the fourth
    is the year less nine months), and a year to date is reported as such, or the sum of its quarters. All end on days
    of reports (with revenue, net income, assets or equity): the last one, and those about 3, 6, 9 and 12 months before
    another, by weeks that fit any fiscal calendar. What ends on other days is not used.

    Args:
        fundamentals: rows of FUNDAMENTALS as known at the session, of the last `lookback_sessions`; null is withdrawn.
        bars: rows of BARS of the session.
        actions: rows of CORPORATE_ACTIONS as known at the session, of the last `action_sessions`. A share count is
            multiplied by the splits with an ex-date after the day that it speaks of, up to the session.
        session: the partition.
        settings: `fundamentals_max_age_days`, since the end of the last period; older items are null.

    Returns:
        Rows of COMPANY_FINANCIALS, sorted by symbol, one for each company with a report or a share count.
    """
    known = fundamentals.filter(pl.col("value").is_not_null(), pl.col("event_date") <= session)
    names = known["symbol"].unique().sort()
    facts = _facts(known, names)
    ends, limit = _ends(facts, len(names)), settings.fundamentals_max_age_days
    shares, since = _last_shares(facts, len(names), _day(session) - limit)
    shares *= _splits(actions, names, since, session)
    kept = (ends[:, 0] > 0) | ~np.isnan(shares)
    age = _day(session) - ends[:, 0]
    items = _items(_dense(facts, np.where((age <= limit)[:, None], ends, 0)), ends)
    items |= _per_share(items, shares, _closes(bars, names, session))
    period_end = pl.Series(ends[:, 0].astype(np.int32)).replace(0, None)
    rows = pl.DataFrame({"symbol": names, **items}, nan_to_null=True).with_columns(
        event_date=pl.lit(session, pl.Date), period_end=period_end.cast(pl.Date), age_days=_day(session) - period_end
    )
    return rows.filter(kept).select(SCHEMA.keys())


@dataclass(frozen=True)
class _Facts:
    """Arrays (M,): whose, of which item, of which day since 1970, over how many quarters, and what."""

    owner: Index
    item: Index
    day: Index
    quarters: Index
    value: Array

    def of(self, *items: str) -> "_Facts":
        some = np.isin(self.item, [ITEMS.index(item) for item in items])
        return _Facts(self.owner[some], self.item[some], self.day[some], self.quarters[some], self.value[some])


def _facts(known: pl.DataFrame, names: pl.Series) -> _Facts:
    return _Facts(
        owner=_codes(known["symbol"], names),
        item=_codes(known["item"], pl.Series(ITEMS)),
        day=_days(known["event_date"]),
        quarters=known["months"].to_numpy().astype(np.intp) // 3,
        value=known["value"].to_numpy(),
    )


def _codes(values: pl.Series, names: pl.Series) -> Index:
    """Where each value stands among the names; -1 where it does not."""
    place = values.cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int64)
    return place.fill_null(-1).to_numpy().astype(np.intp)


def _days(dates: pl.Series) -> Index:
    return dates.to_physical().to_numpy().astype(np.intp)


def _day(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days


def _ends(facts: _Facts, n: int) -> Index:
    """(N, SLOTS) days since 1970 on which quarters ended, the last one first; 0 where there is no report of one.

    Of several days that fit, the one nearest to the calendar's counts, and the later of two as near.
    """
    reports = facts.of(*REPORTED)
    owner, day = reports.owner, reports.day
    ends = np.zeros((n, SLOTS), dtype=np.intp)
    np.maximum.at(ends[:, 0], owner, day)
    for base in range(0, SLOTS, 4):
        for back in range(1, min(5, SLOTS - base)):
            lag, (low, high) = ends[owner, base] - day, BACK[back]
            fits = np.flatnonzero((lag >= low) & (lag <= high))
            off = np.abs(lag[fits] - back * DAYS_PER_QUARTER)
            best_last = fits[np.lexsort((day[fits], -off))]
            ends[owner[best_last], base + back] = day[best_last]  # of several written the last one stands
    return ends


def _dense(facts: _Facts, ends: Index) -> Array:
    """(items, N, SLOTS, 5) values by item, name, end of the period and its length in quarters; NaN where unknown."""
    values = np.full((len(ITEMS), len(ends), SLOTS, 5), np.nan)
    owner, slot = np.nonzero(ends)
    if not len(owner):
        return values
    day = ends[owner, slot]
    first = int(day.min())
    slot_of = np.full((len(ends), int(day.max()) - first + 1), -1, dtype=np.int8)
    slot_of[owner, day - first] = slot
    inside = (facts.day >= first) & (facts.day <= day.max())
    at = np.full(len(inside), -1, dtype=np.intp)
    at[inside] = slot_of[facts.owner[inside], facts.day[inside] - first]
    used = at >= 0
    values[facts.item[used], facts.owner[used], at[used], facts.quarters[used]] = facts.value[used]
    return values


class _Periods:
    """Reported items on a grid of quarters.

    Args:
        values: (items, N, SLOTS, 5) by item, name, end of the period and its length in quarters; NaN where unknown.
        ends: (N, SLOTS) days; 0 where there is no report of the quarter.
    """

    def __init__(self, values: Array, ends: Index) -> None:
        self._values = values
        gap = ends[:, :-1] - ends[:, 1:]
        follows = (ends[:, 1:] > 0) & (gap >= QUARTER[0]) & (gap <= QUARTER[1])
        # added to what needs the report of a slot to be a quarter younger than the one before it
        self._link = np.where(np.pad(follows, ((0, 0), (0, 1))), 0.0, np.nan)
        self._singles = [self._single(slot) for slot in range(SLOTS)]

    def twelve_months(self, slot: int) -> Array:
        """(items, N) amounts of the twelve months up to a slot; see `company_financials`."""
        rolled = (self._reported(slot + n, 4) + self._to_date(slot, n) - self._to_date(slot + 4, n) for n in (1, 2, 3))
        return _first_known(self._reported(slot, 4), self._quarters(slot, 4), *rolled)

    def quarter(self) -> Array:
        """(items, N) amounts of the last single quarter: as `_single`, or the year less its first three quarters."""
        return _first_known(self._singles[0], self._reported(0, 4) - self._quarters(1, 3) + self._link[:, 0])

    def _to_date(self, slot: int, count: int) -> Array:
        return _first_known(self._reported(slot, count), self._quarters(slot, count))

    def _quarters(self, slot: int, count: int) -> Array:
        """The sum of `count` single quarters, each the one before the other."""
        total = self._singles[slot]
        for i in range(slot + 1, slot + count):
            total = total + self._singles[i] + self._link[:, i - 1]
        return total

    def _single(self, slot: int) -> Array:
        differences = (
            self._reported(slot, n) - self._reported(slot + 1, n - 1) + self._link[:, slot] for n in (2, 3, 4)
        )
        return _first_known(self._reported(slot, 1), *differences)

    def _reported(self, slot: int, quarters: int) -> Array:
        if slot >= SLOTS:
            return np.full(self._values.shape[:2], np.nan)
        reported: Array = self._values[:, :, slot, quarters]
        return reported


def _items(values: Array, ends: Index) -> dict[str, Array]:
    """Columns (N,) of COMPANY_FINANCIALS in USD."""
    periods = _Periods(values, ends)
    now, year_ago = (dict(zip(ITEMS, periods.twelve_months(slot), strict=True)) for slot in (0, 4))
    quarter = dict(zip(ITEMS, periods.quarter(), strict=True))
    balance, balance_year_ago = (dict(zip(ITEMS, values[:, :, slot, 0], strict=True)) for slot in (0, 4))
    gross = _first_known(now["gross_profit"], now["revenue"] - now["cost_of_revenue"])
    return {
        **{f"{item}_ttm_usd": now[item] for item in REPORTED_FLOWS},
        "gross_profit_ttm_usd": gross,
        "ebitda_ttm_usd": now["operating_income"] + now["depreciation"],
        **{f"{item}_quarter_usd": quarter[item] for item in ("revenue", "net_income")},
        **{f"{item}_ttm_year_ago_usd": year_ago[item] for item in ("revenue", "net_income")},
        **{f"{item}_usd": balance[item] for item in REPORTED_INSTANTS},
        **{f"{item}_year_ago_usd": balance_year_ago[item] for item in ("assets", "equity")},
    }


def _first_known(*choices: Array) -> Array:
    reported = choices[0]
    for other in choices[1:]:
        reported = np.where(np.isnan(reported), other, reported)
    return reported


def _last_shares(facts: _Facts, n: int, oldest: int) -> tuple[Array, Index]:
    """(N,) shares outstanding as last reported, and of which day; NaN and 0 where unknown or older than `oldest`."""
    counts = facts.of("shares_outstanding")
    order = np.argsort(counts.day, kind="stable")
    order = order[(counts.value[order] > 0) & (counts.day[order] >= oldest)]
    shares, since = np.full(n, np.nan), np.zeros(n, dtype=np.intp)
    shares[counts.owner[order]] = counts.value[order]  # of several written the last one stands
    since[counts.owner[order]] = counts.day[order]
    return shares, since


def _splits(actions: pl.DataFrame, names: pl.Series, since: Index, session: dt.date) -> Array:
    """(N,) new shares per old one by all splits with an ex-date after `since`, up to the session."""
    due = actions.filter(pl.col("action") == "split", pl.col("value") > 0, pl.col("event_date") <= session)
    owner = _codes(due["symbol"], names)
    due, owner = due.filter(owner >= 0), owner[owner >= 0]
    later = _days(due["event_date"]) > since[owner]
    ratio = np.ones(len(names))
    np.multiply.at(ratio, owner[later], due["value"].to_numpy()[later])
    return ratio


def _closes(bars: pl.DataFrame, names: pl.Series, session: dt.date) -> Array:
    today = bars.filter(pl.col("event_date") == session)
    place, closes = _codes(today["symbol"], names), np.full(len(names), np.nan)
    closes[place[place >= 0]] = today["close"].to_numpy()[place >= 0]
    return closes


def _per_share(items: dict[str, Array], shares: Array, close: Array) -> dict[str, Array]:
    return {
        "shares_outstanding": shares,
        "market_cap_usd": shares * close,
        "eps_ttm_usd": items["net_income_ttm_usd"] / shares,
        "revenue_per_share_usd": items["revenue_ttm_usd"] / shares,
        "book_per_share_usd": items["equity_usd"] / shares,
    }
