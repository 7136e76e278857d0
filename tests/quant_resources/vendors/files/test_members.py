"""Members and industries of a drop: as recorded, in force, and rejected with the fix."""

from pathlib import Path

import polars as pl
import pytest

from feature_store.dataset import Grade
from feature_store.decision_time import end_of_day
from feature_store.schemas.market import (
    INDUSTRIES,
    MEMBERS,
)
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from tests.quant_resources.vendors.files.drops import (
    CLOCK,
    FRI,
    HEADER,
    MON,
    THU,
    TUE,
    WED,
    drop_of,
    members_of,
    parsed,
    write,
)

# --- known values -----------------------------------------------------------------------------------------------------


def test_membership_is_what_was_recorded_and_in_force(tmp_path: Path) -> None:
    rows = parsed(members_of(tmp_path), MEMBERS, [MON, TUE, WED, THU])
    by_day = {day: rows.filter(session=day)["symbol"].to_list() for day in (MON, TUE, WED, THU)}
    assert by_day == {
        MON: ["A", "YY.UNLINKED", "ZZ.UNLINKED"],
        TUE: ["A", "YY.UNLINKED", "ZZ.UNLINKED"],
        WED: ["A", "B", "C", "YY.UNLINKED", "ZZ.UNLINKED"],
        THU: ["B", "C", "YY.UNLINKED", "ZZ.UNLINKED"],
    }
    assert rows.filter(pl.col("symbol").str.ends_with("UNLINKED"))["linked"].any() is False
    known = dict(rows.filter(session=THU).select("symbol", "known_at").iter_rows())
    assert known["B"] == end_of_day(WED)
    assert known["C"] == end_of_day(WED)
    assert (rows["event_date"] == rows["session"]).all()
    assert rows["grade"].unique().to_list() == [Grade.DATED]


def test_members_without_a_record_date_are_known_by_rule_when_they_enter(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "members.csv", "symbol,from,until", "A,2017-03-07,")
    rows = parsed(drop_of(tmp_path), MEMBERS, [MON, TUE])
    assert rows.select("session", "known_at", "grade").rows() == [(TUE, end_of_day(TUE), Grade.RULED)]


def sectors_of(folder: Path, *, carry_back: bool, exceptions: dict[str, str] | None = None) -> FileDrop:
    write(folder, "bars.csv", HEADER)
    write(
        folder,
        "members.csv",
        "security,symbol,from,until,recorded",
        "A,AA,2017-03-01,2017-03-08,2017-03-01",
        "A,AX,2017-03-01,,2017-03-08",  # renamed, and listed under the new ticker from the record on
        "B,BB,2017-03-01,,2017-03-01",
    )
    write(
        folder,
        "industries.csv",
        "symbol,sector,first_seen",
        "AA,Energy,2017-03-07",
        "BB,Materials ,2017-03-07",
        "AX,Tech,2017-03-09",
        "BB,Unknown,2017-03-10",
    )
    members = {
        "file": "members",
        "columns": {"symbol": "security", "ticker": "symbol"},
        "known_at": {"column": "recorded"},
    }
    industries = {
        "file": "industries",
        "columns": {"ticker": "symbol", "industry": "sector"},
        "known_at": {"column": "first_seen"},
        "carry_back": carry_back,
        "replace": {"industry": {"Tech": "Technology"}},
    }
    return drop_of(folder, members=[members], industries=[industries], exceptions=exceptions)


def test_an_industry_is_what_was_published_last_of_the_tickers_of_a_security(tmp_path: Path) -> None:
    rows = parsed(sectors_of(tmp_path, carry_back=False), INDUSTRIES, [MON, TUE, WED, THU, FRI])
    assert rows.select("session", "symbol", "industry").rows() == [
        (TUE, "A", "Energy"),
        (TUE, "B", "Materials"),
        (WED, "A", "Energy"),  # AX has not been published yet; AA was this security
        (WED, "B", "Materials"),
        (THU, "A", "Technology"),
        (THU, "B", "Materials"),
        (FRI, "A", "Technology"),  # B's last word is Unknown
    ]
    assert rows["grade"].unique().to_list() == [Grade.DATED]
    assert rows["known_at"].to_list()[:2] == [end_of_day(TUE)] * 2


def test_the_first_publication_is_carried_back_by_a_named_exception_only(tmp_path: Path) -> None:
    refused = sectors_of(tmp_path, carry_back=True)
    assert parsed(refused, INDUSTRIES, [MON]).is_empty()
    named = sectors_of(tmp_path, carry_back=True, exceptions={INDUSTRIES.name: "nothing earlier was published"})
    rows = parsed(named, INDUSTRIES, [MON, TUE])
    assert rows.select("session", "symbol", "industry", "grade").rows() == [
        (MON, "A", "Energy", Grade.HINDSIGHT),
        (MON, "B", "Materials", Grade.HINDSIGHT),
        (TUE, "A", "Energy", Grade.DATED),
        (TUE, "B", "Materials", Grade.DATED),
    ]
    assert rows.item(0, "known_at") == CLOCK.decision_time(MON)


def test_industries_may_name_the_security_themselves(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "industries.csv", "symbol,industry,recorded", "A,Energy,2017-03-07")
    rows = parsed(drop_of(tmp_path), INDUSTRIES, [MON, TUE])
    assert rows.select("session", "symbol", "industry").rows() == [(TUE, "A", "Energy")]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_members_that_leave_before_they_enter_or_have_no_dates_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, "members.csv", "symbol,from,until", "A,2017-03-06,2017-03-06")
    with pytest.raises(VendorError, match="from 2017-03-06 until 2017-03-06"):
        parsed(drop_of(tmp_path), MEMBERS, [TUE])
    write(tmp_path, "members.csv", "symbol,from,until,recorded", "A,2017-03-06,,")
    with pytest.raises(VendorError, match="1 member rows have no recorded"):
        parsed(drop_of(tmp_path), MEMBERS, [TUE])


def test_undated_industries_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, "industries.csv", "symbol,industry", "A,Energy")
    with pytest.raises(VendorError, match="no date of publication of its industries"):
        parsed(drop_of(tmp_path), INDUSTRIES, [MON])
