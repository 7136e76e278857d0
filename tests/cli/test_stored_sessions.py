"""Commands on stored sessions: status, certify, diff, verify and compact, and what each finds."""

import datetime as dt
import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from feature_store import files, sessions
from feature_store.dataset import Grade
from feature_store.describing import NewPartition, Provenance
from feature_store.hashing import content_hashes
from feature_store.layout import FOOTER, read_footer
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets.graph import core_assets
from quant_assets.operations import certify
from quant_resources.home import Home
from tests.cli.homes import ALL, generations, rows_of, store_of
from tests.support.tiny import FIRST, LAST, SETTINGS, asof, setting

# -- known values ------------------------------------------------------------------------------------------------------


def test_status_counts_what_is_stored_missing_stale_and_failed(home: Path) -> None:
    store = store_of(home)
    store.record_check_results([("market/members", LAST, "contract", False, "made up")])
    gone = store.partitions("market/industries", LAST, LAST)[0]
    with store.index.transaction() as connection:
        store.index.remove(connection, gone)
    answer = asof(home, "status", "--json")
    rows = rows_of(answer)
    assert answer.code == 1  # something failed
    assert list(rows) == [asset.name for asset in core_assets()]
    ends = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=17)  # two sessions a night
    counted = {
        "dataset": "market/bars", "stored": 34, "missing": 0, "stale": 0, "adopted": 0, "failed": 0,
        "waived": 0, "blocked": [], "first": str(FIRST), "last": str(LAST), "cycle_ends": str(ends),
    }  # fmt: skip
    assert counted.items() <= rows["market/bars"].items()
    assert rows["market/bars"]["finds_1_percent"] == pytest.approx(rows["market/bars"]["looked_at"] / 34)  # on one
    assert {name for name, row in rows.items() if row["failed"]} == {"market/members"}
    assert {name for name, row in rows.items() if row["missing"]} == {"market/industries"}
    assert {name for name, row in rows.items() if row["stale"]} == {
        "features/stock_scores", "features/industry_returns", "features/labels", "risk/exposures"
    }  # fmt: skip
    out = asof(home, "status").out
    assert "market/members" in out
    assert "a leak in one dataset would have been found by now" in out


def test_certify_recomputes_stored_sessions_of_every_asset(home: Path) -> None:
    answer = asof(home, "certify", "--sessions", 1, "--json")
    rows = rows_of(answer)
    assert answer.code == 0
    assert {name: (row["checked"], row["stale"], row["differ"]) for name, row in rows.items()} == dict.fromkeys(
        DATASETS, (1, 0, 0)
    )
    every = rows_of(asof(home, "certify", "--all", "--select", "market/universe", "--json"))
    assert every["market/universe"]["checked"] == len(ALL)


def test_a_night_of_the_rotation_is_certified_in_a_process_of_its_own(home: Path) -> None:
    words = ("certify", "--rotation", "--select", "market/universe", "--json")
    first, second = (rows_of(asof(home, *words))["market/universe"] for _ in range(2))
    assert (first["checked"], first["stale"], first["differ"], first["cut"]) == (2, 0, 0, 0)
    version = DATASETS["market/universe"].version
    results = store_of(home).checks.table.results("market/universe", version, FIRST, LAST, ["no_lookahead"])
    certified = [result for result in results if result.look == "certification"]
    assert len(certified) == 4  # others the second time
    assert len({result.run_id for result in certified}) == 2
    assert second["looked_at"] >= 4


