"""Five sessions of four stocks, walked by the book, with all that an explanation reads."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from feature_store.schemas.alpha import COMBINED, MODEL_FITS, PREDICTIONS
from feature_store.schemas.execution import BOOK, ORDERS
from feature_store.schemas.features import SCORED, STOCK_FEATURES, STOCK_SCORES
from feature_store.schemas.fused_regimes import MARKET_REGIME, STATES
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, INDUSTRIES, MEMBERS, UNIVERSE
from feature_store.schemas.portfolio import DIAGNOSTICS, OPTIMIZATION, VIEWS
from feature_store.schemas.risk import COST_PARAMETERS, EXPOSURES, FACTOR_COVARIANCE, SPECIFIC_RISK
from feature_store.store import Store
from quant_assets.execution.trading.orders import orders
from tests.execution.markets import DAYS, Market, plain_portfolio
from tests.support.accounts import CLOCK, frame, write

NAMES = ("AAA", "BBB", "CCC", "DDD")
INDUSTRY = {"AAA": "Energy", "BBB": "Energy", "CCC": "Tech", "DDD": "Tech"}
NOT_NEEDED = (
    BARS, MEMBERS, UNIVERSE, STATES, VIEWS, EXPOSURES, SPECIFIC_RISK, FACTOR_COVARIANCE, PREDICTIONS, COMBINED,
    STOCK_SCORES, STOCK_FEATURES, MODEL_FITS, DIAGNOSTICS,
)  # fmt: skip
LAST = 4
DAY = DAYS[2]
RNG = np.random.default_rng(3)
Z = {name: {f"z_{scored}": float(z) for scored, z in zip(SCORED, RNG.normal(0, 1, len(SCORED)), strict=True)}
     for name in NAMES}  # fmt: skip
Z["AAA"]["z_amihud_21"] = None
COEFFICIENTS = {h: RNG.normal(0, 0.01, len(SCORED) + 1) for h in (21, 63)}


def market() -> Market:
    """Energy's alpha falls and Tech's rises from session to session, against a cap of 40 % a name."""
    prices = {s: [(20.0 + 5 * i + t, 20.5 + 5 * i + t) for t in range(LAST + 1)] for i, s in enumerate(NAMES)}
    alphas = {
        t: {s: 0.02 * (1 if INDUSTRY[s] == "Tech" else -1) * (t - 1) + 0.001 * i for i, s in enumerate(NAMES)}
        for t in range(LAST + 1)
    }
    return Market(
        prices,
        actions=[
            {"symbol": "DDD", "action": "split", "value": 2.0, "ex": LAST, "known": 3},
            {"symbol": "DDD", "action": "cash_dividend", "value": 0.1, "ex": 1, "known": 1},
        ],
        alphas=alphas,
        industries=INDUSTRY,
        tilts={"Tech": 0.0008, "Energy": -0.0002},
        styles={s: [0.5 * i, -0.1, 0.2, 0.0, 0.3] for i, s in enumerate(NAMES)},
        style_covariance=np.diag([0.01, 0.002, 0.003, 0.001, 0.001]),
        half_spread_bp=2.5,
        portfolio=plain_portfolio(weight_cap=0.4),
    )


def write_inputs(store: Store, at: Market, t: int) -> None:
    day = DAYS[t]
    given = at.inputs(t)
    write(store, BARS, {day: given["bars"]})
    known = [row | {"event_date": DAYS[row["ex"]]} for row in at.actions if row["known"] == t]
    if known:
        write(store, CORPORATE_ACTIONS, {day: frame(known).select("event_date", "symbol", "action", "value")})
    for dataset, name in {
        COMBINED: "combined", EXPOSURES: "exposures", FACTOR_COVARIANCE: "factor_covariance",
        SPECIFIC_RISK: "specific_risk", COST_PARAMETERS: "cost_parameters", VIEWS: "views", UNIVERSE: "universe",
    }.items():  # fmt: skip
        write(store, dataset, {day: given[name]})
    write(store, MEMBERS, {day: frame([{"event_date": day, "symbol": s, "linked": True} for s in NAMES])})
    write(store, INDUSTRIES, {day: frame([{"event_date": day, "symbol": s, "industry": INDUSTRY[s]} for s in NAMES])})
    write(store, MARKET_REGIME, {day: frame([{"event_date": day, "trend": "bull", "systemic": False}])})
    states = {"p_bear": 0.1, "p_sideways": 0.2, "p_bull": 0.7, "p_calm": 0.6, "p_turbulent": 0.3, "p_crisis": 0.1}
    write(store, STATES, {day: frame([{"event_date": day, "industry": i} | states for i in ("Energy", "Tech")])})
    plain = {"event_date": day, "above_floors": True}
    scored = [{**plain, "symbol": s, "industry": INDUSTRY[s]} | Z[s] for s in NAMES]
    write(store, STOCK_SCORES, {day: frame(scored)})
    write(store, STOCK_FEATURES, {
        day: frame([{"event_date": day, "symbol": s, "momentum_63": 0.12, "rsi_14": 55.0} for s in NAMES])
    })  # fmt: skip
    write_models(store, day)


def score_of(symbol: str, horizon: int) -> float:
    *b, intercept = COEFFICIENTS[horizon]
    return intercept + sum(c * (Z[symbol][f"z_{name}"] or 0.0) for c, name in zip(b, SCORED, strict=True))


def write_models(store: Store, day: dt.date) -> None:
    terms = [*(f"z_{name}" for name in SCORED), "intercept"]
    rows = [
        {"event_date": day, "model": "ridge", "horizon_sessions": h, "term": term, "fit_session": DAYS[0],
         "coefficient": float(c), "n_rows": 100, "text": None}
        for h, b in COEFFICIENTS.items() for term, c in zip(terms, b, strict=True)
    ]  # fmt: skip
    rows.append({"event_date": day, "model": "lightgbm", "horizon_sessions": 21, "term": "trees",
                 "fit_session": DAYS[0], "coefficient": None, "n_rows": 100, "text": "trees"})  # fmt: skip
    write(store, MODEL_FITS, {day: frame(rows)})
    said = [
        {"event_date": day, "symbol": s, "model": "ridge", "horizon_sessions": h, "score": score_of(s, h),
         "alpha": 0.5 * score_of(s, h), "variance": 0.004, "fit_session": DAYS[0]}
        for s in NAMES for h in COEFFICIENTS
    ]  # fmt: skip
    write(store, PREDICTIONS, {day: frame(said)})


def write_book(store: Store, decided: Sequence[pl.DataFrame], day: dt.date, fingerprint: str = "first") -> None:
    book, limits, metrics = decided
    write(store, BOOK, {day: book}, fingerprint)
    write(store, ORDERS, {day: orders(book, day, CLOCK.decision_time(day))}, fingerprint)
    write(store, DIAGNOSTICS, {day: limits}, fingerprint)
    write(store, OPTIMIZATION, {day: metrics}, fingerprint)
