"""Rows about one name on one session, as known at it."""

import datetime as dt
from typing import Any

from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.schemas.market import CORPORATE_ACTIONS
from feature_store.store import Store

ACTION_SESSIONS = 273  # as far back as the book looks

Row = dict[str, Any]


class KnownRows:
    """One name on one session, as known at it."""

    def __init__(self, store: Store, session: dt.date, symbol: str) -> None:
        self.store, self.session, self.symbol = store, session, symbol

    def rows(self, dataset: Dataset, **equal: object) -> list[Row]:
        """Rows that speak of the session; of the symbol, where the dataset has symbols."""
        symbols = [self.symbol] if "symbol" in dataset.key else None
        frame = self.store.read(dataset, self.session, self.session, self.session, symbols=symbols)
        return frame.filter(**equal).to_dicts()

    def row(self, dataset: Dataset, **equal: object) -> Row:
        """The one row; empty where there is none."""
        return next(iter(self.rows(dataset, **equal)), {})

    def actions(self) -> list[Row]:
        """Corporate actions of the book's window and those announced, the latest last."""
        first = calendar.shift(self.session, 1 - ACTION_SESSIONS)
        return self.store.read(CORPORATE_ACTIONS, self.session, first, symbols=[self.symbol]).to_dicts()


def values_of(row: Row, dataset: Dataset) -> Row:
    """Its values, without the key; empty where there is no row."""
    return {name: row[name] for name in dataset.values} if row else {}


def side_sign(order: Row) -> int:
    return 1 if order["side"] == "buy" else -1