def test_two_equal_stores_do_not_differ_and_another_seed_does(stored_home: Path, home: Path, tmp_path: Path) -> None:
    same = asof(home, "diff", stored_home, home / "store", "--json")
    assert same.code == 0
    assert {row["equal"] for row in json.loads(same.out)} == {len(ALL)}

    other = tmp_path / "other"
    words = ("--select", "market/bars", "--from", FIRST, "--to", ALL[2])
    assert asof(other, "backfill", *setting(SETTINGS | {"seed": "8"}), *words).code == 0
    found = asof(home, "diff", stored_home, other, *words[2:], "--select", "market/bars", "--json")
    (row,) = json.loads(found.out)
    assert found.code == 1
    assert (row["differ"], row["equal"], row["first_difference"]) == (3, 0, str(FIRST))
    one_sided = asof(home, "diff", stored_home, other, "--select", "market/bars", "--json")
    assert one_sided.code == 1
    assert json.loads(one_sided.out)[0]["only_a"] == len(ALL) - 3


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_broken_file_is_set_aside_and_the_next_backfill_stores_it_again(home: Path) -> None:
    store, before = store_of(home), generations(home)
    day = dt.date(2016, 12, 30)
    broken = [store.partitions(name, day, day)[0] for name in ("features/stock_scores", "execution/book")]
    for partition in broken:
        for path in (store.layout.generation(partition), store.layout.part(partition)):
            path.write_bytes(path.read_bytes()[:-100])
    unreadable = asof(home, "read", "features/stock_scores", "--as-of", LAST, "--from", day, "--to", day)
    assert unreadable.code == 2
    assert "asof verify" in unreadable.err

    answer = asof(home, "verify")
    assert answer.code == 1
    for partition in broken:
        assert f"set aside: {partition.dataset} {day} generation 1" in answer.out
        assert (store.layout.broken / store.layout.generation(partition).relative_to(store.layout.generations)).exists()
    rows = rows_of(asof(home, "status", "--json"))
    assert {name for name, row in rows.items() if row["missing"]} == {p.dataset for p in broken}
    assert rows["execution/book"]["stale"] == len(sessions.between(day, LAST)) - 1  # what it rested on is gone

    words = ("--select", "features/stock_scores", "--select", "execution/book", "--from", day, "--to", day)
    assert asof(home, "backfill", *words).code == 0
    assert generations(home) == before
    assert asof(home, "verify").code == 0
    assert all(row["stale"] == 0 for row in rows_of(asof(home, "status", "--json")).values())


def test_a_session_is_stored_anew_by_force_and_the_record_says_why(home: Path) -> None:
    name = "risk/cost_parameters"
    words = ("refresh", "--select", name, "--from", LAST, "--to", LAST, "--force")
    without = asof(home, *words)
    assert (without.code, "--force and --why go together" in without.err) == (2, True)
    answer = asof(home, *words, "--why", "a bad disk")
    assert (answer.code, "withdrawn: 1 sessions of 1 datasets, record 1" in answer.out) == (0, True), answer.out
    first, second = store_of(home).history(name, LAST)
    assert first.adopted is not None
    assert (second.fingerprint, second.content_hash) == (first.adopted["fingerprint"], first.content_hash)
    assert first.parts["withdrawn"].endswith("a bad disk")
    rows = rows_of(asof(home, "status", "--json"))
    assert (rows[name]["stale"], rows[name]["adopted"]) == (0, 0)


def scattered(store: Store, name: str, days: list[dt.date]) -> None:
    """These sessions once more, as another code would have stored them: each in a file of its own."""
    for day in days:
        (old,) = store.partitions(name, day, day)
        rows = store.versions(name, day, day).drop("session")
        store.write(name, [NewPartition(day, rows, Provenance("other", old.parts, Grade(old.grade)))])


def test_months_that_are_over_are_compacted_into_one_file_each(home: Path) -> None:
    store = Home(home).open_store()
    december = [day for day in ALL if day.month == 12]
    scattered(store, "features/stock_features", december[3:7])
    before = generations(home)
    seen = store.read("features/stock_features", LAST)
    words = ("compact", "--select", "features/stock_features", "--json")
    open_month = rows_of(asof(home, *words, "--before", "2016-12-31"))["features/stock_features"]
    assert open_month == {"dataset": "features/stock_features", "moved": 0, "files": 6, "files_after": 6}
    row = rows_of(asof(home, *words))["features/stock_features"]
    assert row == {
        "dataset": "features/stock_features",
        "moved": len(december),
        "files": 6,  # two packs of months, four of a session
        "files_after": 3,  # the four superseded generations stay in the first pack
    }
    assert generations(home) == before
    assert store.read("features/stock_features", LAST).equals(seen)
    assert asof(home, "verify").code == 0
    assert "features/stock_features" in asof(home, "compact").out


def cut_short(store: Store, name: str, day: dt.date) -> None:
    """The session's file under both of its names."""
    for partition in store.partitions(name, day, day):
        for path in {store.layout.generation(partition), store.layout.part(partition)}:
            if path.exists():
                path.write_bytes(path.read_bytes()[:-100])


