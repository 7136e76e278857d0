"""Explanations of orders in a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from quant_assets.reporting.orders.sections import headline, sections
from quant_assets.reporting.orders.study import ExplainedOrders
from quant_assets.reporting.terminal import print_line, print_sections

WIDEST = 96  # characters of an input row


def show(orders: ExplainedOrders, out: Console) -> None:
    for explanation in orders.explanations.values():
        show_explanation(explanation, out)


def show_explanation(explanation: Mapping[str, Any], out: Console) -> None:
    print_line(headline(explanation["order"]), out)
    print_sections(sections(explanation, WIDEST), out)
