import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.dataset import KNOWN_AT
from feature_store.hashing import content_hash, digest_of

NAN_WITH_ANOTHER_PAYLOAD = np.array([0x7FF8DEADBEEF0001], np.uint64).view(np.float64)


def hashed(values: object, dtype: pl.DataType | None = None) -> str:
    return content_hash(pl.DataFrame({"x": pl.Series(values, dtype=dtype)}))


# known values


def test_the_hash_is_what_it_was():
    """A change of this value makes every stored session look different: it belongs under Numerics in the CHANGELOG."""
    frame = pl.DataFrame({"symbol": ["A", "B"], "close": [1.0, None], "volume": [3, 4]})
    assert content_hash(frame) == "a958f46974a88fe35590b2ee9272ceeb"
    days = [dt.date(1969, 12, 31), dt.date(2017, 1, 3)]
    moments = [dt.datetime(2017, 1, 3, 14, 0, 0, 1, tzinfo=dt.UTC), dt.datetime(1969, 12, 31, tzinfo=dt.UTC)]
    schema = {"event_date": pl.Date, "known_at": KNOWN_AT, "rank": pl.Int8}
    dated = pl.DataFrame({"event_date": days, "known_at": moments, "rank": [1, -1]}, schema=schema)
    assert content_hash(dated) == "d878f9766148f6e284902ac1d88c1c9f"


def test_minus_zero_is_zero():
    assert hashed([-0.0, 1.0]) == hashed([0.0, 1.0])
    assert hashed([-0.0], pl.Float32()) == hashed([0.0], pl.Float32())


def test_every_nan_is_one_nan():
    assert hashed(NAN_WITH_ANOTHER_PAYLOAD) == hashed([float("nan")]) == hashed([-float("nan")])


def test_what_lies_under_a_null_does_not_count():
    under = pl.Series([1.0, 2.0]).to_frame("x").select(pl.when(pl.col("x") > 1).then(pl.col("x")))
    assert content_hash(under) == content_hash(pl.DataFrame({"x": [None, 2.0]}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([None, 1.0], [0.0, 1.0]),
        ([None, 1.0], [float("nan"), 1.0]),
        ([None, 1], [0, 1]),
        ([None, "a"], ["", "a"]),
        ([None, True], [False, True]),
        ([None, dt.date(2017, 1, 1)], [dt.date(1970, 1, 1), dt.date(2017, 1, 1)]),
        ([None, 0.0], [0.0, None]),
        ([1.0, 2.0], [2.0, 1.0]),
        ([1.0], [1.0 + 2**-52]),
        ([1.0], [1.0, 1.0]),
        (["ab", "c"], ["a", "bc"]),
        (["a\0", "b"], ["a", "\0b"]),
        (["é", "e"], ["e", "é"]),
        ([True], [False]),
    ],
)
def test_other_values_give_another_hash(one: list[object], other: list[object]):
    assert hashed(one) != hashed(other)


@pytest.mark.parametrize("dtypes", [(pl.Int32(), pl.Int64()), (pl.Float32(), pl.Float64()), (pl.Int64(), pl.Float64())])
def test_another_type_gives_another_hash(dtypes: tuple[pl.DataType, pl.DataType]):
    assert hashed([0, 1], dtypes[0]) != hashed([0, 1], dtypes[1])


def test_dates_and_moments_are_told_from_their_numbers():
    assert hashed([1], pl.Int32()) != content_hash(pl.DataFrame({"x": pl.Series([1], dtype=pl.Int32).cast(pl.Date)}))
    stamps = [dt.datetime(2017, 1, 1, tzinfo=dt.UTC), None]
    assert hashed(stamps, KNOWN_AT) != hashed(stamps, pl.Datetime("ms", "UTC"))


def test_names_count_and_their_order_does_not():
    frame = pl.DataFrame({"a": [1], "b": [2]})
    assert content_hash(frame) == content_hash(frame.select("b", "a"))
    assert content_hash(frame) != content_hash(frame.rename({"a": "b", "b": "a"}))


def test_an_empty_frame_has_the_hash_of_its_schema():
    assert hashed([], pl.Int64()) == hashed([], pl.Int64())
    assert hashed([], pl.Int64()) != hashed([], pl.Float64())
    assert content_hash(pl.DataFrame()) == content_hash(pl.DataFrame())


def test_a_digest_keeps_its_parts_apart():
    assert digest_of(["a", "b"]) == digest_of(("a", "b"))
    assert len({digest_of(parts) for parts in (["a", "b"], ["ab"], ["b", "a"], ["a", "b", ""], [])}) == 5


# properties

tables = st.lists(
    st.tuples(
        st.none() | st.floats(),
        st.none() | st.text(max_size=3),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
    ),
    min_size=2,
    max_size=12,
)
SCHEMA = {"f": pl.Float64, "s": pl.String, "i": pl.Int64, "b": pl.Boolean}


@given(tables, st.data())
def test_chunks_and_slices_do_not_count(table: list[tuple[object, ...]], data: st.DataObject):
    frame = pl.DataFrame(table, schema=SCHEMA, orient="row")
    cut = data.draw(st.integers(0, len(table)))
    chunked = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    around = pl.concat([frame[-1:], frame, frame[:1]], rechunk=True)[1:-1]
    assert content_hash(chunked) == content_hash(around) == content_hash(frame)


@given(tables, st.randoms(use_true_random=False))
def test_with_a_sort_key_the_order_of_rows_does_not_count(table: list[tuple[object, ...]], random: object):
    frame = pl.DataFrame(table, schema=SCHEMA, orient="row").with_row_index("key")
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=random.getrandbits(32))
    assert content_hash(shuffled, ["key"]) == content_hash(frame)


@given(tables, tables)
def test_hashes_agree_exactly_where_values_do(one: list[tuple[object, ...]], other: list[tuple[object, ...]]):
    a, b = (pl.DataFrame(table, schema=SCHEMA, orient="row") for table in (one, other))
    assert (content_hash(a) == content_hash(b)) == a.equals(b, null_equal=True)


# refusals


def test_a_nested_column_is_rejected_by_name():
    with pytest.raises(TypeError, match="column x has type List"):
        content_hash(pl.DataFrame({"x": [[1]]}))
