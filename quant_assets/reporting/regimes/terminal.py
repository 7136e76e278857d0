"""Regimes in a terminal: the last session, and what states were worth."""

from rich.console import Console

from quant_assets.reporting.formats import percent, ratio
from quant_assets.reporting.regimes.snapshot import show as show_snapshot
from quant_assets.reporting.regimes.study import RegimeStudy
from quant_assets.reporting.tables import Table
from quant_assets.reporting.terminal import print_table

SHOWN = ("industries: volatility", "market: risk")


def show(of: RegimeStudy, out: Console) -> None:
    show_snapshot(of.latest, out)
    formats = {
        "fraction": percent,
        "return_annual": percent,
        "volatility_annual": percent,
        "t": ratio,
        "correlation": ratio,
    }
    for name in SHOWN:
        print_table(Table.of(of.worth[name], formats, title=f"What followed, of {name}"), out)
