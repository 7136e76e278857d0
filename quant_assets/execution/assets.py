"""The books, which carry positions from session to session, and the orders of the main one."""

from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.companies import BORROW
from feature_store.schemas.execution import BOOK, EQUAL_WEIGHT_BOOK, ORDERS, SHUFFLED_BOOK
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, MACRO, UNIVERSE
from feature_store.schemas.portfolio import VIEWS
from feature_store.schemas.risk import COST_PARAMETERS, EXPOSURES, FACTOR_COVARIANCE, SPECIFIC_RISK
from quant_assets.engine.asset import CrossSection, Recursive, SessionAsset, same, trailing
from quant_assets.execution.book import equal_weight_step, shuffled_step, step
from quant_assets.execution.checks import fills_come_after_decisions
from quant_assets.execution.orders import orders

OF_ACCOUNT = {
    "bars": same(BARS),
    # an action may be declared up to a year before its ex-date
    "actions": trailing(CORPORATE_ACTIONS, 273),
    "cost_parameters": same(COST_PARAMETERS),
    "universe": same(UNIVERSE),
    # interest since the session before goes by what was observed up to it
    "macro": trailing(MACRO, lambda p: p.macro.max_age_sessions + 1),
    "borrow": trailing(BORROW, lambda p: p.execution.borrow_max_age_sessions + 1),
}
OF_PROGRAMME = {
    "combined": same(COMBINED),
    "exposures": same(EXPOSURES),
    "factor_covariance": same(FACTOR_COVARIANCE),
    "specific_risk": same(SPECIFIC_RISK),
    "views": same(VIEWS),
}
CHECKS = {"fills_after_decision": fills_come_after_decisions}

ASSETS: list[SessionAsset] = [
    Recursive(
        BOOK,
        step,
        OF_ACCOUNT | OF_PROGRAMME,
        figures=lambda rows: {"orders": float(rows["order_shares"].count())},
        checks=CHECKS,
    ),
    Recursive(EQUAL_WEIGHT_BOOK, equal_weight_step, OF_ACCOUNT, checks=CHECKS),
    Recursive(SHUFFLED_BOOK, shuffled_step, OF_ACCOUNT | OF_PROGRAMME, checks=CHECKS),
    CrossSection(ORDERS, orders, {"book": same(BOOK)}),
]
