"""Stored data as it was known: a store or a home, opened for reading."""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from asof.dates import Day, Moment, day, moment
from asof.frames import Frame, as_polars
from configs.settings import Profile
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.errors import StoreError
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store as FeatureStore
from quant_assets.reporting.hold_out import readable_moment
from quant_resources.home import Choice, Home
from quant_resources.plugins import datasets_of

STORE_FOLDER, FORMAT_FILE, CHOICE_FILE = "store", "store.json", "asof.yaml"  # as the home and the store name them
SHOWN = 5
Selection = str | Sequence[str] | Mapping[str, Sequence[str]]


def open(path: str | Path | None = None, decision_minutes_before_open: int = 30) -> "Store":
    """The store of a home, or a store by itself; nothing is created.

    Args:
        path: folder of a home (which `asof` makes, and `ASOF_HOME` names) or of a store; by default the home of the
            environment.
        decision_minutes_before_open: of a store by itself, as it was written; a home knows its own.

    Raises:
        StoreError: there is no store; says what is there, and what to do.
    """
    folder = Home.of_environment().folder if path is None else Path(path).absolute()
    if _is_store(folder / STORE_FOLDER):
        return Store(Home(folder).open_store(), Home(folder))
    if _is_store(folder):
        if folder.name == STORE_FOLDER and (folder.parent / CHOICE_FILE).exists():
            return open(folder.parent)
        return Store(FeatureStore(folder, clock=DecisionClock(decision_minutes_before_open)), None)
    raise StoreError(f"{folder} holds no store: {_seen(folder)}")


