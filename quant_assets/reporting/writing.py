"""Pages as files: each one whole or not at all, the plot library beside them once, and an index that knows them all."""

import datetime as dt
import json
import os
from importlib.metadata import version
from pathlib import Path

import plotly
from plotly.offline import get_plotlyjs

from quant_assets.operations.trading import TradingState, trading_state
from quant_assets.reporting.document import Document, plots_of
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.html import Surroundings, render
from quant_assets.reporting.index.page import PAGE as INDEX_PAGE
from quant_assets.reporting.index.study import INDEX, PageEntry, list_pages, reports_folder
from quant_assets.reporting.protocol import AnyStudy, Page, Request
from quant_assets.reporting.tables import Link
from quant_assets.reporting.trading import with_trading_state
from quant_resources.home import Home

LIBRARY = f"plotly-{plotly.__version__}.min.js"  # another version is another file: a page keeps the one it was made for
NAVIGATION = "pages.js"


def check_output(output: Path | None) -> None:
    """Raises ReportError where no page can be written to `output`, before anything is studied."""
    if output is not None and output.is_dir():
        raise ReportError(f"--output {output} is a folder; name a file in it")


def write_page(
    home: Home, page: Page[AnyStudy], study: AnyStudy, output: Path | None = None, *, standalone: bool = False
) -> Path:
    """Write the page of a study, those attached to it, and the index of the home's pages.

    Args:
        output: file to write; `reports/NAME.html` of the home unless given. Elsewhere there is no index.
        standalone: each page holds the plot library and needs no other file, so that it can be sent; about 5 MB.

    Returns:
        The file of the page; attached ones lie beside it, in a folder named as the page.
    """
    check_output(output)
    path = output or reports_folder(home) / f"{page.name}.html"
    at_home = path.parent.resolve() == reports_folder(home).resolve()
    document = with_trading_state(page.document(study), _state(home))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not standalone and _has_plots(document):
        _write_library(path.parent)
    around = _surroundings(page, at_home=at_home and not standalone, standalone=standalone)
    for stem, attached in document.attached.items():
        below = _below(around, Link(document.title, f"../{path.name}"))
        _write(path.parent / page.name / f"{stem}.html", render(attached, below))
    _write(path, render(document, around))
    if at_home and page.name != INDEX:
        write_index(home)
    return path


def _state(home: Home) -> TradingState:
    """What every page says of checks; nothing where nothing is stored."""
    return trading_state(home) if (home.store_folder / "store.json").exists() else TradingState({}, ())


def write_index(home: Home) -> Path:
    """The index of the home's pages, and what their lines of links are made from."""
    folder = reports_folder(home)
    path = write_page(home, INDEX_PAGE, INDEX_PAGE.study(home, Request()))
    pages, _ = list_pages(folder)
    _write(folder / NAVIGATION, _navigation(pages))
    return path


def _surroundings(page: Page[AnyStudy], *, at_home: bool, standalone: bool) -> Surroundings:
    return Surroundings(
        name=page.name,
        summary=page.summary,
        version=version("asof"),
        written_at=dt.datetime.now(dt.UTC),
        library=None if standalone else LIBRARY,
        index=f"{INDEX}.html" if at_home else None,
    )


def _below(around: Surroundings, parent: Link) -> Surroundings:
    """As seen from a folder below; a page that is to be sent alone links to nothing."""
    if around.library is None:
        return around
    index = f"../{around.index}" if around.index else None
    return Surroundings(
        around.name, around.summary, around.version, around.written_at, f"../{around.library}", index, parent
    )


def _navigation(pages: tuple[PageEntry, ...]) -> str:
    """Links to all pages, put in by each page as it is opened: a page written earlier links to later ones too."""
    links = json.dumps([{"title": entry.name.replace("_", " "), "path": entry.path} for entry in pages])
    return f"""(() => {{
  const root = new URL(".", document.currentScript.src), nav = document.currentScript.parentElement;
  for (const {{title, path}} of {links}) {{
    const link = document.createElement("a"), target = new URL(path, root);
    link.textContent = title;
    link.href = target.href;
    if (target.pathname === location.pathname) link.setAttribute("aria-current", "page");
    nav.append(link);
  }}
}})();
"""


def _has_plots(document: Document) -> bool:
    return any(any(plots_of(one.sections)) for one in (document, *document.attached.values()))


def _write_library(folder: Path) -> None:
    if not (folder / LIBRARY).exists():
        _write(folder / LIBRARY, get_plotlyjs())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
