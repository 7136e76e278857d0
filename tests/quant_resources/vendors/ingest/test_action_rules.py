"""What a corporate action may not say, through the files door."""

import datetime as dt
from pathlib import Path

import pytest

from feature_store import sessions as calendar
from feature_store.schemas.market import CORPORATE_ACTIONS
from tests.quant_resources.vendors.files.drops import drop_of, parsed, quarantined, write

MON, TUE = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 7))
HEADER = "symbol,date,action,value,cash_usd,other_symbol"


def acting(folder: Path, *rows: str) -> list[tuple[str, str]]:
    """Rules and reasons of what is kept out of a file with these actions of Tuesday, `symbol,` and `date,` added."""
    write(folder, "bars.csv", "symbol,date,open,high,low,close,volume", "S0,2017-03-07,10,11,9,10,1000")
    write(folder, "corporate_actions.csv", HEADER, *(f"S{i},2017-03-07,{row}" for i, row in enumerate(rows)))
    return quarantined(drop_of(folder), [MON, TUE])


# --- known values ----------------------------------------------------------------------------------------------------


def test_every_kind_comes_in_with_its_terms(tmp_path: Path) -> None:
    rows = [
        "split,0.1,,",
        "cash_dividend,0.5,,",
        "special_dividend,7,,",
        "spin_off,0.25,12.5,KID",
        "spin_off,0,,",
        "symbol_change,1,,NEW",
        "merger,0.7098,,XOM",
        "merger,0,42,",
        "merger,0,,",
        "delisting,-1,,",
    ]
    assert acting(tmp_path, *rows) == []
    found = parsed(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE])
    terms = found.sort("symbol").select("action", "value", "cash_usd", "other_symbol").rows()
    assert terms[0] == ("split", 0.1, None, None)
    assert terms[3:6] == [
        ("spin_off", 0.25, 12.5, "KID"),
        ("spin_off", 0.0, None, None),
        ("symbol_change", 1.0, None, "NEW"),
    ]
    assert terms[6:8] == [("merger", 0.7098, None, "XOM"), ("merger", 0.0, 42.0, None)]


def test_a_withdrawal_asks_nothing_of_the_rest(tmp_path: Path) -> None:
    assert acting(tmp_path, "spin_off,,,", "merger,,,", "symbol_change,,,", "split,,,") == []


def test_a_change_of_the_ticker_may_name_the_id_itself(tmp_path: Path) -> None:
    assert acting(tmp_path, "symbol_change,1,,S0") == []


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "rule", "said"),
    [
        ("spin,1,,KID", "action_unknown", "has action 'spin'"),
        ("split,0,,", "value_out_of_bounds", "has split 0.0"),
        ("special_dividend,-7,,", "value_out_of_bounds", "has special_dividend -7.0"),
        ("spin_off,-0.5,,KID", "value_out_of_bounds", "has spin_off -0.5"),
        ("merger,-1,,BIG", "value_out_of_bounds", "has merger -1.0"),
        ("symbol_change,0,,NEW", "value_out_of_bounds", "has symbol_change 0.0"),
        ("delisting,-1.5,,", "value_out_of_bounds", "has delisting -1.5"),
        ("merger,1,inf,BIG", "cash_out_of_bounds", "has cash_usd inf"),
        ("spin_off,1,-3,KID", "cash_out_of_bounds", "has cash_usd -3.0"),
        ("split,2,5,", "cash_misplaced", "has cash_usd 5.0 beside a split"),
        ("cash_dividend,0,0.5,", "cash_misplaced", "has cash_usd 0.5 beside a cash_dividend"),
        ("merger,1,,", "other_symbol_missing", "is a merger without other_symbol"),
        ("spin_off,1,5, ", "other_symbol_missing", "is a spin_off without other_symbol"),
        ("symbol_change,1,,", "other_symbol_missing", "is a symbol_change without other_symbol"),
        ("merger,1,,S0", "other_symbol_is_its_own", "is a merger with itself"),
        ("merger,0,0,BIG", "merger_for_nothing", "is a merger that pays neither shares nor cash"),
    ],
)
def test_what_cannot_be_is_quarantined_with_its_reason(tmp_path: Path, row: str, rule: str, said: str) -> None:
    ((broken, reason),) = acting(tmp_path, row)
    assert broken == rule
    assert said in reason
    assert parsed(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE]).is_empty()


def test_a_good_row_comes_in_beside_a_bad_one(tmp_path: Path) -> None:
    assert [rule for rule, _ in acting(tmp_path, "merger,1,,", "merger,1,,BIG")] == ["other_symbol_missing"]
    assert parsed(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE])["symbol"].to_list() == ["S1"]
