"""All kinds of pages by name: those of this package, and those of the plugins that a profile names."""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from configs.errors import did_you_mean
from configs.settings import Profile
from quant_assets.reporting.corrections.page import PAGE as CORRECTIONS
from quant_assets.reporting.data_quality.page import PAGE as DATA_QUALITY
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.features.page import PAGE as FEATURES
from quant_assets.reporting.index.page import PAGE as INDEX
from quant_assets.reporting.orders.page import PAGE as ORDERS
from quant_assets.reporting.performance.page import PAGE as PERFORMANCE
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.regimes.page import PAGE as REGIMES
from quant_resources.plugins import Plugin, PluginError, plugins_of

AnyPage: TypeAlias = Page[Any]

OWN: tuple[AnyPage, ...] = (PERFORMANCE, FEATURES, REGIMES, DATA_QUALITY, ORDERS, CORRECTIONS)
NAME = re.compile(r"[a-z][a-z0-9_]*")  # names a file and a folder


def pages(profile: Profile) -> dict[str, AnyPage]:
    """By name: this package's, then those of the profile's plugins in their order.

    Raises:
        PluginError: a plugin's page is none, cannot be a file of that name, or has the name of one of this package.
    """
    added = (page for plugin in plugins_of(profile) for page in _pages_of(plugin))
    return {page.name: page for page in (*OWN, *added)}


def page_named(profile: Profile, name: str) -> AnyPage:
    """
    Raises:
        ReportError: there is no page of that name; says which there are.
    """
    known = pages(profile)
    if name not in known:
        raise ReportError(f"no page is named {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")
    return known[name]


def _pages_of(plugin: Plugin) -> Iterator[AnyPage]:
    taken = {page.name for page in (*OWN, INDEX)}
    for i, page in enumerate(plugin.pages):
        if not isinstance(page, Page):
            raise PluginError(f"plugin {plugin.name}: pages[{i}] is a {type(page).__name__}; make it a Page(...)")
        if not NAME.fullmatch(page.name):
            raise PluginError(f"plugin {plugin.name}: page {page.name!r} must be lower case, with digits and _ at most")
        if page.name in taken:
            raise PluginError(f"plugin {plugin.name}: the platform has a page {page.name}; rename yours")
        yield page
