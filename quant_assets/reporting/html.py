"""A document as HTML: `page.html.j2` has the tags, `style.css` the look, `page.js` what turns plots with the page."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from quant_assets.numerics.arrays import Array
from quant_assets.reporting.document import Document, Part, plots_of
from quant_assets.reporting.plot_data import plot_data
from quant_assets.reporting.plots import BLUE, DARK_INK, GREY, HALF, INK
from quant_assets.reporting.tables import Column, Link, Sparkline, Table

HERE = Path(__file__).parent
WIDTH, HEIGHT = 150, 26  # of a sparkline, pixels


@dataclass(frozen=True)
class Surroundings:
    """What a page says of itself, and where things lie as seen from it.

    Attributes:
        name: of the kind of page.
        summary: what the kind shows, for the index.
        version: of asof.
        written_at: UTC.
        library: URL of the plot library beside the page; None puts it into the page, which then needs no other file.
        index: URL of the index; None where there is none, as of a page that is sent alone.
        parent: title and URL of the page that this one is attached to.
    """

    name: str
    summary: str
    version: str
    written_at: dt.datetime
    library: str | None = None
    index: str | None = None
    parent: Link | None = None


def render(document: Document, around: Surroundings) -> str:
    """The whole page as text; the same document and surroundings give the same text."""
    plots = plot_data(plots_of(document.sections))
    has_plots = bool(plots["plots"])
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            around=around,
            sections=_numbered(document),
            style=_asset("style.css"),
            script=_script() if has_plots else "",
            library=Markup(get_plotlyjs()) if has_plots and around.library is None else "",
            has_plots=has_plots,
            plots=plots,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"kind": kind, "cell": cell}
    environment.globals |= {"table_of": Table.of, "half": HALF}
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def _asset(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))


def _script() -> Markup:
    return Markup(_asset("page.js").replace("INK_IN_LIGHT", INK).replace("INK_IN_DARK", DARK_INK))


def _numbered(document: Document) -> list[tuple[str, list[tuple[Part, int]]]]:
    """Sections by heading; each part with how many plots stand above it, which names it."""
    numbered, n_plots = [], 0
    for heading, parts in document.sections.items():
        placed = []
        for part in parts:
            placed.append((part, n_plots))
            n_plots += isinstance(part, go.Figure)
        numbered.append((heading, placed))
    return numbered


def kind(part: Part) -> str:
    """Which macro of the template shows a part.

    Raises:
        TypeError: it is nothing that a page can show.
    """
    kinds = {str: "paragraph", Table: "table", pl.DataFrame: "frame", go.Figure: "plot", Mapping: "facts"}
    for cls, name in kinds.items():
        if isinstance(part, cls):
            return name
    raise TypeError(
        f"a page cannot show a {type(part).__name__}; use text, a mapping of text, a Table, a Polars frame or a Plotly "
        "figure"
    )


def cell(value: object, column: Column) -> Markup | str:
    if isinstance(value, Link):
        return Markup('<a href="{}">{}</a>').format(value.target, value.text)
    if isinstance(value, Sparkline):
        return sparkline(value)
    return column.format(value)


def sparkline(line: Sparkline) -> Markup:
    """As SVG, over a line at zero; nothing where no value is known."""
    known = line.values[~np.isnan(line.values)]
    if not len(known):
        return Markup("")
    low, high = line.bounds or (min(0.0, float(known.min())), max(0.0, float(known.max())))
    spread = high - low or 1.0
    x = np.linspace(1, WIDTH - 1, len(line.values)) if len(line.values) > 1 else np.array([WIDTH / 2])
    y = HEIGHT - 2 - (HEIGHT - 4) * (line.values - low) / spread
    zero = HEIGHT - 2 - (HEIGHT - 4) * (0.0 - low) / spread
    lines = Markup("").join(Markup('<polyline points="{}"/>').format(points) for points in _stretches(x, y))
    return Markup(
        '<svg width="{}" height="{}" fill="none" stroke="{}" stroke-width="1.3" aria-hidden="true">'
        '<path d="M0 {}H{}" stroke="{}" stroke-width="0.6"/>{}</svg>'
    ).format(WIDTH, HEIGHT, BLUE, f"{zero:.1f}", WIDTH, GREY, lines)


def _stretches(x: Array, y: Array) -> list[str]:
    """Points of each stretch without a gap; a lone one is drawn as a dash."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(x, y, strict=True):
        if np.isnan(b):
            stretches.append([])
        else:
            stretches[-1].append((float(a), float(b)))
    drawn = (
        points if len(points) > 1 else [*points, (points[0][0] + 1, points[0][1])] for points in stretches if points
    )
    return [" ".join(f"{a:.1f},{b:.1f}" for a, b in points) for points in drawn]
