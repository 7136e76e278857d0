"""Markets of random prices and events."""

import numpy as np

from configs.settings import Execution, Macro, Portfolio
from feature_store.schemas.risk import STYLES
from tests.execution.markets import Market, Mode


def random_market(
    seed: int, n_symbols: int = 8, n_sessions: int = 12, mode: Mode = "long_only", reorganized: bool = False
) -> Market:
    """Prices, gaps, actions, alphas and membership drawn from a seed; everything that can happen does somewhere.

    Where `reorganized`, special dividends, spin-offs, mergers and changes of tickers happen as well.
    """
    rng = np.random.default_rng(seed)
    symbols = [f"S{i:03d}" for i in range(n_symbols)]
    prices: dict[str, list] = {}
    actions: list[dict] = []
    for symbol in symbols:
        close, bars, gone = float(rng.uniform(5, 200)), [], False
        for t in range(n_sessions):
            event = rng.uniform()
            if event < 0.03 and t:
                ratio = float(rng.choice([0.1, 0.5, 1.5, 2.0, 7.0]))
                known = int(rng.integers(max(t - 3, 0), t + 1))
                actions.append({"symbol": symbol, "action": "split", "value": ratio, "ex": t, "known": known})
                close /= ratio
            elif event < 0.08 and t:
                paid = float(rng.uniform(0, 0.03) * close)
                actions.append({"symbol": symbol, "action": "cash_dividend", "value": paid, "ex": t, "known": t})
                close -= paid
            elif event < 0.10 and not gone:
                gone = True
                if rng.uniform() < 0.5:
                    value = float(rng.uniform(-1, 0.2))
                    known = int(rng.integers(max(t - 1, 0), min(t + 3, n_sessions)))
                    actions.append({"symbol": symbol, "action": "delisting", "value": value, "ex": t, "known": known})
            opened = close * float(np.exp(rng.normal(0, 0.01)))
            close = opened * float(np.exp(rng.normal(0, 0.02)))
            bars.append(None if gone or rng.uniform() < 0.05 else (opened, close))
        prices[symbol] = bars
    each = range(n_sessions)
    centre = 0.01 if mode == "long_only" else 0.0
    root = rng.normal(0, 0.03, (len(STYLES), len(STYLES)))
    industries = {s: str(rng.choice(["Energy", "Materials", "Utilities"])) for s in symbols}
    market = Market(
        prices,
        actions,
        alphas={
            t: {s: None if rng.uniform() < 0.1 else float(rng.normal(centre, 0.02)) for s in symbols}
            for t in each
            if rng.uniform() > 0.1
        },
        members={t: [s for s in symbols if rng.uniform() > 0.05] for t in each},
        below_floors={t: [s for s in symbols if rng.uniform() < 0.03] for t in each},
        industries=industries,
        tilts={
            i: None if rng.uniform() < 0.2 else float(rng.normal(0, 1e-3)) for i in sorted(set(industries.values()))
        },
        bands={i: float(rng.uniform(0.05, 0.4)) for i in sorted(set(industries.values()))},
        styles={s: rng.normal(0, 1, len(STYLES)).tolist() for s in symbols},
        style_covariance=root @ root.T,
        rates={t: None if rng.uniform() < 0.2 else float(rng.uniform(0, 5)) for t in each if rng.uniform() < 0.3},
        volume={s: int(10 ** rng.uniform(4, 7)) for s in symbols},
        half_spread_bp=2.5,
        portfolio=Portfolio(
            mode=mode,
            weight_cap=float(rng.uniform(0.1, 0.5)),
            short_cap=float(rng.uniform(0.1, 0.4)),
            gross_cap=float(rng.uniform(0.5, 2.5)),
            net_band=float(rng.uniform(0.0, 0.3)),
            turnover_cap=float(rng.uniform(0.1, 1.0)),
            cash_floor=float(rng.uniform(0, 0.1)),
        ),
        execution=Execution(
            write_off_sessions=4,
            cash_rate_annual=0.03,
            borrow_rate_annual=0.02,
            initial_cash_usd=1e6,
            max_participation=0.2,
        ),
        series=Macro(max_age_sessions=3),
    )
    if reorganized:
        _reorganize(market, symbols, np.random.default_rng([seed, 1]), n_sessions)
    return market


def _reorganize(market: Market, symbols: list[str], rng: np.random.Generator, n_sessions: int) -> None:
    """Add events to a random market; a child is a new name, or another of the market.

    What is given is worth a part of the price, or near to all of it in a merger.
    """
    for symbol in symbols:
        t, event = int(rng.integers(1, n_sessions)), rng.uniform()
        price = next((bar[1] for bar in reversed(market.prices[symbol][:t]) if bar is not None), 10.0)
        row = {"symbol": symbol, "ex": t, "known": int(rng.integers(max(t - 2, 0), t + 1))}
        worth, paid = float(rng.uniform(0, 0.2) * price), rng.uniform() < 0.6
        if event < 0.3:
            market.actions.append(row | {"action": "special_dividend", "value": worth})
        elif event < 0.6:
            child = f"{symbol}.CHILD" if rng.uniform() < 0.7 else str(rng.choice(symbols))
            if child not in market.prices:
                _list_child(market, child, t, n_sessions, rng)
            terms = _terms(market, child, t, worth, rng) | {"cash_usd": worth if paid else None}
            market.actions.append(row | {"action": "spin_off"} | terms)
        elif event < 0.85:
            acquirer = None if rng.uniform() < 0.1 else str(rng.choice([*symbols, "ELSEWHERE"]))
            terms = _terms(market, acquirer, t, float(rng.uniform(0.5, 1.0) * price), rng)
            known = min(row["known"] + int(rng.integers(0, 3)), n_sessions - 1)  # often late
            paid_usd = {"cash_usd": worth if paid else None}
            market.actions.append(row | {"action": "merger", "known": known} | terms | paid_usd)
            if rng.uniform() < 0.8:
                market.prices[symbol][t:] = [None] * (n_sessions - t)
        else:
            market.actions.append(row | {"action": "symbol_change", "value": 1.0, "other_symbol": f"{symbol}.NEW"})


def _terms(market: Market, other: str | None, t: int, worth: float, rng: np.random.Generator) -> dict:
    """Shares of the other, worth so much where it has a bar; sometimes none."""
    bar = market.prices[other][t] if other in market.prices else None
    ratio = worth / (10.0 if bar is None else bar[1])
    return {"value": 0.0 if rng.uniform() < 0.25 else ratio, "other_symbol": other}


def _list_child(market: Market, child: str, first: int, n_sessions: int, rng: np.random.Generator) -> None:
    """Bars of a new name; of half of them the members and the models know nothing."""
    market.prices[child] = [None] * first + [
        None if rng.uniform() < 0.15 else (float(rng.uniform(1, 20)), float(rng.uniform(1, 20)))
        for _ in range(first, n_sessions)
    ]
    market.volume |= {child: int(10 ** rng.uniform(4, 7))}
    if rng.uniform() < 0.5:
        market.members = {t: [*names, child] for t, names in market.members.items()}
