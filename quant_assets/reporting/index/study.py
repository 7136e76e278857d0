"""Which pages a home has: read from the pages themselves, so that a page that was removed is listed no more."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import unescape
from pathlib import Path
from typing import Any

from quant_assets.reporting.protocol import Request
from quant_resources.home import Home

INDEX = "index"  # name of the page that lists the others
HEAD = 4096  # characters; all that is read stands above the style sheet
META = re.compile(r'<meta name="(?:asof:)?(\w+)" content="([^"]*)">')
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@dataclass(frozen=True)
class PageEntry:
    """A page that was written.

    Attributes:
        path: relative to the folder of the index.
        name: of its kind.
        sessions: first and last, as text; empty where it speaks of none.
        written: UTC, ISO 8601.
    """

    path: str
    name: str
    title: str
    summary: str
    sessions: str
    written: str


@dataclass(frozen=True)
class Index:
    """
    Attributes:
        profile: of the home.
        pages: each kind's page, by name.
        attached: further pages, those of each kind together, by path.
    """

    profile: str
    pages: tuple[PageEntry, ...]
    attached: tuple[PageEntry, ...]

    def as_json(self) -> dict[str, Any]:
        return {"pages": _dicts(self.pages), "attached": _dicts(self.attached)}


def reports_folder(home: Home) -> Path:
    """Where the pages of a home lie."""
    return home.folder / "reports"


def study(home: Home, request: Request) -> Index:
    """What is there now."""
    return Index(home.profile.name, *list_pages(reports_folder(home)))


def list_pages(folder: Path) -> tuple[tuple[PageEntry, ...], tuple[PageEntry, ...]]:
    """Pages of a folder, and those in the folders that are named as they are; HTML of another origin is left out."""
    pages = _entries(folder, "*.html")
    return tuple(one for one in pages if one.name != INDEX), _entries(folder, "*/*.html")


def _entries(folder: Path, pattern: str) -> tuple[PageEntry, ...]:
    entries = (_entry(path, folder) for path in sorted(folder.glob(pattern)))
    return tuple(entry for entry in entries if entry is not None)


def _entry(path: Path, folder: Path) -> PageEntry | None:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(HEAD)
    meta = {name: unescape(content) for name, content in META.findall(head)}
    title = TITLE.search(head)
    if "page" not in meta or title is None:
        return None
    return PageEntry(
        path.relative_to(folder).as_posix(),
        meta["page"],
        unescape(title[1]),
        meta["description"],
        meta["sessions"],
        meta["written"],
    )


def _dicts(entries: Sequence[PageEntry]) -> list[dict[str, Any]]:
    return [asdict(entry) for entry in entries]
