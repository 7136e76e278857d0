"""Tickers name securities as recorded, lists of members are step functions, and codes name industries."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import FilesVendor, History, Market, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.errors import HindsightError
from feature_store.schemas.companies import FUNDAMENTALS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, INDUSTRIES, MEMBERS, TICKERS
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.ingest import fama_french

CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
WEEK = [MON, TUE, WED, THU, FRI]
HEADER = "symbol,date,open,high,low,close,volume"


def drop_of(folder: Path, market: Market | None = None, **tables: object) -> FileDrop:
    vendor = FilesVendor.model_validate({"kind": "files", "folder": folder, **tables})
    chosen = market or Market(universe_source="bars")
    return FileDrop(Profile(name="own", history=History(start=dt.date(2017, 1, 3)), vendor=vendor, market=chosen))


def told(vendor: FileDrop, dataset: Dataset, days: Iterable[dt.date]) -> pl.DataFrame:
    days = list(days)
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(max(days))), days)


def left_out(vendor: FileDrop, dataset: Dataset, days: list[dt.date]) -> dict[str, int]:
    raw = vendor.fetch(dataset, days, CLOCK.decision_time(max(days)))
    return {rule: n for rule, n in vendor.left_out(dataset, raw, days).items() if n}


def write(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")


def renamed(folder: Path) -> Path:
    """FB becomes META on Wednesday, and another company takes up FB on Friday; each is recorded on its day."""
    write(folder, "bars.csv", HEADER)
    write(
        folder,
        "tickers.csv",
        "symbol,ticker,from,until,recorded,company,name,sic",
        "F1,FB,2012-05-18,2017-03-08,2017-01-02,1326801,Facebook,7370",
        "F1,META,2017-03-08,,2017-03-08,1326801,Meta Platforms,",
        "F2,FB,2017-03-10,,2017-03-10,99,Fuller Brush,3991",
    )
    return folder


def bar(ticker: str, day: dt.date) -> str:
    return f"{ticker},{day},10,11,9,10,100"


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_security_keeps_its_id_through_a_new_ticker_and_the_ticker_may_pass_to_another(tmp_path: Path) -> None:
    rows = told(drop_of(renamed(tmp_path)), TICKERS, WEEK)
    assert rows.select("session", "symbol", "ticker", "company", "name", "sic").rows() == [
        (MON, "F1", "FB", "1326801", "Facebook", 7370),
        (TUE, "F1", "FB", "1326801", "Facebook", 7370),
        (WED, "F1", "META", "1326801", "Meta Platforms", None),  # what was not recorded is null
        (THU, "F1", "META", "1326801", "Meta Platforms", None),
        (FRI, "F1", "META", "1326801", "Meta Platforms", None),
        (FRI, "F2", "FB", "99", "Fuller Brush", 3991),
    ]
    assert rows["grade"].unique().to_list() == [Grade.DATED]
    assert rows.filter(session=WED)["known_at"].to_list() == [end_of_day(WED)]


def test_a_security_without_a_price_series_is_told_under_its_marked_ticker(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", ",GONE,2017-01-03,,2017-01-03")
    assert told(drop_of(tmp_path), TICKERS, [MON]).select("symbol", "ticker").rows() == [("GONE.UNLINKED", "GONE")]


def test_bars_by_ticker_go_to_the_security_that_bore_it_that_day(tmp_path: Path) -> None:
    renamed(tmp_path)
    days = [("FB", MON), ("FB", TUE), ("META", WED), ("META", FRI), ("FB", FRI), ("FB", THU), ("NONE", THU)]
    write(tmp_path, "bars.csv", HEADER, *(bar(*row) for row in days))
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}])
    rows = told(vendor, BARS, WEEK)
    assert rows.select("session", "symbol").rows() == [
        (MON, "F1"), (TUE, "F1"), (WED, "F1"), (FRI, "F1"), (FRI, "F2")
    ]  # fmt: skip
    assert left_out(vendor, BARS, WEEK) == {"ticker_of_no_security": 2}  # FB on Thursday was nobody's


def test_a_ticker_of_two_securities_is_kept_out_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, bar("X", MON), bar("Y", MON))
    write(
        tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", "A,X,2017-01-03,,2017-01-03",
        "B,X,2017-01-03,,2017-01-03", "C,Y,2017-01-03,,2017-01-03",
    )  # fmt: skip
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}])
    assert told(vendor, BARS, [MON])["symbol"].to_list() == ["C"]
    kept_out = told(vendor, QUARANTINE, [MON])
    assert kept_out["symbol"].to_list() == ["X"]
    assert "holds X, on 2017-03-06 a ticker of A and of B" in kept_out["reason"][0]


def test_a_name_recorded_later_does_not_reach_back(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, *(bar("X", day) for day in (MON, TUE, WED)))
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", "A,X,2017-03-06,,2017-03-08")
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}])
    assert told(vendor, BARS, WEEK)["session"].to_list() == [WED]
    undated = {"file": "tickers", "known_at": {"rule": "end_of_day"}}
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until", "A,X,2017-03-06,")
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}], tickers=[undated])
    assert told(vendor, BARS, WEEK)["session"].to_list() == [MON, TUE, WED]
    assert told(vendor, TICKERS, [MON])["grade"].to_list() == [Grade.RULED]


def test_an_action_speaks_of_who_was_held_before_its_ex_date(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(
        tmp_path, "corporate_actions.csv", "symbol,date,action,value,other_symbol",
        f"FB,{WED},symbol_change,1,META", f"META,{THU},cash_dividend,0.5,",
    )  # fmt: skip
    vendor = drop_of(tmp_path, corporate_actions=[
        {"file": "corporate_actions", "by": "ticker", "known_at": {"rule": "morning_of_ex_date"}}
    ])  # fmt: skip
    rows = told(vendor, CORPORATE_ACTIONS, WEEK)
    assert rows.select("session", "symbol", "action").rows() == [
        (TUE, "F1", "symbol_change"), (WED, "F1", "cash_dividend")
    ]  # fmt: skip


def test_a_report_bears_the_ticker_of_its_publication(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(tmp_path, "fundamentals.csv", "symbol,date,item,months,value,known_at", f"META,2016-12-31,assets,0,7,{THU}")
    rows = told(drop_of(tmp_path, fundamentals=[{"file": "fundamentals", "by": "ticker"}]), FUNDAMENTALS, WEEK)
    assert rows.select("session", "symbol", "event_date").rows() == [(THU, "F1", dt.date(2016, 12, 31))]


# --- dated lists of members


def lists_of(folder: Path, *lines: str, header: str = "symbol,date", market: Market | None = None, **table: object):
    write(folder, "bars.csv", HEADER)
    write(folder, "members.csv", header, *lines)
    chosen = market or Market()
    return drop_of(folder, chosen, members=[{"file": "members", "snapshots": True, **table}])


def by_day(rows: pl.DataFrame, days: list[dt.date]) -> list[list[str]]:
    return [rows.filter(session=day)["symbol"].to_list() for day in days]


def test_a_name_is_in_from_its_list_until_the_first_later_list_without_it(tmp_path: Path) -> None:
    vendor = lists_of(tmp_path, "A,2017-03-07", "B,2017-03-07", "B,2017-03-09", "C,2017-03-09")
    rows = told(vendor, MEMBERS, WEEK)
    assert by_day(rows, WEEK) == [[], ["A", "B"], ["A", "B"], ["B", "C"], ["B", "C"]]  # nothing is interpolated
    assert rows["grade"].unique().to_list() == [Grade.RULED]
    assert rows.filter(session=FRI)["known_at"].unique().to_list() == [end_of_day(THU)]


def test_a_list_counts_from_the_day_it_was_known(tmp_path: Path) -> None:
    header = "symbol,date,known_at"
    told_late = ["A,2017-03-06,2017-03-06", "B,2017-03-07,2017-03-09"]
    assert by_day(told(lists_of(tmp_path, *told_late, header=header), MEMBERS, WEEK), WEEK) == [
        ["A"], ["A"], ["A"], ["B"], ["B"]
    ]  # fmt: skip
    announced = ["A,2017-03-06,2017-03-06", "B,2017-03-09,2017-03-07"]  # of a day to come
    assert by_day(told(lists_of(tmp_path, *announced, header=header), MEMBERS, WEEK), WEEK) == [
        ["A"], ["A"], ["A"], ["B"], ["B"]
    ]  # fmt: skip
    overtaken = ["A,2017-03-06,2017-03-10", "B,2017-03-07,2017-03-07"]  # the older list comes last
    assert by_day(told(lists_of(tmp_path, *overtaken, header=header), MEMBERS, WEEK), WEEK) == [
        [], ["B"], ["B"], ["B"], ["B"]
    ]  # fmt: skip


def test_a_list_that_is_too_old_counts_for_nothing_and_is_told(tmp_path: Path) -> None:
    vendor = lists_of(tmp_path, "A,2017-03-06", "B,2017-03-06", market=Market(membership_max_age_sessions=2))
    assert by_day(told(vendor, MEMBERS, WEEK), WEEK) == [["A", "B"]] * 3 + [[], []]
    assert left_out(vendor, MEMBERS, WEEK) == {"older_than_membership_max_age": 4}
    fresh = lists_of(tmp_path, "A,2017-03-06")
    assert left_out(fresh, MEMBERS, WEEK) == {}


def test_a_list_by_ticker_names_securities_and_those_without_one_are_not_linked(tmp_path: Path) -> None:
    renamed(tmp_path)
    tickers = (tmp_path / "tickers.csv").read_text()
    lines = ["FB,2017-03-07", "LOST,2017-03-07", "FB,2017-03-10", "META,2017-03-10"]
    vendor = lists_of(tmp_path, *lines, by="ticker")
    assert (tmp_path / "tickers.csv").read_text() == tickers
    rows = told(vendor, MEMBERS, [TUE, THU, FRI])
    # the FB of the first list is still META on Thursday
    assert by_day(rows, [TUE, THU, FRI]) == [["F1", "LOST.UNLINKED"], ["F1", "LOST.UNLINKED"], ["F1", "F2"]]
    assert rows.filter(symbol="LOST.UNLINKED")["linked"].to_list() == [False, False]


def test_intervals_by_ticker_are_named_when_they_are_recorded(tmp_path: Path) -> None:
    renamed(tmp_path)
    header = "symbol,from,until,recorded"
    lines = ["FB,2012-05-18,2017-03-08,2017-01-03", "META,2012-05-18,,2017-03-08", "FB,2017-03-10,,2017-03-10"]
    write(tmp_path, "members.csv", header, *lines)
    vendor = drop_of(tmp_path, Market(), members=[{"file": "members", "by": "ticker"}])
    assert by_day(told(vendor, MEMBERS, WEEK), WEEK) == [["F1"]] * 4 + [["F1", "F2"]]


def test_industries_by_ticker_go_by_the_tickers_of_the_drop(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(tmp_path, "industries.csv", "symbol,industry,recorded", f"FB,Media,{MON}", f"FB,Brushes,{FRI}")
    vendor = drop_of(tmp_path, industries=[{"file": "industries", "by": "ticker"}])
    rows = told(vendor, INDUSTRIES, [TUE, THU, FRI])
    assert rows.select("session", "symbol", "industry").rows() == [
        (TUE, "F1", "Media"), (THU, "F1", "Media"), (FRI, "F1", "Media"), (FRI, "F2", "Brushes")
    ]  # fmt: skip


# --- industries by code


@pytest.mark.parametrize(
    ("sic", "of_49", "of_12"),
    [
        (7372, "Computer Software", "Business Equipment"),  # prepackaged software
        (3571, "Computers", "Business Equipment"),
        (3674, "Electronic Equipment", "Business Equipment"),  # semiconductors
        (2834, "Pharmaceutical Products", "Healthcare, Medical Equipment, and Drugs"),
        (6021, "Banking", "Finance"),
        (6798, "Trading", "Finance"),  # real estate investment trusts
        (6770, "Trading", "Finance"),  # blank checks
        (6331, "Insurance", "Finance"),
        (1311, "Petroleum and Natural Gas", "Oil, Gas, and Coal"),
        (1040, "Precious Metals", "Other"),
        (4911, "Utilities", "Utilities"),
        (4813, "Communication", "Telephone and Television Transmission"),
        (5812, "Restaurants, Hotels, Motels", "Wholesale, Retail, and Some Services"),
        (5331, "Retail", "Wholesale, Retail, and Some Services"),
        (3711, "Automobiles and Trucks", "Consumer Durables"),
        (3721, "Aircraft", "Manufacturing"),
        (2086, "Candy & Soda", "Consumer Nondurables"),
        (2048, "Agriculture", "Consumer Nondurables"),
        (100, "Agriculture", "Consumer Nondurables"),
        (4953, "Almost Nothing", "Other"),  # refuse systems
        (9995, None, "Other"),  # no range of the 49 has it
        (None, None, None),
    ],
)
def test_a_code_names_its_industry(sic: int | None, of_49: str | None, of_12: str | None) -> None:
    codes = pl.DataFrame({"sic": [sic]}, schema={"sic": pl.Int32})
    for grouping, name in (("ff49", of_49), ("ff12", of_12)):
        assert codes.select(fama_french.industry(pl.col("sic"), grouping)).item() == name


def test_the_definitions_have_49_and_11_industries_and_no_code_twice() -> None:
    assert len(set(fama_french.ranges("ff49").values())) == 49
    assert len(set(fama_french.ranges("ff12").values())) == 11
    # counted over the published file, in which each code has its own line or range
    assert (len(fama_french.ranges("ff49")), len(fama_french.ranges("ff12"))) == (5054, 5450)


def test_by_setting_the_industries_are_those_of_the_codes_as_recorded(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(tmp_path, "industries.csv", "symbol,industry,recorded", f"F1,Media,{MON}")
    grouped = drop_of(tmp_path, Market(universe_source="bars", grouping="ff49"))
    rows = told(grouped, INDUSTRIES, WEEK)
    assert rows.select("session", "symbol", "industry").rows() == [
        (MON, "F1", "Computer Software"), (TUE, "F1", "Computer Software"), (FRI, "F2", "Consumer Goods")
    ]  # fmt: skip
    published = told(drop_of(tmp_path), INDUSTRIES, WEEK)
    assert published["industry"].unique().to_list() == ["Media"]
    assert rows.schema == published.schema


# --- properties -----------------------------------------------------------------------------------------------------

DAYS = calendar.between(dt.date(2017, 3, 1), dt.date(2017, 3, 31))


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 25), st.sets(st.sampled_from("ABCD"), min_size=1)),
        min_size=1, max_size=5, unique_by=lambda row: row[0],
    ),
    st.integers(2, 12),
)  # fmt: skip
@effort(max_examples=25, deadline=None)
def test_on_every_day_the_last_list_known_by_then_is_in_force(
    tmp_path_factory: pytest.TempPathFactory, lists: list[tuple[int, int, set[str]]], age: int
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    first = DAYS[0]
    dated = [(first + dt.timedelta(listed), first + dt.timedelta(known), names) for listed, known, names in lists]
    lines = [f"{name},{day},{known}" for day, known, names in dated for name in names]
    vendor = lists_of(folder, *lines, header="symbol,date,known_at", market=Market(membership_max_age_sessions=age))
    days = DAYS[:18]
    whole = told(vendor, MEMBERS, days)
    for day in days:
        counts = [row for row in dated if max(row[0], row[1]) <= day]
        listed, _, names = max(counts, default=(day, day, set()), key=lambda row: row[0])
        old = calendar.index_of(day) - calendar.index_of(calendar.at_or_before(listed)) > age
        assert whole.filter(session=day)["symbol"].to_list() == ([] if old else sorted(names)), day
        assert_frame_equal(told(vendor, MEMBERS, [day]), whole.filter(session=day))  # a range is its days


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from("XY"), st.integers(0, 15), st.integers(1, 12), st.integers(0, 20)
        ), max_size=5,
    )
)  # fmt: skip
@effort(max_examples=25, deadline=None)
def test_a_bar_is_of_the_one_security_that_was_known_to_bear_its_ticker(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str, int, int, int]]
) -> None:
    folder, first = tmp_path_factory.mktemp("names"), DAYS[0]
    dated = [
        (symbol, ticker, first + dt.timedelta(begin), first + dt.timedelta(begin + length), first + dt.timedelta(known))
        for symbol, ticker, begin, length, known in names
    ]
    days = DAYS[:16]
    write(folder, "bars.csv", HEADER, *(bar(ticker, day) for day in days for ticker in "XY"))
    write(folder, "tickers.csv", "symbol,ticker,from,until,recorded", *(",".join(map(str, row)) for row in dated))
    vendor = drop_of(folder, bars=[{"file": "bars", "by": "ticker"}])
    whole = told(vendor, BARS, days)
    expected = []
    for day in days:
        bearers = {
            ticker: {
                s
                for s, t, begin, end, known in dated
                if t == ticker and begin <= day < end and end_of_day(known) <= CLOCK.decision_time(day)
            }
            for ticker in "XY"
        }
        sole = [security for found in bearers.values() if len(found) == 1 for security in found]
        # two tickers of one security on one day say the same twice
        expected += [(day, security) for security in sorted(set(sole))]
    assert whole.select("session", "symbol").unique(maintain_order=True).rows() == expected
    for day in days[::5]:
        assert_frame_equal(told(vendor, BARS, [day]), whole.filter(session=day))


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_file_by_ticker_needs_the_tickers(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, bar("X", MON))
    with pytest.raises(VendorError, match=r"by ticker, and .* has no tickers file"):
        told(drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}]), BARS, [MON])


@pytest.mark.parametrize(
    "tables",
    [
        {"macro": [{"file": "macro", "by": "ticker"}]},
        {"tickers": [{"file": "tickers", "by": "ticker"}]},
        {"bars": [{"file": "bars", "snapshots": True}]},
    ],
)
def test_what_has_no_ticker_and_is_no_list_is_refused(tmp_path: Path, tables: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"by: ticker|snapshots"):
        drop_of(tmp_path, **tables)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("A,,2017-03-06,,2017-03-06", "1 ticker rows name no ticker"),
        ("A,X,,,2017-03-06", "1 ticker rows have no from"),
        ("A,X,2017-03-08,2017-03-07,2017-03-06", "A is a ticker from 2017-03-08 until 2017-03-07"),
    ],
)
def test_tickers_without_a_name_or_a_date_are_refused(tmp_path: Path, line: str, wrong: str) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", line)
    with pytest.raises(VendorError, match=wrong):
        told(drop_of(tmp_path), TICKERS, WEEK)


def test_a_list_without_a_date_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VendorError, match="1 rows of lists have no date"):
        told(lists_of(tmp_path, "A,"), MEMBERS, [MON])


def test_a_name_of_today_is_not_taken_up_by_itself_and_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    renamed(tmp_path)
    table = {"file": "tickers", "hindsight": ["name"]}
    assert told(drop_of(tmp_path, tickers=[table]), TICKERS, [MON])["name"].to_list() == [None]
    with pytest.raises(HindsightError, match="name holds what nobody knew"):
        told(drop_of(tmp_path, tickers=[table | {"columns": {"name": "name"}}]), TICKERS, [MON])
