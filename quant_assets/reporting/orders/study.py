"""Where an order came from: every value as known at its session, from the generations in force."""

import datetime as dt
import difflib
import math
import re
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Execution, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.hashing import digest_of
from feature_store.schemas.alpha import COMBINED, MODEL_FITS, PREDICTIONS
from feature_store.schemas.execution import BOOK, CASH, ORDERS
from feature_store.schemas.features import STOCK_FEATURES, STOCK_SCORES
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, INDUSTRIES, MEMBERS, UNIVERSE
from feature_store.schemas.portfolio import DIAGNOSTICS, MARKET_ROW, VIEWS
from feature_store.schemas.regimes import MARKET_REGIME, STATES
from feature_store.schemas.risk import COST_PARAMETERS, EXPOSURES, FACTOR_COVARIANCE, MARKET, SPECIFIC_RISK, STYLES
from feature_store.store import Store
from quant_assets.alpha.models.ridge import INTERCEPT, RIDGE
from quant_assets.engine.identity import settings_of
from quant_assets.execution.book.forecast import UNKNOWN
from quant_assets.execution.trading.costs import CostParameters, trade_cost_usd
from quant_assets.graph import all_assets
from quant_assets.numerics.units import BASIS_POINT
from quant_assets.reporting.tables import BINDING
from quant_resources.home import Home

ORDER_ID = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
ACTION_SESSIONS = 273  # as far back as the book looks
ACTIONS_SHOWN, SCORES_SHOWN, ORDERS_SHOWN = 5, 8, 8
INDUSTRY = "industry:"

Row = dict[str, Any]


class UnknownOrderError(ValueError):
    """No order of that name; says which there are."""


class _Known:
    """One name on one session, as known at it."""

    def __init__(self, store: Store, session: dt.date, symbol: str) -> None:
        self.store, self.session, self.symbol = store, session, symbol

    def rows(self, dataset: Dataset, **equal: object) -> list[Row]:
        """Rows that speak of the session; of the symbol, where the dataset has symbols."""
        symbols = [self.symbol] if "symbol" in dataset.key else None
        frame = self.store.read(dataset, self.session, self.session, self.session, symbols=symbols)
        return frame.filter(**equal).to_dicts()

    def row(self, dataset: Dataset, **equal: object) -> Row:
        """The one row; empty where there is none."""
        return next(iter(self.rows(dataset, **equal)), {})

    def actions(self) -> list[Row]:
        """Corporate actions of the book's window and those announced, the latest last."""
        first = calendar.shift(self.session, 1 - ACTION_SESSIONS)
        return self.store.read(CORPORATE_ACTIONS, self.session, first, symbols=[self.symbol]).to_dicts()


def explain(home: Home, order_id: str) -> dict[str, Any]:
    """All that the store knows of an order, by subject; numbers in the units of the schemas.

    Raises:
        UnknownOrderError: no such order is stored.
    """
    store = home.open_store()
    session, symbol = find(store, order_id)
    known = _Known(store, session, symbol)
    order, held = known.row(ORDERS), known.row(BOOK)
    whole = store.read(BOOK, session, session, session)
    (cash,) = whole.filter(symbol=CASH).to_dicts()
    exposures = known.row(EXPOSURES)
    industry = exposures.get("industry", UNKNOWN)
    return {
        "order": _order(order, held, float(whole["value_usd"].sum())),
        "alpha": _alpha(known, held),
        "regime": _regime(known, industry),
        "risk": _risk(known, exposures),
        "limits": _limits(known, industry, held),
        "costs": _costs(order, held, home.profile.execution),
        "programme": {name: cash[name] for name in ("status", "detail")},
        "outcome": _outcome(store, order, session),
        "inputs": _inputs(known, industry),
        "contributions": _contributions(known),
        "provenance": _provenance(store, session, order, held, home.profile),
    }


# -- the order ---------------------------------------------------------------------------------------------------------


