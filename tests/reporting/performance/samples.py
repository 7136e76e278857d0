"""One plot of each kind, drawn from a seed."""

import datetime as dt

import numpy as np
import plotly.graph_objects as go
import polars as pl

from feature_store import sessions
from quant_assets.reporting.performance import plots

INDUSTRIES = ["Energy", "Financials", "Health Care", "Industrials", "Technology", "Utilities"]


def long(days: list[dt.date], columns: dict[str, np.ndarray], name: str, value: str) -> pl.DataFrame:
    """One row a session and column."""
    parts = [pl.DataFrame({"event_date": days, name: [c] * len(days), value: v}) for c, v in columns.items()]
    return pl.concat(parts)


def all_plots(seed: int, days: list[dt.date] | None = None) -> dict[str, go.Figure]:
    """One of each kind, by heading."""
    rng = np.random.default_rng(seed)
    on = days or sessions.between(dt.date(2014, 1, 2), dt.date(2016, 12, 30))
    n = len(on)

    def walk(drift: float = 0.0004, deviation: float = 0.009) -> np.ndarray:
        return np.exp(np.cumsum(rng.normal(drift, deviation, n)))

    books = {"main": 1e7 * walk(0.0006), "equal_weight": 1e7 * walk(), "shuffled": 1e7 * walk(0.0003)}
    late = walk()
    late[: n // 10] = np.nan
    levels = long(on, books | {"RSP": walk(), "SPY": late}, "name", "level").fill_nan(None)
    nav = pl.DataFrame({"event_date": on, "nav_usd": books["main"]})
    weights = nav.with_columns(gross_weight=1 - rng.random(n) / 20, cash_weight=rng.random(n) / 20)
    active = long(on, {i: np.cumsum(rng.normal(0, 0.002, n)) for i in INDUSTRIES}, "industry", "active_weight")
    traded = nav.with_columns(turnover=rng.random(n) / 10, cost_usd=rng.random(n) * 4e3, borrow_usd=rng.random(n) * 300)
    states = pl.concat(_states(rng, on, industry) for industry in INDUSTRIES[:2])
    returns = long(on, {i: np.diff(np.log(walk()), prepend=0.0) for i in INDUSTRIES[:2]}, "industry", "log_return")
    coefficients = pl.concat(
        pl.DataFrame({"event_date": on, "rank_ic": rng.normal(0.02, 0.1, n)}).with_columns(
            model=pl.lit(model), horizon_sessions=pl.lit(horizon, pl.Int32)
        )
        for model in ("lightgbm", "ridge")
        for horizon in (21, 63)
    )
    sources = ["market", *(f"industry:{i}" for i in INDUSTRIES), "beta", "momentum", "volatility", "liquidity"]
    sources += ["reversal", "specific", "unexplained", "unmodelled", "trading", "interest", "cost", "borrow"]
    earned = long(on, {s: rng.normal(300, 9e3, n) for s in sources}, "source", "pnl_usd").join(nav, on="event_date")
    other = pl.DataFrame({"event_date": on[20:], "nav_usd": 1e6 * walk()[20:]})
    return {
        "Equity": plots.equity(levels),
        "Exposures": plots.exposures(weights, active),
        "Turnover and costs": plots.turnover_and_costs(traded),
        "Regimes of Energy": plots.regimes(states, returns, "Energy"),
        "Information coefficients": plots.information_by_month(coefficients),
        "Attribution": plots.cumulative_attribution(earned),
        "Two configurations": plots.comparison(nav, other, ("this one", "another")),
    }


def _states(rng: np.random.Generator, days: list[dt.date], industry: str) -> pl.DataFrame:
    def sticky() -> np.ndarray:
        raw = np.abs(np.cumsum(rng.normal(0, 0.1, (len(days), 3)), axis=0))
        return raw / raw.sum(axis=1, keepdims=True)

    trend, volatility = sticky(), sticky()
    columns = {f"p_{s}": trend[:, i] for i, s in enumerate(("bear", "sideways", "bull"))}
    columns |= {f"p_{s}": volatility[:, i] for i, s in enumerate(("calm", "turbulent", "crisis"))}
    return pl.DataFrame({"event_date": days, "industry": [industry] * len(days)} | columns)
