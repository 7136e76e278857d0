"""Small markets made by hand or by a seed, as the book's inputs."""

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from configs.settings import Alpha, Execution, Portfolio
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.schemas.alpha import PREDICTIONS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, UNIVERSE
from feature_store.schemas.regimes import VOLATILITY_STATES
from feature_store.schemas.risk import COVARIANCE
from quant_assets.execution.book import step

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))


def frame(dataset: Dataset, rows: list[dict]) -> pl.DataFrame:
    """Rows of a dataset as a function receives them; what is not said is null."""
    schema = {name: dtype for name, dtype in dataset.schema.items() if name != "known_at"}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row")


@dataclass
class Market:
    """Everything that a book may be told, by session.

    `prices[symbol][t]` is (open, close) on DAYS[t], or None where there is no bar.
    """

    prices: dict[str, list[tuple[float, float] | None]]
    actions: list[dict] = field(default_factory=list)
    alphas: dict[int, dict[str, float | None]] = field(default_factory=dict)
    members: dict[int, list[str]] = field(default_factory=dict)
    turbulence: float | None = 0.0
    volume: int = 10_000_000
    volatility: float = 0.2
    correlation: float = 0.3
    portfolio: Portfolio = field(default_factory=lambda: Portfolio(weight_cap=0.5, turnover_cap=2.0))
    execution: Execution = field(default_factory=Execution)
    alpha: Alpha = field(default_factory=Alpha)
    window: int = 21

    def inputs(self, t: int) -> dict:
        return {
            "bars": self.bars(t),
            "actions": self.known_actions(t),
            "predictions": self.predictions(t),
            "covariance": self.covariance(t),
            "states": self.states(t),
            "universe": self.universe(t),
            "session": DAYS[t],
            "portfolio": self.portfolio,
            "execution": self.execution,
            "alpha": self.alpha,
        }

    def step(self, state: pl.DataFrame | None, t: int) -> pl.DataFrame:
        return step(state, **self.inputs(t))

    def run(self, last: int, first: int = 0, state: pl.DataFrame | None = None) -> list[pl.DataFrame]:
        books = []
        for t in range(first, last + 1):
            state = self.step(state, t)
            books.append(state)
        return books

    def bars(self, t: int) -> pl.DataFrame:
        rows = []
        for s in range(max(t - self.window + 1, 0), t + 1):
            for symbol in sorted(self.prices):
                if (bar := self.prices[symbol][s]) is not None:
                    low, high = min(bar), max(bar)
                    row = {"event_date": DAYS[s], "symbol": symbol, "open": bar[0], "close": bar[1]}
                    rows.append(row | {"low": low, "high": high, "volume": self.volume})
        return frame(BARS, rows)

    def known_actions(self, t: int) -> pl.DataFrame:
        """`known` is the index of the session that first knew the action; unless given, from the first on."""
        known = [row for row in self.actions if row.get("known", 0) <= t]
        rows = [row | {"event_date": DAYS[row["ex"]]} for row in known]
        return frame(CORPORATE_ACTIONS, sorted(rows, key=lambda row: (row["event_date"], row["symbol"], row["action"])))

    def _listed(self, t: int) -> list[str]:
        return sorted(self.members.get(t, list(self.prices)))

    def universe(self, t: int) -> pl.DataFrame:
        rows = [{"symbol": s, "tradable": self.prices[s][t] is not None} for s in self._listed(t)]
        return frame(UNIVERSE, [row | {"event_date": DAYS[t]} for row in rows])

    def predictions(self, t: int) -> pl.DataFrame:
        said = self.alphas.get(t, {})
        rows = [{"symbol": s, "alpha": said.get(s)} for s in self._listed(t) if self.prices[s][t] is not None]
        return frame(PREDICTIONS, [row | {"event_date": DAYS[t]} for row in rows])

    def covariance(self, t: int) -> pl.DataFrame:
        same = {"volatility_annual": self.volatility, "correlation": self.correlation, "n_observations": 252}
        rows = [{"symbol": s} | same for s in self._listed(t) if self.prices[s][t] is not None]
        return frame(COVARIANCE, [row | {"event_date": DAYS[t]} for row in rows])

    def states(self, t: int) -> pl.DataFrame:
        if self.turbulence is None:
            return frame(VOLATILITY_STATES, [])
        row = {"industry": "Energy", "p_0": 1 - self.turbulence, "p_1": self.turbulence}
        return frame(VOLATILITY_STATES, [row | {"event_date": DAYS[t]}])


def random_market(seed: int, n_symbols: int = 8, n_sessions: int = 12) -> Market:
    """Prices, gaps, actions, alphas and membership drawn from a seed; everything that can happen does somewhere."""
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
    alphas = {
        t: {s: None if rng.uniform() < 0.1 else float(rng.normal(0.01, 0.02)) for s in symbols}
        for t in range(n_sessions)
        if rng.uniform() > 0.1
    }
    members = {t: [s for s in symbols if rng.uniform() > 0.05] for t in range(n_sessions)}
    return Market(
        prices,
        actions,
        alphas,
        members,
        turbulence=float(rng.uniform()),
        portfolio=Portfolio(
            weight_cap=float(rng.uniform(0.1, 0.5)),
            turnover_cap=float(rng.uniform(0.1, 1.0)),
            cash_floor=float(rng.uniform(0, 0.1)),
        ),
        execution=Execution(write_off_sessions=4, cash_rate_annual=0.03, initial_cash_usd=1e6),
    )