def find(store: Store, order_id: str) -> tuple[dt.date, str]:
    """Session and symbol of a stored order.

    Raises:
        UnknownOrderError: the id is not SESSION-SYMBOL, or no such order is stored; names close ones.
    """
    session = _session_of(order_id)
    if session is None:
        raise UnknownOrderError(f"{order_id!r} is no order id; write SESSION-SYMBOL, {_example(store)}")
    if session not in store.sessions(BOOK):
        days = store.sessions(BOOK)
        stored = f"the book is stored from {days[0]} to {days[-1]}" if days else "no book is stored yet"
        raise UnknownOrderError(f"there is no order {order_id}: {session} is not stored; {stored}; {_example(store)}")
    sent = dict(store.read(ORDERS, session, session, session, ["order_id"]).select("order_id", "symbol").iter_rows())
    if order_id in sent:
        return session, sent[order_id]
    raise UnknownOrderError(f"there is no order {order_id}; {_instead(store, session, order_id, sent)}")


def _session_of(order_id: str) -> dt.date | None:
    found = ORDER_ID.fullmatch(order_id)
    try:
        return dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _example(store: Store) -> str:
    with_orders = [p.session for p in store.partitions(ORDERS) if p.rows]
    if not with_orders:
        return "and no order is stored yet"
    last = with_orders[-1]
    return f"such as {store.read(ORDERS, last, last, last, ['order_id'])['order_id'][0]}"


def _instead(store: Store, session: dt.date, order_id: str, sent: dict[str, str]) -> str:
    """What the name and the session have to say for themselves."""
    book = store.read(BOOK, session, session, session)
    if not sent:
        (cash,) = book.filter(symbol=CASH).to_dicts()
        why = f"{cash['status']}" + (f" ({cash['detail']})" if cash["detail"] else "")
        return f"{session} sent no orders, its programme being: {why}"
    symbol = order_id.removeprefix(f"{session}-")
    names = {name.upper(): order for order, name in sent.items()}
    close = [names[name] for name in difflib.get_close_matches(symbol.upper(), names, n=3, cutoff=0.8)]
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    more = f" and {len(sent) - ORDERS_SHOWN} more" if len(sent) > ORDERS_SHOWN else ""
    return f"{_kept(book, symbol)}{meant}{session} sent {len(sent)} orders: {', '.join([*sent][:ORDERS_SHOWN])}{more}"


def _kept(book: pl.DataFrame, symbol: str) -> str:
    held = book.filter(pl.col("symbol") == symbol, pl.col("symbol") != CASH, pl.col("shares") != 0).to_dicts()
    if not held:
        return ""
    weight, target = held[0]["value_usd"] / float(book["value_usd"].sum()), held[0]["target_weight"]
    aim = "without a target" if target is None else f"with a target of {target:.2%}"
    return f"{symbol} was held at {weight:.2%} of NAV {aim}: no trade; "


def _order(order: Row, held: Row, nav_usd: float) -> Row:
    """Weights are fractions of net asset value; shares as of the next open."""
    price = order["reference_price_usd"]
    target, before = held["target_weight"], held["value_usd"]
    return {
        **{name: order[name] for name in ("order_id", "event_date", "symbol", "side", "shares", "notional_usd")},
        "reference_price_usd": price,
        "decided_at": order["decided_at"],
        "shares_held": before / price,
        "shares_wanted": None if target is None else (target * nav_usd - before) / price,
        "cut_by_checks": held["status"] == "cut",
        "nav_usd": nav_usd,
        "share_of_nav": order["notional_usd"] / nav_usd,
        "weight_before": before / nav_usd,
        "weight_after": (before + _sign(order) * order["notional_usd"]) / nav_usd,
        "target_weight": target,
        "benchmark_weight": held["benchmark_weight"],
    }


# -- why ---------------------------------------------------------------------------------------------------------------


def _alpha(known: _Known, held: Row) -> dict[str, Any]:
    merged = known.row(COMBINED)
    return {
        "by_model": [_without_key(row) for row in known.rows(PREDICTIONS)],
        "raw": merged.get("raw_alpha"),
        "neutralized": merged.get("alpha"),
        "variance": merged.get("variance"),
        "n_predictions": merged.get("n_predictions"),
        "used": held["alpha"],
        "tilt_used": held["tilt"],
    }


