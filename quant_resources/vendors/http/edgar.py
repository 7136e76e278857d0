"""SEC EDGAR: its requests and its answers. Pure.

Formats: https://www.sec.gov/search-filings/edgar-application-programming-interfaces. `companyfacts` holds every fact
of a company's XBRL statements: by taxonomy, tag and unit a list of {start, end, val, accn, fy, fp, form, filed, frame},
where `start` is absent for what holds at a moment. `submissions` lists the latest filings in columns, and has SIC,
name and tickers as of today. A fact that a later filing repeats or restates is there again with that filing's
date, so the file is a history of what was known. SEC requires a User-Agent that names the sender, and at most ten
requests a second (https://www.sec.gov/about/webmaster-frequently-asked-questions#developers).
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from feature_store.decision_time import end_of_day
from quant_resources.vendors.http.client import canonical
from quant_resources.vendors.http.downloads import Resource, no_page_follows
from quant_resources.vendors.http.payloads import Field, fault_of_rows
from quant_resources.vendors.ingest.raw_payloads import ALL_DAYS

VENDOR = "edgar"
# Of each item the tags that mean it, first the one that is preferred where a filing has several of them.
TAGS: Mapping[str, tuple[str, ...]] = {
    "assets": ("us-gaap:Assets",),
    "current_assets": ("us-gaap:AssetsCurrent",),
    "cash": (
        "us-gaap:CashAndCashEquivalentsAtCarryingValue",
        "us-gaap:CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents",
        "us-gaap:Cash",
    ),
    "liabilities": ("us-gaap:Liabilities",),
    "current_liabilities": ("us-gaap:LiabilitiesCurrent",),
    # the total where it is stated; what falls due within a year is missing from the last one
    "debt": (
        "us-gaap:DebtLongtermAndShorttermCombinedAmount",
        "us-gaap:DebtAndCapitalLeaseObligations",
        "us-gaap:LongTermDebtAndCapitalLeaseObligationsIncludingCurrentMaturities",
        "us-gaap:LongTermDebt",
        "us-gaap:LongTermDebtAndCapitalLeaseObligations",
        "us-gaap:LongTermDebtNoncurrent",
    ),
    "equity": (
        "us-gaap:StockholdersEquity",
        "us-gaap:StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest",
    ),
    "shares_outstanding": (
        "dei:EntityCommonStockSharesOutstanding",
        "us-gaap:CommonStockSharesOutstanding",
    ),
    "revenue": (
        "us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax",
        "us-gaap:Revenues",
        "us-gaap:SalesRevenueNet",
        "us-gaap:RevenueFromContractWithCustomerIncludingAssessedTax",
        "us-gaap:RevenuesNetOfInterestExpense",
        "us-gaap:SalesRevenueGoodsNet",
    ),
    "cost_of_revenue": ("us-gaap:CostOfRevenue", "us-gaap:CostOfGoodsAndServicesSold", "us-gaap:CostOfGoodsSold"),
    "gross_profit": ("us-gaap:GrossProfit",),
    "operating_income": ("us-gaap:OperatingIncomeLoss",),
    "depreciation": (
        "us-gaap:DepreciationDepletionAndAmortization",
        "us-gaap:DepreciationAmortizationAndAccretionNet",
        "us-gaap:DepreciationAndAmortization",
        "us-gaap:Depreciation",
    ),
    "interest_expense": (
        "us-gaap:InterestExpense",
        "us-gaap:InterestExpenseNonoperating",
        "us-gaap:InterestExpenseDebt",
    ),
    "net_income": ("us-gaap:NetIncomeLoss", "us-gaap:ProfitLoss"),
    "eps_diluted": ("us-gaap:EarningsPerShareDiluted", "us-gaap:EarningsPerShareBasicAndDiluted"),
    "dividends_per_share": (
        "us-gaap:CommonStockDividendsPerShareDeclared",
        "us-gaap:CommonStockDividendsPerShareCashPaid",
    ),
    "operating_cash_flow": (
        "us-gaap:NetCashProvidedByUsedInOperatingActivities",
        "us-gaap:NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
    ),
    "investing_cash_flow": (
        "us-gaap:NetCashProvidedByUsedInInvestingActivities",
        "us-gaap:NetCashProvidedByUsedInInvestingActivitiesContinuingOperations",
    ),
    "financing_cash_flow": (
        "us-gaap:NetCashProvidedByUsedInFinancingActivities",
        "us-gaap:NetCashProvidedByUsedInFinancingActivitiesContinuingOperations",
    ),
    "capital_expenditure": (
        "us-gaap:PaymentsToAcquirePropertyPlantAndEquipment",
        "us-gaap:PaymentsToAcquireProductiveAssets",
    ),
}  # fmt: skip
UNITS = {"shares_outstanding": "shares", "eps_diluted": "USD/shares", "dividends_per_share": "USD/shares"}
# Days of a period, both ends included: quarters of 12 to 14 weeks, years of 52 or 53.
MONTHS = {3: (80, 101), 6: (170, 195), 9: (260, 290), 12: (350, 380)}
# Forms that bring new facts.
REPORTS = ("10-K", "10-Q", "10-KT", "10-QT", "20-F", "40-F", "6-K", "8-K")
FACT_SCHEMA: dict[str, pl.DataType] = {
    "item": pl.String(),
    "months": pl.Int8(),
    "event_date": pl.Date(),
    "value": pl.Float64(),
    "form": pl.String(),
    "filed": pl.Date(),
    "accession": pl.String(),
    "rank": pl.Int32(),
}


FACT_FIELDS = (
    Field("start", "day"), Field("end", "day", required=True), Field("val", "number"), Field("accn", "text"),
    Field("form", "text"), Field("filed", "day"),
)  # fmt: skip


# -- requests -------------------------------------------------------------------------------------------------------


def submissions(cik: str, last: dt.date) -> Resource:
    """The list of a company's filings, as of the end of `last`."""
    request = canonical(f"/submissions/CIK{cik.zfill(10)}.json")
    return Resource(
        f"{VENDOR}/submissions/{cik.zfill(10)}",
        *ALL_DAYS,
        end_of_day(last),
        request,
        no_page_follows,
        _wrong_list,
        _absent,
        (parse_submissions, reports),
    )


