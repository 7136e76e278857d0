"""Training sets: rows of (session, key), each with what was known at its session, and what was learned of it since.

A feature is the latest version with `known_at` by the decision of the row's own session. What is stored in session t
was known by its decision, so the sessions up to t say it all: they are read once, in order, and of each entity the row
learned last is kept. Nothing is sorted and no correction looks back.
"""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.errors import LookaheadError
from feature_store.readers import Reader

Rows = NDArray[np.int64]

GROUP = 64  # sessions read at once: bounds memory, never values
LABEL_GROUP = 252  # a label lies sessions after its date: groups overlap by the longest horizon
NO_ROW = -1
NO_KEY = ""


@dataclass(frozen=True)
class Choice:
    """Columns of a dataset; beside its values, `known_at` and `session` may be requested."""

    dataset: Dataset
    columns: tuple[str, ...]

    @property
    def prefix(self) -> str:
        return self.dataset.name.replace("/", "_") + "__"


def training_set(
    reader: Reader,
    clock: DecisionClock,
    entities: pl.DataFrame,
    features: Sequence[Choice],
    labels: Sequence[Choice],
    as_of: dt.date | dt.datetime,
) -> pl.DataFrame:
    """`entities` in their order, with the columns of features and labels beside their own.

    Features of a dataset that does not restate are those of the session itself, null where it has no row. Of a dataset
    that restates they are the latest version about the latest event_date up to the session, as known at its decision;
    how old they are says a column `<slice>_<dataset>__event_date`.

    Labels are the latest version by `as_of` about event_date = session, null where none had matured. A key of theirs
    that `entities` lack, such as `horizon_sessions`, is spread into columns, one for each of its values that any row
    has: `label_log_21`, `label_log_63`.

    A name that several columns would bear is prefixed with its dataset: `market_bars__close`.

    Args:
        entities: `session` (a trading session) and the datasets' keys; other columns are handed through.

    Raises:
        LookaheadError: a row's session was decided after `as_of`.
        MissingSessionsError: a requested session, or one between that may hold a later version, is not stored.
        ValueError: a column that is missing, of another type or unknown; a null session; names that clash even so.
    """
    if as_of is None:
        raise ValueError("as_of is missing: pass the date, or the moment, up to which labels may have been learned")
    moment = clock.as_of(as_of)
    requested = _requested_sessions(entities, clock, moment)
    for choice in (*features, *labels):
        _reject_unknown(choice)
    parts = [(choice, _as_known(reader, entities, requested, choice)) for choice in features]
    parts += [(choice, _matured(reader, clock, entities, requested, choice, moment)) for choice in labels]
    return pl.concat([entities, *_named(entities.columns, parts)], how="horizontal")


# -- features ----------------------------------------------------------------------------------------------------------


def _as_known(reader: Reader, entities: pl.DataFrame, requested: Sequence[dt.date], choice: Choice) -> pl.DataFrame:
    """The columns of one dataset for every row, as known at its session."""
    dataset = choice.dataset
    if missing := [name for name in dataset.key if name not in entities.columns]:
        raise ValueError(
            f"{dataset.name} has one row per {', '.join(dataset.key)}: give entities a column {', '.join(missing)}"
        )
    shown = [*choice.columns, "event_date"] if dataset.restates else list(choice.columns)
    read = list(dict.fromkeys(["event_date", "known_at", *dataset.key, *choice.columns]))
    keys = _keys(entities, dataset.key, dataset)
    names = keys.unique(maintain_order=True).with_row_index("entity")
    days = entities["session"].to_physical().to_numpy().astype(np.int64)
    code = _coded(keys, names, "left")["entity"].fill_null(len(names)).to_numpy().astype(np.int64)
    order = np.argsort(days, kind="stable")
    days, code = days[order], code[order]
    versions = LatestVersions(len(names))
    parts = [dataset.empty().with_columns(session=pl.lit(None, pl.Date)).select(shown)]
    for group, first, following in _groups(_history(reader, dataset, requested)):
        versions.add(_coded(reader.of_sessions(dataset, group, read), names, "inner"))
        begin, end = np.searchsorted(days, [first, following])
        rows = _picked(versions, days[begin:end], code[begin:end], exact=not dataset.restates)
        parts.append(versions.frame.select(pl.col(shown).gather(pl.Series(rows).replace(NO_ROW, None))))
        versions.hear(following - 1)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return pl.concat(parts)[back]


