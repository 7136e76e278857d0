"""What a holder of one share has at the next bar, told day by day."""

import datetime as dt

import polars as pl


def holder(
    previous: dt.date, previous_close: float, this: dt.date, price: float, actions: pl.DataFrame
) -> tuple[float, float, float]:
    """Simple total return, shares now for one then, and cash received per share now, walking every calendar day.

    `actions` are those of the symbol alone.
    """
    shares, cash = 1.0, 0.0
    day = previous
    while day < this:
        day += dt.timedelta(days=1)
        today = actions.filter(pl.col("event_date") == day, pl.col("value").is_not_null())
        for value in today.filter(action="split")["value"]:
            shares *= value
        for value in today.filter(action="cash_dividend")["value"]:
            cash += shares * value
    return (shares * price + cash) / previous_close - 1, shares, cash / shares
