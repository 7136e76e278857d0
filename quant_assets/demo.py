"""What the demo prints: the book by year, and the orders of the last session."""

import math

import polars as pl
from rich.console import Console
from rich.table import Table

from feature_store.store import Store

SESSIONS_PER_YEAR = 252


def show(store: Store, out: Console) -> None:
    last = store.sessions("backtest/pnl")[-1]
    account = store.read("backtest/pnl", last)
    table = Table("year", "return", "volatility", "Sharpe", "turnover / session", "costs", "positions", "NAV, USD",
                  title="Profit and loss, simulated market, net of costs")  # fmt: skip
    for (year,), rows in account.group_by(pl.col("event_date").dt.year(), maintain_order=True):
        table.add_row(str(year), *_figures(rows))
    table.add_section()
    table.add_row("all", *_figures(account))
    out.print(table)
    orders = store.read("execution/orders", last, first=last)
    listing = Table(
        "order", "side", "shares", "reference, USD", "notional, USD", title=f"{orders.height} orders of {last}"
    )
    for row in orders.head(10).iter_rows(named=True):
        listing.add_row(row["order_id"], row["side"], f"{row['shares']:,.0f}",
                        f"{row['reference_price_usd']:,.2f}", f"{row['notional_usd']:,.0f}")  # fmt: skip
    out.print(listing)


def _figures(rows: pl.DataFrame) -> list[str]:
    returns = rows.get_column("return_net").drop_nulls()
    total = math.prod(1 + value for value in returns) - 1
    volatility = float(returns.std() or 0.0) * math.sqrt(SESSIONS_PER_YEAR)  # type: ignore[arg-type]
    mean = float(returns.mean() or 0.0) * SESSIONS_PER_YEAR  # type: ignore[arg-type]
    costs = float((rows["cost_usd"] / rows["nav_usd"]).sum())
    return [
        f"{total:+.1%}",
        f"{volatility:.1%}",
        f"{mean / volatility:.2f}" if volatility > 0 else "",
        f"{float(rows['turnover'].mean()):.2%}",  # type: ignore[arg-type]
        f"{costs:.2%}",
        f"{float(rows['n_positions'].mean()):.0f}",  # type: ignore[arg-type]
        f"{rows['nav_usd'][-1]:,.0f}",
    ]
