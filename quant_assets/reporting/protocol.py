"""What a page is: a study of the store, a document made of it, and a view for the terminal.

A page of your own is one module with one `Page` in it: docs/guides/add_a_page.md goes through an example.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from rich.console import Console

from quant_assets.reporting.document import Document
from quant_resources.home import Home


class Study(Protocol):
    """Frames and numbers read from a store: all that a page shows, and nothing that needs the store any more."""

    def as_json(self) -> dict[str, Any]:
        """For programs; dates may stay dates."""


@dataclass(frozen=True)
class Request:
    """What to study.

    Attributes:
        first, last: sessions, both included; None leaves the choice to the study.
        final: the hold-out may be shown, which the trial ledger counts.
        items: names of what to study, where the page is about several things: features, orders; all where empty.
    """

    first: dt.date | None = None
    last: dt.date | None = None
    final: bool = False
    items: tuple[str, ...] = ()


AnyStudy = TypeVar("AnyStudy", bound=Study)


@dataclass(frozen=True)
class Page(Generic[AnyStudy]):
    """A kind of page.

    Attributes:
        name: of its file, `reports/NAME.html` of the home, and of `asof page NAME`; lower case letters, digits and _.
        summary: one sentence, for the index and the help.
        study: reads what is stored; raises ReportError if there is nothing to show. It keeps to the sessions before
            `history.hold_out` unless the request is final.
        document: what stands on the page; pure, so that the same study gives the same page.
        terminal: prints the study for people; the path of the page follows.
    """

    name: str
    summary: str
    study: Callable[[Home, Request], AnyStudy]
    document: Callable[[AnyStudy], Document]
    terminal: Callable[[AnyStudy, Console], None]
