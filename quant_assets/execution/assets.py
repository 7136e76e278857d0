"""The books, which carry positions from session to session, what decided them, and the orders of the main one."""

import polars as pl

from configs.settings import Profile
from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.companies import BORROW
from feature_store.schemas.execution import BOOK, EQUAL_WEIGHT_BOOK, ORDERS, SHUFFLED_BOOK
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, MACRO, UNIVERSE
from feature_store.schemas.portfolio import DIAGNOSTICS, OPTIMIZATION, VIEWS
from feature_store.schemas.risk import COST_PARAMETERS, EXPOSURES, FACTOR_COVARIANCE, SPECIFIC_RISK
from quant_assets.engine.asset import Choice, CrossSection, Recursive, SessionAsset, same, trailing
from quant_assets.execution.book.replay import equal_weight_step, shuffled_step, step
from quant_assets.execution.checks import fills_come_after_decisions
from quant_assets.execution.trading.cost_terms import registry as cost_terms
from quant_assets.execution.trading.orders import orders
from quant_assets.portfolio.checks import limits_hold
from quant_assets.portfolio.limits import registry as limits


def _sells_short(profile: Profile) -> bool:
    return profile.portfolio.mode == "dollar_neutral"


OF_ACCOUNT = {
    "bars": same(BARS, columns=("open", "close")),
    # an action may be declared up to a year before its ex-date
    "actions": trailing(CORPORATE_ACTIONS, 273),
    "cost_parameters": same(COST_PARAMETERS),
    "universe": same(UNIVERSE, columns=("tradable", "has_bar", "adv_usd", "market_cap_usd")),
    # interest since the session before goes by what was observed up to it
    "macro": trailing(MACRO, lambda p: p.macro.max_age_sessions + 1),
    # a book that never sells short asks no lender: what they quote changes nothing in it
    "borrow": trailing(
        BORROW,
        lambda p: p.execution.borrow_max_age_sessions + 1 if _sells_short(p) else 1,
        lambda p: ("fee_annual", "shares_available") if _sells_short(p) else (),
    ),
}
OF_DECISION = {
    "combined": same(COMBINED, columns=("alpha",)),
    "exposures": same(EXPOSURES),
    "factor_covariance": same(FACTOR_COVARIANCE),
    "specific_risk": same(SPECIFIC_RISK, columns=("volatility_annual",)),
    "views": same(VIEWS),
}
COSTS = Choice(cost_terms.__name__, "COST_TERMS", lambda p: tuple(term.kind for term in p.execution.cost_terms))
LIMITS = Choice(limits.__name__, "LIMITS", lambda p: tuple(limit.kind for limit in p.portfolio.limits))
CHECKS = {"fills_after_decision": fills_come_after_decisions}

DECIDED = (BOOK, DIAGNOSTICS, OPTIMIZATION)


def _relaxed(rows: pl.DataFrame) -> dict[str, float]:
    volatility = rows.filter(pl.col("limit") == "volatility")["value"].drop_nulls()
    return {"limits_relaxed": float(rows["relaxed"].sum())} | (
        {"volatility_annual": volatility[0]} if len(volatility) else {}
    )


ASSETS: list[SessionAsset] = [
    Recursive(
        BOOK,
        step,
        OF_ACCOUNT | OF_DECISION,
        outputs=DECIDED,
        choices=(COSTS, LIMITS),
        metadata=lambda rows: {"orders": float(rows["order_shares"].count())},
        checks=CHECKS,
    ),
    Recursive(
        DIAGNOSTICS,
        step,
        OF_ACCOUNT | OF_DECISION,
        outputs=DECIDED,
        choices=(COSTS, LIMITS),
        metadata=_relaxed,
        checks={"limits_hold": limits_hold},
    ),
    Recursive(OPTIMIZATION, step, OF_ACCOUNT | OF_DECISION, outputs=DECIDED, choices=(COSTS, LIMITS)),
    Recursive(
        EQUAL_WEIGHT_BOOK,
        equal_weight_step,
        OF_ACCOUNT | {"borrow": same(BORROW, columns=())},
        choices=(COSTS,),
        checks=CHECKS,
    ),
    Recursive(SHUFFLED_BOOK, shuffled_step, OF_ACCOUNT | OF_DECISION, choices=(COSTS, LIMITS), checks=CHECKS),
    CrossSection(ORDERS, orders, {"book": same(BOOK, columns=("order_shares", "reference_price_usd"))}, gated=True),
]
