"""Membership of the real bundle: the point-in-time query, as stored, and what a second source says of it."""

import datetime as dt
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from configs.load import load
from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock
from feature_store.schemas.market import INDUSTRIES, MEMBERS, TICKERS
from quant_assets.engine.asset import Source
from quant_resources.vendors.files.vendor import FileDrop
from tests.engine.market import make_runner, run
from tests.oracles.bundle import SHARED, needs

pytestmark = [pytest.mark.shared, needs("data/sp500_membership.parquet")]

DATA = SHARED / "data"
CLOCK = DecisionClock()
FIRST, LAST = dt.date(2007, 3, 5), dt.date(2018, 12, 31)
N_DATES = 500
# An official date against the day of a record, and weeks where a source marks its own dates as approximate.
NEAR = dt.timedelta(days=45)
# The second source names a company by its last ticker, also before it bore it. These are the names that neither the
# membership's company numbers nor the securities' list of tickers tell.
LATER_NAMES = {
    "WYND": "WYN", "AABA": "YHOO", "KDP": "DPS", "DXC": "CSC", "WBA": "WAG", "VIAV": "JDSU", "FOXA": "NWSA",
    "HSH": "SLE", "EKDKQ": "EK", "ATGE": "DV", "MTLQQ": "GM", "KATE": "LIZ", "FMCC": "FRE", "FNMA": "FNM",
    "CCTYQ": "CC", "IAC": "IACI", "WAMUQ": "WM", "CPRI": "KORS", "SUNEQ": "WFR", "CITGQ": "CIT", "LEHMQ": "LEH",
    "BTUUQ": "BTU", "RSHCQ": "RSH", "ANRZQ": "ANR", "ABKFQ": "ABK",
}  # fmt: skip
# Two companies that ended under one ticker, which the second source has once: Tyco and Johnson Controls, ACE and Chubb,
# Actavis (Watson before) and Allergan.
ONE_TICKER_OF_TWO = {"TYC", "ACE", "WPI", "ACT"}
# Left in 2010-02 and 2008-11 by the second source; the first never says so of ACS, and of ASH in 2010-07.
LEFT_UNNOTICED = {"ACS", "ASH"}


@cache
def days() -> list[dt.date]:
    every = calendar.between(FIRST, LAST)
    chosen = np.random.default_rng(500).choice(len(every), N_DATES, replace=False)
    return [every[i] for i in sorted(chosen)]


@cache
def recorded() -> pl.DataFrame:
    return pl.read_parquet(DATA / "sp500_membership.parquet")


def by_query(day: dt.date) -> pl.DataFrame:
    """The query that the bundle's README gives."""
    return recorded().filter(
        (pl.col("recorded_at") <= day)
        & (pl.col("date_added") <= day)
        & (pl.col("date_removed").is_null() | (pl.col("date_removed") > day))
    )


def securities(rows: pl.DataFrame) -> set[str]:
    return {
        f"{ticker}.UNLINKED" if security is None or method == "identity_splice" else security
        for ticker, security, method in rows.select("symbol", "security_id", "link_method").iter_rows()
    }


def test_members_of_500_random_dates_are_those_of_the_query_as_they_are_stored(tmp_path: Path) -> None:
    runner = make_runner(tmp_path / "store", load("sp500", data=DATA))
    run(runner, Source(MEMBERS), days())
    sizes = []
    for day in days():
        stored = runner.store.read(MEMBERS, day, first=day, last=day)
        asked = by_query(day)
        assert stored["symbol"].is_unique().all()
        assert set(stored["symbol"]) == securities(asked)
        assert set(stored.filter(~pl.col("linked"))["symbol"]) == {s for s in securities(asked) if ".UNLINKED" in s}
        sizes.append(stored.height)
    assert 491 <= min(sizes) <= max(sizes) <= 506
    assert {p.grade for p in runner.store.partitions(MEMBERS)} == {Grade.DATED}


def test_every_member_of_those_dates_has_the_ticker_that_the_index_had_then() -> None:
    vendor, chosen = FileDrop(load("sp500", data=DATA)), days()[::10]
    raw = vendor.fetch(TICKERS, chosen, CLOCK.decision_time(chosen[-1]))
    rows = vendor.parse(TICKERS, raw, chosen)
    for day in chosen:
        told = rows.filter(session=day)
        assert set(told["symbol"]) == securities(by_query(day))
        asked = set(by_query(day).select("symbol", "cik").iter_rows())
        assert set(told.select("ticker", "company").iter_rows()) <= asked
    # names and codes of today are not told of yesterday
    assert rows["name"].null_count() == rows["sic"].null_count() == rows.height


