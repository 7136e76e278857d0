"""Good inputs of every parser, and ways to damage them: a damaged input is a function of its number alone."""

import datetime as dt
import io
import json
import random
from collections.abc import Callable

import lightgbm
import numpy as np
import polars as pl

from configs.layers import CONFIGS
from quant_assets.numerics.regression_trees import END

TEXTS = ["", "null", "NaN", "Infinity", "-1", "1e999", "9" * 30, "9" * 5000, "[]", "{}", '"x"', "true", "0.1",
         "2018-13-45", "2017-03-06", "0001-01-01", "\x00", "é", "'", '"', ",", "\n", ": ", "- ", "*a", "&a",
         "!!x"]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four changes of bytes, lines or values."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(CHANGES)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\xff"
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _drop(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + content[place + rng.randrange(1, 40) :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(TEXTS).encode() + content[place:]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    a = rng.randrange(len(content) + 1)
    part = content[a : a + rng.randrange(1, 80)]
    return content[:a] + part * rng.choice((2, 2, 3, 50)) + content[a + len(part) :]


def _replace_value(content: bytes, rng: random.Random) -> bytes:
    """Another value where one stands, between the marks of JSON, CSV, YAML or of LightGBM's text."""
    marks = [i for i, byte in enumerate(content) if byte in b',:= \n"[]{}']
    if len(marks) < 2:
        return content
    i = rng.randrange(len(marks) - 1)
    return content[: marks[i] + 1] + rng.choice(TEXTS).encode() + content[marks[i + 1] :]


def _zeros(content: bytes, rng: random.Random) -> bytes:
    place, length = rng.randrange(len(content) + 1), rng.randrange(1, 200)
    return content[:place] + bytes(len(content[place : place + length])) + content[place + length :]


CHANGES: list[Callable[[bytes, random.Random], bytes]] = [
    _flip, _flip, _cut, _drop, _insert, _repeat, _replace_value, _replace_value, _replace_value, _zeros,
]  # fmt: skip


# -- good inputs -------------------------------------------------------------------------------------------------------

BARS = pl.DataFrame({
    "symbol": ["A", "B", "A", "B"], "date": [dt.date(2017, 3, d) for d in (6, 6, 7, 7)], "open": [1.0, 2, 1, 2],
    "high": [1.5, 2, 2, 3], "low": [0.5, 2, 1, 2], "close": [1.0, 2, 2, 3], "volume": [5, 6, 7, 8],
})  # fmt: skip
ACTIONS = pl.DataFrame({
    "symbol": ["A", "B"], "date": [dt.date(2017, 3, 6), dt.date(2017, 3, 7)], "action": ["split", "cash_dividend"],
    "value": [2.0, 0.5],
})  # fmt: skip
MACRO = pl.DataFrame({
    "series": ["DFF"] * 2, "date": [dt.date(2017, 3, 6)] * 2, "value": [1.0, 2.0],
    "known_at": ["2017-03-06T22:00:00", "2017-03-07"],
})  # fmt: skip
MEMBERS = pl.DataFrame({
    "symbol": ["A", "B"], "from": [dt.date(2017, 3, 1)] * 2, "until": [None, dt.date(2017, 3, 9)],
    "recorded": [dt.date(2017, 3, 1)] * 2,
}, schema_overrides={"until": pl.Date})  # fmt: skip
REPORTS = pl.DataFrame({
    "symbol": ["A"] * 2, "event_date": [dt.date(2016, 12, 31)] * 2, "item": ["revenue", "assets"], "months": [12, 0],
    "value": [1.0, 2.0], "known_at": [dt.date(2017, 3, 6)] * 2,
})  # fmt: skip
DROPS = {"bars": BARS, "corporate_actions": ACTIONS, "macro": MACRO, "members": MEMBERS, "fundamentals": REPORTS}


def file_of(frame: pl.DataFrame, ending: str) -> bytes:
    buffer = io.BytesIO()
    frame.write_csv(buffer) if ending == "csv" else frame.write_parquet(buffer)
    return buffer.getvalue()


def profiles() -> list[bytes]:
    return [path.read_bytes() for path in sorted((CONFIGS / "profiles").glob("*.yaml"))]


def choice() -> bytes:
    return b"data: null\noverrides:\n  portfolio.weight_cap: '0.03'\nprofile: demo\n"


def trees() -> bytes:
    rng = np.random.default_rng(1)
    x = np.where(rng.random((300, 3)) < 0.1, np.nan, rng.normal(size=(300, 3)))
    data = lightgbm.Dataset(x, np.nan_to_num(x[:, 0]) + rng.normal(size=300), feature_name=["a", "b", "c"])
    booster = lightgbm.train({"num_leaves": 7, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}, data, 5)
    return (booster.model_to_string().partition(END)[0] + END).encode()


def record() -> bytes:
    """Of adopted sessions, as `feature_store.adoptions` writes it."""
    one = {"dataset": "market/macro", "version": 1, "parts": {"code": "c"}, "sessions": ["2017-03-06"],
           "generations": [1], "before": ["f"], "after": ["g"], "evidence": {"compared": 1}}  # fmt: skip
    return json.dumps({"number": 1, "by": "someone", "datasets": [one]}).encode()
