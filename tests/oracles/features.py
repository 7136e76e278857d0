"""Features, scores and labels, one value at a time, from dictionaries and the statistics module."""

import datetime as dt
import math
import statistics
from collections.abc import Sequence

import numpy as np
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
    return observed if len(observed) >= math.ceil(window * share - 1e-9) else None


def history(returns: Sequence[Value], traded: Sequence[bool], t: int, window: int, lag: int = 0) -> list[float]:
    """Returns of rows t-lag, t-lag-1, ... of the window, until a bar without one, where what is known begins."""
    found = []
    for s in range(t - lag, max(-1, t - lag - window), -1):
        if traded[s] and returns[s] is None:
            break
        if returns[s] is not None:
            found.append(returns[s])
    return found


def levels(returns: Sequence[Value], traded: Sequence[bool], t: int, window: int) -> list[float]:
    """Total return index of the window's bars, newest first, where the one of t is 1."""
    found, log_level = [], 0.0
    for s in range(t, max(-1, t - window), -1):
        if traded[s]:
            found.append(math.exp(log_level))
            if returns[s] is None:
                break
            log_level -= returns[s]
    return found


def enough(values: list[float], window: int, share: float) -> bool:
    return len(values) >= math.ceil(window * share - 1e-9)


def total(returns: Sequence[Value], traded: Sequence[bool], t: int, window: int, share: float, lag: int = 0) -> Value:
    rows = history(returns, traded, t, window, lag)
    return math.fsum(rows) if enough(rows, window, share) else None


def over_mean(returns: Sequence[Value], traded: Sequence[bool], t: int, window: int, share: float) -> Value:
    rows = levels(returns, traded, t, window)
    return -math.log(statistics.fmean(rows)) if enough(rows, window, share) else None


def over_highest(returns: Sequence[Value], traded: Sequence[bool], t: int, window: int, share: float) -> Value:
    rows = levels(returns, traded, t, window)
    return -math.log(max(rows)) if enough(rows, window, share) else None


def deviation(values: Sequence[Value], t: int, window: int, share: float) -> Value:
    rows = seen(values, t, window, share)
    return None if rows is None or len(rows) < 2 else statistics.stdev(rows)


def mean(values: Sequence[Value], t: int, window: int, share: float) -> Value:
    rows = seen(values, t, window, share)
    return None if rows is None else statistics.fmean(rows)


def skewness(values: Sequence[Value], t: int, window: int, share: float) -> Value:
    rows = seen(values, t, window, share)
    if rows is None or len(rows) < 3:
        return None
    centre = statistics.fmean(rows)
    return statistics.fmean([(x - centre) ** 3 for x in rows]) / statistics.pvariance(rows) ** 1.5


def strength(returns: Sequence[Value], t: int, window: int, share: float) -> Value:
    rows = seen(returns, t, window, share)
    if rows is None or not any(rows):
        return None
    return 100 * math.fsum(x for x in rows if x > 0) / math.fsum(abs(x) for x in rows)


def scaled(x: Value, by: float) -> Value:
    return None if x is None else x * by


def ratio(x: Value, y: Value) -> Value:
    return x / y if x is not None and y else None


def log(x: Value) -> Value:
    return math.log(x) if x else None


def stock_features(bars: dict[str, list[Value]], t: int, share: float) -> dict[str, Value]:
    """Every feature of one symbol on row t.

    Args:
        bars: columns of ADJUSTED_BARS, one value a session, None where missing.
    """
    returns, dollars, closes = bars["log_return"], bars["dollar_volume_usd"], bars["close"]
    traded = [x is not None for x in closes]
    annual = math.sqrt(252)
    impact = [
        abs(r) / (d / 1e6) if r is not None and d is not None and d > 0 else None
        for r, d in zip(returns, dollars, strict=True)
    ]
    ranges = [
        None if high is None or low is None else (math.log(high) - math.log(low)) ** 2 / (4 * math.log(2))
        for high, low in zip(bars["high"], bars["low"], strict=True)
    ]
    losses = [None if r is None else min(r, 0.0) ** 2 for r in returns]
    largest, intraday = seen(returns, t, 21, share), seen(bars["intraday_log_return"], t, 63, share)
    month, quarter = mean(dollars, t, 21, share), mean(dollars, t, 63, share)
    return {
        "return_1": returns[t],
        "reversal_5": scaled(total(returns, traded, t, 5, share), -1),
        "reversal_21": scaled(total(returns, traded, t, 21, share), -1),
        "momentum_63": total(returns, traded, t, 63, share),
        "momentum_126_21": total(returns, traded, t, 105, share, 21),
        "momentum_252_21": total(returns, traded, t, 231, share, 21),
        "overnight_63": total(bars["overnight_log_return"], traded, t, 63, share),
        "intraday_63": None if intraday is None else math.fsum(intraday),
        "ma_gap_20": over_mean(returns, traded, t, 20, share),
        "ma_gap_50": over_mean(returns, traded, t, 50, share),
        "ma_gap_200": over_mean(returns, traded, t, 200, share),
        "high_gap_252": over_highest(returns, traded, t, 252, share),
        "rsi_14": strength(returns, t, 14, share),
        "volatility_21": scaled(deviation(returns, t, 21, share), annual),
        "volatility_63": scaled(deviation(returns, t, 63, share), annual),
        "volatility_252": scaled(deviation(returns, t, 252, share), annual),
        "downside_volatility_63": scaled(root(mean(losses, t, 63, share)), annual),
        "range_volatility_21": scaled(root(mean(ranges, t, 21, share)), annual),
        "skewness_63": skewness(returns, t, 63, share),
        "max_return_21": None if largest is None else max(largest),
        "volume_trend_5_63": log(ratio(mean(dollars, t, 5, share), quarter)),
        "volume_volatility_63": ratio(deviation(dollars, t, 63, share), quarter),
        "amihud_21": mean(impact, t, 21, share),
        "amihud_252": mean(impact, t, 252, share),
        "adv_21_usd": month,
        "log_adv_63": log(quarter),
    }


