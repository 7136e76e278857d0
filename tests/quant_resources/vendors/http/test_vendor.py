"""Vendors over HTTP from end to end: fetched, interrupted, replayed without them, and stored."""

import datetime as dt
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from configs.load import load
from configs.settings import HttpVendor
from feature_store import sessions as calendar
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.schemas.companies import FUNDAMENTALS
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, MACRO, TICKERS
from quant_assets.graph import core_assets
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http.vendor import RemoteMarket
from quant_resources.vendors.ingest.raw_payloads import RawStore
from quant_resources.vendors.registry import make_vendor
from tests.engine.market import contents, failures, make_runner, run, run_and_check
from tests.quant_resources.vendors import local_vendor as faulty
from tests.quant_resources.vendors.local_vendor import BadRequestError, LocalVendor
from tests.quant_resources.vendors.vendor_formats import (
    FakeEdgar,
    FakeFred,
    FakePolygon,
    Listing,
    dividend,
    split,
    trading,
)
from tests.support import tiny

CLOCK = DecisionClock()
DAYS = calendar.between(dt.date(2017, 3, 1), dt.date(2017, 3, 14))
SERVED = (BARS, CORPORATE_ACTIONS, BENCHMARKS, TICKERS, FUNDAMENTALS, MACRO)
STORED = {"market/bars", "market/corporate_actions", "market/fundamentals", "market/macro", "market/adjusted_bars"}
KEYS = {"POLYGON_API_KEY": "the-secret-of-polygon", "FRED_API_KEY": "the-secret-of-fred"}


class Everyone:
    """All three vendors behind one address; every answer of Polygon's repeats the key that it was sent."""

    def __init__(self) -> None:
        names = {f"T{i:02d}": 10.0 + i for i in range(55)}
        bars = trading(names | {"SPY": 200.0}, DAYS)
        self.polygon = FakePolygon(
            {(t, day): close / 2 if t == "T01" and day >= DAYS[8] else close for (t, day), close in bars.items()},
            [Listing(t, f"FIGI{t}", cik=f"{i:010d}") for i, t in enumerate(names, 1)]
            + [Listing("SPY", "FIGISPY", type="ETF")],
            splits=[split("T01", DAYS[8], 2, 1)],
            dividends=[dividend(t, DAYS[6], 0.1, DAYS[3]) for t in names],
            page=20,
            repeats=True,
        )
        self.edgar = FakeEdgar([
            (str(i), "10-Q", dt.date(2017, 3, 8), {"us-gaap:Assets": [{"end": "2016-12-31", "val": 1e9}]})
            for i in range(1, 4)
        ])  # fmt: skip
        self.fred = FakeFred({"VIXCLS": [(day, day + dt.timedelta(days=1), 15.0) for day in DAYS]}, page=1000)

    def __call__(self, path: str, parameters: Mapping[str, str]) -> Any:
        if path.startswith("/fred"):
            if parameters["api_key"] != KEYS["FRED_API_KEY"]:
                raise BadRequestError("The value for variable api_key is not registered.")
            return self.fred(path, parameters)
        if "CIK" in path:
            return self.edgar(path, parameters)
        return self.polygon(path, parameters) | {"request_id": KEYS["POLYGON_API_KEY"]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalVendor]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with LocalVendor(Everyone()) as local:
        yield local


