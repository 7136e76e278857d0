"""The page of a session's orders, and the pages attached to it."""

import json
from pathlib import Path

import pytest

from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.orders.page import document
from quant_assets.reporting.orders.study import study
from quant_assets.reporting.protocol import Request
from quant_resources.home import Home
from tests.execution.markets import DAYS
from tests.reporting.orders.sessions import DAY, LAST
from tests.reporting.rendering import page_text
from tests.support.tiny import asof

# -- known values ------------------------------------------------------------------------------------------------------


def test_the_page_lists_all_orders_and_links_to_those_explained(stored: Path) -> None:
    orders = study(Home(stored), Request(items=(f"{DAY}-DDD",)))
    page = document(orders)
    text = page_text(page)
    assert text.count("<tr>") == orders.orders.height + 1
    assert [*page.attached] == [f"{DAY}-DDD"]
    assert text.count('<a href="orders/') == 1
    explained = page_text(page.attached[f"{DAY}-DDD"])
    for heading in ("Weights", "Risk", "Binding limits", "Expected costs", f"Fill on {DAYS[3]}", "Provenance"):
        assert f"<h2>{heading}</h2>" in explained
    assert "market/corporate_actions" in explained


def test_without_names_the_last_session_with_orders_is_explained_whole(stored: Path) -> None:
    orders = study(Home(stored), Request())
    assert orders.session == DAYS[LAST]
    assert sorted(orders.explanations) == sorted(orders.orders["order_id"])
    assert study(Home(stored), Request(last=DAY)).session == DAY


def test_the_commands_write_the_pages(home: Home) -> None:
    answer = asof(home.folder, "explain", f"{DAY}-DDD", "--page")
    assert answer.code == 0, answer.err
    assert f"page: {home.folder}/reports/orders.html" in answer.out
    assert (home.folder / "reports" / "orders" / f"{DAY}-DDD.html").exists()
    printed = json.loads(asof(home.folder, "page", "orders", "--to", DAY, "--json").out)
    assert (printed["session"], Path(printed["page"]).name) == (str(DAY), "orders.html")


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_orders_of_several_sessions_are_no_page(stored: Path) -> None:
    both = tuple(f"{day}-DDD" for day in (DAY, DAYS[LAST]))
    with pytest.raises(ReportError, match="the orders are of 2 sessions"):
        study(Home(stored), Request(items=both))


def test_a_range_without_orders_says_what_to_run(stored: Path) -> None:
    with pytest.raises(ReportError, match=r"no order is stored between .* run `asof backfill`"):
        study(Home(stored), Request(first=DAYS[LAST + 1]))