def test_nothing_of_codes_is_known_so_that_grouped_by_code_all_are_unknown() -> None:
    vendor = FileDrop(load("sp500", data=DATA, overrides={"market.grouping": "ff49"}))
    raw = vendor.fetch(INDUSTRIES, [LAST], CLOCK.decision_time(LAST))
    assert vendor.parse(INDUSTRIES, raw, [LAST]).is_empty()


# -- the second source -------------------------------------------------------------------------------------------------


@cache
def companies() -> dict[str, set[str]]:
    """Ticker to the companies that bore it at any time."""
    found = defaultdict(set)
    for ticker, cik in recorded().select("symbol", "cik").drop_nulls().iter_rows():
        found[ticker].add(cik)
    table = pl.read_parquet(DATA / "securities.parquet").select("security_id", "cik", "index_symbols")
    for security, cik, tickers in table.filter(pl.col("cik").is_not_null()).iter_rows():
        for ticker in {security.split(".OLD")[0].split(".G")[0], *(tickers or "").split("|")} - {""}:
            found[ticker].add(cik)
    return found


def company(ticker: str) -> set[str]:
    """Of a ticker of either source; the ticker itself where nobody says."""
    known = LATER_NAMES.get(ticker, ticker)
    return companies().get(known, set()) | {known}


class Intervals:
    """Tickers of a source with the companies that bore them, from a day until another."""

    def __init__(self, rows: list[tuple[str, dt.date, dt.date | None]]) -> None:
        self._rows = [(ticker, company(ticker), begin, end or dt.date(2100, 1, 1)) for ticker, begin, end in rows]

    def on(self, day: dt.date) -> set[str]:
        return {ticker for ticker, _, begin, end in self._rows if begin <= day < end}

    def near(self, day: dt.date) -> set[str]:
        return {who for _, ids, begin, end in self._rows if begin - NEAR <= day < end + NEAR for who in ids}


def of_ours(ticker: str, theirs_near: set[str]) -> str:
    if ticker in ONE_TICKER_OF_TWO:
        return "two companies under one later ticker"
    if ticker in LEFT_UNNOTICED:
        return "left, which the first source did not notice"
    return "dated some weeks apart" if company(ticker) & theirs_near else "ours only"


def of_theirs(ticker: str, ours_near: set[str], official_near: set[str]) -> str:
    if company(ticker) & ours_near:
        return "dated some weeks apart"
    return "recorded later by the first source" if company(ticker) & official_near else "theirs only"


@cache
def differences() -> Counter[str]:
    """Member-days by how the sources agree on them; of a difference each side counts."""
    second = pl.read_parquet(DATA / "sp500_membership_1996.parquet")
    theirs = Intervals(list(second.select("symbol", "start_date", "end_date").iter_rows()))
    begins = pl.max_horizontal("date_added", "recorded_at")
    ours = Intervals(list(recorded().select("symbol", begins, "date_removed").iter_rows()))
    counts: Counter[str] = Counter()
    official = Intervals(list(recorded().select("symbol", "date_added", "date_removed").iter_rows()))
    for day in days():
        mine, other = set(by_query(day)["symbol"]), theirs.on(day)
        counts["same ticker"] += len(mine & other)
        only_mine, only_theirs = mine - other, other - mine
        for ticker in sorted(only_mine):
            match = next((t for t in sorted(only_theirs) if company(t) & company(ticker)), None)
            if match is not None:
                counts["same company under its later ticker"] += 1
                only_mine, only_theirs = only_mine - {ticker}, only_theirs - {match}
        counts.update(of_ours(ticker, theirs.near(day)) for ticker in only_mine)
        counts.update(of_theirs(ticker, ours.near(day), official.near(day)) for ticker in only_theirs)
    return counts


def test_the_second_source_agrees_but_for_tickers_dates_and_a_few_names() -> None:
    counts = differences()
    share = {name: n / sum(counts.values()) for name, n in counts.items()}
    bounds = {
        "same ticker": (0.935, 1.0),
        "same company under its later ticker": (0.045, 0.055),
        "two companies under one later ticker": (0.0, 0.005),
        "left, which the first source did not notice": (0.0, 0.002),
        "recorded later by the first source": (0.0, 0.002),
        "dated some weeks apart": (0.0, 0.004),
        "ours only": (0.0, 0.002),  # removals of 2007 that the first source noticed months later
        "theirs only": (0.0, 0.002),
    }
    assert set(share) == set(bounds)
    assert all(low <= share[name] <= high for name, (low, high) in bounds.items()), counts
