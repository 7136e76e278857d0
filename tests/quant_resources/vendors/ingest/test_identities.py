"""Tickers name securities as recorded, and codes name industries."""

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

CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
WEEK = [MON, TUE, WED, THU, FRI]
HEADER = "symbol,date,open,high,low,close,volume"


def drop_of(folder: Path, market: Market | None = None, **tables: object) -> FileDrop:
    vendor = FilesVendor.model_validate({"kind": "files", "folder": folder, **tables})
    chosen = market or Market(universe_source="bars")
    return FileDrop(Profile(name="own", history=History(start=dt.date(2017, 1, 3)), vendor=vendor, market=chosen))


def parsed(vendor: FileDrop, dataset: Dataset, days: Iterable[dt.date]) -> pl.DataFrame:
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


def by_day(rows: pl.DataFrame, days: list[dt.date]) -> list[list[str]]:
    return [rows.filter(session=day)["symbol"].to_list() for day in days]


# --- known values -----------------------------------------------------------------------------------------------------


def test_a_security_keeps_its_id_through_a_new_ticker_and_the_ticker_may_pass_to_another(tmp_path: Path) -> None:
    rows = parsed(drop_of(renamed(tmp_path)), TICKERS, WEEK)
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


def test_a_security_without_a_price_series_is_served_under_its_marked_ticker(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", ",GONE,2017-01-03,,2017-01-03")
    assert parsed(drop_of(tmp_path), TICKERS, [MON]).select("symbol", "ticker").rows() == [("GONE.UNLINKED", "GONE")]


def test_bars_by_ticker_go_to_the_security_that_bore_it_that_day(tmp_path: Path) -> None:
    renamed(tmp_path)
    days = [("FB", MON), ("FB", TUE), ("META", WED), ("META", FRI), ("FB", FRI), ("FB", THU), ("NONE", THU)]
    write(tmp_path, "bars.csv", HEADER, *(bar(*row) for row in days))
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}])
    rows = parsed(vendor, BARS, WEEK)
    assert rows.select("session", "symbol").rows() == [
        (MON, "F1"), (TUE, "F1"), (WED, "F1"), (FRI, "F1"), (FRI, "F2")
    ]  # fmt: skip
    assert left_out(vendor, BARS, WEEK) == {"ticker_of_no_security": 2}  # FB on Thursday was nobody's


def test_a_ticker_of_two_securities_is_quarantined_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, bar("X", MON), bar("Y", MON))
    write(
        tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", "A,X,2017-01-03,,2017-01-03",
        "B,X,2017-01-03,,2017-01-03", "C,Y,2017-01-03,,2017-01-03",
    )  # fmt: skip
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}])
    assert parsed(vendor, BARS, [MON])["symbol"].to_list() == ["C"]
    kept_out = parsed(vendor, QUARANTINE, [MON])
    assert kept_out["symbol"].to_list() == ["X"]
    assert "holds X, on 2017-03-06 a ticker of A and of B" in kept_out["reason"][0]


def test_a_name_recorded_later_does_not_reach_back(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, *(bar("X", day) for day in (MON, TUE, WED)))
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", "A,X,2017-03-06,,2017-03-08")
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}])
    assert parsed(vendor, BARS, WEEK)["session"].to_list() == [WED]
    undated = {"file": "tickers", "known_at": {"rule": "end_of_day"}}
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until", "A,X,2017-03-06,")
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}], tickers=[undated])
    assert parsed(vendor, BARS, WEEK)["session"].to_list() == [MON, TUE, WED]
    assert parsed(vendor, TICKERS, [MON])["grade"].to_list() == [Grade.RULED]


