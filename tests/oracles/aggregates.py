"""Features of industries, of the market and of funds, value by value."""

import itertools
import math
import statistics
from collections.abc import Sequence

from tests.oracles.features import (
    Value,
    deviation,
    enough,
    less,
    mean,
    over_highest,
    over_mean,
    root,
    scaled,
    seen,
    total,
)


def last_z(values: Sequence[Value], t: int, window: int, share: float) -> Value:
    """Row t against its own window."""
    rows = seen(values, t, window, share)
    if rows is None or len(rows) < 2 or values[t] is None:
        return None
    spread = statistics.stdev(rows)
    centre = statistics.fmean(rows)
    return (values[t] - centre) / spread if spread > 1e-12 * abs(centre) else None


def index_features(returns: list[Value], there: list[bool], t: int, share: float) -> dict[str, Value]:
    annual = math.sqrt(252)
    falls = [
        over_highest(returns[: s + 1], there[: s + 1], s, 252, share) if there[s] and s > t - 252 else None
        for s in range(t + 1)
    ]
    return {
        "return_1": returns[t],
        **{f"momentum_{n}": total(returns, there, t, n, share) for n in (5, 10, 21, 63)},
        "momentum_252_21": total(returns, there, t, 231, share, 21),
        **{f"ma_gap_{n}": over_mean(returns, there, t, n, share) if there[t] else None for n in (20, 50, 200)},
        "drawdown_252": falls[t],
        "drawdown_z_252": last_z(falls, t, 252, share),
        "volatility_10": scaled(root(mean([None if r is None else r * r for r in returns], t, 10, share)), annual),
        **{f"volatility_{n}": scaled(deviation(returns, t, n, share), annual) for n in (21, 63, 252)},
    }


def industry_features(columns: dict[str, list[Value]], there: list[bool], t: int, share: float) -> dict[str, Value]:
    """Of one industry, from its INDUSTRY_RETURNS, one value a session."""
    volume = [
        math.log(dollars / n) if dollars and n else None
        for dollars, n in zip(columns["dollar_volume_usd"], columns["n_volumes"], strict=True)
    ]
    ranges = {
        f"{of}range_volatility_{n}": scaled(root(mean(columns[variance], t, n, share)), math.sqrt(252))
        for of, variance in (("", "proxy_range_variance"), ("member_", "member_range_variance"))
        for n in (1, 21)
    }
    return {
        **index_features(columns["proxy_log_return"], there, t, share),
        "return_10": mean(columns["proxy_log_return"], t, 10, share),
        **ranges,
        "volume_z_63": last_z(volume, t, 63, share),
        "breadth_50": columns["breadth_50"][t],
        "breadth_200": columns["breadth_200"][t],
    }


def member_index(returns: dict[str, float], caps: dict[str, Value], dollars: dict[str, Value], share: float) -> tuple:
    """Name and log return of an industry's index, from those who were members and traded the session before."""
    capped = {name: caps[name] for name in returns if caps[name] is not None}
    enough_capped = bool(returns) and len(capped) >= share * len(returns)
    weights = capped if enough_capped else {name: dollars[name] for name in returns if dollars[name]}
    if not weights:
        return None, None
    simple = sum(w * math.expm1(returns[name]) for name, w in weights.items()) / sum(weights.values())
    return "capitalisation" if enough_capped else "dollar_volume", math.log1p(simple)


def market_returns(returns: dict[str, list[Value]], members: dict[str, int]) -> list[Value]:
    """Of one dollar in each member of each industry that has a return."""
    found: list[Value] = []
    for day in zip(*returns.values(), strict=True):
        simple = [math.expm1(r) for r, n in zip(day, members.values(), strict=True) if r is not None for _ in range(n)]
        found.append(math.log1p(statistics.fmean(simple)) if simple else None)
    return found


def market_features(returns: dict[str, list[Value]], members: dict[str, int], share: float) -> dict[str, Value]:
    """What follows from the industries' returns on the last row; None is no row of the industry."""
    market = market_returns(returns, members)
    t = len(market) - 1
    there = [any(r is not None for r in day) for day in zip(*returns.values(), strict=True)]
    past = [scaled(deviation(market[: s + 1], s, 21, share), math.sqrt(252)) for s in range(max(0, t - 251), t + 1)]
    known = [x for x in past if x is not None]
    now = past[-1]
    whole = [path[-63:] for path in returns.values() if len(path) >= 63 and None not in path[-63:]]
    pairs = [statistics.correlation(a, b) for a, b in itertools.combinations(whole, 2)]
    return {
        **index_features(market, there, t, share),
        "volatility_percentile": (
            sum(x <= now for x in known) / len(known) if now is not None and enough(known, 252, share) else None
        ),
        "mean_correlation_63": statistics.fmean(pairs) if pairs else None,
    }


def cross_asset(paths: dict[str, list[dict[str, float] | None]], share: float) -> dict[str, Value]:
    """On the last row, from bars (r, high, low) of equity, bonds, high_yield, investment_grade and gold."""
    t = len(paths["equity"]) - 1
    returns = {role: [bar and bar["r"] for bar in bars] for role, bars in paths.items()}
    there = {role: [bar is not None for bar in bars] for role, bars in paths.items()}
    earned = {role: total(returns[role], there[role], t, 63, share) for role in paths}
    squares = [
        None if bar is None else (math.log(bar["high"]) - math.log(bar["low"])) ** 2 / (4 * math.log(2))
        for bar in paths["equity"]
    ]
    pairs = [
        (a, b)
        for a, b in zip(returns["equity"][-63:], returns["bonds"][-63:], strict=True)
        if a is not None and b is not None
    ]
    ratio: list[Value] = []
    for s in range(t + 1):
        both = [
            sum(x for x in returns[role][s + 1 :] if x is not None) if there[role][s] else None
            for role in ("high_yield", "investment_grade")
        ]
        ratio.append(None if None in both else both[1] - both[0])
    return {
        "range_volatility_21": scaled(root(mean(squares, t, 21, share)), math.sqrt(252)),
        "equity_bond_correlation_63": statistics.correlation(*zip(*pairs, strict=True))
        if enough(pairs, 63, share)
        else None,
        "credit_ratio_z_252": last_z(ratio, t, 252, share),
        **{f"{role}_return_1": returns[role][t] for role in ("equity", "bonds", "gold", "high_yield")},
        "bonds_relative_63": less(earned["bonds"], earned["equity"]),
        "gold_relative_63": less(earned["gold"], earned["equity"]),
    }