def _regime(known: _Known, industry: str) -> dict[str, Any]:
    view, market_view = known.row(VIEWS, industry=industry), known.row(VIEWS, industry=MARKET_ROW)
    return {
        "industry": industry,
        "states": _values(known.row(STATES, industry=industry), STATES),
        "market": _values(known.row(MARKET_REGIME), MARKET_REGIME),
        "tilt": view.get("tilt"),
        "band": view.get("band"),
        "volatility_target_annual": market_view.get("volatility_target_annual"),
    }


def _risk(known: _Known, exposures: Row) -> dict[str, Any]:
    """Annual volatilities; the factors' is of the name alone, by its own exposures."""
    specific = known.row(SPECIFIC_RISK).get("volatility_annual")
    factors = _factor_volatility(known, exposures) if exposures else None
    total = None if specific is None or factors is None else math.hypot(specific, factors)
    return {
        "exposures": _values(exposures, EXPOSURES),
        "specific_volatility_annual": specific,
        "factor_volatility_annual": factors,
        "volatility_annual": total,
    }


def _factor_volatility(known: _Known, exposures: Row) -> float | None:
    x = {MARKET: 1.0, f"{INDUSTRY}{exposures['industry']}": 1.0} | {style: exposures[style] for style in STYLES}
    covariance = known.rows(FACTOR_COVARIANCE)
    if not covariance:
        return None
    variance = sum(x.get(c["factor"], 0.0) * x.get(c["other"], 0.0) * c["covariance_annual"] for c in covariance)
    return math.sqrt(max(variance, 0.0))


def _limits(known: _Known, industry: str, held: Row) -> list[Row]:
    """What bound: the name's own bounds, limits that the name is under, then those of other industries."""
    bounds = [
        {"limit": f"{side} bound", "of": "this name", "value": held["target_weight"], "dual": held[f"dual_{side}"]}
        for side in ("lower", "upper")
    ]
    told = [
        {"limit": row["limit"], "of": _spoken_of(row["limit"], industry)} | _values(row, DIAGNOSTICS)
        for row in known.rows(DIAGNOSTICS)
        if row["limit"] not in ("lower", "upper")  # of the worst name, which is another's
    ]
    binding = [
        row for row in [*bounds, *told] if abs(row["dual"] or 0.0) > BINDING or (row.get("violation") or 0.0) > 0
    ]
    order = ("this name", "its industry", "the whole book", "another industry")
    return sorted(binding, key=lambda row: order.index(row["of"]))


def _spoken_of(limit: str, industry: str) -> str:
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
        "share_of_adv": notional / held["adv_usd"],
    }


def _contributions(known: _Known) -> list[Row]:
    """By horizon of the ridge: coefficient times score, the largest first; with `others` they add up to the score."""
    scores, features = known.row(STOCK_SCORES), known.row(STOCK_FEATURES)
    fits = known.rows(MODEL_FITS, model=RIDGE)
    rows = []
    for horizon in sorted({fit["horizon_sessions"] for fit in fits}):
        b = {fit["term"]: fit["coefficient"] for fit in fits if fit["horizon_sessions"] == horizon}
        if not scores or b.get(INTERCEPT) is None:
            continue
        of = {name: b[name] * scores[name] for name in b if scores.get(name) is not None}
        largest = sorted(of, key=lambda name: (-abs(of[name]), name))[:SCORES_SHOWN]
        for name in largest:
            feature = name.removeprefix("z_")
            rows.append({
                "horizon_sessions": horizon, "term": feature, "value": features.get(feature), "score": scores[name],
                "coefficient": b[name], "contribution": of[name],
            })  # fmt: skip
        rest = math.fsum(of[name] for name in of if name not in largest)
        for term, value in {"others": rest, INTERCEPT: b[INTERCEPT]}.items():
            rows.append({"horizon_sessions": horizon, "term": term, "value": None, "score": None, "coefficient": None,
                         "contribution": value})  # fmt: skip
    return rows


