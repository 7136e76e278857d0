"""The point-in-time store as a plain dictionary of lists of rows: slow and obvious."""

import datetime as dt
from dataclasses import dataclass, field

from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock

Row = dict[str, object]


@dataclass(frozen=True)
class Generation:
    """One write of one session."""

    dataset: str
    session: dt.date
    fingerprint: str
    rows: tuple[Row, ...]
    written_at: dt.datetime


@dataclass
class BitemporalDict:
    """Every generation ever stored, by dataset and session, oldest first."""

    calendar: list[dt.date]
    clock: DecisionClock = field(default_factory=DecisionClock)
    stored: dict[tuple[str, dt.date], list[Generation]] = field(default_factory=dict)

    def add(self, group: list[Generation]) -> None:
        for generation in group:
            self.stored.setdefault((generation.dataset, generation.session), []).append(generation)

    def forget_latest(self, dataset: str, session: dt.date) -> None:
        """Its file was broken."""
        generations = self.stored[dataset, session]
        generations.pop()
        if not generations:
            del self.stored[dataset, session]

    def sessions(self, dataset: str) -> list[dt.date]:
        return sorted(session for name, session in self.stored if name == dataset)

    def fingerprints(self, dataset: str) -> list[tuple[dt.date, int, str]]:
        """(session, generation, fingerprint) of all of a dataset's generations."""
        return [
            (session, number, generation.fingerprint)
            for session in self.sessions(dataset)
            for number, generation in enumerate(self.stored[dataset, session], start=1)
        ]

    def moment(self, as_of: dt.date | dt.datetime) -> dt.datetime:
        if isinstance(as_of, dt.datetime):
            return as_of
        return self.clock.decision_time(max(day for day in self.calendar if day <= as_of))

    def visible(self, dataset: str, as_of: dt.datetime, written_before: dt.datetime | None) -> list[Row]:
        """Rows that were stored and known by then, each with its `session`, every version."""
        open_session = min(day for day in self.calendar if self.clock.decision_time(day) >= as_of)
        rows: list[Row] = []
        for session in self.sessions(dataset):
            written = [
                generation
                for generation in self.stored[dataset, session]
                if written_before is None or generation.written_at < written_before
            ]
            if session <= open_session and written:
                rows += [{**row, "session": session} for row in written[-1].rows if row["known_at"] <= as_of]
        return rows

    def read(
        self,
        dataset: Dataset,
        as_of: dt.date | dt.datetime,
        first: dt.date | None = None,
        last: dt.date | None = None,
        symbols: list[str] | None = None,
        written_before: dt.datetime | None = None,
    ) -> list[Row]:
        """The last word about each (event_date, symbol), in that order."""
        words: dict[tuple[object, ...], Row] = {}
        for row in self.visible(dataset.name, self.moment(as_of), written_before):
            name = (row["event_date"], row["symbol"])
            rival = words.get(name)
            if rival is None or (row["known_at"], row["session"]) > (rival["known_at"], rival["session"]):
                words[name] = row
        return [
            row
            for (event_date, symbol), row in sorted(words.items())
            if (first is None or event_date >= first)
            and (last is None or event_date <= last)
            and (symbols is None or symbol in symbols)
        ]
