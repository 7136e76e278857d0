"""What asof runs on and with: the numeric platform, libraries, threads, the home and its store; and what to do."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from configs.errors import ConfigError
from feature_store.errors import StoreError
from feature_store.numeric_platform import PART, TARGET, THREADS, NumericPlatform, advice, in_force
from feature_store.opening import FORMAT
from feature_store.private_folders import CACHE, is_private
from feature_store.store import Store
from quant_resources.home import Home

LIBRARIES = ("numpy", "scipy", "polars", "numba", "scikit-learn", "lightgbm", "clarabel", "statsmodels")
INSTALL = "pip install --constraint constraints.txt --editable ."
UNPINNABLE = (
    f"this machine does not run {TARGET}: what other machines stored is stale here, and compared within rounding; "
    "to compare bits, use Linux on x86 from 2013 on"
)
UNRECORDED = "a platform that was not recorded"
LOW_GB = 2.0  # the demo takes less; twelve years of five hundred names take 8 with Dagster's events
STORAGE = "quant_resources."  # modules of our own event storages


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        advice: what to do; empty where nothing is to be done.
    """

    what: str
    value: str
    wrong: bool = False
    advice: str = ""


def doctor_rows(home: Home) -> list[dict[str, Any]]:
    """All findings, as rows."""
    return [asdict(finding) for finding in findings(home, in_force())]


def findings(home: Home, platform: NumericPlatform) -> Iterator[Finding]:
    """In the order in which they would be fixed."""
    yield from of_platform(platform)
    yield from (_library(name) for name in LIBRARIES)
    yield _threads()
    yield from _of_home(home, platform)
    yield _dagster(home)
    yield free_disk(home)


def of_platform(platform: NumericPlatform) -> Iterator[Finding]:
    first, *others = platform.describe()
    if platform.is_pinned:
        yield Finding(*first)
    elif platform.reaches_target:
        yield Finding(*first, wrong=True, advice=advice(platform))
    else:
        yield Finding(*first, advice=UNPINNABLE)
    yield from (Finding(*line) for line in others)


def _library(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed", wrong=True, advice=INSTALL)


def _threads() -> Finding:
    variables = ", ".join(f"{name}={os.environ.get(name, 'unset')}" for name in THREADS)
    return Finding("threads", f"{variables}, {pl.thread_pool_size()} of Polars; no value depends on them")


def _of_home(home: Home, platform: NumericPlatform) -> Iterator[Finding]:
    if not home.folder.exists():
        yield Finding("home", f"{home.folder} is not there yet", advice="`asof demo` or `asof backfill` makes it")
        return
    writable = os.access(home.folder, os.W_OK)
    yield Finding(
        "home", str(home.folder), not writable, "" if writable else "make the folder writable, or set ASOF_HOME"
    )
    home.make_private()
    yield from _privacy(home)
    try:
        profile = home.profile
    except ConfigError as error:
        yield Finding("profile", home.choice().profile, wrong=True, advice=str(error))
        return
    yield Finding("profile", f"{profile.name}, history from {profile.history.start}")
    if not (home.store_folder / "store.json").exists():
        yield Finding("store", "none yet", advice="`asof demo` or `asof backfill` makes it")
        return
    try:
        yield from of_store(home.open_store(), platform)
    except StoreError as error:
        yield Finding("store", str(home.store_folder), wrong=True, advice=str(error))


def _privacy(home: Home) -> Iterator[Finding]:
    """What of the home, and where compiled functions are kept, others could read or change."""
    cache = Path(os.environ[CACHE])
    paths = [*home.private_paths(), *([cache] if cache.exists() else [])]
    opened = [str(path) for path in paths if not is_private(path)]
    advice_ = f"run `chmod go-rwx {' '.join(opened)}` as their owner" if opened else ""
    yield Finding("open to others", ", ".join(opened) or "nothing", bool(opened), advice_)


def of_store(store: Store, platform: NumericPlatform) -> Iterator[Finding]:
    """Its format, and the platforms of the last stored session of each dataset."""
    names = [name for name, _ in store.index.datasets()]
    yield Finding("store", f"format {FORMAT}, {len(names)} datasets")
    latest = [store.partitions(name, days[-1], days[-1])[-1] for name in names if (days := store.sessions(name))]
    counts = Counter(p.parts.get(PART, UNRECORDED) for p in latest)
    for other in sorted(counts.keys() - {platform.identity}):
        yield Finding(
            "stored on another platform",
            f"{other}: the last session of {counts[other]} datasets",
            advice="these sessions are stale here; `asof refresh` stores them anew",
        )


def _dagster(home: Home) -> Finding:
    file = home.dagster_home / "dagster.yaml"
    if not file.exists():
        return Finding("dagster", f"{home.dagster_home} is not there yet", advice="the first run makes it")
    try:
        events = home.dagster_settings().get("event_log_storage")
    except ConfigError as error:
        return Finding("dagster", str(file), wrong=True, advice=str(error))
    events = events if isinstance(events, dict) else {}
    if str(events.get("module", "")).startswith(STORAGE):
        return Finding("dagster", f"{home.dagster_home}, {events['class']}")
    return Finding(
        "dagster",
        f"{home.dagster_home}, Dagster's own event storage",
        advice="take event_log_storage over from asof's dagster.yaml, which stores events in batches",
    )


def free_disk(home: Home) -> Finding:
    folder = next(folder for folder in (home.folder, *home.folder.parents) if folder.exists())
    free = shutil.disk_usage(folder).free / 1e9
    low = free < LOW_GB
    return Finding(
        "free disk", f"{free:.1f} GB at {folder}", low, "free space, or set ASOF_HOME elsewhere" if low else ""
    )