def root(x: Value) -> Value:
    return None if x is None else math.sqrt(x)


def less(x: Value, y: Value) -> Value:
    return None if x is None or y is None else x - y


def forward_return(
    returns: Sequence[Value], intraday: Sequence[Value], bars: Sequence[bool], t: int, horizon: int
) -> Value:
    """Walks from the fill at the open of t+1 to the close of t+horizon."""
    return walk(returns, intraday, bars, t, t + horizon) if bars[t + horizon] else None


def walk(
    returns: Sequence[Value], intraday: Sequence[Value], bars: Sequence[bool], t: int, end: int, filled: bool = True
) -> Value:
    """From the open of t+1, or the close of t, to the close of `end`."""
    if filled and not bars[t + 1]:
        return None
    total = intraday[t + 1] if filled else 0.0
    for s in range(t + 2 if filled else t + 1, end + 1):
        if bars[s]:
            if returns[s] is None or total is None:
                return None
            total += returns[s]
    return total


def ended(
    bars: Sequence[bool],
    acts: list[tuple[int, str, float, Value]],
    closes: Sequence[Value],
    t: int,
    until: int,
    gone: int,
    fallback: float,
) -> tuple[int, str, float] | None:
    """Last bar, how it ended and the log of what is left, by row `until`; None where there is nothing to say.

    Args:
        acts: row, action, value and cash of mergers and delistings, ascending.
    """
    stop = max(s for s in range(t, until + 1) if bars[s])
    if stop == until:
        return None
    for s, action, value, cash in acts:
        if stop < s <= until:
            left = 1 + value if action == "delisting" else cash / closes[stop] if value == 0 and cash else 1.0
            return stop, "merged" if action == "merger" else "delisted", math.log(max(left, 0.01))
    return (stop, "written_off", math.log(max(1 + fallback, 0.01))) if until - stop >= gone else None


def relative(values: dict[str, Value], industry: dict[str, str]) -> dict[str, Value]:
    """Each value less the mean of its industry's values, or of all where it has no peer with a value."""
    known = {name: x for name, x in values.items() if x is not None}
    result: dict[str, Value] = {}
    for name in values:
        peers = [x for other, x in known.items() if industry[other] == industry[name]]
        pool = peers if len(peers) >= 2 else list(known.values())
        result[name] = known[name] - statistics.fmean(pool) if name in known and len(pool) >= 2 else None
    return result


def quantile(values: list[float], q: float) -> float:
    """Between the two order statistics around it, in proportion."""
    ordered = sorted(values)
    below = math.floor(q * (len(values) - 1))
    above = min(below + 1, len(values) - 1)
    return ordered[below] + (q * (len(values) - 1) - below) * (ordered[above] - ordered[below])


def scores(
    values: dict[str, Value], industry: dict[str, str], quantiles: tuple[float, float], least: int
) -> dict[str, Value]:
    """Clipped at the quantiles of all, then deviations from the industry's mean, or from that of all."""
    known = {name: x for name, x in values.items() if x is not None}
    if known:
        low, high = (quantile(list(known.values()), q) for q in quantiles)
        known = {name: min(max(x, low), high) for name, x in known.items()}
    result: dict[str, Value] = dict.fromkeys(values)
    for name, x in known.items():
        peers = [y for other, y in known.items() if industry[other] == industry[name]]
        for pool in (peers, list(known.values())):
            if len(pool) >= least and statistics.stdev(pool) > 1e-12 * abs(statistics.fmean(pool)):
                result[name] = (x - statistics.fmean(pool)) / statistics.stdev(pool)
                break
    return result


def percentile_ranks(values: dict[str, float | None]) -> dict[str, float | None]:
    """(rank - 1/2) / n of each, equal values at their mean rank."""
    known = [x for x in values.values() if x is not None]
    return {
        name: None if x is None else (sum(o < x for o in known) + sum(o == x for o in known) / 2) / len(known)
        for name, x in values.items()
    }


def composite(z: list[float], weights: list[float], min_coverage: float) -> float | None:
    """Weighted mean of what is known (NaN is not), or None with too little of the weights."""
    known = [(x, w) for x, w in zip(z, weights, strict=True) if not math.isnan(x) and w != 0]
    size, whole = sum(abs(w) for _, w in known), sum(abs(w) for w in weights)
    if not known or size < min_coverage * whole - 1e-9:
        return None
    return sum(x * w for x, w in known) / size


def distribution(values: list[float | None]) -> dict[str, float | None]:
    """A row of SCORE_DISTRIBUTIONS by column."""
    known = [x for x in values if x is not None]
    row = {"count": len(known), "null_fraction": 1 - len(known) / len(values)}
    row["mean"] = statistics.fmean(known) if known else None
    row["std"] = statistics.stdev(known) if len(known) > 1 else None
    for name in ("p01", "p05", "p25", "p50", "p75", "p95", "p99"):
        row[name] = float(np.quantile(known, int(name[1:]) / 100)) if known else None
    return row
