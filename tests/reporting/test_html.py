"""A report as one file."""

import re
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
import pytest

from quant_assets.reporting.html import page
from tests.backtest.books import DAYS
from tests.backtest.samples import all_figures

TABLE = pl.DataFrame(
    {
        "figure": ["annual return", "deepest drawdown"],
        "main": ["8.1 %", "−21.4 %"],
        "SPY": ["7.9 %", None],
        "n": [1204, None],
        "usd": [12_345_678.9, 0.25],
        "note": ["1 of 2", None],
    }
)


class Parsed(HTMLParser):
    """Tags with their attributes, and the text of each cell, heading and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    drawn = {heading: [figure] for heading, figure in all_figures(1, DAYS[:80]).items()}
    shown = page("Report", {"Profile": "demo"}, {"Performance": ["Net of costs.", TABLE]} | drawn)
    path.write_text(shown, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def parsed(written: Path) -> Parsed:
    return Parsed(written.read_text(encoding="utf-8"))


# --- known values ----------------------------------------------------------------------------------------------------


def test_header_sections_and_figures_stand_in_their_order(parsed: Parsed) -> None:
    assert (parsed.texts["dt"], parsed.texts["dd"]) == (["Profile"], ["demo"])
    assert parsed.texts["p"] == ["Net of costs."]
    assert parsed.texts["h2"] == ["Performance", *all_figures(1, DAYS[:80])]
    assert [a["id"] for tag, a in parsed.tags if a.get("class") == "plotly-graph-div"] == [
        f"figure-{i}" for i in range(7)
    ]


def test_numbers_are_aligned_right_and_words_left(parsed: Parsed) -> None:
    heads = [a.get("class") for tag, a in parsed.tags if tag == "th"]
    assert heads == [None, "number", "number", "number", "number", None]
    assert parsed.texts["td"] == [
        *("annual return", "8.1 %", "7.9 %", "1204", "12,345,679", "1 of 2"),
        *("deepest drawdown", "−21.4 %", "–", "–", "0.25", "–"),
    ]


def test_an_empty_table_says_so() -> None:
    assert "No rows." in page("R", {}, {"Orders": [TABLE.clear()]})


# --- properties ------------------------------------------------------------------------------------------------------


def test_the_file_asks_the_network_for_nothing(parsed: Parsed) -> None:
    loading = {"src", "href", "srcset", "data", "action", "poster", "background", "cite", "formaction"}
    found = [(tag, k, v) for tag, attributes in parsed.tags for k, v in attributes.items() if k in loading]
    assert found == []
    assert {"link", "iframe", "img", "object", "embed", "base"} & {tag for tag, _ in parsed.tags} == set()
    styles = "".join(parsed.texts["style"])
    assert not re.search(r"url\(|@import|https?:", styles)


def test_the_library_is_there_once(parsed: Parsed, written: Path) -> None:
    assert sum(len(script) > 1_000_000 for script in parsed.texts["script"]) == 1
    assert written.stat().st_size < 8_000_000


def test_a_page_without_figures_needs_no_script() -> None:
    assert "<script" not in page("R", {}, {"T": [TABLE]})


def test_the_same_content_gives_the_same_text() -> None:
    def made() -> str:
        return page("R", {"a": "b"}, {"T": [TABLE, go.Figure(go.Scatter(x=[1], y=[2]))]})

    assert made() == made()


def test_words_are_never_markup() -> None:
    nasty = '<script>alert(1)</script> & "quotes"'
    shown = page(nasty, {nasty: nasty}, {nasty: [nasty, pl.DataFrame({nasty: [nasty]})]})
    assert "<script" not in shown
    assert Parsed(shown).texts["td"] == [nasty]
