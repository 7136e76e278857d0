"""The trial ledger: every evaluation of a configuration under a code version, counted and never forgotten.

One SQLite file; each evaluation is a row, and the database rejects changes and deletions. A trial is a key of
(config hash, code version): looking at it again is another evaluation of the same trial, a changed setting or changed
code another trial. The number of trials and the variance of their Sharpe ratios deflate the one that is reported.
"""

import datetime as dt
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

_TABLE = """
CREATE TABLE IF NOT EXISTS evaluations (
    config_hash TEXT NOT NULL,
    code_version TEXT NOT NULL,
    profile TEXT NOT NULL,
    first_session TEXT NOT NULL,
    last_session TEXT NOT NULL,
    sharpe REAL,
    n_observations INTEGER NOT NULL,
    skewness REAL,
    kurtosis REAL,
    final INTEGER NOT NULL,
    seen_at TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON evaluations
BEGIN SELECT RAISE(ABORT, 'the trial ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS never_deleted BEFORE DELETE ON evaluations
BEGIN SELECT RAISE(ABORT, 'the trial ledger is append-only'); END;
"""


class TrialLedgerError(Exception):
    """The ledger cannot be read or written; the message says the fix."""


@dataclass(frozen=True)
class Trial:
    """What one evaluation showed.

    Attributes:
        first_session, last_session: of the returns that were evaluated.
        sharpe: per session, of excess returns; None with too few of them, as are the moments.
        kurtosis: not in excess of 3.
        final: sessions of the hold-out were shown.
    """

    config_hash: str
    code_version: str
    profile: str
    first_session: dt.date
    last_session: dt.date
    sharpe: float | None
    n_observations: int
    skewness: float | None
    kurtosis: float | None
    final: bool


_FIELDS = [field.name for field in fields(Trial)]
_COLUMNS = [*_FIELDS, "seen_at"]


@dataclass(frozen=True)
class RecordedTrial:
    """A trial as the ledger holds it.

    Attributes:
        latest: its last evaluation.
        fullest: the one of the most returns, the last of equals: a look at a few sessions says little of a trial.
        first_seen, last_seen: UTC.
        evaluations, final_evaluations: how often it was looked at, and how often with the hold-out shown.
    """

    latest: Trial
    fullest: Trial
    first_seen: dt.datetime
    last_seen: dt.datetime
    evaluations: int
    final_evaluations: int


def record(path: Path, trial: Trial, seen_at: dt.datetime | None = None) -> None:
    """Append an evaluation; the file and its folder are made where they are absent.

    Args:
        seen_at: UTC; now unless given.
    """
    _require(trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    when = (seen_at or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).isoformat(timespec="microseconds")
    days = {"first_session": trial.first_session.isoformat(), "last_session": trial.last_session.isoformat()}
    with _opened(path) as ledger:
        ledger.executescript(_TABLE)
        ledger.execute(
            f"INSERT INTO evaluations ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})",
            {**asdict(trial), **days, "seen_at": when},
        )


def trials(path: Path) -> list[RecordedTrial]:
    """Every trial in the order in which it was first seen; none where there is no ledger yet."""
    if not path.exists():
        return []
    with _opened(path) as ledger:
        rows = ledger.execute(f"SELECT {', '.join(_COLUMNS)} FROM evaluations ORDER BY rowid").fetchall()
    keyed: dict[tuple[str, str], list[tuple[Trial, dt.datetime]]] = {}
    for *values, seen_at in rows:
        trial = _trial(values)
        keyed.setdefault((trial.config_hash, trial.code_version), []).append(
            (trial, dt.datetime.fromisoformat(seen_at))
        )
    return [
        RecordedTrial(
            latest=seen[-1][0],
            fullest=max(reversed([trial for trial, _ in seen]), key=lambda trial: trial.n_observations),
            first_seen=min(at for _, at in seen),
            last_seen=max(at for _, at in seen),
            evaluations=len(seen),
            final_evaluations=sum(trial.final for trial, _ in seen),
        )
        for seen in keyed.values()
    ]


def _require(trial: Trial) -> None:
    moments = (trial.sharpe, trial.skewness, trial.kurtosis)
    if not (trial.config_hash and trial.code_version):
        raise ValueError(f"a trial needs its config hash and code version: {trial}")
    if trial.first_session > trial.last_session or trial.n_observations < 0:
        raise ValueError(f"a trial needs sessions in order and a count of observations: {trial}")
    if any(moment is not None and not math.isfinite(moment) for moment in moments):
        raise ValueError(f"every moment of a trial is a finite number, or None where there is none: {trial}")


def _trial(values: Sequence[Any]) -> Trial:
    row = dict(zip(_FIELDS, values, strict=True))
    days = {name: dt.date.fromisoformat(row[name]) for name in ("first_session", "last_session")}
    return Trial(**{**row, **days, "final": bool(row["final"])})


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        # two reports may end at once: the second waits for the first
        with closing(sqlite3.connect(path, timeout=30)) as ledger, ledger:
            yield ledger
    except sqlite3.DatabaseError as error:
        raise TrialLedgerError(
            f"the trial ledger {path} cannot be used ({error}); restore it from a backup: an empty one in its place "
            "forgets how many trials there were"
        ) from error
