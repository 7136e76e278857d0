"""What stands on a page, before it is HTML or text of a terminal: a title, facts, sections and their parts."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import plotly.graph_objects as go
import polars as pl

from quant_assets.reporting.tables import Table

Facts: TypeAlias = Mapping[str, str]  # text by its label
Part: TypeAlias = str | Facts | Table | pl.DataFrame | go.Figure  # a paragraph, facts, a table, a plot
Sections: TypeAlias = Mapping[str, Sequence[Part]]  # parts by the heading above them


@dataclass(frozen=True)
class Document:
    """A page, before it is rendered. Every text is plain: what looks like markup is shown as it is.

    Attributes:
        title: of the page.
        facts: what a reader must know first.
        sections: what follows, in the order of reading.
        sessions: first and last that it speaks of, for the index.
        attached: further pages, by the stem of their file, which lies in a folder named as the page. Links to them are
            `PAGE/STEM.html`; from them to one another `STEM.html`.
    """

    title: str
    facts: Facts
    sections: Sections
    sessions: tuple[dt.date, dt.date] | None = None
    attached: Mapping[str, "Document"] = field(default_factory=dict)


def plots_of(sections: Sections) -> Iterable[go.Figure]:
    return (part for parts in sections.values() for part in parts if isinstance(part, go.Figure))
