"""Regimes of one session, industry by industry, as programs and people read them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from rich.console import Console

from feature_store.schemas.breaks import BREAKS
from feature_store.schemas.correlations import CORRELATIONS
from feature_store.schemas.fused_regimes import MARKET_REGIME, STATES
from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from feature_store.schemas.transition_risk import TRANSITION_RISK
from feature_store.store import Store
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.formats import MISSING, label, percent, plain, ratio
from quant_assets.reporting.tables import Column, Table
from quant_assets.reporting.terminal import print_facts, print_table
from quant_resources.home import Home

Row = Mapping[str, Any]
TRIPLES = {"p_trend": TREND_STATES_IN_ORDER, "p_vol": VOLATILITY_STATES_IN_ORDER}
MARKET_FACTS = (
    "trend", "volatility", "risk", "observed_trend", "observed_volatility", "observed_risk", "risk_score", "risk_model",
    "risk_fallback", "systemic",
)  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """
    Attributes:
        session: that it speaks of.
        market: what regimes/market_regime says, with its probabilities by state.
        industries: of each the probabilities by state, fast and slow, the confirmed states, its breaks by stream, and
            the probability that its confirmed states change within the horizon.
    """

    session: dt.date
    market: Mapping[str, Any]
    industries: Mapping[str, Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return {"session": self.session, "market": dict(self.market), "industries": dict(self.industries)}


def snapshot(home: Home, as_of: dt.date | dt.datetime) -> Snapshot:
    """Regimes of the last session stored by then, as known then.

    Raises:
        ReportError: no session with regimes is stored by then.
    """
    store, horizon = home.open_store(), home.profile.regimes.transition_risk.horizon_sessions
    session = _last_session(store, as_of)
    moment = as_of if isinstance(as_of, dt.datetime) else session
    states, market, breaks = (store.read(of, moment, session, session) for of in (STATES, MARKET_REGIME, BREAKS))
    flips = dict(store.read(TRANSITION_RISK, moment, session, session).select("industry", "p_flip").iter_rows())
    correlations = store.read(CORRELATIONS, moment, session, session, ["p_systemic"])
    systemic = correlations.item(0, "p_systemic") if correlations.height else None
    return Snapshot(
        session,
        _market(market.row(0, named=True), systemic) if market.height else {},
        {
            row["industry"]: _industry(row, breaks.filter(industry=row["industry"]), systemic)
            | {f"p_flip_{horizon}d": flips.get(row["industry"])}
            for row in states.iter_rows(named=True)
        },
    )


def _last_session(store: Store, as_of: dt.date | dt.datetime) -> dt.date:
    """The last one stored that lies no later than a date, or had been decided by a timestamp."""
    sessions = store.sessions(STATES)
    if isinstance(as_of, dt.datetime):
        decided = [day for day in sessions if store.clock.decision_time(day) <= as_of]
    else:
        decided = [day for day in sessions if day <= as_of]
    if not decided:
        raise ReportError(f"{STATES.name} has no session as of {as_of}; run `asof backfill` up to it")
    return decided[-1]


def _market(row: Row, systemic: float | None) -> dict[str, Any]:
    return {
        **_triples(row, ""),
        "p_sys": _systemic(systemic),
        **{name: row[name] for name in MARKET_FACTS},
        "fit_session": row["fit_session"],
    }


def _industry(row: Row, breaks: pl.DataFrame, systemic: float | None) -> dict[str, Any]:
    return {
        **_triples(row, ""),
        "p_sys": _systemic(systemic),
        "slow": _triples(row, "slow_"),
        **{name: row[name] for name in ("trend", "volatility", "contradiction")},
        "breaks": {
            of["stream"]: {name: of[name] for name in ("break_probability", "severity", "run_length")}
            for of in breaks.iter_rows(named=True)
        },
    }


def _triples(row: Row, prefix: str) -> dict[str, dict[str, float | None]]:
    return {name: {state: row[f"{prefix}p_{state}"] for state in states} for name, states in TRIPLES.items()}


def _systemic(p: float | None) -> dict[str, float | None]:
    """Of all industries alike: how much they move together is a matter of the panel."""
    return {"diversifying": None if p is None else 1.0 - p, "systemic": p}


def show(of: Snapshot, out: Console) -> None:
    """The market's facts, and a row an industry."""
    market = {label(name): plain(of.market.get(name)) for name in MARKET_FACTS}
    systemic = percent(of.market["p_sys"]["systemic"]) if of.market else MISSING
    facts = {f"Market: {name}": text for name, text in market.items()} | {"Industries systemic": systemic}
    print_facts({"Session": str(of.session), **facts}, out)
    print_table(table(of), out)


def table(of: Snapshot) -> Table:
    """A row an industry: confirmed states, probabilities, how likely breaks were, and how likely a change is."""
    states = [(name, state) for name, in_order in TRIPLES.items() for state in in_order]
    columns = (
        Column("industry"),
        Column("trend"),
        Column("volatility"),
        *(Column(state, is_numeric=True, format=percent) for _, state in states),
        *(Column(f"break in {stream}", is_numeric=True, format=percent) for stream in ("trend", "volatility")),
        Column("change", is_numeric=True, format=percent),
        Column("contradiction", is_numeric=True, format=ratio),
    )
    rows = tuple(
        (
            industry, row["trend"], row["volatility"], *(row[name][state] for name, state in states),
            *(row["breaks"].get(stream, {}).get("break_probability") for stream in ("trend", "volatility")),
            next((value for name, value in row.items() if name.startswith("p_flip_")), None), row["contradiction"],
        )
        for industry, row in of.industries.items()
    )  # fmt: skip
    return Table(columns, rows, f"Regimes of industries, {of.session}")
