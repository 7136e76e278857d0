"""`asof quality` on a drop with a fault of each kind: what the page, the table and the exit code say."""

import json
from pathlib import Path

import pytest

from feature_store.store import Store
from quant_resources.vendors.ingest import quality
from tests.market.faulty_drop import DAY, DAYS, LOST, faulty, written
from tests.support.tiny import Answer, asof, setting


@pytest.fixture(scope="module")
def faults():
    return faulty()


@pytest.fixture(scope="module")
def stored(faults, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A home with the faulty drop, and what the backfill said."""
    folder = tmp_path_factory.mktemp("quality")
    written(faults, folder / "drop")
    answer = asof(
        folder / "home", "backfill", "--profile", "files", "--data", folder / "drop",
        *setting({"history.start": str(DAYS[0]), "market.universe_source": "members"}),
        "--from", DAYS[0], "--to", DAYS[-1], "--select", "market/quarantine", "--select", "market/data_quality",
    )  # fmt: skip
    return folder / "home", answer


# --- known values ---------------------------------------------------------------------------------------------------


def test_the_backfill_stores_the_good_rows_and_says_which_sessions_are_not_well(
    stored: tuple[Path, Answer], faults
) -> None:
    home, answer = stored
    assert answer.code == 1
    failed = [line.split(": ")[0] for line in answer.out.splitlines() if line.startswith("check ")]
    assert failed == [
        "check within_tolerance of market/quarantine fails",
        "check bars_arrived of market/data_quality fails",
    ]
    store = Store(home / "store")
    kept_out = sum(source == "market/bars" for source, _, _ in faults.planted.kept_out)
    assert store.versions("market/bars", DAYS[0], DAYS[-1], ["close"]).height == faults.bars.height - kept_out
    assert store.versions("market/quarantine", DAYS[0], DAYS[-1], ["rule"]).height == len(faults.planted.kept_out)
    assert store.versions("market/data_quality", DAYS[0], DAYS[-1], ["rule"]).height == len(faults.planted.found)


def test_the_page_counts_what_was_planted_and_shows_it(stored: tuple[Path, Answer], faults) -> None:
    home, _ = stored
    answer = asof(home, "quality", "--json")
    said = json.loads(answer.out)
    assert answer.code == 1
    assert {(r["source"], r["rule"]) for r in said["quarantine"]} == {(s, r) for s, _, r in faults.planted.kept_out}
    assert sum(row["n"] for row in said["quarantine"]) == len(faults.planted.kept_out)
    assert sum(row["n"] for row in said["findings"]) == len(faults.planted.found)
    unmet = {row["rule"] for row in said["expectations"] if row["failures"]}
    assert {"close_range", "high_below_low", "duplicate", "off_calendar", "missing_session", "volume"} <= unmet
    assert any(str(DAY) in failed for failed in said["failed_checks"])
    page = (home / "reports" / "data_quality.html").read_text()
    assert "Plotly" not in page
    for _, symbol, rule in faults.planted.kept_out:
        assert rule in page
        assert symbol is None or symbol in page
    assert str(LOST) in page


def test_a_range_narrows_it_and_people_get_a_table(stored: tuple[Path, Answer], tmp_path: Path) -> None:
    home, _ = stored
    answer = asof(home, "quality", "--from", DAYS[0], "--to", DAYS[9], "--output", tmp_path / "page.html")
    assert answer.code == 0
    assert "quarantined from" not in answer.out
    assert str(tmp_path / "page.html") in answer.out
    assert "0 rows" in (tmp_path / "page.html").read_text()


def test_without_the_other_library_the_page_says_so(
    stored: tuple[Path, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "is_installed", lambda: False)
    answer = asof(stored[0], "quality", "--from", DAYS[0], "--to", DAYS[9])
    assert answer.code == 0
    assert "pip install 'asof[quality]'" in answer.out


# --- refusals -------------------------------------------------------------------------------------------------------


def test_sessions_that_are_not_stored_are_refused(stored: tuple[Path, Answer]) -> None:
    answer = asof(stored[0], "quality", "--from", "2018-01-02")
    assert answer.code == 2
    assert "no bars are stored" in answer.err
