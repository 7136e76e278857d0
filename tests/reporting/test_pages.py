"""The kinds of pages: this package's, and those of plugins."""

from dataclasses import replace
from pathlib import Path

import pytest

from quant_assets.reporting import pages as registry
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.pages import OWN, page_named, pages
from quant_resources.plugins import Plugin, PluginError
from tests.support.accounts import home_of
from tests.support.tiny import asof

MINE = replace(OWN[0], name="mine", summary="Mine.")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch):
    """Let the profile have a plugin with these pages."""

    def let(*added: object) -> None:
        monkeypatch.setattr(registry, "plugins_of", lambda _: (Plugin(name="my_research", pages=added),))

    return let


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_plugins_pages_come_after_those_of_the_platform(plugin, tmp_path: Path) -> None:
    plugin(MINE)
    assert list(pages(home_of(tmp_path).profile)) == [*(page.name for page in OWN), "mine"]


def test_the_command_lists_every_kind_with_what_it_shows(tmp_path: Path) -> None:
    answer = asof(tmp_path, "page")
    assert answer.code == 0, answer.err
    for page in OWN:
        assert page.name in answer.out
        assert page.summary in answer.out


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_unknown_page_is_rejected_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"did you mean orders.*there are performance, features"):
        page_named(home_of(tmp_path).profile, "order")


@pytest.mark.parametrize(("page", "reason"), [
    (replace(MINE, name="orders"), "the platform has a page orders; rename yours"),
    (replace(MINE, name="index"), "the platform has a page index; rename yours"),
    (replace(MINE, name="My Page"), "page 'My Page' must be lower case"),
    ("mine", "pages.0. is a str; make it a Page"),
])  # fmt: skip
def test_a_page_that_does_not_fit_is_rejected_with_its_plugin(
    plugin, tmp_path: Path, page: object, reason: str
) -> None:
    plugin(page)
    with pytest.raises(PluginError, match=f"plugin my_research: .*{reason}"):
        pages(home_of(tmp_path).profile)
