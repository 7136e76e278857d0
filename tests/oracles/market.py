"""What a holder of one share has at the next bar, and who may be traded, told day by day."""

import datetime as dt
import math

import polars as pl


def holder(
    previous: dt.date, previous_close: float, this: dt.date, price: float, actions: pl.DataFrame
) -> tuple[float, float, float]:
    """Simple total return, shares now for one then, and cash received per share now, walking every calendar day.

    `actions` are those of the symbol alone. NaN where the worth of a spin-off is not known.
    """
    shares, cash = 1.0, 0.0
    day = previous
    while day < this:
        day += dt.timedelta(days=1)
        today = actions.filter(pl.col("event_date") == day, pl.col("value").is_not_null())
        for value in today.filter(action="split")["value"]:
            shares *= value
        for kind in ("cash_dividend", "special_dividend"):
            for value in today.filter(action=kind)["value"]:
                cash += shares * value
        for worth in today.filter(action="spin_off")["cash_usd"]:
            cash += shares * (math.nan if worth is None else worth)
    return (shares * price + cash) / previous_close - 1, shares, cash / shares


def tradable(
    session: dt.date, names: set[str], bars: pl.DataFrame, min_price_usd: float, min_adv_usd: float
) -> dict[str, tuple[bool, bool, float | None, float | None]]:
    """tradable, has_bar, close and mean dollar volume of each name, bar by bar."""
    told = {}
    for name in sorted(names):
        closes, dollars = [], []
        for row in bars.filter(symbol=name).sort("event_date").iter_rows(named=True):
            if row["event_date"] == session:
                closes.append(row["close"])
            if row["volume"] is not None:
                dollars.append(row["close"] * row["volume"])
        close = closes[0] if closes else None
        adv = sum(dollars) / len(dollars) if dollars else None
        good = close is not None and close >= min_price_usd and (adv or 0.0) >= min_adv_usd
        told[name] = (good, bool(closes), close, adv)
    return told
