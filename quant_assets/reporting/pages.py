"""All kinds of pages by name: those of this package, and those that a user's module adds.

from quant_assets.reporting.pages import register
register(Page("liquidity", "Dollar volume of what is held.", study, document, show))
"""

import re
from typing import Any, TypeAlias

from quant_assets.reporting.corrections.page import PAGE as CORRECTIONS
from quant_assets.reporting.data_quality.page import PAGE as DATA_QUALITY
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.features.page import PAGE as FEATURES
from quant_assets.reporting.index.study import INDEX
from quant_assets.reporting.orders.page import PAGE as ORDERS
from quant_assets.reporting.performance.page import PAGE as PERFORMANCE
from quant_assets.reporting.protocol import Page

AnyPage: TypeAlias = Page[Any]

OWN: tuple[AnyPage, ...] = (PERFORMANCE, FEATURES, DATA_QUALITY, ORDERS, CORRECTIONS)
NAME = re.compile(r"[a-z][a-z0-9_]*")

_registered: dict[str, AnyPage] = {}


def pages() -> dict[str, AnyPage]:
    """By name: this package's, then the registered ones in their order."""
    return {page.name: page for page in OWN} | _registered


def page_named(name: str) -> AnyPage:
    """
    Raises:
        ReportError: there is no page of that name; says which there are.
    """
    known = pages()
    if name not in known:
        raise ReportError(f"no page is named {name!r}; there are {', '.join(known)}")
    return known[name]


def register(page: AnyPage) -> None:
    """Add a kind of page: from then on `asof page NAME` writes it, and the index lists it. Twice the same is once.

    Raises:
        ReportError: the name is no file name, or is another page's.
    """
    if not NAME.fullmatch(page.name):
        raise ReportError(f"page {page.name!r}: name it with lower case letters, digits and _, beginning with a letter")
    other = pages().get(page.name)
    if page.name == INDEX or other not in (None, page):
        raise ReportError(f"page {page.name!r} is there already; give the new one another name")
    _registered[page.name] = page
