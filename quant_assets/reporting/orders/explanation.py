"""Where an order came from: every value as known at its session, from the generations in force."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from configs.settings import Execution
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.schemas.alpha import COMBINED, PREDICTIONS
from feature_store.schemas.execution import BOOK, CASH, ORDERS
from feature_store.schemas.fused_regimes import MARKET_REGIME, STATES
from feature_store.schemas.portfolio import DIAGNOSTICS, MARKET_ROW, VIEWS
from feature_store.schemas.risk import EXPOSURES, FACTOR_COVARIANCE, MARKET, SPECIFIC_RISK, STYLES
from feature_store.store import Store
from quant_assets.execution.book.forecast import UNKNOWN
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.costs import trade_cost_usd
from quant_assets.graph import read_by, strategies_of
from quant_assets.numerics.units import BASIS_POINT
from quant_assets.reporting.orders.known import KnownRows, Row, side_sign, values_of
from quant_assets.reporting.orders.lookup import find_order
from quant_assets.reporting.orders.provenance import contributions_of, inputs_of, provenance_of
from quant_assets.reporting.performance.summaries import BINDING
from quant_resources.home import Home

INDUSTRY = "industry:"


def explain(home: Home, order_id: str) -> dict[str, Any]:
    """All that the store knows of an order, by subject; numbers in the units of the schemas.

    Raises:
        UnknownOrderError: no such order is stored.
    """
    store = home.open_store()
    session, symbol = find_order(store, order_id)
    known = KnownRows(store, session, symbol)
    order, held = known.row(ORDERS), known.row(BOOK)
    whole = store.read(BOOK, session, session, session)
    (cash,) = whole.filter(symbol=CASH).to_dicts()
    exposures = known.row(EXPOSURES)
    industry = exposures.get("industry", UNKNOWN)
    return {
        "order": _order(order, held, float(whole["value_usd"].sum())),
        "alpha": _alpha(known, held, strategies_of(home.profile)),
        "regime": _regime(known, industry),
        "risk": _risk(known, exposures),
        "limits": _limits(known, industry, held),
        "costs": _costs(order, held, home.profile.execution),
        "optimization": {name: cash[name] for name in ("status", "detail")},
        "outcome": _outcome(store, order, session),
        "inputs": inputs_of(known, industry, read_by(home.profile, BOOK)),
        "contributions": contributions_of(known),
        "provenance": provenance_of(store, session, order, held, home.profile),
    }


def _order(order: Row, held: Row, nav_usd: float) -> Row:
    """Weights are fractions of net asset value; shares as of the next open."""
    price = order["reference_price_usd"]
    target, before = held["target_weight"], held["value_usd"]
    return {
        **{name: order[name] for name in ("order_id", "event_date", "symbol", "side", "shares", "notional_usd")},
        "reference_price_usd": price,
        "decided_at": order["decided_at"],
        "shares_held": before / price,
        "shares_to_target": None if target is None else (target * nav_usd - before) / price,
        "cut_by_checks": held["status"] == "cut",
        "nav_usd": nav_usd,
        "fraction_of_nav": order["notional_usd"] / nav_usd,
        "weight_before": before / nav_usd,
        "weight_after": (before + side_sign(order) * order["notional_usd"]) / nav_usd,
        "target_weight": target,
        "benchmark_weight": held["benchmark_weight"],
    }


# -- why ---------------------------------------------------------------------------------------------------------------


def _alpha(known: KnownRows, held: Row, strategies: Sequence[Dataset]) -> dict[str, Any]:
    merged = known.row(COMBINED)
    of_strategies = [
        {"model": dataset.name, "score": None, "fit_session": None, **_without_key(row)}
        for dataset in strategies
        for row in known.rows(dataset)
    ]
    return {
        "by_model": [*(_without_key(row) for row in known.rows(PREDICTIONS)), *of_strategies],
        "raw": merged.get("raw_alpha"),
        "neutralized": merged.get("alpha"),
        "variance": merged.get("variance"),
        "n_predictions": merged.get("n_predictions"),
        "used": held["alpha"],
        "tilt_used": held["tilt"],
    }


def _regime(known: KnownRows, industry: str) -> dict[str, Any]:
    view, market_view = known.row(VIEWS, industry=industry), known.row(VIEWS, industry=MARKET_ROW)
    return {
        "industry": industry,
        "states": values_of(known.row(STATES, industry=industry), STATES),
        "market": values_of(known.row(MARKET_REGIME), MARKET_REGIME),
        "tilt": view.get("tilt"),
        "band": view.get("band"),
        "volatility_target_annual": market_view.get("volatility_target_annual"),
    }


def _risk(known: KnownRows, exposures: Row) -> dict[str, Any]:
    """Annual volatilities; the factors' is of the name alone, by its own exposures."""
    specific = known.row(SPECIFIC_RISK).get("volatility_annual")
    factors = _factor_volatility(known, exposures) if exposures else None
    total = None if specific is None or factors is None else math.hypot(specific, factors)
    return {
        "exposures": values_of(exposures, EXPOSURES),
        "specific_volatility_annual": specific,
        "factor_volatility_annual": factors,
        "volatility_annual": total,
    }