# -- what became of it -------------------------------------------------------------------------------------------------


def _outcome(store: Store, order: Row, session: dt.date) -> Row:
    """The fill on the next session, as known at it."""
    following = calendar.shift(session, 1)
    if following not in store.sessions(BOOK):
        return {"session": following, "said": "not stored yet"}
    found = store.read(BOOK, following, following, following, symbols=[order["symbol"]]).to_dicts()
    if not found or found[0]["decided_on"] != session:
        return {"session": following, "said": "no fill is recorded"}
    row = found[0]
    price = row["fill_price_usd"]
    worse = None if price is None else _sign(order) * (price / order["reference_price_usd"] - 1) / BASIS_POINT
    return {
        "session": following,
        "said": _became(row, _sign(order) * order["shares"]),
        "filled_at": row["filled_at"],
        "fill_shares": row["fill_shares"],
        "fill_price_usd": price,
        "cost_usd": row["cost_usd"],
        # what the market moved over night, not what the order did; not to be compared in other shares
        "open_against_reference_bp": None if row["status"] == "adjusted" else worse,
    }


def _became(row: Row, ordered: float) -> str:
    if row["status"] not in (None, "cut"):  # cut is said of the next order
        return str(row["status"])
    filled = row["fill_shares"] or 0.0
    return "lapsed" if filled == 0 else "filled" if filled == ordered else "scaled"


def _sign(order: Row) -> int:
    return 1 if order["side"] == "buy" else -1


# -- what it rests on --------------------------------------------------------------------------------------------------


def _inputs(known: _Known, industry: str) -> list[Row]:
    """Rows that the order rests on, with when they were known."""
    found: list[tuple[Dataset, Row]] = [
        (dataset, row) for dataset in (BARS, MEMBERS, UNIVERSE, INDUSTRIES) for row in known.rows(dataset)
    ]
    found += [(CORPORATE_ACTIONS, row) for row in known.actions()[-ACTIONS_SHOWN:]]
    found += [(dataset, row) for dataset in (STOCK_FEATURES, STOCK_SCORES) for row in known.rows(dataset)]
    found += [(dataset, row) for dataset in (STATES, VIEWS) for row in known.rows(dataset, industry=industry)]
    found += [(MARKET_REGIME, row) for row in known.rows(MARKET_REGIME)]
    found += [
        (dataset, row) for dataset in (PREDICTIONS, COMBINED, EXPOSURES, SPECIFIC_RISK, COST_PARAMETERS)
        for row in known.rows(dataset)
    ]  # fmt: skip
    return [
        {
            "dataset": dataset.name,
            "event_date": row["event_date"],
            "known_at": row["known_at"],
            "row": {name: value for name, value in row.items() if name not in ("event_date", "known_at", "symbol")},
        }
        for dataset, row in found
    ]


def _provenance(store: Store, session: dt.date, order: Row, held: Row, profile: Profile) -> Row:
    """Of the book that decided the order."""
    generations = store.history(BOOK, session)
    book = generations[-1]
    return {
        "dataset": book.dataset,
        "session": session,
        "generation": book.generation,
        "generations": len(generations),
        "fingerprint": book.fingerprint,
        "content_hash": book.content_hash,
        "run_id": book.run_id,
        "git_commit": book.git_commit,
        "written_at": book.written_at,
        "latest_known_at": book.latest_known_at,
        "decision_time": store.clock.decision_time(session),
        "grade": Grade(book.grade).label,
        "order_is_of_this_book": held["order_shares"] == _sign(order) * order["shares"],
        "costs_by_its_settings": book.parts.get("config:Execution") == _execution_settings(profile),
        "parts": book.parts,
    }


def _execution_settings(profile: Profile) -> str:
    """The digest that a book of today would carry."""
    (book,) = (asset for asset in all_assets(profile) if asset.name == BOOK.name)
    return digest_of([settings_of(book, profile)["Execution"]])


def _values(row: Row, dataset: Dataset) -> Row:
    return {name: row[name] for name in dataset.values} if row else {}


def _without_key(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("event_date", "symbol")}
