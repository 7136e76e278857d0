"""Views that the programme is told, and projections of the book that speak of weights."""

import polars as pl

from feature_store.schemas.execution import BOOK
from feature_store.schemas.portfolio import DIAGNOSTICS, TARGET_WEIGHTS, VIEWS
from feature_store.schemas.regimes import STATES
from quant_assets.engine.asset import CrossSection, SessionAsset, same
from quant_assets.portfolio.checks import limits_hold
from quant_assets.portfolio.diagnostics import diagnostics
from quant_assets.portfolio.views import views
from quant_assets.portfolio.weights import target_weights


def _relaxed(rows: pl.DataFrame) -> dict[str, float]:
    volatility = rows.filter(pl.col("limit") == "volatility")["value"].drop_nulls()
    return {"limits_relaxed": float(rows["relaxed"].sum())} | (
        {"volatility_annual": volatility[0]} if len(volatility) else {}
    )


ASSETS: list[SessionAsset] = [
    CrossSection(
        VIEWS,
        views,
        {"states": same(STATES)},
        figures=lambda rows: {"volatility_target_annual": rows["volatility_target_annual"].drop_nulls()[0]},
    ),
    CrossSection(
        TARGET_WEIGHTS, target_weights, {"book": same(BOOK, columns=("shares", "value_usd", "target_weight"))}
    ),
    CrossSection(
        DIAGNOSTICS,
        diagnostics,
        {"book": same(BOOK, columns=("programme",))},
        figures=_relaxed,
        checks={"limits_hold": limits_hold},
    ),
]
