"""Training sets by looking through everything that was ever stored, row by row: slow and obvious."""

import datetime as dt

from feature_store.dataset import Dataset
from tests.oracles.bitemporal_dict import BitemporalDict, Row


def feature(told: BitemporalDict, dataset: Dataset, session: dt.date, key: dict[str, object]) -> Row | None:
    """What was known of the key at the session's decision: the latest event_date up to it, the last word about it."""
    of_key = [
        row
        for row in told.visible(dataset.name, told.clock.decision_time(session), None)
        if all(row[name] == value for name, value in key.items()) and row["event_date"] <= session
    ]
    if not dataset.restates:
        of_key = [row for row in of_key if row["event_date"] == session]
    return max(of_key, key=lambda row: (row["event_date"], row["known_at"], row["session"]), default=None)


def label(
    told: BitemporalDict, dataset: Dataset, session: dt.date, key: dict[str, object], as_of: dt.datetime
) -> Row | None:
    """The last word by `as_of` about event_date = session."""
    of_key = [
        row
        for row in told.visible(dataset.name, as_of, None)
        if all(row[name] == value for name, value in key.items()) and row["event_date"] == session
    ]
    return max(of_key, key=lambda row: (row["known_at"], row["session"]), default=None)