def _factor_volatility(known: KnownRows, exposures: Row) -> float | None:
    x = {MARKET: 1.0, f"{INDUSTRY}{exposures['industry']}": 1.0} | {style: exposures[style] for style in STYLES}
    covariance = known.rows(FACTOR_COVARIANCE)
    if not covariance:
        return None
    variance = sum(x.get(c["factor"], 0.0) * x.get(c["other"], 0.0) * c["covariance_annual"] for c in covariance)
    return math.sqrt(max(variance, 0.0))


def _limits(known: KnownRows, industry: str, held: Row) -> list[Row]:
    """What bound: the name's own bounds, limits that the name is under, then those of other industries."""
    bounds = [
        {"limit": f"{side} bound", "of": "this name", "value": held["target_weight"], "dual": held[f"dual_{side}"]}
        for side in ("lower", "upper")
    ]
    of_book = [
        {"limit": row["limit"], "of": _scope_of(row["limit"], industry)} | values_of(row, DIAGNOSTICS)
        for row in known.rows(DIAGNOSTICS)
        if row["limit"] not in ("lower", "upper")  # of the worst name, which is another's
    ]
    binding = [
        row for row in [*bounds, *of_book] if abs(row["dual"] or 0.0) > BINDING or (row.get("violation") or 0.0) > 0
    ]
    order = ("this name", "its industry", "the whole book", "another industry")
    return sorted(binding, key=lambda row: order.index(row["of"]))


def _scope_of(limit: str, industry: str) -> str:
    if not limit.startswith(INDUSTRY):
        return "the whole book"
    return "its industry" if limit == f"{INDUSTRY}{industry}" else "another industry"


def _costs(order: Row, held: Row, execution: Execution) -> Row:
    """What the fill was expected to cost: USD, and bp of the order's value."""
    notional = order["notional_usd"]
    parameters = {name: held[name] for name in ("half_spread_bp", "adv_usd", "volatility_daily")}
    if None in parameters.values():
        return parameters | dict.fromkeys(("commission_usd", "spread_usd", "impact_usd", "total_usd", "total_bp"))
    of = CostParameters(**{name: np.array([value]) for name, value in parameters.items()})
    total = float(trade_cost_usd(np.array([notional]), of, execution)[0])
    commission = notional * execution.commission_bp * BASIS_POINT
    spread = notional * held["half_spread_bp"] * BASIS_POINT
    return {
        "commission_usd": commission,
        "spread_usd": spread,
        "impact_usd": total - commission - spread,
        "total_usd": total,
        "total_bp": total / notional / BASIS_POINT,
        **parameters,
        "fraction_of_adv": notional / held["adv_usd"],
    }


# -- its fill ----------------------------------------------------------------------------------------------------------


def _outcome(store: Store, order: Row, session: dt.date) -> Row:
    """The fill on the next session, as known at it."""
    following = calendar.shift(session, 1)
    if following not in store.sessions(BOOK):
        return {"session": following, "result": "not stored yet"}
    rows = store.read(BOOK, following, following, following, symbols=[order["symbol"]]).to_dicts()
    if not rows or rows[0]["decided_on"] != session:
        return {"session": following, "result": "no fill is recorded"}
    row = rows[0]
    price = row["fill_price_usd"]
    worse = None if price is None else side_sign(order) * (price / order["reference_price_usd"] - 1) / BASIS_POINT
    return {
        "session": following,
        "result": _result_of(row, side_sign(order) * order["shares"]),
        "filled_at": row["filled_at"],
        "fill_shares": row["fill_shares"],
        "fill_price_usd": price,
        "cost_usd": row["cost_usd"],
        # what the market moved over night, not what the order did; not to be compared in other shares
        "open_against_reference_bp": None if row["status"] == "adjusted" else worse,
    }


def _result_of(row: Row, ordered: float) -> str:
    if row["status"] not in (None, "cut"):  # "cut" is of the next order
        return str(row["status"])
    filled = row["fill_shares"] or 0.0
    return "lapsed" if filled == 0 else "filled" if filled == ordered else "scaled"


def _without_key(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("event_date", "symbol")}
