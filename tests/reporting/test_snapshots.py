"""Pages of small homes, as a person would see them: snapshots of their HTML without style, library and plots' data.

After a wanted change run `pytest tests/reporting/test_snapshots.py --update-snapshots` and read the difference.
"""

import re
from pathlib import Path

import pytest

from quant_assets.reporting.data_quality.page import document as data_quality
from quant_assets.reporting.data_quality.study import DataQuality
from quant_assets.reporting.document import Document
from quant_assets.reporting.index.page import document as index
from quant_assets.reporting.index.study import Index, PageEntry
from quant_assets.reporting.performance.page import document as performance
from quant_assets.reporting.performance.study import study as performance_study
from quant_assets.reporting.protocol import Request
from quant_assets.reporting.regimes.page import document as regimes
from quant_assets.reporting.regimes.study import study as regime_study
from tests.reporting.data_quality.rows import FINDINGS, QUARANTINED
from tests.reporting.regimes.samples import regimes_home
from tests.reporting.rendering import page_text
from tests.support.accounts import DAYS, HOLD_OUT, home_of, write_account

FOLDER = Path(__file__).parent / "snapshots"
STYLE = re.compile(r"<style>.*?</style>\n", re.DOTALL)
DATA = re.compile(r"<script[ >](?!src).*?</script>\n?", re.DOTALL)
HASH = re.compile(r"\b[0-9a-f]{12}\b")


def seen(document: Document) -> str:
    """The page without what no reader sees, and without the hashes of code and settings."""
    return HASH.sub("<hash>", DATA.sub("", STYLE.sub("", page_text(document))))


def made_performance(folder: Path) -> Document:
    home = home_of(folder, history__hold_out=HOLD_OUT)
    write_account(home)
    document = performance(performance_study(home, Request()))
    # which datasets are stale is a matter of the code, not of the page
    return Document(
        document.title,
        {label: text for label, text in document.facts.items() if label != "Stored under other settings or code"},
        document.sections,
        document.sessions,
    )


def made_regimes(folder: Path) -> Document:
    return regimes(regime_study(regimes_home(folder), Request()))


def made_data_quality(_: Path) -> Document:
    failed = (f"market/quarantine {DAYS[0]}: 3 of 4 rows",)
    return data_quality(DataQuality("demo", "files", tuple(DAYS[:5]), None, QUARANTINED, FINDINGS, failed))


def made_index(_: Path) -> Document:
    span = f"{DAYS[0]} to {DAYS[-1]}"
    pages = (
        PageEntry(
            "performance.html",
            "performance",
            "Performance of demo",
            "What the books earned.",
            span,
            "2016-02-01T12:30:00+00:00",
        ),
    )
    attached = (
        PageEntry(
            "features/beta_252.html", "features", "beta_252", "Every feature.", span, "2016-02-01T12:31:00+00:00"
        ),
    )
    return index(Index("demo", pages, attached))


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["performance", "regimes", "data_quality", "index"])
def test_a_page_is_as_it_was_when_it_was_last_read(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    document = {
        "performance": made_performance,
        "data_quality": made_data_quality,
        "index": made_index,
        "regimes": made_regimes,
    }[name](tmp_path)
    path, text = FOLDER / f"{name}.html", seen(document)
    if request.config.getoption("--update-snapshots"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
