"""Every parser of what asof did not write itself: each takes a damaged input and ends well, or with a named error."""

import contextlib
import datetime as dt
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import polars as pl

from benchmarks import _fuzz_inputs as inputs
from configs.errors import ConfigError
from configs.load import load
from configs.settings import FilesVendor, History, HttpVendor, Market, Profile
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition, Provenance
from feature_store.errors import StoreError
from feature_store.layout import read_footer
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets.alpha.models.lightgbm import parsed
from quant_assets.numerics.regression_trees import predict
from quant_resources.home import Home
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.http import vendor as http_vendor
from quant_resources.vendors.http.client import HttpClient
from quant_resources.vendors.http.payloads import fault_of, read_object
from quant_resources.vendors.http.vendor import RemoteMarket
from quant_resources.vendors.ingest.raw_payloads import RawStore
from tests.quant_resources.vendors.http.test_payloads import GOOD, encoded
from tests.quant_resources.vendors.local_vendor import BadRequestError, NotFoundError, TestClock
from tests.quant_resources.vendors.vendor_formats import (
    FakeEdgar,
    FakeFred,
    FakePolygon,
    Listing,
    dividend,
    split,
    trading,
)

NAMED = (VendorError, ConfigError, StoreError)
DAYS = sessions.between(dt.date(2017, 3, 6), dt.date(2017, 3, 8))
CLOCK = DecisionClock()
NOW = dt.datetime(2018, 1, 2, 12, tzinfo=dt.UTC)
Target = Callable[[random.Random, Path], None]


class NotSurvivedError(Exception):
    """An input was taken that a later step cannot use, or one that is good is not taken any more."""


# -- answers of vendors ------------------------------------------------------------------------------------------------


def answers(rng: random.Random, folder: Path) -> None:
    """One damaged answer: what is not faulty is read by everything that will read it."""
    resource, body = GOOD[rng.choice(list(GOOD))]
    content = inputs.damaged(encoded(body), rng)
    found, problem = read_object(content)
    if problem or fault_of(found, content, resource.wrong, resource.parses):
        return
    for parse in resource.parses:
        parse(content)
    resource.following(found, resource.request)


