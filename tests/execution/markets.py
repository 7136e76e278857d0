"""Small markets made by hand or by a seed, as the books' inputs."""

import datetime as dt
import inspect
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
import polars as pl

from configs.settings import Execution, Macro, Portfolio
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.companies import BORROW
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, MACRO, UNIVERSE
from feature_store.schemas.portfolio import MARKET_ROW, VIEWS
from feature_store.schemas.risk import COST_PARAMETERS, EXPOSURES, FACTOR_COVARIANCE, MARKET, SPECIFIC_RISK, STYLES
from quant_assets.execution.book.inputs import MarketInputs, ProgramInputs
from quant_assets.execution.book.replay import equal_weight_step, shuffled_step, step

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))
STEPS = {"main": step, "equal_weight": equal_weight_step, "shuffled": shuffled_step}
Mode = Literal["long_only", "dollar_neutral"]


def record(kind: type, told: dict):
    """Inputs by the names of the record's fields."""
    return kind(**{field.name: told[field.name] for field in fields(kind)})


def frame(dataset: Dataset, rows: list[dict]) -> pl.DataFrame:
    """Rows of a dataset as a function receives them; what is not said is null."""
    schema = dataset.computed_schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row")


def plain_portfolio(**changes) -> Portfolio:
    """Limits that do not bind unless a test says so, and a premium that does not depend on the benchmark."""
    open_limits = {
        "weight_cap": 0.5,
        "turnover_cap": 2.0,
        "industry_band": 1.0,
        "volatility_target_annual": 1.0,
        "market_premium_annual": 0.05,
    }
    return Portfolio(**open_limits | changes)