def company_facts(cik: str, last_report: dt.date) -> Resource:
    """All facts of a company; requested again when a report was filed after they arrived."""
    request = canonical(f"/api/xbrl/companyfacts/CIK{cik.zfill(10)}.json")
    return Resource(
        facts_series(cik), *ALL_DAYS, end_of_day(last_report), request, no_page_follows, _wrong_facts, _absent,
        (parse_facts,),
    )  # fmt: skip


def submissions_series(cik: str) -> str:
    return f"{VENDOR}/submissions/{cik.zfill(10)}"


def facts_series(cik: str) -> str:
    return f"{VENDOR}/facts/{cik.zfill(10)}"


def last_report(content: bytes, last: dt.date) -> dt.date:
    """Filing date of the last report up to `last`; the beginning of time where there is none."""
    return max((day for day in reports(content) if day <= last), default=dt.date(1990, 1, 1))


def reports(content: bytes) -> list[dt.date]:
    """Filing dates of a list's reports, as they stand in it."""
    try:
        recent = json.loads(content).get("filings", {}).get("recent", {})
    except ValueError:  # of a company that SEC does not know
        recent = {}
    filed = zip(recent.get("form", []), recent.get("filingDate", []), strict=True)
    return [dt.date.fromisoformat(day) for form, day in filed if form.removesuffix("/A") in REPORTS]


def _absent(status: int, body: Mapping[str, Any]) -> bool:
    """A company without XBRL statements has no facts; SEC answers 404, in XML."""
    return status == 404


def _wrong_list(body: Mapping[str, Any]) -> str | None:
    recent = body.get("filings", {}).get("recent", {})
    if not {"form", "filingDate"} <= set(recent):
        return "it lists no filings"
    return None if len(recent["form"]) == len(recent["filingDate"]) else "its columns differ in length"


def _wrong_facts(body: Mapping[str, Any]) -> str | None:
    facts = body.get("facts")
    if not isinstance(facts, dict):
        return "it holds no facts"
    for item, tags in TAGS.items():
        for tag in tags:
            taxonomy, name = tag.split(":")
            rows = facts.get(taxonomy, {}).get(name, {}).get("units", {}).get(UNITS.get(item, "USD"), [])
            if fault := fault_of_rows(rows, FACT_FIELDS):
                return f"{tag}, {fault}"
    return None


# -- answers --------------------------------------------------------------------------------------------------------


def parse_facts(content: bytes) -> pl.DataFrame:
    """Facts of a company, in `FACT_SCHEMA`, one an item, period and day of filing.

    Of the tags of one filing that mean the same the preferred one counts, of several filings on one day the last.
    Periods of other lengths than 3, 6, 9 or 12 months are left out.
    """
    try:
        facts = json.loads(content).get("facts", {})
    except ValueError:  # what SEC answers where there is nothing
        facts = {}
    rows = [
        row for item, tags in TAGS.items() for rank, tag in enumerate(tags) for row in _facts(facts, item, tag, rank)
    ]
    frame = pl.DataFrame(rows, schema=FACT_SCHEMA, orient="row")
    key = ["item", "months", "event_date"]
    # the order in the file settles what is left
    preferred = frame.filter(pl.col("rank") == pl.col("rank").min().over(*key, "accession"))
    ordered = preferred.sort("filed", "accession", maintain_order=True)
    return ordered.unique([*key, "filed"], keep="last", maintain_order=True).sort(*key, "filed")


def parse_submissions(content: bytes) -> pl.DataFrame:
    """(cik, sic, name) of a company as of the answer; nothing where it holds none."""
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    sic = str(body.get("sic") or "")
    row = (str(body.get("cik", "")).zfill(10), int(sic) if sic.isdigit() else None, body.get("name") or None)
    schema = {"cik": pl.String(), "sic": pl.Int32(), "name": pl.String()}
    return pl.DataFrame([row] if body else [], schema=schema, orient="row")


def _facts(facts: Mapping[str, Any], item: str, tag: str, rank: int) -> Iterator[tuple[object, ...]]:
    taxonomy, name = tag.split(":")
    for fact in facts.get(taxonomy, {}).get(name, {}).get("units", {}).get(UNITS.get(item, "USD"), []):
        months = _months(fact)
        if months is not None and fact.get("filed") and fact.get("val") is not None:
            yield (
                item, months, dt.date.fromisoformat(fact["end"]), float(fact["val"]), fact.get("form"),
                dt.date.fromisoformat(fact["filed"]), fact.get("accn", ""), rank,
            )  # fmt: skip


def _months(fact: Mapping[str, Any]) -> int | None:
    """Length of the fact's period: 0 at a moment, None where it is none that we keep."""
    if "start" not in fact:
        return 0
    days = (dt.date.fromisoformat(fact["end"]) - dt.date.fromisoformat(fact["start"])).days + 1
    return next((months for months, (low, high) in MONTHS.items() if low <= days <= high), None)
