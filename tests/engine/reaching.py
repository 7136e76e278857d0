"""Functions that reach beyond their inputs, each in the way that its name says; none of them may ever run whole."""

# ruff: noqa: PLW0603, PTH123, PTH208, DTZ005, B006, B019, RUF012
import contextlib
import ctypes
import datetime as dt
import functools
import gc
import importlib.resources
import inspect
import itertools
import json
import os
import pickle
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import lightgbm
import numpy as np
import polars as pl

from feature_store.store import Store

Days = list[dt.date]
ABSENT = "future/bars.parquet"
SEEN: dict[int, pl.DataFrame] = {}
COUNT = 0


def marked(bars: pl.DataFrame, mark: object) -> pl.DataFrame:
    return bars.with_columns(value=pl.lit(str(mark)))


# -- files, databases, processes, the network --------------------------------------------------------------------------


def opens_a_file(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, open(ABSENT).read())


def opens_a_file_and_hides_the_error(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    with contextlib.suppress(Exception):
        return marked(bars, open(ABSENT).read())
    return bars


def reads_a_path(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, Path(ABSENT).read_text())


def reads_by_a_method_that_is_handed_on(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, list(map(Path.read_text, [Path(ABSENT)])))


def reads_parquet(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return pl.read_parquet(ABSENT)


def scans_parquet(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return pl.scan_parquet(ABSENT).collect()


def reads_by_sql(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return bars.sql(f"SELECT * FROM read_parquet('{ABSENT}')")


def loads_an_array(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, np.load(ABSENT))


def maps_a_file(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, np.memmap(ABSENT)[0])


def asks_duckdb(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return duckdb.sql(f"SELECT * FROM '{ABSENT}'").pl()


def asks_sqlite(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, sqlite3.connect(":memory:").execute("SELECT 1").fetchone())


def asks_the_store(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return Store(Path(ABSENT)).read("market/bars", sessions[-1])


def loads_a_model(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, lightgbm.Booster(model_file=__file__).num_trees())


def brings_back_a_pickle(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, pickle.loads(b"N."))


def lists_a_folder(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, os.listdir("/tmp"))


def writes_a_file(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    Path(ABSENT).write_text("kept")
    return bars


def reads_the_files_of_another_package(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, importlib.resources.files("numpy").joinpath("../future.txt").read_text())


def loads_a_library(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, ctypes.CDLL("/tmp/future.so"))


def asks_the_network(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, urllib.request.urlopen("http://localhost:9/future").read())


def opens_a_socket(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, socket.socket())


def starts_a_process(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, subprocess.run(["true"], check=True))


# -- names that the text does not tell ---------------------------------------------------------------------------------


def reads_by_a_name_put_together(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    library = pl
    return getattr(library, "read_" + "parquet")(ABSENT)


def reads_by_the_dictionary_of_a_module(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return vars(pl)["read_parquet"](ABSENT)


def opens_by_the_module_of_another(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, json.codecs.open(ABSENT).read())


def looks_into_its_caller(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, inspect.currentframe().f_back.f_locals)


def looks_into_frames_by_sys(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, sys._getframe(1).f_locals)


def looks_through_all_objects(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return max((x for x in gc.get_objects() if isinstance(x, pl.DataFrame)), key=len)


# -- clocks, the environment, chance -----------------------------------------------------------------------------------


def asks_the_clock(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, time.time())


def asks_for_now(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, dt.datetime.now())


def asks_numpy_for_today(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, np.datetime64("today"))


def asks_the_environment(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, os.environ.get("FUTURE"))


def draws_from_the_global_generator(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, random.random())


def draws_from_numpys_global_generator(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, np.random.normal())


def draws_without_a_seed(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, np.random.default_rng().normal())


def samples_without_a_seed(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return bars.sample(fraction=1.0, shuffle=True)


def names_by_chance(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, uuid.uuid4())


def hashes_a_text(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, hash("ACME"))


def starts_a_thread(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    threading.Thread(target=len, args=([],)).start()
    return bars


def starts_a_pool(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    with ThreadPoolExecutor(2) as pool:
        return marked(bars, list(pool.map(abs, [1, 2])))


# -- state across calls ------------------------------------------------------------------------------------------------


def keeps_frames_in_a_module(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    SEEN[len(SEEN)] = bars
    return SEEN[0]


def keeps_frames_by_another_name(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    known = SEEN
    known[len(known)] = bars
    return bars


def counts_its_calls(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    global COUNT
    COUNT += 1
    return marked(bars, COUNT)


def keeps_frames_in_a_default(
    bars: pl.DataFrame,
    sessions: Days,
    seen: list[pl.DataFrame] = [],
) -> pl.DataFrame:
    seen.append(bars)
    return seen[0]


def keeps_frames_on_itself(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    keeps_frames_on_itself.seen = bars
    return bars


def remembered(function: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """A cache of its own making, keyed by nothing."""
    seen: dict[int, pl.DataFrame] = {}

    def first(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
        if 0 not in seen:
            seen[0] = function(bars, sessions)
        return seen[0]

    return first


@remembered
def gives_what_it_gave_first(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, bars.height)


class Memory:
    """An object of the module, whose method's name says nothing."""

    def __init__(self) -> None:
        self.mean: float | None = None

    def smoothed(self, mean: float) -> float:
        self.mean = mean if self.mean is None else 0.9 * self.mean + 0.1 * mean
        return self.mean


MEMORY = Memory()


def smooths_across_calls(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, MEMORY.smoothed(bars.height))


RNG, NUMBERS = np.random.default_rng(7), itertools.count()


def goes_on_with_a_generator(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, RNG.normal())


def goes_on_with_an_iterator(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, next(NUMBERS))


class Ranks:
    scale: dict[str, float] = {}

    @functools.lru_cache(maxsize=8)  # keyed by the object, which does not say what it holds
    def of(self, symbol: str) -> int:
        return len(symbol)


def caches_a_method(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, Ranks().of("ACME"))


@functools.cache
def of_anything(frame: object) -> int:
    return id(type(frame))


def caches_by_an_address(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return marked(bars, of_anything(sessions[0]))


def writes_into_a_class(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    Ranks.scale["mean"] = float(bars.height)
    return bars


def seeds_the_global_generator(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    np.random.seed(7)
    return bars


def seeds_polars(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    pl.set_random_seed(7)
    return bars


# -- tables that no input declares -------------------------------------------------------------------------------------

TRUTH = pl.DataFrame({"event_date": [dt.date(2030, 1, 2)], "value": [1.0]})


def knows_a_table_of_its_module(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
    return bars.join(TRUTH, how="cross")


def reading(table: pl.DataFrame) -> Callable[..., pl.DataFrame]:
    def values(bars: pl.DataFrame, sessions: Days) -> pl.DataFrame:
        return bars.join(table, how="cross")

    return values


holds_a_table = reading(pl.DataFrame({"value": [1.0]}))
