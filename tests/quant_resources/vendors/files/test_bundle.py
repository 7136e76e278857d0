"""The files vendor on the bundle of real data."""

import datetime as dt
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.load import load
from configs.validation import TABLES
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.schemas.market import (
    BARS,
    BENCHMARKS,
    CORPORATE_ACTIONS,
    INDUSTRIES,
    MACRO,
    MEMBERS,
    TICKERS,
)
from feature_store.schemas.quality import COMPARED_BARS, QUARANTINE
from quant_resources.vendors.files.vendor import FileDrop
from tests.quant_resources.vendors.files.drops import (
    CLOCK,
    parsed,
)

SERVED = (BARS, CORPORATE_ACTIONS, MEMBERS, TICKERS, INDUSTRIES, BENCHMARKS, MACRO, COMPARED_BARS, QUARANTINE)
BUNDLE = Path(__file__).parents[5] / "shared" / "data"
CUT = dt.date(2016, 6, 30)
shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not BUNDLE.is_dir(), reason=f"the market data bundle is not at {BUNDLE}"),
]


def real(name: str, folder: Path = BUNDLE) -> FileDrop:
    return FileDrop(load(name, data=folder))


@lru_cache
def some_sessions(first: dt.date, last: dt.date, n: int) -> list[dt.date]:
    days = calendar.between(first, last)
    drawn = np.random.default_rng(11).choice(len(days), n, replace=False)
    return [days[i] for i in sorted(drawn)]