def profile_at(server: LocalVendor, folder: Path, **changes: object) -> Path:
    fast = {"requests_per_minute": 60_000, "burst": 100, "tries": 12, "longest_wait_seconds": 0.01}
    place = {"base_url": server.url, "transport": fast}
    companies = {f"FIGIT{i:02d}": str(i + 1) for i in range(3)}
    vendor = {
        "kind": "http",
        "polygon": {**place, "benchmarks": ["SPY"], "recheck_sessions": 0},
        "edgar": {**place, "user_agent": "Tests tests@example.com", "companies": companies},
        "fred": {**place, "series": {"VIX_CLOSE": "VIXCLS"}},
    } | changes
    profile = {
        "history": {"start": str(DAYS[0]), "end": str(DAYS[-1])},
        "vendor": vendor,
        "market": {"universe_source": "bars", "min_adv_usd": 0},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "remote.yaml"
    file.write_text(yaml.safe_dump(profile))
    return file


def parsed(vendor: RemoteMarket) -> dict[str, pl.DataFrame]:
    until = CLOCK.decision_time(DAYS[-1])
    return {x.name: vendor.parse(x, vendor.fetch(x, DAYS, until), DAYS) for x in SERVED}


def market(server: LocalVendor, folder: Path) -> RemoteMarket:
    return RemoteMarket(load(str(profile_at(server, folder))), RawStore(folder / "raw"))


def everything_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_run_fetches_what_is_missing_and_comes_to_adjusted_bars(server: LocalVendor, tmp_path: Path) -> None:
    configured = load(str(profile_at(server, tmp_path)))
    runner = make_runner(tmp_path / "store", configured, make_vendor(configured, tmp_path))
    assets = [asset for asset in core_assets() if asset.name in STORED]
    for asset in assets:
        assert failures(run_and_check(runner, asset, DAYS)) == []
    assert len(server.requests) == len(set(server.lines()))  # nothing was requested twice
    bars = runner.store.read("market/adjusted_bars", DAYS[-1], DAYS[8], DAYS[8])
    row = bars.filter(symbol="FIGIT01").row(0, named=True)
    assert (row["split_ratio"], bars.height) == (2.0, 55)
    assert row["log_return"] == pytest.approx(math.log(2 * 5.54 / 11.07))
    paid = runner.store.read("market/adjusted_bars", DAYS[-1], DAYS[6], DAYS[6])
    assert set(paid["dividend_usd"]) == {0.1}
    server.requests.clear()
    afresh = make_runner(tmp_path / "again", configured, make_vendor(configured, tmp_path))
    for asset in assets:
        for day in DAYS:
            run(afresh, asset, [day])
    assert contents(afresh.store, assets) == contents(runner.store, assets)
    assert server.requests == []


def test_without_named_companies_those_of_the_tickers_are_asked_for(server: LocalVendor, tmp_path: Path) -> None:
    file = profile_at(server, tmp_path, fred=None)
    text = yaml.safe_load(file.read_text())
    text["vendor"]["edgar"].pop("companies")
    text["vendor"]["polygon"] |= {"tickers": ["T00", "T01", "T54"], "benchmarks": []}
    file.write_text(yaml.safe_dump(text))
    vendor = RemoteMarket(load(str(file)), RawStore(tmp_path / "raw"))
    rows = vendor.parse(FUNDAMENTALS, vendor.fetch(FUNDAMENTALS, DAYS, CLOCK.decision_time(DAYS[-1])), DAYS)
    filed = end_of_day(dt.date(2017, 3, 8))
    assert rows.select("symbol", "value", "known_at").rows() == [("FIGIT00", 1e9, filed), ("FIGIT01", 1e9, filed)]
    assert len([line for line in server.lines() if "submissions" in line]) == 3
    tickers = vendor.parse(TICKERS, vendor.fetch(TICKERS, DAYS, CLOCK.decision_time(DAYS[-1])), DAYS)
    assert set(tickers.select("symbol", "ticker", "company").rows()) == {
        ("FIGIT00", "T00", "0000000001"), ("FIGIT01", "T01", "0000000002"), ("FIGIT54", "T54", "0000000055"),
    }  # fmt: skip


def test_fetch_says_what_it_did_and_a_second_one_asks_nothing(server: LocalVendor, tmp_path: Path) -> None:
    profile, home = profile_at(server, tmp_path), tmp_path / "home"
    words = ["fetch", "--profile", profile, "--from", DAYS[0], "--to", DAYS[4]]
    first = tiny.asof(home, *words)
    assert first.code == 0, first.out + first.err
    assert f"complete: {len(server.requests)} requests" in first.out
    server.requests.clear()
    second = tiny.asof(home, *words)
    assert second.code == 0
    assert "market/bars: 0 fetched, 5 there: complete" in second.out
    assert "complete: 0 requests" in second.out
    assert server.requests == []


def test_what_one_vendor_refuses_does_not_keep_the_others_back(
    server: LocalVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FRED_API_KEY")
    answer = tiny.asof(
        tmp_path / "home", "fetch", "--profile", profile_at(server, tmp_path), "--from", DAYS[0], "--to", DAYS[2]
    )
    assert answer.code == 1
    assert "market/macro: 0 fetched, 0 there: not complete: FRED_API_KEY is not set; export FRED_API_KEY" in answer.out
    assert "market/fundamentals: 3 fetched, 3 there: complete" in answer.out


def test_the_profile_that_comes_with_the_repository_loads_and_asks_nothing_by_itself(tmp_path: Path) -> None:
    profile = load("polygon")
    assert isinstance(profile.vendor, HttpVendor)
    assert isinstance(make_vendor(profile, tmp_path), RemoteMarket)
    assert not (tmp_path / "raw").exists()


# --- properties -----------------------------------------------------------------------------------------------------


def test_the_raw_store_alone_tells_the_same_without_vendors_or_keys(
    server: LocalVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = parsed(market(server, tmp_path))
    assert all(rows.height for rows in live.values())
    for name in KEYS:
        monkeypatch.delenv(name)
    server.faults = [faulty.status(500)] * 1000
    replayed = RemoteMarket(load(str(tmp_path / "remote.yaml")), RawStore(tmp_path / "raw"))
    for name, rows in parsed(replayed).items():
        assert_frame_equal(rows, live[name])
    moved = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", str(tmp_path / "raw"), str(moved)], check=True)
    subprocess.run(["rm", "-r", str(moved / "parsed")], check=True)
    for name, rows in parsed(RemoteMarket(load(str(tmp_path / "remote.yaml")), RawStore(moved))).items():
        assert_frame_equal(rows, live[name])


SCRIPT = """
import os, signal, sys, pathlib
from configs.load import load
import quant_resources.vendors.ingest.raw_payloads as raw
from quant_resources.vendors.registry import fetch_raw
from feature_store import sessions
import datetime as dt

left, real = [int(sys.argv[3])], raw._write
def write(path, how):
    real(path, how)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
raw._write = write
days = sessions.between(dt.date(2017, 3, 1), dt.date(2017, 3, 14))
fetch_raw(load(sys.argv[1]), raw.RawStore(pathlib.Path(sys.argv[2])), days, print)
"""


@pytest.mark.parametrize("after", [7, 28])
def test_a_fetch_that_is_killed_goes_on_where_it_stopped(server: LocalVendor, tmp_path: Path, after: int) -> None:
    whole = parsed(market(server, tmp_path / "whole"))
    sent = len(server.requests)  # all that there are
    server.requests.clear()
    profile = profile_at(server, tmp_path / "killed")
    command = [sys.executable, "-c", SCRIPT, str(profile), str(tmp_path / "killed" / "raw"), str(after)]
    killed = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(Path.cwd())}, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = parsed(market(server, tmp_path / "killed"))
    for name, rows in resumed.items():
        assert_frame_equal(rows, whole[name])
    # at most the answer that had arrived and was not recorded yet is requested twice
    assert len(server.requests) <= sent + 1


def test_misbehaving_vendors_are_survived_with_nothing_lost_or_doubled(server: LocalVendor, tmp_path: Path) -> None:
    good = parsed(market(server, tmp_path / "good"))
    again = faulty.status(429, Retry_After="0")
    bad = [again, faulty.status(500), faulty.malformed, faulty.half, faulty.cut, faulty.reset]
    server.faults = [fault for i in range(30) for fault in (bad[i % 6], None, bad[(i + 1) % 6])]
    for name, rows in parsed(market(server, tmp_path / "bad")).items():
        assert_frame_equal(rows, good[name])
    assert len(server.faults) == 0


# --- refusals -------------------------------------------------------------------------------------------------------


def test_no_key_is_in_any_file_of_the_home_nor_in_any_output(
    server: LocalVendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, profile = tmp_path / "home", profile_at(server, tmp_path)
    caplog.set_level("DEBUG")
    message = ""
    server.faults = [faulty.reset, faulty.status(500, KEYS["POLYGON_API_KEY"].encode())]
    words = ["--profile", profile, "--from", DAYS[0], "--to", DAYS[2], "--select", "market/bars"]
    for command in (["fetch", *words[:-2]], ["backfill", *words, "--select", "market/macro"]):
        answer = tiny.asof(home, *command)
        assert answer.code == 0, answer.out + answer.err
        message += answer.out + answer.err
    server.faults = [faulty.status(403, f"no such key {KEYS['POLYGON_API_KEY']}".encode())] * 9
    failed = tiny.asof(home, "backfill", *words[:-3], DAYS[3], "--select", "market/bars")
    assert failed.code == 1
    message += failed.out + failed.err + caplog.text
    assert "was rejected with status 403 (no such key ***); check the key in POLYGON_API_KEY" in message
    unpacked = RawStore(home / "raw")
    contents = [unpacked.content(page.digest) for load_ in unpacked.loads("") for page in load_.pages]
    assert any(b"***" in content for content in contents)  # the vendor did repeat the key
    for secret in KEYS.values():
        assert secret not in message
        assert not [content for content in contents if secret.encode() in content]
        assert not [path for path, content in everything_in(home) if secret.encode() in content]


def test_pages_that_go_in_a_circle_are_rejected(server: LocalVendor, tmp_path: Path) -> None:
    everyone = server.answers
    circle = "https://api.polygon.io/v3/reference/tickers?cursor=1"

    def answers(path: str, parameters: Mapping[str, str]) -> Any:
        body = {"status": "OK", "results": []} if "cursor" in parameters else everyone(path, parameters)
        return body | {"next_url": circle} if path == "/v3/reference/tickers" else body

    server.answers = answers
    with pytest.raises(VendorError, match="its pages lead back to"):
        market(server, tmp_path).complete(BARS, DAYS[:1])


def test_a_vendor_without_any_source_is_rejected(tmp_path: Path) -> None:
    answer = tiny.asof(tmp_path / "home", "fetch", "--profile", "demo")
    assert answer.code == 2
    assert "has nothing to fetch: its vendor is simulated" in answer.err
