"""Two sessions of a book whose prices, returns and cash agree, by hand or from a seed."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Dataset
from feature_store.schemas.execution import BOOK
from feature_store.schemas.risk import EXPOSURES, FACTOR_RETURNS, MARKET, SPECIFIC_RETURNS, STYLES

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))


def frame(dataset: Dataset, rows: list[dict], day: dt.date | None = None) -> pl.DataFrame:
    """Rows of a dataset as a function receives them; what is not said is null."""
    schema = dataset.computed_schema
    dated = [{"event_date": day} | row for row in rows]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in dated], schema=schema, orient="row")


def known(frame: pl.DataFrame) -> pl.DataFrame:
    """With a `known_at`, as the writer stamps it."""
    return frame.with_columns(known_at=pl.lit(dt.datetime(2016, 1, 5, 12, tzinfo=dt.UTC), KNOWN_AT))


@dataclass
class Inputs:
    """What `attribution` is given, and the session."""

    book: pl.DataFrame
    exposures: pl.DataFrame
    factor_returns: pl.DataFrame
    specific_returns: pl.DataFrame
    session: dt.date = DAYS[1]

    def arguments(self) -> dict:
        return dict(vars(self))


def random_inputs(seed: int, n: int = 12) -> Inputs:
    """Longs and shorts, fills at the open, dividends, splits, names without a bar, and a model that misses some names.

    Cash is worked out by what moved it, and every modelled return is what factors and the specific return add up to.
    """
    rng = np.random.default_rng(seed)
    symbols = [f"S{i:03d}" for i in range(n)]
    industries = [str(word) for word in rng.choice(["Energy", "Tech"], n)]
    styles = rng.normal(0, 1, (n, len(STYLES)))
    factors = {MARKET: 0.01, "industry:Energy": -0.004, "industry:Tech": 0.003}
    factors |= dict(zip(STYLES, rng.normal(0, 0.005, len(STYLES)), strict=True))
    close = rng.uniform(5, 300, n)
    total = rng.normal(0.0, 0.02, n)
    dividend = np.where(rng.random(n) < 0.2, 0.01 * close, 0.0)
    split = np.where(rng.random(n) < 0.1, 2.0, 1.0)
    has_bar = rng.random(n) > 0.1
    split, dividend = np.where(has_bar, split, 1.0), np.where(has_bar, dividend, 0.0)
    # total return = split · (close + dividend) / previous close − 1
    after = np.where(has_bar, (1 + total) * close / split - dividend, close)
    opened = after * np.exp(rng.normal(0, 0.01, n))
    shares = np.round(rng.normal(0, 1000, n))
    wants = has_bar & (rng.random(n) < 0.7)
    fills = np.where(wants, np.round(rng.normal(0, 300, n)), 0.0)
    cost, fee = np.abs(fills) * opened * 1e-3, np.maximum(-shares * close, 0.0) * 1e-5
    held = shares * split
    paid = held * dividend
    pnl = (held + fills) * after - shares * close + paid - fills * opened
    cash = 1e7 - float((shares * close).sum())
    interest = cash * 1e-4
    later = cash + float(paid.sum() - (fills * opened).sum() - cost.sum() - fee.sum()) + interest
    yesterday = [
        {"symbol": s, "shares": shares[i], "price_usd": close[i], "value_usd": shares[i] * close[i], "pnl_usd": 0.0}
        for i, s in enumerate(symbols)
    ]
    today = [
        {
            "symbol": s,
            "shares": held[i] + fills[i],
            "price_usd": after[i],
            "value_usd": (held[i] + fills[i]) * after[i],
            "fill_shares": fills[i] if wants[i] else None,
            "fill_price_usd": opened[i] if wants[i] and fills[i] else None,
            "cost_usd": cost[i] if wants[i] else None,
            "borrow_usd": fee[i] or None,
            "dividend_usd": paid[i] or None,
            "pnl_usd": pnl[i],
        }
        for i, s in enumerate(symbols)
    ]
    yesterday.append({"symbol": "USD", "shares": cash, "price_usd": 1.0, "value_usd": cash, "pnl_usd": 0.0})
    today.append(
        {"symbol": "USD", "shares": later, "price_usd": 1.0, "value_usd": later, "pnl_usd": interest}
        | {"interest_usd": interest, "status": "optimal"}
    )
    speaks = rng.random(n) < 0.8
    exposed = [
        {"symbol": s, "industry": industries[i], "weight": 1 / n} | dict(zip(STYLES, styles[i], strict=True))
        for i, s in enumerate(symbols)
        if speaks[i]
    ]
    explained = [
        factors[MARKET] + factors[f"industry:{industries[i]}"] + sum(styles[i] * [factors[k] for k in STYLES])
        for i in range(n)
    ]
    specific = [
        {"symbol": s, "simple_return": total[i], "specific_return": total[i] - explained[i]}
        for i, s in enumerate(symbols)
        if speaks[i] and has_bar[i]
    ]
    returned = [{"factor": k, "simple_return": v, "n_stocks": n} for k, v in sorted(factors.items())]
    return Inputs(
        pl.concat([frame(BOOK, yesterday, DAYS[0]), frame(BOOK, today, DAYS[1])]),
        frame(EXPOSURES, exposed, DAYS[0]),
        frame(FACTOR_RETURNS, returned, DAYS[1]),
        frame(SPECIFIC_RETURNS, specific, DAYS[1]),
    )
