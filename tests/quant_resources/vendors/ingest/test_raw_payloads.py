"""Payloads are kept whole, once, and for ever; the log only grows."""

import datetime as dt
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest.raw_payloads import Page, RawStore

DAY = dt.date(2018, 6, 29)
NOW = dt.datetime(2018, 6, 30, 5, tzinfo=dt.UTC)


def page(raw: RawStore, load: int, number: int = 0, following: str | None = None, content: bytes = b"{}") -> Page:
    kept = Page(
        load, number, "v/x", DAY, DAY, f"/x?page={number}", 200, raw.put(content), NOW + dt.timedelta(minutes=number),
        False, following,
    )  # fmt: skip
    raw.append(kept, len(content))
    return kept


def files(raw: RawStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in raw.folder.rglob("*.gz")}


# --- known values ---------------------------------------------------------------------------------------------------


def test_content_is_kept_once_under_its_digest_and_read_back(tmp_path: Path) -> None:
    raw = RawStore(tmp_path)
    digest = raw.put(b'{"a": 1}')
    before = files(raw)
    assert raw.put(b'{"a": 1}') == digest
    assert files(raw) == before
    assert raw.content(digest) == b'{"a": 1}'


def test_nothing_is_written_before_the_first_payload(tmp_path: Path) -> None:
    raw = RawStore(tmp_path / "raw")
    assert raw.loads("") == []
    assert not (tmp_path / "raw").exists()


def test_a_load_is_complete_with_its_last_page(tmp_path: Path) -> None:
    raw = RawStore(tmp_path)
    first = page(raw, raw.next_load(), 0, "/x?page=1")
    assert raw.loads("v/") == []
    assert raw.unfinished("v/x", DAY, DAY) == [first]
    last = page(raw, 1, 1)
    (load,) = raw.loads("v/")
    assert load.pages == (first, last)
    assert (load.begun, load.arrived) == (first.arrived, last.arrived)
    assert raw.unfinished("v/x", DAY, DAY) == []
    assert raw.next_load() == 2


def test_what_is_parsed_is_kept_beside_and_made_again_when_it_is_gone(tmp_path: Path) -> None:
    raw, calls = RawStore(tmp_path), []

    def parse(content: bytes) -> pl.DataFrame:
        calls.append(content)
        return pl.DataFrame({"length": [len(content)]})

    digest = raw.put(b"four")
    assert [raw.parsed(digest, "p1", parse).item() for _ in range(3)] == [4, 4, 4]
    assert len(calls) == 1
    (kept,) = tmp_path.rglob("*.parquet")
    kept.write_bytes(b"broken")
    assert raw.parsed(digest, "p1", parse).item() == 4
    raw.parsed(digest, "p2", parse)
    assert len(calls) == 3


# --- properties -----------------------------------------------------------------------------------------------------


def test_a_process_killed_anywhere_leaves_whole_files_only(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from quant_resources.vendors.ingest.raw_payloads import RawStore\n"
        "import quant_resources.vendors.ingest.raw_payloads as module\n"
        "real = os.fsync\n"
        "def killed(handle):\n"
        "    real(handle)\n"
        "    os.kill(os.getpid(), 9)\n"
        "os.fsync = killed\n"
        "RawStore(pathlib.Path(sys.argv[1])).put(b'x' * 100_000)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    result = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)
    assert result.returncode == -9
    raw = RawStore(tmp_path)
    assert not files(raw)
    assert raw.content(raw.put(b"x" * 100_000)) == b"x" * 100_000


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["DELETE FROM pages", "UPDATE pages SET digest = ''"])
def test_the_log_only_grows(tmp_path: Path, statement: str) -> None:
    raw = RawStore(tmp_path)
    page(raw, raw.next_load())
    log = sqlite3.connect(tmp_path / "log.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        log.execute(statement)
    log.close()


def test_a_payload_that_was_touched_or_lost_is_rejected(tmp_path: Path) -> None:
    raw = RawStore(tmp_path)
    digest, other = raw.put(b"one"), raw.put(b"two")
    (mine,), (theirs,) = (list(tmp_path.rglob(f"{name}.gz")) for name in (digest, other))
    mine.write_bytes(theirs.read_bytes())
    with pytest.raises(VendorError, match=r"does not match its name, .*; put a copy"):
        raw.content(digest)
    mine.unlink()
    with pytest.raises(VendorError, match="cannot be read"):
        raw.content(digest)
