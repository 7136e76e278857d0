"""Overlays: rows that are supposed, from files and frames, and what is rejected of them."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from quant_assets.engine import opening
from quant_assets.engine.recomputation import StaleStoreError
from quant_assets.operations.impact import impact
from quant_assets.operations.what_if import WhatIfError
from quant_resources.home import Home
from quant_resources.vendors.registry import make_vendor
from tests.engine.market import make_runner
from tests.operations.stored_market import DAY, GRAPH, Stored, cells, market
from tests.support.arrivals import Amended, Arrivals
from tests.support.tiny import asof

# -- through the command line ------------------------------------------------------------------------------------------


def test_refresh_stores_new_generations_and_leaves_nothing_stale(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_first = dt.datetime.now(dt.UTC)
    chosen = Home(home).profile
    days = Home(home).open_store().sessions("market/bars")
    arrivals = Arrivals(make_vendor(chosen), chosen, days[-9:-4])
    arrival = arrivals.of("corrected bars", np.random.default_rng(1))
    (day,) = arrival.added["event_date"]
    clock = DecisionClock(chosen.decision_minutes_before_open)
    monkeypatch.setattr(opening, "make_vendor", lambda p, _=None: Amended(make_vendor(p), arrival, clock))

    found = asof(home, "impact", "--json")
    assert found.code == 1, found.err
    told = json.loads(found.out)
    before = {(p["dataset"], p["session"]): p["instead"] for p in told["partitions"]}
    assert ("market/bars", str(day)) in before
    shown = asof(home, "impact")
    assert shown.code == 1
    assert f"{len(told['partitions'])} partitions" in shown.out

    answer = asof(home, "refresh")
    assert answer.code == 0, answer.out + answer.err
    store = Home(home).open_store()
    assert {k: store.history(k[0], dt.date.fromisoformat(k[1]))[-1].content_hash for k in before} == before
    assert {row["stale"] for row in json.loads(asof(home, "status", "--json").out)} == {0}
    again = asof(home, "impact")
    assert again.code == 0
    assert "Every stored session" in again.out
    assert "nothing is stale" in asof(home, "refresh").out

    (symbol,) = arrival.added["symbol"]
    of_day = {"first": day, "last": day, "symbols": [symbol]}
    assert store.read("market/bars", day, **of_day)["close"].to_list() == arrival.added["close"].to_list()
    old = store.read("market/bars", day, **of_day, written_before=at_first)
    assert old["close"].to_list() == arrival.removed["close"].to_list()


def test_the_command_line_answers_what_if_and_stores_nothing(stored_home: Path, tmp_path: Path) -> None:
    store = Home(stored_home).open_store()
    day = store.sessions("market/bars")[-3]
    bar = store.versions("market/bars", day, day).sort("symbol").head(1).drop("session")
    bar.with_columns(pl.col("open", "high", "low", "close", "vwap") * 1.02).write_parquet(tmp_path / "bar.parquet")
    before = {name: store.partitions(name) for name in DATASETS}
    answer = asof(stored_home, "impact", "--overlay", tmp_path / "bar.parquet", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert {"dataset": "market/bars", "session": str(day), "changed": 1}.items() <= told["partitions"][0].items()
    assert min(p["session"] for p in told["partitions"]) == str(day)
    assert {name: store.partitions(name) for name in DATASETS} == before


# -- refusals ----------------------------------------------------------------------------------------------------------


def overlay_of(rows: Sequence[str], folder: Path) -> Path:
    path = folder / "overlay.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


HEADER = "event_date,symbol,open,high,low,close,volume,known_at"
GOOD = f"{DAY},S0001,10,11,9,10,1000,{DAY}T22:00:00+00:00"


def test_a_csv_is_read_as_a_frame_is(stored: Stored, tmp_path: Path) -> None:
    bar = stored.bar()
    bar.with_columns(pl.col("known_at").dt.strftime("%Y-%m-%dT%H:%M:%S%z")).write_csv(tmp_path / "bar.csv")
    bar.write_parquet(tmp_path / "bar.parquet")
    wanted = cells(stored.what_if(bar))
    assert cells(stored.what_if(tmp_path / "bar.csv")) == wanted
    assert cells(stored.what_if(tmp_path / "bar.parquet")) == wanted


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([f"{HEADER},vendor", f"{GOOD},me"], "has no column vendor"),
        (
            ["event_date,symbol,known_at", f"{DAY},S0001,{DAY}T22:00:00+00:00"],
            "column open, high, low, close is missing",
        ),
        ([HEADER], "holds no rows"),
        ([HEADER, GOOD.replace(f"{DAY}T", "2017-03-01T")], "belongs to session 2017-03-01, which is not stored"),
        ([HEADER, GOOD.replace(",11,", ",8,")], "S0001 .*low"),
        ([HEADER, GOOD.replace(",1000,", ",many,")], "column volume is not Int64"),
        ([HEADER, GOOD.replace(f"{DAY}T22:00:00+00:00", "")], "row 1 has no known_at"),
        ([HEADER, GOOD, GOOD], "occurs 2 times"),
        ([f"{HEADER},removed", f"{GOOD},true"], "is to be removed, but session .* does not hold it"),
    ],
)
def test_a_bad_overlay_is_rejected_with_the_row_and_the_mend(
    stored: Stored, rows: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WhatIfError, match=said):
        stored.what_if(overlay_of(rows, tmp_path))


def test_an_overlay_of_what_is_computed_is_rejected(stored: Stored) -> None:
    with pytest.raises(WhatIfError, match="market/adjusted_bars is not a source"):
        stored.what_if(stored.bar(), "market/adjusted_bars")


def test_a_member_known_after_its_session_was_decided_is_rejected(stored: Stored) -> None:
    decided = stored.runner().store.clock.decision_time(DAY)
    late = pl.DataFrame({"event_date": [DAY], "symbol": ["S0001"], "linked": [True]}).with_columns(
        known_at=pl.lit(decided + dt.timedelta(seconds=1)).cast(pl.Datetime("us", "UTC"))
    )
    with pytest.raises(WhatIfError, match=r"S0001 .* after the decision time of its session"):
        stored.what_if(late, "market/members")


def test_a_what_if_on_stale_sessions_is_rejected_with_the_fix(stored: Stored) -> None:
    runner = make_runner(stored.folder, market(market__adv_sessions="5"), datasets=[a.dataset for a in GRAPH])
    with pytest.raises(StaleStoreError, match=r"stored sessions from .* are stale.*asof refresh"):
        impact(runner, stored.bar(), assets=GRAPH)


def test_the_command_line_names_a_bad_overlay(stored_home: Path, tmp_path: Path) -> None:
    answer = asof(stored_home, "impact", "--overlay", tmp_path / "no.csv")
    assert answer.code == 2
    assert "no.csv does not exist" in answer.err
    answer = asof(stored_home, "impact", "--overlay", tmp_path / "no.csv", "--dataset", "market/universe")
    assert answer.code == 2
    assert "is not a source" in answer.err
