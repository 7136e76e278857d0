"""A disk that is full, or fails, is named, and loses nothing that was stored."""

import datetime as dt
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from feature_store import sessions, writers
from feature_store.errors import StoreError
from feature_store.layout import Layout
from tests.feature_store.examples import (
    DAYS,
    FACTS,
    group,
    opened,
    parts_are_current,
    staged,
    values,
)

# refusals


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_index(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


FULL: dict[str, tuple[object, str, Callable[..., None]]] = {
    "the file": (os, "fsync", full),
    "Parquet": (pl.DataFrame, "write_parquet", full),
    "the folders": (writers, "sync_folder", full),
    "the link": (os, "link", full),
    "the sequence": (Layout, "write_sequence", full),
    "the index, announcing": (writers.Index, "insert_pending", full_index),
    "the index, finishing": (writers.Index, "mark_done", full_index),
}


@pytest.mark.parametrize("where", FULL)
def test_a_full_disk_is_said_clearly_and_loses_nothing(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    with monkeypatch.context() as patch:
        patch.setattr(*FULL[where])
        with pytest.raises(StoreError, match="disk full while storing examples/facts"):
            store.write(FACTS, group(DAYS[:3], "second", 2.0))
    assert values(store) == [1.0, 1.0]
    assert staged(store) == []
    again = opened(tmp_path)
    assert values(again) in ([1.0, 1.0], [2.0] * 3)
    again.write(FACTS, group(DAYS[:3], "second", 2.0))
    assert values(again) == values(store) == [2.0] * 3
    assert not again.verify().damaged
    assert parts_are_current(again)
    assert staged(again) == []


def test_an_index_that_may_not_grow_rejects_writes_and_recovers(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    connection = store.index.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    many = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))
    with pytest.raises(StoreError, match="disk full"):
        store.write(FACTS, group(many))
    assert values(store) == [1.0, 1.0]
    connection.execute("PRAGMA max_page_count=1000000")
    store.write(FACTS, group(many[:1]))
    assert values(store) == [1.0] * 3


def test_other_errors_of_the_disk_are_not_called_a_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    store = opened(tmp_path)
    monkeypatch.setattr(os, "fsync", denied)
    with pytest.raises(PermissionError):
        store.write(FACTS, group(DAYS[:1]))
    assert staged(store) == []
