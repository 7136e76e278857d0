"""The change of a book's value by source, one name and one factor at a time."""

import math
from collections import defaultdict

import polars as pl

STYLES = ("beta", "momentum", "volatility", "liquidity", "reversal")


def sources(book: pl.DataFrame, exposures, factor_returns, specific_returns, session) -> dict[str, float]:
    posted: defaultdict[str, list[float]] = defaultdict(list)
    before = {row["symbol"]: row for row in book.to_dicts() if row["event_date"] < session}
    factors = {row["factor"]: row["simple_return"] for row in factor_returns.to_dicts()}
    exposed = {row["symbol"]: row for row in exposures.to_dicts() if row["event_date"] < session}
    specific = {row["symbol"]: row["specific_return"] for row in specific_returns.to_dicts()}
    for row in (row for row in book.to_dicts() if row["event_date"] == session):
        symbol = row["symbol"]
        posted["cost"].append(-(row["cost_usd"] or 0.0))
        posted["borrow"].append(-(row["borrow_usd"] or 0.0))
        if symbol == "USD":
            posted["interest"].append(row["interest_usd"] or 0.0)
            continue
        traded = (row["fill_shares"] or 0.0) * (row["price_usd"] - (row["fill_price_usd"] or row["price_usd"]))
        posted["trading"].append(traded)
        holding = row["pnl_usd"] - traded
        value = before[symbol]["value_usd"] if symbol in before else 0.0
        if symbol not in exposed or symbol not in specific:
            posted["unmodelled"].append(holding)
            continue
        own = {"market": 1.0, f"industry:{exposed[symbol]['industry']}": 1.0}
        own |= {style: exposed[symbol][style] for style in STYLES}
        for factor, exposure in own.items():
            if factor in factors:
                posted[factor].append(value * exposure * factors[factor])
                holding -= value * exposure * factors[factor]
        posted["specific"].append(value * specific[symbol])
        posted["unexplained"].append(holding - value * specific[symbol])
    return {source: math.fsum(amounts) for source, amounts in posted.items()}