def _picked(versions: "LatestVersions", days: Rows, code: Rows, exact: bool) -> Rows:
    """Row of `versions` for each question, which come by ascending day; NO_ROW where there is none."""
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1), len(days)]
    rows = np.full(len(days), NO_ROW)
    for begin, end in itertools.pairwise(edges):
        if begin < end:
            versions.hear(days[begin])
            rows[begin:end] = versions.last[code[begin:end]]
    return np.where(versions.event[rows] == days, rows, NO_ROW) if exact else rows


class LatestVersions:
    """Of each entity the row that says most, as days go by: the latest event_date, and of it the latest version.

    Of two versions known at one moment that of the later session counts. A row about a date ahead counts from then on.

    Attributes:
        frame: the rows that may still count.
        last: (E + 1,) row of `frame` for each entity; the last place is that of an entity without a name.
        event: (rows + 1,) event_date, in days since 1970; the last place is before all days, and NO_ROW's.
    """

    def __init__(self, n_entities: int) -> None:
        self.frame = pl.DataFrame()
        self.last = np.full(n_entities + 1, NO_ROW)
        self.event = np.full(1, np.iinfo(np.int64).min)
        self._waiting: Rows = np.empty(0, dtype=np.int64)  # rows that are still to be heard, by the day they count from

    def add(self, rows: pl.DataFrame) -> None:
        """Take in the rows of the following sessions, with `entity` and `session`; what no longer counts is let go."""
        kept = np.concatenate([self.last[self.last != NO_ROW], self._waiting])
        place = np.full(len(self.frame) + 1, NO_ROW)
        place[kept] = np.arange(len(kept))
        self.last = place[self.last]
        self.frame = pl.concat([self.frame[kept], rows]) if len(kept) else rows
        n_heard = len(kept) - len(self._waiting)
        self._entity = self.frame["entity"].to_numpy().astype(np.int64)
        # NO_ROW's place is the last one, before all others
        self.event, self._known, self._session = (
            np.append(self.frame[name].to_physical().to_numpy().astype(np.int64), np.iinfo(np.int64).min)
            for name in ("event_date", "known_at", "session")
        )
        counts_from = np.maximum(self.event, self._session)[:-1]
        self._waiting = n_heard + np.argsort(counts_from[n_heard:], kind="stable")
        self._counts_from = counts_from[self._waiting]

    def hear(self, day: int) -> None:
        """All rows that count by the day, which is no earlier than the one before."""
        n = int(np.searchsorted(self._counts_from, day, side="right"))
        rows, self._waiting, self._counts_from = self._waiting[:n], self._waiting[n:], self._counts_from[n:]
        while rows.size:
            rows = rows[self._says_more(rows, self.last[self._entity[rows]])]
            self.last[self._entity[rows]] = rows  # of several rows of one entity one is written, and the others ask it

    def _says_more(self, a: Rows, b: Rows) -> NDArray[np.bool_]:
        event, known, session = self.event, self._known, self._session
        later_version = (known[a] > known[b]) | ((known[a] == known[b]) & (session[a] > session[b]))
        more: NDArray[np.bool_] = (event[a] > event[b]) | ((event[a] == event[b]) & later_version)
        return more


def _history(reader: Reader, dataset: Dataset, requested: Sequence[dt.date]) -> list[dt.date]:
    """The sessions to read: those that are requested, or all up to the last of them."""
    if not dataset.restates or not requested:
        reader.require(dataset, requested)
        return list(requested)
    stored = [day for day in reader.sessions(dataset) if day <= requested[-1]]
    reader.require(dataset, sorted({*requested, *(sessions.between(stored[0], requested[-1]) if stored else [])}))
    return stored


def _groups(read: Sequence[dt.date]) -> Iterator[tuple[Sequence[dt.date], int, int]]:
    """Sessions to read at once, with the first day of them and of the next ones, in days since 1970."""
    groups = [read[i : i + GROUP] for i in range(0, len(read), GROUP)]
    firsts = [(group[0] - dt.date(1970, 1, 1)).days for group in groups]
    return zip(groups, firsts, [*firsts[1:], np.iinfo(np.int32).max], strict=False)


def _keys(entities: pl.DataFrame, names: Sequence[str], dataset: Dataset) -> pl.DataFrame:
    """Key columns in the dataset's types."""
    cast = [pl.col(name).cast(dataset.schema[name]) for name in names]
    try:
        # a dataset without keys has one entity
        return entities.with_columns(cast or pl.lit(0).alias(NO_KEY)).select(names or [NO_KEY])
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"entities: {list(names)} are not of the types of {dataset.name}'s keys: {error}") from error