def test_an_action_speaks_of_who_was_held_before_its_ex_date(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(
        tmp_path, "corporate_actions.csv", "symbol,date,action,value,other_symbol",
        f"FB,{WED},symbol_change,1,META", f"META,{THU},cash_dividend,0.5,",
    )  # fmt: skip
    vendor = drop_of(tmp_path, corporate_actions=[
        {"file": "corporate_actions", "by": "ticker", "known_at": {"rule": "morning_of_ex_date"}}
    ])  # fmt: skip
    rows = parsed(vendor, CORPORATE_ACTIONS, WEEK)
    assert rows.select("session", "symbol", "action").rows() == [
        (TUE, "F1", "symbol_change"), (WED, "F1", "cash_dividend")
    ]  # fmt: skip


def test_a_report_bears_the_ticker_of_its_publication(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(tmp_path, "fundamentals.csv", "symbol,date,item,months,value,known_at", f"META,2016-12-31,assets,0,7,{THU}")
    rows = parsed(drop_of(tmp_path, fundamentals=[{"file": "fundamentals", "by": "ticker"}]), FUNDAMENTALS, WEEK)
    assert rows.select("session", "symbol", "event_date").rows() == [(THU, "F1", dt.date(2016, 12, 31))]


def test_intervals_by_ticker_are_named_when_they_are_recorded(tmp_path: Path) -> None:
    renamed(tmp_path)
    header = "symbol,from,until,recorded"
    lines = ["FB,2012-05-18,2017-03-08,2017-01-03", "META,2012-05-18,,2017-03-08", "FB,2017-03-10,,2017-03-10"]
    write(tmp_path, "members.csv", header, *lines)
    vendor = drop_of(tmp_path, Market(), members=[{"file": "members", "by": "ticker"}])
    assert by_day(parsed(vendor, MEMBERS, WEEK), WEEK) == [["F1"]] * 4 + [["F1", "F2"]]


def test_industries_by_ticker_go_by_the_tickers_of_the_drop(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(tmp_path, "industries.csv", "symbol,industry,recorded", f"FB,Media,{MON}", f"FB,Brushes,{FRI}")
    vendor = drop_of(tmp_path, industries=[{"file": "industries", "by": "ticker"}])
    rows = parsed(vendor, INDUSTRIES, [TUE, THU, FRI])
    assert rows.select("session", "symbol", "industry").rows() == [
        (TUE, "F1", "Media"), (THU, "F1", "Media"), (FRI, "F1", "Media"), (FRI, "F2", "Brushes")
    ]  # fmt: skip


def test_by_setting_the_industries_are_those_of_the_codes_as_recorded(tmp_path: Path) -> None:
    renamed(tmp_path)
    write(tmp_path, "industries.csv", "symbol,industry,recorded", f"F1,Media,{MON}")
    grouped = drop_of(tmp_path, Market(universe_source="bars", grouping="ff49"))
    rows = parsed(grouped, INDUSTRIES, WEEK)
    assert rows.select("session", "symbol", "industry").rows() == [
        (MON, "F1", "Computer Software"), (TUE, "F1", "Computer Software"), (FRI, "F2", "Consumer Goods")
    ]  # fmt: skip
    published = parsed(drop_of(tmp_path), INDUSTRIES, WEEK)
    assert published["industry"].unique().to_list() == ["Media"]
    assert rows.schema == published.schema


# --- properties -------------------------------------------------------------------------------------------------------

DAYS = calendar.between(dt.date(2017, 3, 1), dt.date(2017, 3, 31))


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
    whole = parsed(vendor, BARS, days)
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
        assert_frame_equal(parsed(vendor, BARS, [day]), whole.filter(session=day))


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_file_by_ticker_needs_the_tickers(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, bar("X", MON))
    with pytest.raises(VendorError, match=r"by ticker, and .* has no file of tickers"):
        parsed(drop_of(tmp_path, bars=[{"file": "bars", "by": "ticker"}]), BARS, [MON])


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("A,,2017-03-06,,2017-03-06", "1 ticker rows name no ticker"),
        ("A,X,,,2017-03-06", "1 ticker rows have no from"),
        ("A,X,2017-03-08,2017-03-07,2017-03-06", "A is a ticker from 2017-03-08 until 2017-03-07"),
    ],
)
def test_tickers_without_a_name_or_a_date_are_rejected(tmp_path: Path, line: str, wrong: str) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "tickers.csv", "symbol,ticker,from,until,recorded", line)
    with pytest.raises(VendorError, match=wrong):
        parsed(drop_of(tmp_path), TICKERS, WEEK)


def test_a_name_of_today_is_not_taken_up_by_itself_and_rejected_where_it_is_mapped(tmp_path: Path) -> None:
    renamed(tmp_path)
    table = {"file": "tickers", "hindsight": ["name"]}
    assert parsed(drop_of(tmp_path, tickers=[table]), TICKERS, [MON])["name"].to_list() == [None]
    with pytest.raises(HindsightError, match="name holds hindsight"):
        parsed(drop_of(tmp_path, tickers=[table | {"columns": {"name": "name"}}]), TICKERS, [MON])
