"""docs/guides/add_a_vendor.md, done literally in a copy of the tree, gives a source that is stored and read."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "add_a_vendor.md"
STEP = re.compile(r"^`([^`]+)`, (new|at the end|after ``(.+?)``):\n\n```\w+\n(.*?)```$", re.MULTILINE | re.DOTALL)
MOST_FILES = 6  # that a new source may touch beside its own new one
# What the copy does not need: it runs code, checks and docs.
WITHOUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "images", "*.egg-info")

# In the copy: a session from the simulated market through the store, and a drop of files, as JSON.
USE = """
import datetime as dt, json, sys
from pathlib import Path
from configs.load import load
from feature_store.decision_time import DecisionClock
from feature_store.schemas.companies import NEWS_SENTIMENT
from feature_store.schemas.quality import QUARANTINE
from quant_resources.home import Home
from quant_resources.vendors.registry import make_vendor
from quant_resources.vendors.simulated.truth import truth_of
from tests.support import tiny

folder, name, day = Path(sys.argv[1]), NEWS_SENTIMENT.name, dt.date(2016, 12, 1)
answer = tiny.asof(folder / "home", "backfill", "--profile", "demo", *tiny.setting(tiny.MARKET), "--select", name,
                   "--from", day, "--to", dt.date(2016, 12, 6))
assert answer.code == 0, answer.out + answer.err
overrides = tiny.MARKET
profile = load("demo", overrides=overrides)
store = Home(folder / "home").open_store()
stored = store.read(NEWS_SENTIMENT, dt.date(2016, 12, 6), first=day, last=dt.date(2016, 12, 6))
returns = truth_of(profile).returns.select("event_date", "symbol", "total")
both = stored.join(returns, on=["event_date", "symbol"])

drop = folder / "drop"
drop.mkdir()
(drop / "bars.csv").write_text("symbol,date,open,high,low,close,volume\\nA,2017-03-06,1,1,1,1,5\\n")
(drop / "news_sentiment.csv").write_text(
    "symbol,date,sentiment,n_articles\\nA,2017-03-06,0.25,3\\nB,2017-03-06,1.5,1\\n"
)
days = [dt.date(2017, 3, 6)]
vendor = make_vendor(load("files", data=drop))
until = DecisionClock().decision_time(days[-1])
parsed = {d.name: vendor.parse(d, vendor.fetch(d, days, until), days) for d in (NEWS_SENTIMENT, QUARANTINE)}
print(json.dumps({
    "scores": both.select("sentiment", "total").rows(), "stored": stored.height,
    "rows": parsed[name].select("symbol", "sentiment", "n_articles").rows(),
    "rejected": parsed[QUARANTINE.name].select("source", "symbol", "rule").rows(),
}))
"""


def steps() -> list[tuple[str, str, str, str]]:
    """File, action, line to insert after (or empty) and text of each step of the guide."""
    return STEP.findall(GUIDE.read_text())


def apply_steps(tree: Path) -> None:
    for name, action, line, text in steps():
        path = tree / name
        if action == "new":
            assert not path.exists(), f"{name} is not new"
            path.write_text(text)
            continue
        before = path.read_text()
        if action == "at the end":
            path.write_text(f"{before}\n{text}")
            continue
        assert before.count(f"{line}\n") == 1, f"{name} does not have once the line {line!r}"
        path.write_text(before.replace(f"{line}\n", f"{line}\n{text}"))


def run(tree: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """A command in the copy, which the interpreter takes its modules from."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    argv = [sys.executable, *map(str, command)]
    return subprocess.run(argv, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the steps applied."""
    copy = tmp_path_factory.mktemp("guide") / "tree"
    shutil.copytree(ROOT, copy, ignore=WITHOUT)
    apply_steps(copy)
    return copy


# --- known values ---------------------------------------------------------------------------------------------------


def test_the_source_is_simulated_stored_read_from_files_and_validated(tree: Path, tmp_path: Path) -> None:
    done = run(tree, "-c", USE, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["stored"] == len(result["scores"]) >= 4 * 5
    assert all(score == pytest.approx(math.tanh(20 * total), abs=6e-4) for score, total in result["scores"])
    assert result["rows"] == [["A", 0.25, 3]]
    assert result["rejected"] == [["market/news_sentiment", "B", "sentiment_not_allowed"]]


# --- properties -----------------------------------------------------------------------------------------------------


def test_the_tests_that_the_guide_names_pass(tree: Path) -> None:
    graph = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/quant_resources/vendors/test_sources.py",
                "tests/test_graph.py")  # fmt: skip
    assert graph.returncode == 0, graph.stdout[-3000:]
    vendor = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "news_sentiment",
                 "tests/quant_resources/vendors/simulated/test_vendor.py")  # fmt: skip
    assert vendor.returncode == 0, vendor.stdout[-3000:]
    assert re.search(r"[1-9]\d* passed|^\.+ ", vendor.stdout, re.MULTILINE)


def test_a_source_touches_few_files_beside_its_own() -> None:
    names = {name for name, action, _, _ in steps() if action != "new"}
    new = {name for name, action, _, _ in steps() if action == "new"}
    assert len(new) == 1
    assert 3 <= len(names) <= MOST_FILES


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_step_whose_line_has_moved_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path / "tree", ignore=WITHOUT)
    path = tmp_path / "tree" / "tests" / "graph_snapshot.txt"
    path.write_text(path.read_text().replace("market/borrow [source] <-\n", ""))
    with pytest.raises(AssertionError, match="graph_snapshot"):
        apply_steps(tmp_path / "tree")
