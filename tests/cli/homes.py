"""What the tests of the command line share: what a home holds, before and after."""

import datetime as dt
import json
from pathlib import Path

import polars as pl
import yaml

from feature_store import sessions
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from tests.support.tiny import FIRST, LAST, Answer

ALL = sessions.between(FIRST, LAST)


def store_of(home: Path) -> Store:
    return Store(home / "store")


def generations(home: Path) -> dict[str, list[tuple[dt.date, int, str]]]:
    store = store_of(home)
    return {name: [(p.session, p.generation, p.content_hash) for p in store.partitions(name)] for name in DATASETS}


def rows_of(answer: Answer) -> dict[str, dict[str, object]]:
    """Rows of a table printed as JSON, by dataset."""
    return {row["dataset"]: row for row in json.loads(answer.out)}


def remembered(home: Path) -> dict[str, object] | None:
    path = home / "asof.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else None


def main_account(store: Store) -> pl.DataFrame:
    """P&L of the book that orders are sent from."""
    return store.read("backtest/pnl", LAST).filter(book="main")
