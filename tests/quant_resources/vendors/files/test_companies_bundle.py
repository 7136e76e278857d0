"""Files of companies in the bundle of real data."""

import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.load import load
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.schemas.companies import EARNINGS_DATES, FUNDAMENTALS
from feature_store.schemas.market import BENCHMARKS, MACRO
from quant_resources.vendors.files.vendor import FileDrop
from tests.oracles.bundle import SHARED, needs
from tests.quant_resources.vendors.files.test_companies import CLOCK, WHY, left_out, parsed

BUNDLE = SHARED / "data"
NAMED = {f"exceptions.{name}": why for name, why in WHY.items()}


def real(name: str) -> FileDrop:
    return FileDrop(load(name, data=BUNDLE, overrides=NAMED))


@pytest.mark.shared
@needs("data")
class TestBundle:
    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    @pytest.mark.parametrize("dataset", [FUNDAMENTALS, EARNINGS_DATES, MACRO], ids=lambda d: d.name)
    def test_a_range_is_its_days_and_a_payload_cut_earlier_gives_the_same(self, name: str, dataset: Dataset) -> None:
        days, vendor = calendar.between(dt.date(2016, 7, 1), dt.date(2016, 9, 30)), real(name)
        raw = vendor.fetch(dataset, days, CLOCK.decision_time(days[-1]))
        whole = vendor.parse(dataset, raw, days)
        assert whole.height > 400
        for day in days[::9]:
            assert_frame_equal(parsed(vendor, dataset, [day]), whole.filter(session=day))
            cut = raw.filter(pl.col("known_at") <= CLOCK.decision_time(day))
            assert_frame_equal(vendor.parse(dataset, cut, [day]), whole.filter(session=day))

    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    def test_files_of_survivors_say_nothing_unless_the_profile_names_them(self, name: str) -> None:
        days, vendor = calendar.between(dt.date(2016, 7, 1), dt.date(2016, 7, 29)), FileDrop(load(name, data=BUNDLE))
        survivors = [EARNINGS_DATES] if name == "vintages" else [EARNINGS_DATES, FUNDAMENTALS]
        for dataset in survivors:
            assert parsed(vendor, dataset, days).is_empty()
            assert left_out(vendor, dataset, days)["hindsight_coverage"] > 100
            assert parsed(real(name), dataset, days)["grade"].unique().to_list() == [Grade.HINDSIGHT]

    def test_quarters_a_year_late_and_companies_without_prices_are_left_out(self) -> None:
        days = calendar.between(dt.date(2010, 1, 4), dt.date(2010, 12, 31))
        file = pl.read_parquet(BUNDLE / "fundamentals_sec.parquet")
        inside = file.filter(pl.col("available_date").is_between(dt.date(2010, 1, 4), dt.date(2010, 12, 31)))
        counts = left_out(real("sp500"), FUNDAMENTALS, days)
        items = ("net_income", "operating_cash_flow", "capex", "total_assets", "equity")
        late = inside.filter(pl.col("lag_days") > 200, pl.col("security_id").is_not_null())
        assert counts["max_lag_days"] == late.select(pl.col(items).count()).sum_horizontal().item()
        nameless = inside.filter(pl.col("security_id").is_null())
        assert counts["without_symbol"] == nameless.select(pl.col(items).count()).sum_horizontal().item()
        rows = parsed(real("sp500"), FUNDAMENTALS, days)
        assert (rows["session"] - rows["event_date"]).dt.total_days().max() <= 200

    def test_cash_flows_of_the_year_to_date_and_single_quarters_are_distinguished(self) -> None:
        days = calendar.between(dt.date(2015, 3, 20), dt.date(2016, 12, 30))
        apple = parsed(real("vintages"), FUNDAMENTALS, days).filter(symbol="AAPL")
        flows = apple.filter(
            pl.col("item").is_in(["revenue", "operating_cash_flow"]), pl.col("event_date").dt.year() == 2015
        )
        assert flows.select("event_date", "item", "months", "value").rows() == [
            (dt.date(2015, 3, 28), "operating_cash_flow", 6, 52.803e9),
            (dt.date(2015, 3, 28), "revenue", 3, 58.010e9),
            (dt.date(2015, 6, 27), "operating_cash_flow", 9, 67.791e9),
            (dt.date(2015, 6, 27), "revenue", 3, 49.605e9),
            (dt.date(2015, 9, 26), "operating_cash_flow", 12, 81.266e9),
            (dt.date(2015, 9, 26), "revenue", 12, 233.715e9),
            (dt.date(2015, 12, 26), "operating_cash_flow", 3, 27.463e9),
            (dt.date(2015, 12, 26), "revenue", 3, 75.872e9),
        ]

    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    def test_the_cross_asset_series_are_served_with_the_lag_of_their_publication(self, name: str) -> None:
        days = calendar.between(dt.date(2016, 1, 4), dt.date(2016, 3, 31))
        macro, funds = (parsed(real(name), dataset, days) for dataset in (MACRO, BENCHMARKS))
        treasury = {f"DGS{term}" for term in ("1MO", "3MO", "6MO", "1", "2", "3", "5", "7", "10", "20", "30")}
        later = treasury | {"BAA10Y", "AAA10Y", "HY_OAS", "IG_OAS", "DFF"}
        volatility = {"VIX_CLOSE", "VIX3M"}
        assert later | volatility <= set(macro["series"])
        lag = macro["session"] - macro["event_date"]
        by_series = dict(macro.select("series", lag=lag).group_by("series").agg(pl.col("lag").min()).iter_rows())
        assert {series: by_series[series].days for series in volatility} == dict.fromkeys(volatility, 0)
        assert all(by_series[series].days >= 1 for series in later)
        sectors = {"XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY"}
        expected = {"SPY", "QQQ", "TLT", "GLD", "HYG", "LQD", "IYZ"} | sectors
        served = funds.filter(pl.col("symbol").is_in(expected)).group_by("symbol").len()
        assert dict(served.iter_rows()) == dict.fromkeys(expected, len(days))
        assert (funds["session"] == funds["event_date"]).all()
