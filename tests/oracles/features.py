"""Features, scores and labels, one value at a time, from dictionaries and the statistics module."""

import datetime as dt
import math
import statistics
from collections.abc import Sequence

import polars as pl

Value = float | None


def series(frame: pl.DataFrame, days: list[dt.date], symbol: str, column: str) -> list[Value]:
    """The column of one symbol on every session; None where missing."""
    found = dict(frame.filter(symbol=symbol).select("event_date", column).iter_rows())
    return [found.get(day) for day in days]


def seen(values: Sequence[Value], t: int, window: int, share: float, lag: int = 0) -> list[float] | None:
    """Observed values of rows t-lag-window+1 .. t-lag, or None when there are too few."""
    rows = [t - lag - i for i in range(window)]
    observed = [values[s] for s in rows if s >= 0 and values[s] is not None]
    return observed if len(observed) >= math.ceil(window * share - 1e-9) else None  # type: ignore[return-value]


def stock_features(returns: Sequence[Value], dollars: Sequence[Value], t: int, share: float) -> dict[str, Value]:
    impact = [
        abs(r) / (d / 1e6) if r is not None and d is not None and d > 0 else None
        for r, d in zip(returns, dollars, strict=True)
    ]

    def total(window: int, lag: int = 0) -> Value:
        rows = seen(returns, t, window, share, lag)
        return None if rows is None else math.fsum(rows)

    def deviation(window: int) -> Value:
        rows = seen(returns, t, window, share)
        return None if rows is None or len(rows) < 2 else statistics.stdev(rows) * math.sqrt(252)

    def mean(values: Sequence[Value], window: int) -> Value:
        rows = seen(values, t, window, share)
        return None if rows is None else statistics.fmean(rows)

    def minus(x: Value) -> Value:
        return None if x is None else -x

    return {
        "return_1": returns[t],
        "reversal_5": minus(total(5)),
        "reversal_21": minus(total(21)),
        "momentum_252_21": total(231, 21),
        "volatility_21": deviation(21),
        "volatility_63": deviation(63),
        "amihud_21": mean(impact, 21),
        "adv_21_usd": mean(dollars, 21),
    }


def forward_return(
    returns: Sequence[Value], intraday: Sequence[Value], bars: Sequence[bool], t: int, horizon: int
) -> Value:
    """Walks from the fill at the open of t+1 to the close of t+horizon."""
    if not bars[t + 1] or not bars[t + horizon]:
        return None
    total = intraday[t + 1]
    for s in range(t + 2, t + horizon + 1):
        if bars[s]:
            if returns[s] is None or total is None:
                return None
            total += returns[s]
    return total


def relative(values: dict[str, Value], industry: dict[str, str]) -> dict[str, Value]:
    """Each value less the mean of its industry's values, or of all where it has no peer with a value."""
    known = {name: x for name, x in values.items() if x is not None}
    result: dict[str, Value] = {}
    for name in values:
        peers = [x for other, x in known.items() if industry[other] == industry[name]]
        pool = peers if len(peers) >= 2 else list(known.values())
        result[name] = known[name] - statistics.fmean(pool) if name in known and len(pool) >= 2 else None
    return result


def score(values: list[float], deviations: float) -> list[float]:
    """Winsorized until nothing lies beyond the bounds (ten times at most), then standardized."""
    for _ in range(10):
        centre, reach = statistics.fmean(values), deviations * statistics.stdev(values)
        values = [min(max(x, centre - reach), centre + reach) for x in values]
    return [(x - statistics.fmean(values)) / statistics.stdev(values) for x in values]