def _coded(rows: pl.DataFrame, names: pl.DataFrame, how: Literal["left", "inner"]) -> pl.DataFrame:
    """Rows with the number of their `entity`; rows with a null key match no entity."""
    keys = [name for name in names.columns if name != "entity"]
    if keys == [NO_KEY]:
        return rows.with_columns(entity=pl.lit(0, pl.UInt32))
    return rows.join(names, on=keys, how=how, maintain_order="left")


# -- labels ------------------------------------------------------------------------------------------------------------


def _matured(
    reader: Reader,
    clock: DecisionClock,
    entities: pl.DataFrame,
    requested: Sequence[dt.date],
    choice: Choice,
    moment: dt.datetime,
) -> pl.DataFrame:
    """The columns of one dataset about every row's session, as known at the moment."""
    dataset, shown = choice.dataset, pl.col(choice.columns)
    if requested:
        reader.require(dataset, sessions.between(requested[0], _decided_by(clock, moment)))
    on = [name for name in dataset.key if name in entities.columns]
    spread = [name for name in dataset.key if name not in on]
    keys = pl.concat([entities.select(event_date="session"), _keys(entities, on, dataset)], how="horizontal")
    on = ["event_date", *on]
    found = [dataset.empty().with_columns(session=pl.lit(None, pl.Date)).select(*on, *spread, *choice.columns)]
    for i in range(0, len(requested), LABEL_GROUP):
        group = requested[i : i + LABEL_GROUP]
        rows = reader.read(dataset, moment, group[0], group[-1], choice.columns)
        found.append(rows.join(keys, on=on, how="semi", maintain_order="left"))
    rows = pl.concat([frame.select(*on, *spread, *choice.columns) for frame in found])
    if not spread:
        return keys.join(rows, on=on, how="left", maintain_order="left").select(shown)
    parts = {
        "".join(f"_{value}" for value in values): part
        for values, part in sorted(rows.partition_by(spread, as_dict=True).items())
    }
    beside = [
        keys.join(part, on=on, how="left", maintain_order="left").select(shown.name.suffix(suffix))
        for suffix, part in parts.items()
    ]
    return pl.concat(beside, how="horizontal") if beside else pl.DataFrame()


# -- what is requested -------------------------------------------------------------------------------------------------


def _requested_sessions(entities: pl.DataFrame, clock: DecisionClock, moment: dt.datetime) -> list[dt.date]:
    """The sessions of the rows, ascending."""
    if entities.schema.get("session") != pl.Date:
        raise ValueError(f"entities need a column session of type Date; they have {dict(entities.schema)}")
    if entities["session"].null_count():
        raise ValueError(f"entities: row {entities['session'].is_null().arg_max()} has no session")
    requested: list[dt.date] = entities["session"].unique().sort().to_list()
    for day in requested:
        sessions.index_of(day)
    if requested and clock.decision_time(requested[-1]) > moment:
        raise LookaheadError(
            f"entities ask for {requested[-1]}, decided at {clock.decision_time(requested[-1])}, after as_of {moment}; "
            "leave these rows out, or pass a later one"
        )
    return requested


def _decided_by(clock: DecisionClock, moment: dt.datetime) -> dt.date:
    """The last session whose decision time had come."""
    session = clock.session_of(moment)
    return session if clock.decision_time(session) <= moment else sessions.shift(session, -1)


def _reject_unknown(choice: Choice) -> None:
    known = [*choice.dataset.values, "known_at", "session"]
    if unknown := [name for name in choice.columns if name not in known]:
        raise ValueError(f"{choice.dataset.name} has no column {unknown}; it has {known}")


def _named(own: Sequence[str], parts: Sequence[tuple[Choice, pl.DataFrame]]) -> list[pl.DataFrame]:
    """The parts under names that no two columns bear."""
    bearers = Counter([*own, *(name for _, part in parts for name in part.columns)])
    named = [
        part.rename({
            name: choice.prefix + name for name in part.columns if bearers[name] > 1 or name == "event_date"
        })
        for choice, part in parts
    ]  # fmt: skip
    after = Counter([*own, *(name for part in named for name in part.columns)])
    if twice := sorted(name for name, n in after.items() if n > 1):
        raise ValueError(f"several columns would be named {twice}; ask for a dataset once, or rename those of entities")
    return [part for part in named if part.width]