class Store:
    """Datasets of a market, each value as it was known.

    Attributes:
        store: the point-in-time store underneath.
        home: where it lies with the settings that made it; None of a store by itself.
    """

    def __init__(self, store: FeatureStore, home: Home | None) -> None:
        self.store = store
        self.home = home

    def __repr__(self) -> str:
        return f"asof.open({str(self.home.folder if self.home else self.store.layout.root)!r})"

    @property
    def profile(self) -> Profile:
        """The settings that the home's store was made with.

        Raises:
            StoreError: a store by itself, which knows none.
        """
        return self.require_home().profile

    def profile_with(self, settings: Mapping[str, object]) -> Profile:
        """The home's settings with some of them changed, by dotted key: `{"portfolio.weight_cap": 0.03}`."""
        choice = self.require_home().choice()
        overrides = choice.overrides | {key: _as_yaml(value) for key, value in settings.items()}
        return Home.check(Choice(choice.profile, choice.data, overrides))

    def datasets(self) -> pl.DataFrame:
        """One row a stored dataset: its name, first and last session, how many, and what it holds."""
        rows = [
            (name, stored[0], stored[-1], len(stored), dataset.description)
            for name, dataset in (datasets_of(self.profile) if self.home else DATASETS).items()
            if (stored := self.store.sessions(name))
        ]
        schema = {"dataset": pl.String, "first": pl.Date, "last": pl.Date, "sessions": pl.Int64, "holds": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def columns(self, dataset: str) -> pl.DataFrame:
        """One row a column of a dataset: its name, type, unit and meaning."""
        schema, columns = self.store.dataset(dataset).schema, self.store.dataset(dataset).columns
        rows = [(c.name, str(schema[c.name]), c.unit, c.description) for c in columns]
        return pl.DataFrame(rows, schema=["column", "dtype", "unit", "description"], orient="row")

    def sessions(self, dataset: str) -> list[dt.date]:
        """Stored sessions, ascending."""
        return self.store.sessions(dataset)

    def read(
        self,
        dataset: str | Dataset,
        as_of: Moment,
        first: Day | None = None,
        last: Day | None = None,
        columns: Sequence[str] | None = None,
        symbols: Collection[str] | None = None,
        *,
        final: bool = False,
    ) -> pl.DataFrame:
        """Rows that speak of days in [first, last], as known at `as_of`.

        Args:
            as_of: a day means its decision time; a moment needs a time zone.
            columns: all by default, with `known_at`; `event_date` and the key come always.
            final: results of the profile's hold-out may be read, which the trial ledger counts.

        Raises:
            StoreError: no such dataset, or a session that is not stored.
            ValueError: a date that is none.
            ReportError: results of the hold-out, without `final`.
        """
        begin = None if first is None else day(first, "first")
        end = None if last is None else day(last, "last")
        when = self._readable([self.store.dataset(dataset)], moment(as_of, "as_of"), end, final=final)
        return self.store.read(dataset, when, begin, end, columns, symbols=symbols)

    def training_set(
        self, rows: Frame, features: Selection, labels: Selection, as_of: Moment, *, final: bool = False
    ) -> pl.DataFrame:
        """`rows` with what was known at each row's session, and labels that had matured by `as_of`.

        Args:
            rows: `session` and the keys of the datasets, with other columns beside; of Polars, pandas or Arrow.
            features, labels: a dataset, several, or datasets to their columns.
            as_of: a day means its decision time; a moment needs a time zone.
            final: labels of the profile's hold-out may be read, which the trial ledger counts.

        Raises:
            StoreError: a session that is not stored, or one that was decided after `as_of`.
            ValueError: a column that is missing, unknown or of another type.
            ReportError: labels of the hold-out, without `final`.
        """
        entities = as_polars(rows, "rows")
        if "session" in entities.columns and entities.schema["session"] != pl.Date:
            entities = entities.with_columns(_sessions(entities.get_column("session")))
        when, last = moment(as_of, "as_of"), None
        if "session" in entities.columns and entities.height:
            last = entities.get_column("session").max()
        read = [self.store.dataset(name) for name in (*_names(features), *_names(labels))]
        when = self._readable(read, when, last if isinstance(last, dt.date) else None, final=final)
        return self.store.training_set(entities, features, labels, when)

    def _readable(
        self, datasets: Sequence[Dataset], as_of: dt.date | dt.datetime, last: dt.date | None, *, final: bool
    ) -> dt.date | dt.datetime:
        """As of when rows of the datasets may be read; a store by itself knows no hold-out."""
        return as_of if self.home is None else readable_moment(
            self.home, self.store, datasets, as_of, last, final=final
        )  # fmt: skip

    def require_home(self) -> Home:
        """The home of the store.

        Raises:
            StoreError: a store by itself.
        """
        if self.home is None:
            raise StoreError(
                f"{self.store.layout.root} is a store without the settings that made it; open the folder of its home"
            )
        return self.home


def _names(selection: Selection) -> Sequence[str]:
    return (selection,) if isinstance(selection, str) else tuple(selection)


def _as_yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)  # JSON is YAML


def _sessions(values: pl.Series) -> pl.Series:
    try:
        return values.str.to_date("%Y-%m-%d") if values.dtype == pl.String else values.cast(pl.Date)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"rows: column session is {values.dtype}, expected days: {error}") from error


def _is_store(folder: Path) -> bool:
    return (folder / FORMAT_FILE).is_file()


def _seen(folder: Path) -> str:
    """What is at a path without a store, and what to do."""
    make = f"`ASOF_HOME={folder} asof demo` makes one of a simulated market, `asof backfill` one of your own prices"
    if folder.is_file():
        return "it is a file; pass the folder of a home or of a store"
    if not folder.exists():
        return f"there is no such folder; {make}"
    entries = sorted(entry.name for entry in folder.iterdir())
    if CHOICE_FILE in entries:
        return f"it is a home in which nothing was stored yet; run `ASOF_HOME={folder} asof backfill`"
    inner = [name for name in entries if _is_store(folder / name / STORE_FOLDER) or _is_store(folder / name)]
    outer = [parent for parent in folder.parents if _is_store(parent)]
    if inner or outer:
        return f"but there is one at {folder / inner[0] if inner else outer[0]}; pass that"
    more = ", …" if len(entries) > SHOWN else ""
    holds = f"it holds {', '.join(entries[:SHOWN])}{more}" if entries else "the folder is empty"
    return f"{holds}; {make}"
