import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from feature_store import sessions
from feature_store.catalog import connect
from feature_store.dataset import Dataset, key, number
from feature_store.decision_time import end_of_day
from feature_store.describing import NewPartition, Provenance
from feature_store.errors import LookaheadError, MissingSessionsError, StoreError
from feature_store.store import Store
from tests.feature_store.examples import CLOCK, DAYS, DERIVED, FACTS, NOW, decided, group, new, opened, row, rows
from tests.oracles import training_sets as oracle
from tests.oracles.bitemporal_dict import BitemporalDict, Generation

LABELS = Dataset(
    "examples/labels",
    ("symbol", "horizon"),
    (key("symbol", "name"), key("horizon", "sessions", pl.Int32()), number("label", "1", "anything")),
    "Of an earlier date, when it is learned.",
    restates=True,
)
SERIES = Dataset("examples/series", (), (number("value", "1", "anything"),), "One row a session.")
PRICES = Dataset(
    "examples/prices", ("symbol",), (key("symbol", "name"), number("close", "USD", "of the session")), "", restates=True
)
KNOWN = {d.name: d for d in (FACTS, DERIVED, LABELS, SERIES, PRICES)}
MICROSECOND = dt.timedelta(microseconds=1)


def asking(*wanted: tuple[dt.date | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(list(wanted), schema={"session": pl.Date, "symbol": pl.String}, orient="row")


def store_of(folder: Path) -> Store:
    return opened(folder, datasets=KNOWN)


def labelled(*given: tuple[dt.date, str, int, float | None, dt.datetime]) -> pl.DataFrame:
    """Frame of (event_date, symbol, horizon, label, known_at)."""
    return pl.DataFrame(list(given), schema=LABELS.schema, orient="row")


# known values


def test_each_row_sees_what_its_own_session_knew(tmp_path: Path):
    store = store_of(tmp_path)
    correction = rows((DAYS[1], "A", 9.0, decided(DAYS[2])), (DAYS[0], "A", 8.0, decided(DAYS[2])))
    store.write(FACTS, [new(DAYS[0]), new(DAYS[1], row(DAYS[1], value=2.0)), new(DAYS[2], correction)])
    found = store.training_set(asking(*((day, "A") for day in DAYS[:3])), FACTS, [], DAYS[2])
    assert found["value"].to_list() == [1.0, 2.0, 9.0]
    assert found["examples_facts__event_date"].to_list() == [DAYS[0], DAYS[1], DAYS[1]]


def test_a_session_without_a_row_is_null_unless_the_dataset_keeps_versions(tmp_path: Path):
    store = store_of(tmp_path)
    for dataset in (FACTS, DERIVED):
        store.write(dataset, [new(DAYS[0]), new(DAYS[1], row(DAYS[1], "B"))])
    wanted = asking((DAYS[1], "A"))
    assert store.training_set(wanted, DERIVED, [], DAYS[1])["value"].to_list() == [None]
    found = store.training_set(wanted, FACTS, [], DAYS[1])
    assert found.select("value", "examples_facts__event_date").rows() == [(1.0, DAYS[0])]


def test_what_is_announced_counts_from_its_date_on(tmp_path: Path):
    store = store_of(tmp_path)
    told = [row(DAYS[0]), rows((DAYS[2], "A", 7.0, decided(DAYS[1]))), FACTS.empty(), FACTS.empty()]
    store.write(FACTS, [new(day, frame) for day, frame in zip(DAYS, told, strict=False)])
    found = store.training_set(asking(*((day, "A") for day in DAYS[:4])), FACTS, [], DAYS[3])
    assert found["value"].to_list() == [1.0, 1.0, 7.0, 7.0]


def test_rows_keep_their_order_their_repetitions_and_their_own_columns(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(DERIVED, [new(day, row(day, value=float(i))) for i, day in enumerate(DAYS)])
    wanted = asking((DAYS[2], "A"), (DAYS[0], "A"), (DAYS[2], "A"), (DAYS[1], "none")).with_columns(
        weight=pl.Series([4, 3, 2, 1]), value=pl.lit("mine")
    )
    found = store.training_set(wanted, DERIVED, [], DAYS[2])
    assert found.columns == ["session", "symbol", "weight", "value", "examples_derived__value"]
    assert_frame_equal(found.select(wanted.columns), wanted)
    assert found["examples_derived__value"].to_list() == [2.0, 0.0, 2.0, None]


def test_labels_are_those_that_had_matured_by_as_of(tmp_path: Path):
    store = store_of(tmp_path)
    about = [(DAYS[0], "A"), (DAYS[1], "A")]
    learned = {
        DAYS[1]: labelled((DAYS[0], "A", 1, 0.1, decided(DAYS[1]))),
        DAYS[2]: labelled((DAYS[0], "A", 1, 0.9, decided(DAYS[2])), (DAYS[1], "A", 1, 0.2, decided(DAYS[2]))),
        DAYS[3]: labelled((DAYS[0], "A", 3, 0.3, decided(DAYS[3]))),
    }
    store.write(LABELS, [new(day, learned.get(day, LABELS.empty())) for day in DAYS[:4]])

    def asked(as_of: dt.date | dt.datetime) -> pl.DataFrame:
        return store.training_set(asking(*about), [], {"examples/labels": ["label"]}, as_of)

    assert asked(DAYS[1])["label_1"].to_list() == [0.1, None]
    assert asked(DAYS[2])["label_1"].to_list() == [0.9, 0.2]
    assert asked(decided(DAYS[2]) - MICROSECOND)["label_1"].to_list() == [0.1, None]
    assert asked(DAYS[3]).columns == ["session", "symbol", "label_1", "label_3"]
    assert asked(DAYS[3])["label_3"].to_list() == [0.3, None]


def test_a_row_may_say_which_label_it_wants_and_be_told_when_it_was_learned(tmp_path: Path):
    store = store_of(tmp_path)
    learned = labelled((DAYS[0], "A", 1, 0.1, decided(DAYS[1])), (DAYS[0], "A", 2, 0.2, decided(DAYS[1])))
    store.write(LABELS, [new(day, learned if day == DAYS[1] else LABELS.empty()) for day in DAYS[:3]])
    wanted = asking((DAYS[0], "A"), (DAYS[0], "A"), (DAYS[0], "B")).with_columns(horizon=pl.Series([2, 1, 1]))
    found = store.training_set(wanted, [], {"examples/labels": ["label", "session"]}, DAYS[2])
    assert found["label"].to_list() == [0.2, 0.1, None]
    assert found["examples_labels__session"].to_list() == [DAYS[1], DAYS[1], None]


def test_one_row_a_session_is_everyones(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(SERIES, [new(day, row(day, value=float(i)).drop("symbol")) for i, day in enumerate(DAYS)])
    found = store.training_set(asking((DAYS[1], "A"), (DAYS[1], None), (DAYS[0], "B")), "examples/series", [], DAYS[1])
    assert found["value"].to_list() == [1.0, 1.0, 0.0]


def test_names_that_clash_are_prefixed_with_their_dataset(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    store.write(DERIVED, group(DAYS[:1], value=2.0))
    store.write(PRICES, [new(DAYS[0], row(DAYS[0], value=3.0).rename({"value": "close"}))])
    found = store.training_set(asking((DAYS[0], "A")), [FACTS, DERIVED, PRICES], [], DAYS[0])
    values = {"examples_facts__value": 1.0, "examples_derived__value": 2.0, "close": 3.0}
    assert found.select(*values).row(0, named=True) == values


def test_a_null_in_the_key_and_no_rows_at_all(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    store.write(LABELS, [new(DAYS[0], LABELS.empty())])
    assert store.training_set(asking((DAYS[0], None)), FACTS, LABELS, DAYS[0])["value"].to_list() == [None]
    none = store.training_set(asking(), FACTS, LABELS, DAYS[0])
    assert none.columns == ["session", "symbol", "value", "examples_facts__event_date"]
    assert none.is_empty()


def test_keys_of_a_kindred_type_are_taken(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    wanted = asking((DAYS[0], "A")).with_columns(pl.col("symbol").cast(pl.Categorical))
    assert store.training_set(wanted, FACTS, [], DAYS[0])["value"].to_list() == [1.0]


# properties

LONG = sessions.between(dt.date(2017, 3, 8), dt.date(2017, 3, 22))
SYMBOLS = ["A", "B", "C"]


@st.composite
def told(draw: st.DrawFn, dataset: Dataset) -> list[list[dict[str, Any]]]:
    """The rows of each session of LONG; corrections, announcements and late words where the dataset restates."""
    days = []
    for i, day in enumerate(LONG):
        dates = [*LONG[max(0, i - 3) : i + 3], LONG[-1] + dt.timedelta(days=20)] if dataset.restates else [day]
        moments = [decided(day), decided(day) - MICROSECOND, end_of_day(day), end_of_day(sessions.shift(day, -1))]
        strategy = st.fixed_dictionaries({
            "event_date": st.sampled_from(dates),
            "symbol": st.sampled_from(SYMBOLS),
            "value": st.sampled_from([None, *(float(100 * i + n) for n in range(5))]),
            "known_at": st.sampled_from(moments),
        })  # fmt: skip
        name = ("event_date", "symbol", "known_at") if dataset.restates else ("event_date", "symbol")
        days.append(draw(st.lists(strategy, max_size=4, unique_by=lambda r: tuple(r[n] for n in name))))  # noqa: B023
    return days


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    facts=told(FACTS),
    derived=told(DERIVED),
    wanted=st.lists(st.tuples(st.sampled_from(LONG), st.sampled_from([*SYMBOLS, "none"])), max_size=25),
    late=st.integers(0, 3),
    n=st.integers(1, 4),
)
def test_nothing_else_is_seen_than_by_looking_through_everything(
    facts: list[list[dict[str, Any]]],
    derived: list[list[dict[str, Any]]],
    wanted: list[tuple[dt.date, str]],
    late: int,
    n: int,
):
    everything = BitemporalDict(sessions.between(dt.date(2017, 1, 3), dt.date(2017, 12, 29)))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("feature_store.training_sets.GROUP", n)
        patch.setattr("feature_store.training_sets.LABEL_GROUP", n)
        store = store_of(Path(folder))
        for dataset, days in ((FACTS, facts), (DERIVED, derived)):
            frames = [pl.DataFrame(day, schema=dataset.schema) for day in days]
            store.write(dataset, [NewPartition(d, f, Provenance("a", {})) for d, f in zip(LONG, frames, strict=True)])
            everything.add(
                [Generation(dataset.name, d, "a", tuple(day), NOW) for d, day in zip(LONG, days, strict=True)]
            )
        frame = asking(*wanted)
        as_of = decided(max([day for day, _ in wanted], default=LONG[0]))
        as_of = min(decided(LONG[-1]), as_of + dt.timedelta(days=late))
        features = {FACTS.name: ["value", "known_at"], DERIVED.name: ["value"]}
        found = store.training_set(frame, features, [], as_of)
        labels = store.training_set(frame, [], FACTS, as_of)
        with connect(store, [FACTS, DERIVED]) as duck:
            duck.register("wanted", frame.with_row_index("row").to_arrow())
            sql = {
                dataset: duck.sql(
                    f"SELECT row, event_date, value FROM examples_{dataset}_at('wanted') ORDER BY row"
                ).pl()
                for dataset in ("facts", "derived")
            }
    for i, (session, symbol) in enumerate(wanted):
        fact = oracle.feature(everything, FACTS, session, {"symbol": symbol}) or {}
        own = oracle.feature(everything, DERIVED, session, {"symbol": symbol}) or {}
        expected = fact.get("value"), fact.get("known_at"), own.get("value"), fact.get("event_date")
        names = [f"examples_{name}" for name in ("facts__value", "derived__value", "facts__event_date")]
        assert found.select(names[0], "known_at", *names[1:]).row(i) == expected
        assert sql["facts"].row(i) == (i, fact.get("event_date"), fact.get("value"))
        assert sql["derived"].row(i) == (i, own.get("event_date"), own.get("value"))
        later = oracle.label(everything, FACTS, session, {"symbol": symbol}, as_of) or {}
        assert labels["value"][i] == later.get("value")


# refusals


def test_an_unknown_dataset_or_column_is_named(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    with pytest.raises(StoreError, match=r"no dataset 'examples/none'; there are examples/derived"):
        store.training_set(asking((DAYS[0], "A")), ["examples/none"], [], DAYS[0])
    for features, labels in (({FACTS.name: ["vale"]}, []), ([], {FACTS.name: ["vale"]})):
        with pytest.raises(ValueError, match=r"examples/facts has no column \['vale'\]; it has \['value', 'known_at'"):
            store.training_set(asking((DAYS[0], "A")), features, labels, DAYS[0])


def test_as_of_must_be_said_and_lie_after_every_rows_decision(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    with pytest.raises(ValueError, match="as_of is missing"):
        store.training_set(asking((DAYS[0], "A")), FACTS, [], None)
    for as_of in (DAYS[0], decided(DAYS[1]) - MICROSECOND):
        with pytest.raises(LookaheadError, match=f"ask for {DAYS[1]}, decided at .* after as_of"):
            store.training_set(asking((DAYS[0], "A"), (DAYS[1], "A")), FACTS, [], as_of)
    with pytest.raises(ValueError, match="has no time zone"):
        store.training_set(asking((DAYS[0], "A")), FACTS, [], dt.datetime(2017, 3, 10))  # noqa: DTZ001


def test_sessions_that_are_not_stored_are_named(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(DERIVED, group(DAYS[:1]))
    store.write(FACTS, group([DAYS[0], DAYS[2]]))
    store.write(LABELS, [new(DAYS[0], LABELS.empty())])
    with pytest.raises(MissingSessionsError, match=f"examples/derived is not stored for 1 sessions .*{DAYS[1]}"):
        store.training_set(asking((DAYS[0], "A"), (DAYS[1], "A")), DERIVED, [], DAYS[1])
    # a correction may lie in the session between
    with pytest.raises(MissingSessionsError, match=f"examples/facts is not stored for 1 sessions .*{DAYS[1]}"):
        store.training_set(asking((DAYS[2], "A")), FACTS, [], DAYS[2])
    with pytest.raises(MissingSessionsError, match=f"examples/labels is not stored for 1 sessions .*{DAYS[1]}"):
        store.training_set(asking((DAYS[0], "A")), [], LABELS, CLOCK.decision_time(DAYS[2]) - MICROSECOND)


def test_rows_without_a_session_or_a_key_are_rejected(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    wanted = asking((DAYS[0], "A"))
    for wrong in (wanted.drop("session"), wanted.with_columns(pl.col("session").cast(pl.String))):
        with pytest.raises(ValueError, match="need a column session of type Date"):
            store.training_set(wrong, FACTS, [], DAYS[0])
    with pytest.raises(ValueError, match="row 1 has no session"):
        store.training_set(asking((DAYS[0], "A"), (None, "A")), FACTS, [], DAYS[0])
    with pytest.raises(ValueError, match="2017-03-11 is not a trading session"):
        store.training_set(asking((dt.date(2017, 3, 11), "A")), FACTS, [], DAYS[-1])
    with pytest.raises(ValueError, match="has one row per symbol: give entities a column symbol"):
        store.training_set(wanted.drop("symbol"), FACTS, [], DAYS[0])
    with pytest.raises(ValueError, match=r"'horizon'\] are not of the types of examples/labels's keys"):
        store.training_set(wanted.with_columns(horizon=pl.lit("long")), LABELS, [], DAYS[0])


def test_columns_of_one_name_even_with_their_prefix_are_rejected(tmp_path: Path):
    store = store_of(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    with pytest.raises(ValueError, match=r"several columns would be named \['examples_facts__value'\]"):
        store.training_set(asking((DAYS[0], "A")), FACTS, FACTS, DAYS[0])
