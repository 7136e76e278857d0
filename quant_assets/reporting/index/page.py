"""The index: every page of a home, what it shows, of which sessions, and when it was written."""

from collections.abc import Sequence

from quant_assets.reporting.document import Document, Part
from quant_assets.reporting.index.study import INDEX, Index, PageEntry, study
from quant_assets.reporting.index.terminal import show
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.tables import Column, Link, Table


def document(index: Index) -> Document:
    sections: dict[str, list[Part]] = {"Pages": [_pages(index.pages)]}
    for name in sorted({entry.name for entry in index.attached}):
        entries = [entry for entry in index.attached if entry.name == name]
        sections[f"Pages attached to {name}"] = [_attached(entries)]
    if not index.pages:
        sections["Pages"] = ["None was written yet; `asof page` lists those that can be."]
    return Document(f"Pages of {index.profile}", {}, sections)


def _pages(entries: Sequence[PageEntry]) -> Table:
    columns = (Column("page"), Column("shows", is_text=True), Column("sessions"), Column("written, UTC"))
    return Table(columns, tuple((_link(one), one.summary, one.sessions or None, _moment(one)) for one in entries))


def _attached(entries: Sequence[PageEntry]) -> Table:
    columns = (Column("page"), Column("sessions"), Column("written, UTC"))
    return Table(columns, tuple((_link(one), one.sessions or None, _moment(one)) for one in entries))


def _link(entry: PageEntry) -> Link:
    return Link(entry.title, entry.path)


def _moment(entry: PageEntry) -> str:
    return entry.written[:16].replace("T", " ")


PAGE = Page(INDEX, "Every page of this home.", study, document, show)