class TestBundle:
    pytestmark = shared

    def test_membership_is_the_point_in_time_query(self) -> None:
        table = pl.read_parquet(BUNDLE / "sp500_membership.parquet")
        days = some_sessions(dt.date(2007, 3, 5), dt.date(2018, 12, 31), 40)
        rows = parsed(real("sp500"), MEMBERS, days)
        for day in days:
            inside = table.filter(
                (pl.col("recorded_at") <= day)
                & (pl.col("date_added") <= day)
                & (pl.col("date_removed").is_null() | (pl.col("date_removed") > day))
            )
            expected = {
                ticker + ".UNLINKED" if security is None or method == "identity_splice" else security
                for ticker, security, method in inside.select("symbol", "security_id", "link_method").iter_rows()
            }
            assert set(rows.filter(session=day)["symbol"]) == expected
            assert rows.filter(session=day).height == len(expected)
            assert 480 <= len(expected) <= 506  # the query gives 497 to 506 rows; some name one security twice

    def test_vintages_land_in_the_session_that_first_knew_them(self) -> None:
        days = some_sessions(dt.date(2015, 3, 23), dt.date(2017, 3, 30), 12)
        table = pl.read_parquet(BUNDLE / "prices_vintages_2015_2017.parquet")
        for day in days:
            after, until = (CLOCK.decision_time(d).replace(tzinfo=None) for d in (calendar.shift(day, -1), day))
            expected = table.filter(
                (pl.col("knowledge_time") > after)
                & (pl.col("knowledge_time") <= until)
                & pl.col("date").is_in(list(calendar.all_sessions()))
            ).unique(["symbol", "date", "knowledge_time"])
            rows = parsed(real("vintages"), BARS, [day])
            assert set(rows.select("symbol", "event_date").iter_rows()) == set(
                expected.select("symbol", "date").iter_rows()
            )
            assert rows.height == expected.height
            assert rows["grade"].unique().to_list() in ([], [Grade.OBSERVED])

    def test_versions_of_one_capture_keep_the_last_word(self) -> None:
        day = CLOCK.session_of(dt.datetime(2015, 4, 7, 12, 1, 53, tzinfo=dt.UTC))
        row = parsed(real("vintages"), BARS, [day]).filter(symbol="SSE", event_date=dt.date(2015, 4, 6))
        assert row["close"].to_list() == [0.02]  # a wrong price that the vendor did publish

    @pytest.mark.parametrize(
        ("name", "year"), [("sp500", 2008), ("sp500", 2018), ("vintages", 2015), ("vintages", 2016)]
    )
    def test_whole_years_parse(self, name: str, year: int) -> None:
        days = calendar.between(max(load(name).history.start, dt.date(year, 1, 1)), dt.date(year, 12, 31))
        vendor = real(name)
        # on a few sessions the vintages were captured too late for the decision, and belong to the next one
        assert parsed(vendor, BARS, days)["session"].n_unique() > 0.98 * len(days)
        assert parsed(vendor, CORPORATE_ACTIONS, days)["session"].n_unique() > 0.9 * len(days)

    @pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
    def test_a_range_is_its_days(self, dataset: Dataset) -> None:
        days = calendar.between(dt.date(2012, 11, 1), dt.date(2013, 5, 31))  # over the first snapshot of sectors
        whole = parsed(real("sp500"), dataset, days)
        for day in [days[0], *days[30:45:3], *days[100::20], days[-1]]:
            assert_frame_equal(parsed(real("sp500"), dataset, [day]), whole.filter(session=day))

    def test_macro_is_known_when_it_was_published(self) -> None:
        days = calendar.between(dt.date(2008, 9, 11), dt.date(2008, 10, 24))
        rows = parsed(real("sp500"), MACRO, days)
        vix = rows.filter(series="VIX_CLOSE", event_date=dt.date(2008, 10, 24))
        assert vix.select("session", "value").rows() == [(dt.date(2008, 10, 24), 79.13)]
        # the rates of Lehman's weekend: Friday's to Sunday's came out on Monday, Monday's on Tuesday
        funds = dict(rows.filter(series="DFF").select("event_date", "session").iter_rows())
        monday, tuesday = dt.date(2008, 9, 15), dt.date(2008, 9, 16)
        assert [funds[dt.date(2008, 9, day)] for day in (12, 13, 14, 15)] == [monday, monday, monday, tuesday]
        assert rows["grade"].unique().to_list() == [Grade.RULED]

    def test_macro_holds_no_hindsight_and_no_revised_series(self) -> None:
        rows = parsed(real("sp500"), MACRO, some_sessions(dt.date(2007, 3, 5), dt.date(2018, 12, 28), 60))
        assert not {"ACMTP10", "CPIAUCSL", "PAYEMS", "GDP", "INDPRO", "ICSA"} & set(rows["series"])
        daily = rows.filter(pl.col("series").is_in(["DGS10", "DGS2", "BAA10Y", "DFF"]))
        assert (daily["session"] > daily["event_date"]).all()

    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    def test_benchmarks_have_their_bars_and_dividends(self, name: str) -> None:
        days = calendar.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))
        rows = parsed(real(name), BENCHMARKS, days)
        assert rows["symbol"].n_unique() == 67  # XLC came in 2018
        assert rows.filter(symbol="SPY").height == len(days)
        paid = parsed(real(name), CORPORATE_ACTIONS, days).filter(symbol="SPY")
        assert paid["value"].sum() == pytest.approx(4.54, abs=0.01)

    def test_sectors_before_the_first_snapshot_are_graded_hindsight(self) -> None:
        last, first = dt.date(2012, 12, 26), dt.date(2012, 12, 27)
        rows = parsed(real("sp500"), INDUSTRIES, [last, first])
        assert rows.filter(session=last)["grade"].unique().to_list() == [Grade.HINDSIGHT]
        assert rows.filter(session=first)["grade"].unique().to_list() == [Grade.DATED]

    def test_real_estate_appears_when_it_was_published(self) -> None:
        days = [dt.date(2017, 3, 7), dt.date(2017, 3, 8)]
        rows = parsed(real("sp500"), INDUSTRIES, days).filter(symbol="AMT")
        assert rows["industry"].to_list() == ["Financials", "Real Estate"]

    def test_most_members_have_an_industry(self) -> None:
        days = some_sessions(dt.date(2013, 1, 2), dt.date(2018, 12, 31), 20)
        members = parsed(real("sp500"), MEMBERS, days).filter("linked")
        known = members.join(parsed(real("sp500"), INDUSTRIES, days), on=["session", "symbol"], how="semi")
        assert known.height / members.height > 0.95

    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    @pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
    def test_a_bundle_cut_at_a_date_tells_the_same_up_to_it(
        self, cut_bundle: Path, name: str, dataset: Dataset
    ) -> None:
        first = max(load(name).history.start, dt.date(2007, 3, 5))
        days = [*some_sessions(first, CUT, 24), *calendar.between(CUT - dt.timedelta(days=7), CUT)]
        days = sorted(set(days) - {calendar.at_or_before(CUT)} if name == "vintages" else set(days))
        for chunk in (days[:6], days[6:12], days[12:]):
            inside = [d for d in chunk if not cut_short(dataset, d)]
            assert_frame_equal(parsed(real(name, cut_bundle), dataset, inside), parsed(real(name), dataset, inside))


def cut_short(dataset: Dataset, day: dt.date) -> bool:
    """The cut is by calendar day: what was known the morning after the last session is gone."""
    return dataset.name in (CORPORATE_ACTIONS.name, COMPARED_BARS.name) and day >= calendar.at_or_before(CUT)


@pytest.fixture(scope="module")
def cut_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the profiles read, as of the cut, by the bundle's own tool."""
    whole, cut = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cut")
    for profile in ("sp500", "vintages"):
        vendor = load(profile).vendor
        for field in TABLES:
            for table in getattr(vendor, field):
                link, path = whole / f"{table.file}.parquet", BUNDLE / f"{table.file}.parquet"
                if path.exists() and not link.exists():
                    link.symlink_to(path)
    tool = BUNDLE.parent / "tools" / "cut_bundle.py"
    subprocess.run([sys.executable, str(tool), str(whole), str(cut), str(CUT)], check=True)
    return cut
