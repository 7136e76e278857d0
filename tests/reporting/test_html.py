"""Documents as HTML."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from quant_assets.reporting.document import Document
from quant_assets.reporting.formats import percent
from quant_assets.reporting.html import sparkline
from quant_assets.reporting.tables import Column, Link, Sparkline, Table
from tests.backtest.books import DAYS
from tests.reporting.performance.samples import all_plots
from tests.reporting.rendering import AROUND, page_text

FRAME = pl.DataFrame(
    {
        "series_name": ["annual return", "maximum drawdown"],
        "main": [0.081, -0.2141],
        "n": [1204, None],
        "usd": [12_345_678.9, 0.25],
        "note": ["1 of 2", None],
    }
)
TABLE = Table.of(FRAME, {"main": percent})


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
def parsed() -> Parsed:
    plots = {heading: [plot] for heading, plot in all_plots(1, DAYS[:80]).items()}
    return Parsed(page_text(Document("Report", {"Profile": "demo"}, {"Performance": ["Net of costs.", TABLE]} | plots)))


def with_table(table: Table) -> Parsed:
    return Parsed(page_text(Document("R", {}, {"T": [table]})))


# --- known values ----------------------------------------------------------------------------------------------------


def test_facts_sections_and_plots_stand_in_their_order(parsed: Parsed) -> None:
    assert (parsed.texts["dt"], parsed.texts["dd"]) == (["Profile"], ["demo"])
    assert parsed.texts["p"] == ["Net of costs."]
    assert parsed.texts["h2"] == ["Performance", *all_plots(1, DAYS[:80])]
    assert [a["id"] for tag, a in parsed.tags if tag == "figure"] == [f"plot-{i}" for i in range(7)]


def test_numbers_are_aligned_right_and_text_left(parsed: Parsed) -> None:
    assert parsed.texts["th"] == ["series name", "main", "n", "usd", "note"]
    heads = [a.get("class") for tag, a in parsed.tags if tag == "th"]
    assert heads == [None, "number", "number", "number", None]
    assert parsed.texts["td"] == [
        *("annual return", "8.1 %", "1204", "12,345,679", "1 of 2"),
        *("maximum drawdown", "−21.4 %", "–", "0.25", "–"),
    ]


def test_a_cell_may_hold_a_link_or_a_line_and_its_format_is_for_values() -> None:
    columns = (Column("a"), Column("b", format=percent), Column("c", is_text=True))
    page = with_table(Table(columns, ((Link("x", "y/x.html"), Sparkline(np.array([1.0, 2.0])), "long"),)))
    assert ("a", {"href": "y/x.html"}) in page.tags
    assert page.count("svg") == 1
    assert ("td", {"class": "text"}) in page.tags


def test_a_sparkline_keeps_gaps_and_has_its_zero() -> None:
    drawn = sparkline(Sparkline(np.array([0.0, 1.0, np.nan, 0.5])))
    assert drawn.count("<polyline") == 2
    assert "M0 24.0H150" in drawn
    assert sparkline(Sparkline(np.array([np.nan]))) == ""


def test_an_empty_table_says_so() -> None:
    assert with_table(Table.of(FRAME.clear())).texts["p"] == ["No rows."]


def test_an_attached_page_links_to_the_one_above() -> None:
    page = Parsed(
        page_text(Document("R", {}, {}), replace(AROUND, index="../index.html", parent=Link("All", "../a.html")))
    )
    assert [a["href"] for tag, a in page.tags if tag == "a"] == ["../index.html", "../a.html"]
    assert page.texts["a"] == ["All pages", "All"]


# --- properties ------------------------------------------------------------------------------------------------------


def loaded(page: Parsed) -> set[str | None]:
    """What a page asks for as it is opened."""
    loading = {"src", "srcset", "data", "action", "poster", "background", "cite", "formaction"}
    assert {"link", "iframe", "img", "object", "embed", "base"} & {tag for tag, _ in page.tags} == set()
    assert not re.search(r"url\(|@import|https?:", "".join(page.texts["style"]))
    return {value for _, attributes in page.tags for name, value in attributes.items() if name in loading}


def test_a_page_loads_nothing_but_what_lies_beside_it(parsed: Parsed) -> None:
    assert loaded(parsed) == {"plotly.min.js", "pages.js"}


def test_a_page_to_be_sent_holds_the_library_once_and_loads_nothing() -> None:
    around = replace(AROUND, library=None, index=None)
    plots = {heading: [plot] for heading, plot in all_plots(1, DAYS[:80]).items()}
    page = Parsed(page_text(Document("R", {}, plots), around))
    assert loaded(page) == set()
    assert sum(len(script) > 1_000_000 for script in page.texts["script"]) == 1


def test_a_page_without_plots_needs_no_library() -> None:
    around = replace(AROUND, library=None, index=None)
    assert "<script" not in page_text(Document("R", {}, {"T": [TABLE]}), around)


def test_the_same_content_gives_the_same_text() -> None:
    def made() -> str:
        return page_text(Document("R", {"a": "b"}, {"T": [FRAME, go.Figure(go.Scatter(x=[1], y=[2]))]}))

    assert made() == made()


def test_text_is_never_markup() -> None:
    nasty = '<script>alert(1)</script> & "quotes"'
    linked = Table((Column(nasty),), ((Link(nasty, nasty),),))
    page = page_text(
        Document(nasty, {nasty: nasty}, {nasty: [nasty, {nasty: nasty}, pl.DataFrame({nasty: [nasty]}), linked]}),
        replace(AROUND, summary=nasty, index=None, library=None),
    )
    assert "<script" not in page
    assert Parsed(page).texts["td"] == [nasty]
    assert Parsed(page).texts["a"] == [nasty]


def test_text_of_a_plot_is_never_markup() -> None:
    nasty = "</script><script>alert(1)</script>"
    page = page_text(Document("R", {}, {"T": [go.Figure(go.Scatter(x=[nasty], y=[1], name=nasty))]}))
    assert "<script>alert" not in page


# --- refusals --------------------------------------------------------------------------------------------------------


def test_what_a_page_cannot_show_is_rejected_with_what_it_can() -> None:
    with pytest.raises(TypeError, match=r"cannot show a int; use text, .* a Table, a Polars frame or a Plotly figure"):
        page_text(Document("R", {}, {"T": [3]}))
