"""Rows of companies that are quarantined, and files that are rejected with the fix."""

import datetime as dt
from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.load import load
from feature_store.schemas.companies import BORROW, EARNINGS_DATES, ESTIMATES, FUNDAMENTALS, SHORT_INTEREST
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from tests.quant_resources.vendors.files.test_companies import (
    REPORTS,
    WEEK,
    WIDE,
    WIDE_HEADER,
    drop_of,
    parsed,
    write,
)

# --- refusals ---------------------------------------------------------------------------------------------------------


def quarantined(vendor: FileDrop, days: list[dt.date]) -> list[tuple[str, str]]:
    rows = parsed(vendor, QUARANTINE, days)
    return rows.select("rule", "reason").rows()


@pytest.mark.parametrize(
    ("name", "header", "row", "rule", "reason"),
    [
        ("fundamentals", REPORTS, "A,2016-12-31,revenue,7,1,2017-03-06", "months_not_allowed", "7 months"),
        ("fundamentals", REPORTS, "A,2016-12-31,assets,3,1,2017-03-06", "instant_over_months", "write 0 months"),
        ("fundamentals", REPORTS, "A,2016-12-31,revenue,0,1,2017-03-06", "flow_over_no_months", "revenue over 0"),
        ("fundamentals", REPORTS, "A,2016-12-31,shares_outstanding,0,-5,2017-03-06", "shares_negative", "-5"),
        ("fundamentals", REPORTS, "A,2017-03-31,revenue,3,1,2017-03-06", "known_before_its_day", "before the day"),
        ("fundamentals", REPORTS, "A,2016-12-31,turnover,3,1,2017-03-06", "item_not_allowed", "turnover"),
        ("fundamentals", REPORTS, "A,2016-12-31,revenue,3,inf,2017-03-06", "value_not_allowed", "inf"),
        ("fundamentals", REPORTS, "A,2016-12-31,revenue,3,much,2017-03-06", "unreadable", "'much' where a number"),
        (
            "estimates",
            "symbol,date,item,months,mean,std,analysts,known_at",
            "A,2017-12-31,revenue,12,1,1,2.5,2017-03-06",
            "unreadable",
            "'2.5' where a whole number belongs",
        ),
        (
            "estimates",
            "symbol,date,item,months,mean,std,analysts,known_at",
            "A,2017-12-31,revenue,6,1,1,3,2017-03-06",
            "months_not_allowed",
            "3, 12",
        ),
        (
            "estimates",
            "symbol,date,item,months,mean,std,analysts,known_at",
            "A,2017-12-31,revenue,12,1,-1,3,2017-03-06",
            "std_not_allowed",
            "-1",
        ),
        ("earnings_dates", "symbol,date,time_of_day", "A,2017-03-06,noon", "time_of_day_not_allowed", "noon"),
        (
            "short_interest",
            "symbol,date,shares_short,known_at",
            "A,2017-03-15,10,2017-03-06",
            "known_before_its_day",
            "before the day",
        ),
        (
            "short_interest",
            "symbol,date,shares_short,known_at",
            "A,2017-02-28,-10,2017-03-06",
            "shares_short_not_allowed",
            "-10",
        ),
        ("borrow", "symbol,date,fee_annual", "A,2017-03-06,-0.01", "fee_annual_not_allowed", "-0.01"),
        ("borrow", "symbol,date,fee_annual,known_at", "A,2017-03-09,0.1,2017-03-06", "known_before_its_day", "before"),
    ],
)
def test_what_no_company_can_report_is_quarantined_with_its_reason(
    tmp_path: Path, name: str, header: str, row: str, rule: str, reason: str
) -> None:
    write(tmp_path, name, header, row)
    write(tmp_path, "bars", "symbol,date,open,high,low,close,volume")
    vendor = drop_of(tmp_path)
    dataset = next(
        d for d in (FUNDAMENTALS, ESTIMATES, EARNINGS_DATES, SHORT_INTEREST, BORROW) if d.name.endswith(name)
    )
    assert parsed(vendor, dataset, WEEK).is_empty()
    ((broken, why),) = quarantined(vendor, WEEK)
    assert broken == rule
    assert reason in why


def test_a_period_that_the_months_do_not_speak_of_is_quarantined(tmp_path: Path) -> None:
    write(tmp_path, "bars", "symbol,date,open,high,low,close,volume")
    write(tmp_path, "fundamentals", WIDE_HEADER, "A,2016-09-30,10-Q,H1,2017-03-06T22:00:00,30,70,,,900")
    vendor = drop_of(tmp_path, fundamentals=[WIDE])
    assert parsed(vendor, FUNDAMENTALS, WEEK)["item"].to_list() == ["assets", "revenue"]
    assert [rule for rule, _ in quarantined(vendor, WEEK)] == ["months_missing", "unreadable"]
    assert "'focus' holds 'H1', which `months` of operating_cash_flow does not list" in quarantined(vendor, WEEK)[1][1]


def test_two_reports_of_one_moment_that_contradict_one_another_are_quarantined(tmp_path: Path) -> None:
    """Filings of two companies under one ticker: nobody can tell whose is whose."""
    write(tmp_path, "bars", "symbol,date,open,high,low,close,volume")
    row = "A,2016-12-31,revenue,12,{},2017-03-06"
    write(tmp_path, "fundamentals", REPORTS, row.format(100), row.format(200))
    vendor = drop_of(tmp_path)
    assert parsed(vendor, FUNDAMENTALS, WEEK).is_empty()
    assert [rule for rule, _ in quarantined(vendor, WEEK)] == ["duplicate_conflicting"] * 2


@pytest.mark.parametrize("name", ["fundamentals", "estimates", "short_interest"])
def test_a_file_without_a_date_of_publication_is_rejected(tmp_path: Path, name: str) -> None:
    columns = {"fundamentals": "item,months,value", "estimates": "item,months,mean", "short_interest": "shares_short"}
    write(tmp_path, name, f"symbol,date,{columns[name]}")
    dataset = {"fundamentals": FUNDAMENTALS, "estimates": ESTIMATES, "short_interest": SHORT_INTEREST}[name]
    with pytest.raises(
        VendorError, match=rf"{name}.csv has no date of publication of its rows; add a column `known_at`"
    ):
        parsed(drop_of(tmp_path), dataset, WEEK)


def test_a_wide_file_that_lacks_a_column_of_its_items_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, "fundamentals", "symbol,date,known_at,sales", "A,2016-12-31,2017-03-06,5")
    table = {"file": "fundamentals", "items": {"revenues": {"item": "revenue", "months": 12}}}
    with pytest.raises(VendorError, match=r"has no column 'revenues'; it has symbol, date, known_at, sales"):
        parsed(drop_of(tmp_path, fundamentals=[table]), FUNDAMENTALS, WEEK)


def test_months_by_two_columns_are_rejected(tmp_path: Path) -> None:
    item = "{item: revenue, months: {type: {10-Q: 3}, focus: {FY: 12}}}"
    with pytest.raises(ConfigError, match="months of revenue depend on one column, not on type, focus"):
        load("files", tmp_path, {"vendor.fundamentals": f"[{{file: fundamentals, items: {{sales: {item}}}}}]"})
