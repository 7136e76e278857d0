"""Pages as files: what lies where, what each links to, how heavy they are, and that the index knows them all."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quant_assets.reporting.document import Document
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.index.study import study as list_of_pages
from quant_assets.reporting.performance.page import document as performance_document
from quant_assets.reporting.performance.study import study as performance_study
from quant_assets.reporting.protocol import Page, Request
from quant_assets.reporting.tables import Column, Link, Table
from quant_assets.reporting.writing import LIBRARY, check_output, write_index, write_page
from quant_resources.home import Home
from tests.reporting.performance.samples import all_plots
from tests.reporting.rendering import page_text
from tests.support.accounts import DAYS, home_of, write_account
from tests.support.tiny import asof

LIMIT = 2_000_000  # bytes of a page
TEN_YEARS = 2520  # sessions


@dataclass(frozen=True)
class Named:
    """A study of nothing but a name."""

    name: str
    has_plots: bool = True

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name}


def kind(name: str) -> Page[Named]:
    """A page with a plot, and another page attached to it."""

    def document(study: Named) -> Document:
        plots = [next(iter(all_plots(1, DAYS[:30]).values()))] if study.has_plots else []
        links = Table((Column("part"),), ((Link("part", f"{name}/part.html"),),))
        attached = {"part": Document(f"Part of {study.name}", {}, {"P": plots}, (DAYS[0], DAYS[1]))}
        return Document(study.name, {}, {"S": [links, *plots]}, (DAYS[0], DAYS[-1]), attached)

    return Page(
        name, f"What {name} shows.", lambda _, __: Named(name), document, lambda study, out: out.print(study.name)
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_of(tmp_path / "home")


def links_of(path: Path) -> set[str]:
    return set(re.findall(r'(?:href|src)="([^"]+)"', path.read_text()))


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_page_lies_in_the_reports_of_its_home_with_the_library_and_an_index(home: Home) -> None:
    path = write_page(home, kind("first"), Named("First"))
    reports = home.folder / "reports"
    assert path == reports / "first.html"
    assert sorted(p.relative_to(reports).as_posix() for p in reports.rglob("*.*")) == [
        "first.html", "first/part.html", "index.html", "pages.js", LIBRARY,
    ]  # fmt: skip
    assert re.fullmatch(r"plotly-\d+\.\d+\.\d+\.min\.js", LIBRARY)
    assert links_of(path) == {LIBRARY, "index.html", "pages.js", "first/part.html"}
    assert links_of(reports / "first" / "part.html") == {
        f"../{LIBRARY}",
        "../index.html",
        "../pages.js",
        "../first.html",
    }


def test_the_index_says_what_each_page_shows_of_which_sessions(home: Home) -> None:
    write_page(home, kind("first"), Named("First & <foremost>"))
    write_page(home, kind("second"), Named("Second"))
    index = list_of_pages(home, Request())
    assert [(page.name, page.title, page.summary, page.sessions) for page in index.pages] == [
        ("first", "First & <foremost>", "What first shows.", f"{DAYS[0]} to {DAYS[-1]}"),
        ("second", "Second", "What second shows.", f"{DAYS[0]} to {DAYS[-1]}"),
    ]
    assert [page.path for page in index.attached] == ["first/part.html", "second/part.html"]
    text = (home.folder / "reports" / "index.html").read_text()
    assert '<a href="first.html">First &amp; &lt;foremost&gt;</a>' in text
    assert '<a href="second/part.html">Part of Second</a>' in text
    assert index.pages[0].written[:16].replace("T", " ") in text


def test_a_page_that_was_written_before_links_to_one_that_comes_later(home: Home) -> None:
    write_page(home, kind("first"), Named("First"))
    write_page(home, kind("second"), Named("Second"))
    (links,) = re.findall(r"of (\[.*\])\)", (home.folder / "reports" / "pages.js").read_text())
    assert json.loads(links) == [
        {"title": "first", "path": "first.html"}, {"title": "second", "path": "second.html"},
    ]  # fmt: skip


def test_a_page_that_is_gone_is_listed_no_more_and_html_of_others_never(home: Home) -> None:
    write_page(home, kind("first"), Named("First"))
    write_page(home, kind("second"), Named("Second")).unlink()
    (home.folder / "reports" / "notes.html").write_text("<title>Notes</title>")
    write_index(home)
    assert [page.name for page in list_of_pages(home, Request()).pages] == ["first"]
    assert "Notes" not in (home.folder / "reports" / "index.html").read_text()


def test_a_page_elsewhere_has_the_library_beside_it_and_no_index(home: Home, tmp_path: Path) -> None:
    path = write_page(home, kind("first"), Named("First"), tmp_path / "deep" / "page.html")
    assert sorted(p.name for p in path.parent.iterdir()) == ["first", "page.html", LIBRARY]
    assert links_of(path) == {LIBRARY, "first/part.html"}
    assert links_of(path.parent / "first" / "part.html") == {f"../{LIBRARY}", "../page.html"}
    assert not (home.folder / "reports").exists()


def test_a_standalone_page_needs_no_other_file(home: Home) -> None:
    path = write_page(home, kind("first"), Named("First"), standalone=True)
    head, _, body = path.read_text().partition("</head>")
    assert "plotly.js v" in head
    assert set(re.findall(r'(?:href|src)="([^"]+)"', body)) == {"first/part.html"}
    assert not (path.parent / LIBRARY).exists()


def test_the_command_writes_the_index_and_lists_it(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.open_store()
    nothing = asof(home.folder, "index")
    assert nothing.code == 0, nothing.err
    assert "None was written yet" in (home.folder / "reports" / "index.html").read_text()
    write_page(home, kind("first"), Named("First"))
    assert "first/part.html" in asof(home.folder, "index").out
    assert [page["path"] for page in json.loads(asof(home.folder, "index", "--json").out)["pages"]] == ["first.html"]


# --- properties ------------------------------------------------------------------------------------------------------


def test_a_performance_page_of_ten_years_weighs_less_than_two_megabytes(home: Home) -> None:
    """One page of a real study, and the largest of its plots at ten years of sessions."""
    write_account(home)
    document = performance_document(performance_study(home, Request()))
    long = [DAYS[0].fromordinal(DAYS[0].toordinal() + i) for i in range(TEN_YEARS)]
    plots = {f"{heading}, ten years": [plot] for heading, plot in all_plots(1, long).items()}
    text = page_text(Document(document.title, document.facts, {**document.sections, **plots}))
    assert len(text.encode()) < LIMIT


def test_the_library_is_written_once(home: Home) -> None:
    write_page(home, kind("first"), Named("First"))
    library = home.folder / "reports" / LIBRARY
    library.write_text("as it was")
    write_page(home, kind("second"), Named("Second"))
    assert library.read_text() == "as it was"


def test_pages_without_plots_bring_no_library(home: Home) -> None:
    path = write_page(home, kind("first"), Named("First", has_plots=False))
    assert not (path.parent / LIBRARY).exists()
    assert LIBRARY not in path.read_text()


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_folder_is_no_page(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is a folder; name a file in it"):
        check_output(tmp_path)
    with pytest.raises(ReportError, match="is a folder"):
        write_page(home, kind("first"), Named("First"), tmp_path)
