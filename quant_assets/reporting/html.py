"""A report as one HTML file that needs nothing else: no network, no style sheet, no script beside it."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import plotly.graph_objects as go
import polars as pl

from quant_assets.reporting.plots import INK

# a figure with its sign, unit and thousands, as a table shows it
NUMBER = re.compile(r"[+−-]?\d[\d,]*(\.\d+)?([eE][+-]?\d+)?( ?(%|bp|x|USD|sessions))?")
MISSING = "–"


class Markup(str):
    """HTML that is put in as it is; whoever makes it escapes what it quotes."""


Part: TypeAlias = str | Markup | pl.DataFrame | go.Figure  # a sentence, HTML, a table, a figure

STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #666; --ground: #fff; --line: #ddd; --band: #f6f6f6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --soft: #a5a5a5; --ground: #17191c; --line: #3a3d42; --band: #202328; }
}
body { margin: 0 auto; max-width: 1100px; padding: 1.5rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 0.6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.2rem; margin: 0; padding: 0.8rem 1rem;
  background: var(--band); border-radius: 6px; }
dt { color: var(--soft); }
dd { margin: 0; }
section > p { margin: 0.6rem 0; color: var(--soft); }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; text-align: left; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""

# Figures carry dark ink on no ground of their own: what is in ink has to turn with the page.
SCRIPT = f"""
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.querySelectorAll(".plotly-graph-div").forEach(figure => {{
  const ink = dark.matches ? "#e4e4e4" : "{INK}";
  const lines = figure.data.flatMap((trace, i) => trace.meta === "{INK}" ? [i] : []);
  Plotly.update(figure, lines.length ? {{"line.color": ink}} : {{}}, {{"font.color": ink}}, lines);
}});
window.addEventListener("load", paint);
dark.addEventListener("change", paint);
"""


def page(
    title: str, header: Mapping[str, str], sections: Mapping[str, Sequence[Part]], library: bool | str = True
) -> str:
    """The whole page as text; the same content gives the same text.

    Args:
        title: of the page, as plain text, like every word of the other arguments.
        header: what a reader must know first, by label.
        sections: by heading, what stands below it. A table's column is aligned right if it is numeric, or if every text
            in it reads as a number ("1,204", "−3.1 %"); floats are shown with four significant digits or, from 1,000
            on, as whole numbers, so pass text where that does not do. Missing is shown as a dash.
        library: of the figures: in the page, or "directory", where many pages share one plotly.min.js beside them.
    """
    shown, n_figures = [], 0
    for heading, parts in sections.items():
        body = []
        for part in parts:
            body.append(_shown_part(part, n_figures, library))
            n_figures += isinstance(part, go.Figure)
        shown.append(f"<section>\n<h2>{html.escape(heading)}</h2>\n{''.join(body)}\n</section>\n")
    facts = "\n".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in header.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<dl>
{facts}
</dl>
{"".join(shown)}{f"<script>{SCRIPT}</script>" if n_figures else ""}
</body>
</html>
"""


def _shown_part(part: Part, n_figures: int, library: bool | str) -> str:
    """A part of a section below `n_figures` figures; the first figure brings the library along."""
    if isinstance(part, Markup):
        return part
    if isinstance(part, str):
        return f"<p>{html.escape(part)}</p>"
    if isinstance(part, pl.DataFrame):
        return _table(part)
    return _figure(part, f"figure-{n_figures}", library if n_figures == 0 else False)


def _figure(figure: go.Figure, name: str, library: bool | str) -> str:
    text: str = figure.to_html(
        full_html=False,
        include_plotlyjs=library,
        div_id=name,  # else a random one
        default_height=f"{figure.layout.height}px" if figure.layout.height else "450px",
        # the mode bar would lie over the lines; dragging zooms and a double click goes back without it
        config={"displayModeBar": False, "responsive": True},
    )
    return text


def _table(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "<p>No rows.</p>"
    kinds = ['class="number"' if _is_number(column) else "" for column in frame]
    head = "".join(_cell("th", kind, name) for kind, name in zip(kinds, frame.columns, strict=True))
    rows = ("".join(_cell("td", k, _shown(v)) for k, v in zip(kinds, row, strict=True)) for row in frame.iter_rows())
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _is_number(column: pl.Series) -> bool:
    if column.dtype.is_numeric():
        return True
    texts = [str(value) for value in column.drop_nulls()]
    return bool(texts) and all(NUMBER.fullmatch(text) or text == MISSING for text in texts)


def _cell(tag: str, kind: str, text: str) -> str:
    return f"<{tag}{' ' + kind if kind else ''}>{html.escape(text)}</{tag}>"


def _shown(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