@dataclass
class Market:
    """Everything that a book may be told, by session.

    `prices[symbol][t]` is (open, close) on DAYS[t], or None where there is no bar. Every stock has the deviation
    `volatility` and every pair the `correlation`, unless `styles` and `style_covariance` say more.
    """

    prices: dict[str, list[tuple[float, float] | None]]
    actions: list[dict] = field(default_factory=list)
    alphas: dict[int, dict[str, float | None]] = field(default_factory=dict)
    members: dict[int, list[str]] = field(default_factory=dict)
    below_floors: dict[int, list[str]] = field(default_factory=dict)
    industries: dict[str, str] = field(default_factory=dict)
    tilts: dict[str, float | None] = field(default_factory=dict)
    bands: dict[str, float | None] = field(default_factory=dict)
    styles: dict[str, list[float]] = field(default_factory=dict)
    style_covariance: np.ndarray = field(default_factory=lambda: np.zeros((len(STYLES), len(STYLES))))
    rates: dict[int, float | None] = field(default_factory=dict)
    quotes: dict[int, dict[str, tuple[float | None, float | None]]] = field(default_factory=dict)
    volume: int | dict[str, int] = 10_000_000
    volatility: float = 0.2
    correlation: float = 0.3
    half_spread_bp: float = 0.0
    volatility_target: float | None = 1.0
    portfolio: Portfolio = field(default_factory=plain_portfolio)
    execution: Execution = field(default_factory=Execution)
    series: Macro = field(default_factory=Macro)

    def inputs(self, t: int) -> dict:
        return {
            "bars": self.bars(t),
            "actions": self.known_actions(t),
            "combined": self.combined(t),
            "exposures": self.exposures(t),
            "factor_covariance": self.factor_covariance(t),
            "specific_risk": self.specific_risk(t),
            "cost_parameters": self.cost_parameters(t),
            "views": self.views(t),
            "universe": self.universe(t),
            "macro": self.macro(t),
            "borrow": self.borrow(t),
            "session": DAYS[t],
            "portfolio": self.portfolio,
            "execution": self.execution,
            "series": self.series,
        }

    def step(self, state: pl.DataFrame | None, t: int, book: str = "main", **instead) -> pl.DataFrame:
        """The book alone; `instead` replaces inputs by name."""
        found = self.steps(state, t, book, **instead)
        return found[0] if isinstance(found, tuple) else found

    def steps(self, state: pl.DataFrame | None, t: int, book: str = "main", **instead):
        """All that the step gives."""
        told = self.inputs(t) | instead
        records = {"market": record(MarketInputs, told), "program": record(ProgramInputs, told)}
        wanted = inspect.signature(STEPS[book]).parameters
        return STEPS[book](state, **{name: value for name, value in (told | records).items() if name in wanted})

    def run(
        self, last: int, first: int = 0, state: pl.DataFrame | None = None, book: str = "main"
    ) -> list[pl.DataFrame]:
        books = []
        for t in range(first, last + 1):
            state = self.step(state, t, book)
            books.append(state)
        return books

    def bars(self, t: int) -> pl.DataFrame:
        bars = {symbol: self.prices[symbol][t] for symbol in sorted(self.prices)}
        rows = [
            {"symbol": s, "open": bar[0], "high": max(bar), "low": min(bar), "close": bar[1], "volume": self._volume(s)}
            for s, bar in bars.items()
            if bar is not None
        ]
        return _dated(BARS, rows, t)

    def known_actions(self, t: int) -> pl.DataFrame:
        """`known` is the index of the session that first knew the action; unless given, from the first on."""
        known = [row for row in self.actions if row.get("known", 0) <= t]
        rows = [row | {"event_date": DAYS[row["ex"]]} for row in known]
        return frame(CORPORATE_ACTIONS, sorted(rows, key=lambda row: (row["event_date"], row["symbol"], row["action"])))

    def borrow(self, t: int) -> pl.DataFrame:
        """Fee and shares available of the names that are quoted, up to the session."""
        rows = [
            {"event_date": DAYS[day], "symbol": symbol, "fee_annual": fee, "shares_available": available}
            for day, quoted in sorted(self.quotes.items())
            for symbol, (fee, available) in sorted(quoted.items())
            if day <= t
        ]
        return frame(BORROW, rows)

    def universe(self, t: int) -> pl.DataFrame:
        bars = {s: self.prices[s][t] for s in self._listed(t)}
        rows = [
            {
                "symbol": s,
                "tradable": s in self.tradable(t),
                "has_bar": bar is not None,
                "close_usd": None if bar is None else bar[1],
                "adv_usd": None if bar is None else bar[1] * self._volume(s),
            }
            for s, bar in bars.items()
        ]
        return _dated(UNIVERSE, rows, t)

    def combined(self, t: int) -> pl.DataFrame:
        said = self.alphas.get(t, {})
        rows = [{"symbol": s, "alpha": said.get(s), "raw_alpha": said.get(s)} for s in self.tradable(t)]
        return _dated(COMBINED, [row | {"variance": 0.01, "n_predictions": 1} for row in rows], t)

    def exposures(self, t: int) -> pl.DataFrame:
        names = self.tradable(t)
        rows = [
            {"symbol": s, "industry": self._industry(s), "weight": 1 / len(names)}
            | dict(zip(STYLES, self.styles.get(s, [0.0] * len(STYLES)), strict=True))
            for s in names
        ]
        return _dated(EXPOSURES, rows, t)

    def factor_covariance(self, t: int) -> pl.DataFrame:
        of_industries = [f"industry:{name}" for name in sorted({self._industry(s) for s in self.prices})]
        factors = [MARKET, *of_industries, *STYLES]
        variance = {MARKET: self.correlation * self.volatility**2}
        rows = []
        for a in sorted(factors):
            for b in sorted(factors):
                of_styles = a in STYLES and b in STYLES
                value = self.style_covariance[STYLES.index(a), STYLES.index(b)] if of_styles else variance.get(a, 0.0)
                rows.append({"factor": a, "other": b, "covariance_annual": value if of_styles or a == b else 0.0})
        return _dated(FACTOR_COVARIANCE, rows, t)

    def specific_risk(self, t: int) -> pl.DataFrame:
        deviation = self.volatility * (1 - self.correlation) ** 0.5
        rows = [{"symbol": s, "volatility_annual": deviation, "n_observations": 252} for s in self.tradable(t)]
        return _dated(SPECIFIC_RISK, rows, t)

    def cost_parameters(self, t: int) -> pl.DataFrame:
        rows = [
            {
                "symbol": s,
                "half_spread_bp": self.half_spread_bp,
                "adv_usd": self.prices[s][t][1] * self._volume(s),
                "volatility_daily": self.volatility / 252**0.5,
            }
            for s in self.tradable(t)
            if self._volume(s)
        ]
        return _dated(COST_PARAMETERS, rows, t)

    def views(self, t: int) -> pl.DataFrame:
        industries = sorted({self._industry(s) for s in self._listed(t)})
        rows = [{"industry": i, "tilt": self.tilts.get(i), "band": self.bands.get(i, 1.0)} for i in industries]
        market = {"industry": MARKET_ROW, "volatility_target_annual": self.volatility_target}
        return _dated(VIEWS, sorted([*rows, market], key=lambda row: row["industry"]), t)

    def macro(self, t: int) -> pl.DataFrame:
        """`rates` are observed, and known, on their session."""
        window = range(max(t - self.series.max_age_sessions, 0), t + 1)
        rows = [{"series": self.series.cash_rate, "value": self.rates[s], "t": s} for s in window if s in self.rates]
        return frame(MACRO, [row | {"event_date": DAYS[row["t"]]} for row in rows])

    def tradable(self, t: int) -> list[str]:
        floors = self.below_floors.get(t, [])
        return [s for s in self._listed(t) if self.prices[s][t] is not None and s not in floors]

    def _listed(self, t: int) -> list[str]:
        return sorted(self.members.get(t, list(self.prices)))

    def _industry(self, symbol: str) -> str:
        return self.industries.get(symbol, "Energy")

    def _volume(self, symbol: str) -> int:
        return self.volume if isinstance(self.volume, int) else self.volume[symbol]


def _dated(dataset: Dataset, rows: list[dict], t: int) -> pl.DataFrame:
    return frame(dataset, [row | {"event_date": DAYS[t]} for row in rows])
