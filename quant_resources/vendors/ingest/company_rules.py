"""Rules that a report, an estimate, an earnings date, short interest and a borrow quote must keep.

What its columns may hold (names of items, signs, finite numbers) is declared by the schema.
"""

import polars as pl

from feature_store.schemas.companies import BORROW, EARNINGS_DATES, ESTIMATES, FUNDAMENTALS, INSTANTS, SHORT_INTEREST
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.rule import Rule

REPORTED_MONTHS = (0, 3, 6, 9, 12)
ESTIMATED_MONTHS = (3, 12)

KNOWN_AFTERWARDS = Rule(
    "known_before_its_day",
    pl.col("event_date") > moments.day_of(pl.col("known_at")),
    pl.format("is declared known at {}, before the day that it speaks of", "known_at"),
    "fix the date or known_at",
)


def _months(allowed: tuple[int, ...]) -> Rule:
    return Rule(
        "months_not_allowed",
        ~pl.col("months").is_in(list(allowed)),
        pl.format("speaks of {} months", "months"),
        f"write one of {', '.join(map(str, allowed))}, or leave the row out",
    )


_instant = pl.col("item").is_in(INSTANTS)
REPORT_RULES = (
    _months(REPORTED_MONTHS),
    Rule(
        "instant_over_months",
        _instant & (pl.col("months") != 0),
        pl.format("has {} over {} months", "item", "months"),
        "it stands at the end of a period: write 0 months",
    ),
    Rule(
        "flow_over_no_months",
        ~_instant & (pl.col("months") == 0),
        pl.format("has {} over 0 months", "item"),
        "write the months that it was made in",
    ),
    Rule(
        "shares_negative",
        (pl.col("item") == "shares_outstanding") & (pl.col("value") < 0),
        pl.format("has {} shares outstanding", "value"),
        "leave it empty where it is not known",
    ),
    KNOWN_AFTERWARDS,
)

COMPANY_RULES: dict[str, tuple[Rule, ...]] = {
    FUNDAMENTALS.name: REPORT_RULES,
    ESTIMATES.name: (_months(ESTIMATED_MONTHS),),
    EARNINGS_DATES.name: (),
    SHORT_INTEREST.name: (KNOWN_AFTERWARDS,),
    BORROW.name: (KNOWN_AFTERWARDS,),
}