class _Offline(HttpClient):
    """A client whose answers come from here; the one numbered `broken` is damaged."""

    answer: Callable[[str, Mapping[str, str]], Any]
    broken, count = -1, 0
    rng = random.Random()

    def _exchange(self, request: str, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        parts = urlsplit(request)
        status = 200
        try:
            content = encoded(_Offline.answer(parts.path, dict(parse_qsl(parts.query))))
        except NotFoundError as error:
            status, content = 404, str(error).encode()
        except BadRequestError as error:
            status, content = 400, encoded({"error_code": 400, "error_message": str(error)})
        _Offline.count += 1
        if _Offline.count == _Offline.broken + 1:
            content = inputs.damaged(content, _Offline.rng)
        return status, {}, content


def _fake() -> Callable[[str, Mapping[str, str]], Any]:
    polygon = FakePolygon(
        trading({"AAA": 10, "BBB": 20, "SPY": 200}, DAYS),
        [Listing("AAA", "FA", cik="0000000001"), Listing("BBB", None, cik="0000000002"),
         Listing("SPY", "FS", type="ETF")],
        splits=[split("AAA", DAYS[1], 2, 1)], dividends=[dividend("BBB", DAYS[2], 0.5)],
    )  # fmt: skip
    assets = {"us-gaap:Assets": [{"end": "2016-12-31", "val": 5.0}]}
    edgar = FakeEdgar([("1", "10-K", dt.date(2017, 3, 6), assets)])
    fred = FakeFred({"DGS10": [(DAYS[0], DAYS[1], 2.5), (DAYS[1], DAYS[2], 2.6)]})

    def answer(path: str, parameters: Mapping[str, str]) -> Any:
        server = fred if path.startswith("/fred") else polygon if path.startswith(("/v2", "/v3")) else edgar
        return server(path, parameters)

    return answer


def vendors(rng: random.Random, folder: Path) -> None:
    """A fetch with one damaged answer fails by name or goes through; the next one, with good answers, goes through."""
    _Offline.answer, _Offline.rng, _Offline.count, _Offline.broken = staticmethod(_fake()), rng, 0, rng.randrange(9)
    fast = {"requests_per_minute": 1e6, "burst": 100, "tries": 1}
    source = {"base_url": "https://vendor.example", "transport": fast}
    settings = {
        "kind": "http", "polygon": {**source, "recheck_sessions": 0, "benchmarks": ["SPY"]},
        "edgar": {**source, "user_agent": "Some Name name@example.com"},
        "fred": {**source, "series": {"DGS10": "DGS10"}},
    }  # fmt: skip
    profile = Profile(name="own", history=History(start=DAYS[0]), vendor=HttpVendor.model_validate(settings))
    http_vendor.HttpClient = _Offline  # type: ignore[misc]
    names = rng.sample(["market/bars", "market/corporate_actions", "market/tickers", "market/macro"], 2)

    def fetch(clock: TestClock) -> None:
        market = RemoteMarket(profile, RawStore(folder / "raw"), clock)
        for name in names:
            dataset = DATASETS[name]
            market.parse(dataset, market.fetch(dataset, DAYS, CLOCK.decision_time(DAYS[-1])), DAYS)

    with contextlib.suppress(VendorError):
        fetch(TestClock(NOW))
    _Offline.broken = -1
    try:
        fetch(TestClock(NOW + dt.timedelta(days=1)))
    except VendorError as error:
        raise NotSurvivedError(f"after the vendor is well again: {error}") from error


# -- files -------------------------------------------------------------------------------------------------------------


def drops(rng: random.Random, folder: Path) -> None:
    """A drop with one damaged file is read, with what is bad in quarantine, or rejected by name."""
    broken = rng.choice(list(inputs.DROPS))
    for name, frame in inputs.DROPS.items():
        ending = rng.choice(("csv", "parquet")) if name == broken else "csv"
        content = inputs.file_of(frame, ending)
        (folder / f"{name}.{ending}").write_bytes(inputs.damaged(content, rng) if name == broken else content)
    vendor = FilesVendor(kind="files", folder=folder)
    profile = Profile(
        name="own", history=History(start=dt.date(2017, 1, 3)), vendor=vendor, market=Market(universe_source="members")
    )
    with contextlib.suppress(*NAMED):
        drop = FileDrop(profile)
        for name in (f"market/{broken}", "market/quarantine"):
            dataset = DATASETS[name]
            raw = drop.fetch(dataset, DAYS, CLOCK.decision_time(DAYS[-1]))
            drop.parse(dataset, raw, DAYS)
            drop.left_out(dataset, raw, DAYS)


def settings(rng: random.Random, folder: Path) -> None:
    """A damaged profile loads or is rejected by name."""
    file = folder / "profile.yaml"
    file.write_bytes(inputs.damaged(rng.choice(inputs.profiles()), rng))
    with contextlib.suppress(*NAMED):
        load(str(file), folder)


def choices(rng: random.Random, folder: Path) -> None:
    """A damaged asof.yaml is taken or rejected by name."""
    (folder / "asof.yaml").write_bytes(inputs.damaged(inputs.choice(), rng))
    with contextlib.suppress(*NAMED):
        _ = Home(folder).profile


_TREES: list[bytes] = []


def models(rng: random.Random, folder: Path) -> None:
    """A damaged model predicts finite numbers or is rejected by name."""
    if not _TREES:
        _TREES.append(inputs.trees())
    text = inputs.damaged(_TREES[0], rng).decode("utf-8", "replace")
    try:
        score = predict(parsed(text), np.array([[0.1, np.nan, -1.0], [np.inf, 0.0, 1.0]]))
    except ValueError as error:
        if "alpha/model_fits" not in str(error) and "features" not in str(error):
            raise
        return
    if not np.isfinite(score).all():
        raise NotSurvivedError(f"predicts {score}")


# -- the store ---------------------------------------------------------------------------------------------------------

_STORE: list[Path] = []


def _store(folder: Path) -> Path:
    """A copy of a small store, in a folder of its own."""
    if not _STORE:
        root = folder.parent / "good_store"
        shutil.rmtree(root, ignore_errors=True)
        dataset = DATASETS["market/macro"]
        store = Store(root)
        for day in DAYS:
            known = dt.datetime.combine(day, dt.time(23), dt.UTC)
            row = {"event_date": day, "series": "DFF", "value": 1.0, "known_at": known}
            frame = pl.DataFrame([row], schema=dataset.schema)
            store.write(dataset, [NewPartition(day, frame, Provenance("f", {"code": "c"}))])
        store.index.close()
        _STORE.append(root)
    copy = folder / "store"
    shutil.copytree(_STORE[0], copy)
    return copy


def footers(rng: random.Random, folder: Path) -> None:
    """A damaged stored file is rejected by name; its store opens without an index, and reads the rest."""
    root = _store(folder)
    file = rng.choice(sorted(root.rglob("*.parquet")))
    file.chmod(0o600)
    content = inputs.damaged(file.read_bytes(), rng)
    file.unlink()
    file.write_bytes(content)
    with contextlib.suppress(*NAMED):
        read_footer(file)


def records(rng: random.Random, folder: Path) -> None:
    """A store with a damaged record of adoption, or a damaged format, opens or is rejected by name."""
    root = _store(folder)
    if rng.random() < 0.2:
        (root / "store.json").write_bytes(inputs.damaged((root / "store.json").read_bytes(), rng))
    else:
        (root / "_adoptions").mkdir(exist_ok=True)
        (root / "_adoptions" / "000001.json").write_bytes(inputs.damaged(inputs.record(), rng))
    with contextlib.suppress(*NAMED):
        store = Store(root)
        store.read("market/macro", DAYS[-1])
        store.index.close()


TARGETS: dict[str, tuple[Target, int]] = {
    "answers": (answers, 90), "vendors": (vendors, 1), "drops": (drops, 24), "settings": (settings, 12),
    "choices": (choices, 24), "models": (models, 44), "footers": (footers, 4), "records": (records, 1),
}  # fmt: skip
"""Each parser, and how many of two hundred inputs are its own: the quick ones have more."""


def _abort(rng: random.Random, folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(rng: random.Random, folder: Path) -> None:
    """As a library that holds the interpreter's lock: no signal of Python's ends it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(600)


PROBES: dict[str, Target] = {"abort": _abort, "hang": _hang}
"""What the campaign must see; no input of it."""


def schedule(count: int) -> Iterator[tuple[int, str]]:
    """Number and target of each input, mixed."""
    cycle = [name for name, (_, weight) in TARGETS.items() for _ in range(weight)]
    random.Random(0).shuffle(cycle)
    return ((i, cycle[i % len(cycle)]) for i in range(count))


def run_one(number: int, name: str, folder: Path) -> None:
    """Let a target have the input of a number, in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target = PROBES[name] if name in PROBES else TARGETS[name][0]
    target(random.Random(f"{name} {number}"), folder)
