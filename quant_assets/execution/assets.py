"""The book, which carries positions from session to session, and its orders."""

from feature_store.schemas.alpha import PREDICTIONS
from feature_store.schemas.execution import BOOK, ORDERS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, UNIVERSE
from feature_store.schemas.regimes import VOLATILITY_STATES
from feature_store.schemas.risk import COVARIANCE
from quant_assets.execution.book import step
from quant_assets.execution.checks import fills_come_after_decisions
from quant_assets.execution.orders import orders
from quant_assets.windows import SessionAsset, path, per_session, same, trailing

ASSETS: list[SessionAsset] = [
    path(
        BOOK,
        step,
        {
            "bars": trailing(BARS, 21),
            "actions": trailing(CORPORATE_ACTIONS, 273),
            "predictions": same(PREDICTIONS),
            "covariance": same(COVARIANCE),
            "states": same(VOLATILITY_STATES),
            "universe": same(UNIVERSE),
        },
        figures=lambda rows: {"orders": float(rows["order_shares"].count())},
        checks={"fills_after_decision": fills_come_after_decisions},
    ),
    per_session(ORDERS, orders, {"book": same(BOOK)}),
]
