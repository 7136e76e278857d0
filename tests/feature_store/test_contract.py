import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from feature_store.contract import validated
from feature_store.dataset import Column, Dataset, key, number
from feature_store.errors import ContractError
from tests.feature_store.examples import DAYS, DERIVED, FACTS, decided, row, rows

QUOTES = Dataset(
    "examples/quotes",
    ("symbol",),
    (
        key("symbol", "name"),
        number("price", "USD", "above nothing", above=0, nullable=False),
        number("share", "1", "of a whole", at_least=0, at_most=1),
        Column("side", pl.String(), "label", "bid or ask", one_of=("bid", "ask")),
    ),
    "Every kind of bound.",
)


def quote(**changes: object) -> pl.DataFrame:
    values = {
        "event_date": DAYS[0],
        "symbol": "A",
        "price": 1.0,
        "share": 0.5,
        "side": "bid",
        "known_at": decided(DAYS[0]),
    }
    return pl.DataFrame([{**values, **changes}], schema=QUOTES.schema)


def checked(dataset: Dataset, frame: pl.DataFrame, session: dt.date = DAYS[0]) -> pl.DataFrame:
    return validated(dataset, [(session, frame)])[0]


# known values


@pytest.mark.parametrize(
    "changes", [{}, {"share": 0.0}, {"share": 1.0}, {"share": None}, {"side": None}, {"price": 1e-300}]
)
def test_bounds_are_inclusive_where_named_so_and_missing_passes(changes: dict[str, object]):
    assert checked(QUOTES, quote(**changes)).rows() == quote(**changes).rows()


def test_rows_and_columns_are_put_in_stored_order():
    frame = pl.concat([row(DAYS[0], "B"), row(DAYS[0], "A")])
    found = checked(FACTS, frame.select("value", "known_at", "symbol", "event_date"))
    assert found.columns == list(FACTS.schema)
    assert found["symbol"].to_list() == ["A", "B"]
    assert found.n_chunks() == 1


def test_a_restating_dataset_may_speak_of_other_dates_and_twice_of_one():
    frame = rows(
        (DAYS[0], "A", 1.0, decided(DAYS[0])),
        (DAYS[0], "A", 2.0, decided(DAYS[1])),
        (DAYS[3], "A", 2.0, decided(DAYS[1])),
    )
    assert_frame_equal(checked(FACTS, frame, DAYS[1]), frame)


def test_a_group_keeps_its_order():
    found = validated(FACTS, [(day, row(day)) for day in reversed(DAYS)])
    assert [frame["event_date"][0] for frame in found] == DAYS[::-1]


def test_an_empty_frame_passes():
    assert checked(QUOTES, QUOTES.empty()).is_empty()
    assert validated(QUOTES, []) == []


# refusals


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (quote().drop("price"), r"missing \['price'\]"),
        (quote().with_columns(extra=pl.lit(1)), r"unknown \['extra'\]"),
        (quote().with_columns(price=pl.lit(1)), "price is Int32, not Float64"),
        (quote().with_columns(pl.col("known_at").dt.replace_time_zone(None)), "known_at is Datetime"),
        (quote().with_columns(pl.col("known_at").dt.cast_time_unit("ns")), "known_at is Datetime"),
    ],
)
def test_another_schema_is_rejected(frame: pl.DataFrame, message: str):
    with pytest.raises(ContractError, match=f"examples/quotes 2017-03-08: .*{message}"):
        checked(QUOTES, frame)


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"symbol": None}, "symbol"),
        ({"event_date": None}, "event_date"),
        ({"known_at": None}, "known_at"),
        ({"price": None}, "price"),
        ({"price": 0.0}, "price"),
        ({"price": -1.0}, "price"),
        ({"share": -0.001}, "share"),
        ({"share": 1.001}, "share"),
        ({"side": "mid"}, "side"),
    ],
)
def test_nulls_and_values_out_of_bounds_are_rejected(changes: dict[str, object], column: str):
    with pytest.raises(ContractError, match=rf"examples/quotes.*{column}"):
        checked(
            QUOTES, pl.concat([quote(), quote(symbol="B", **changes) if "symbol" not in changes else quote(**changes)])
        )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_number_is_rejected(value: float):
    with pytest.raises(ContractError, match=r"share is not finite in .*'B'.*; missing is null"):
        checked(QUOTES, pl.concat([quote(), quote(symbol="B", share=value)]))


def test_a_repeated_key_is_rejected_and_shown():
    with pytest.raises(ContractError, match=r"2017-03-08: key \['event_date', 'symbol'\] repeats: .*'A'"):
        checked(DERIVED, pl.concat([row(DAYS[0], value=1.0), row(DAYS[0], "B"), row(DAYS[0], value=2.0)]))
    with pytest.raises(ContractError, match="repeats"):  # even where known at another time
        checked(DERIVED, rows(*((DAYS[0], "A", 1.0, decided(day)) for day in DAYS[:2])))
    with pytest.raises(ContractError, match=r"'known_at'\] repeats"):
        checked(FACTS, pl.concat([row(DAYS[0], value=1.0), row(DAYS[0], value=2.0)]))


def test_another_date_is_rejected_where_the_dataset_does_not_restate():
    for other in (DAYS[0], DAYS[2]):
        with pytest.raises(ContractError, match=r"2017-03-09 speaks of another date: .*only restating datasets may"):
            checked(DERIVED, pl.concat([row(DAYS[1]), row(other)]), DAYS[1])


def test_the_second_frame_of_a_group_is_checked_too():
    for bad in (row(DAYS[0]), pl.concat([row(DAYS[1])] * 2), row(DAYS[1]).drop("value"), row(DAYS[1], value=-101.0)):
        with pytest.raises(ContractError):
            validated(DERIVED, [(DAYS[0], row(DAYS[0])), (DAYS[1], bad)])