def test_a_run_leaves_one_file_of_a_month_that_is_over_and_a_broken_neighbour_does_not_stop_it(home: Path) -> None:
    store, before = store_of(home), generations(home)
    for damaged in (False, True):
        days = [dt.date(2016, 12, 29), dt.date(2016, 12, 30)]
        for day in days:
            cut_short(store, "market/bars", day)
        store.verify()
        missing = [day for day in ALL if day not in store.sessions("market/bars")]
        assert set(days) <= set(missing)
        first = missing[0]
        assert asof(home, "backfill", "--select", "market/bars", "--from", first, "--to", first).code == 0
        if damaged:
            cut_short(store, "market/bars", first)
        others = [(missing[1], missing[-3]), (missing[-2], missing[-2]), (missing[-1], missing[-1])]
        for begin, end in others:
            assert asof(home, "backfill", "--select", "market/bars", "--from", begin, "--to", end).code == 0
        assert store.count_files("market/bars") == (1 + len(others) + 1 if damaged else 2)
    store.verify()
    assert asof(home, "backfill", "--select", "market/bars", "--from", missing[0], "--to", missing[0]).code == 0
    assert store.count_files("market/bars") == 2
    assert generations(home) == before


def forged(store: Store, name: str, day: dt.date) -> None:
    """Another value under the old fingerprint, with a footer and an index that agree with it."""
    old = store.partitions(name, day, day)[0]
    path = store.layout.generation(old)
    rows, footers = files.rows_of(path), read_footer(path)
    parts = [rows.slice(p.place.offset, p.rows) for p in footers]
    by = [2.0 if p.session == day else 1.0 for p in footers]
    changed = [part.with_columns(pl.col(pl.Float64) * factor) for part, factor in zip(parts, by, strict=True)]
    hashes = [content_hashes(part, [0, part.height])[0] for part in changed]
    told = [replace(p, content_hash=h.content, column_hashes=h.columns) for p, h in zip(footers, hashes, strict=True)]
    path.write_bytes(files.encoded(pl.concat(changed), told, pack=old.place.file is not None))
    store.rebuild_index()


def overwritten(store: Store, name: str, day: dt.date) -> None:
    """Another value in the file, which nothing announces."""
    path = store.layout.generation(store.partitions(name, day, day)[0])
    frame = pl.read_parquet(path, hive_partitioning=False)
    footer = pl.read_parquet_metadata(path)[FOOTER]
    doubled = pl.col(pl.Float64) * pl.when(pl.col("session") == day).then(2.0).otherwise(1.0)
    frame.with_columns(doubled).write_parquet(path, metadata={FOOTER: footer})


@pytest.mark.parametrize(("tamper", "first"), [(forged, LAST), (overwritten, dt.date(2017, 1, 3))])
def test_certify_finds_a_value_that_was_tampered_with(home: Path, tamper: Callable[..., None], first: dt.date) -> None:
    """Of a file whose bytes are others, no session is read."""
    tamper(store_of(home), "features/stock_features", LAST)
    answer = asof(home, "certify", "--all", "--select", "features/stock_features", "--json")
    row = rows_of(answer)["features/stock_features"]
    assert answer.code == 1
    assert row["differ"] == len(sessions.between(first, LAST))
    assert str(row["first_difference"]).startswith(str(first))
    assert rows_of(asof(home, "status", "--json"))["features/stock_features"]["failed"] > 0


def test_certify_finds_a_function_that_no_longer_gives_what_is_stored(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(asset, function):
        @functools.wraps(function)
        def other(**arguments):
            return function(**arguments).with_columns(pl.col(pl.Float64) + 1e-9)

        return replace(asset, function=other)

    (asset,) = (a for a in core_assets() if a.name == "risk/cost_parameters")
    monkeypatch.setattr(certify, "all_assets", lambda _: [off(asset, asset.function)])
    answer = asof(home, "certify", "--sessions", 2, "--select", "risk/cost_parameters")
    assert answer.code == 1
    assert "computed alone" in " ".join(answer.out.split())


def test_what_is_stale_is_not_checked_and_certify_says_so(home: Path) -> None:
    words = ("--select", "market/members", "--from", LAST)
    assert asof(home, "backfill", "--set", "portfolio.risk_aversion=4", *words).code == 0
    answer = asof(home, "certify", "--sessions", 2, "--select", "execution/book", "--json")
    assert answer.code == 1
    assert rows_of(answer)["execution/book"]["stale"] == 2
