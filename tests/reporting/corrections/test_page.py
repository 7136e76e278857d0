"""The page of corrections, of an impact made by hand."""

import datetime as dt
import io

import polars as pl
from rich.console import Console

from quant_assets.operations.impact import Difference, Impact
from quant_assets.reporting.corrections.page import document
from quant_assets.reporting.corrections.terminal import ORDERS_SHOWN, UNCHANGED, show
from tests.reporting.rendering import page_text

DAY = dt.date(2016, 1, 4)
ORDERS = pl.DataFrame(
    {
        "session": [DAY, DAY], "symbol": ["AAA", "BBB"],
        "side": ["buy", None], "shares": [1200.0, None], "reference_price_usd": [10.25, None],
        "side_instead": ["sell", "buy"], "shares_instead": [7.0, 30.0], "reference_price_usd_instead": [10.5, 99.0],
    }
)  # fmt: skip
DIFFERENCE = Difference("market/bars", DAY, "a" * 8, "b" * 8, 1, 0, 2, 3)


def impact_of(differences: tuple[Difference, ...], orders: pl.DataFrame) -> Impact:
    return Impact(differences, orders, None)  # type: ignore[arg-type]  # a page asks for no rows


def printed(impact: Impact) -> str:
    out = io.StringIO()
    show(impact, Console(file=out, width=200))
    return out.getvalue()


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_page_counts_what_would_change_and_lists_every_order() -> None:
    page = document(impact_of((DIFFERENCE,), ORDERS))
    assert page.sessions == (DAY, DAY)
    assert page.facts == {"Partitions": "1 would change, of 1 sessions", "Orders": "2 would change"}
    text = page_text(page)
    assert "<td>market/bars</td>" in text
    for cell in ("buy 1,200", "10.2500", "sell 7", "10.5000", "none", "buy 30", "99.0000"):
        assert f'<td class="number">{cell}</td>' in text


def test_where_nothing_would_change_it_says_so() -> None:
    nothing = impact_of((), ORDERS.clear())
    assert UNCHANGED in page_text(document(nothing))
    assert document(nothing).sessions is None
    assert UNCHANGED in printed(nothing)


def test_the_terminal_shows_the_first_orders_and_counts_all() -> None:
    many = pl.concat([ORDERS] * ORDERS_SHOWN)
    text = printed(impact_of((DIFFERENCE,), many))
    assert text.count("AAA") + text.count("BBB") == ORDERS_SHOWN
    assert f"1 partitions of 1 sessions, {2 * ORDERS_SHOWN} orders would change" in text
