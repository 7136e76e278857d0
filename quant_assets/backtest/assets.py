"""What the books earned, and where it came from."""

import polars as pl

from feature_store.schemas.backtest import ATTRIBUTION, PNL
from feature_store.schemas.execution import BOOK, EQUAL_WEIGHT_BOOK, SHUFFLED_BOOK
from feature_store.schemas.risk import EXPOSURES, FACTOR_RETURNS, SPECIFIC_RETURNS, STYLES
from quant_assets.backtest.attribution import attribution
from quant_assets.backtest.checks import account_closes, attribution_closes
from quant_assets.backtest.pnl import pnl
from quant_assets.engine.asset import CrossSection, SessionAsset, same, trailing

ACCOUNT = (
    "shares",
    "value_usd",
    "fill_shares",
    "fill_price_usd",
    "cost_usd",
    "dividend_usd",
    "borrow_usd",
    "interest_usd",
    "pnl_usd",
    "order_shares",
    "status",
)
MOVES = ("price_usd", "value_usd", "fill_shares", "fill_price_usd", "cost_usd", "borrow_usd", "interest_usd", "pnl_usd")


def _of_main(rows: pl.DataFrame) -> dict[str, float]:
    (main,) = rows.filter(pl.col("book") == "main").to_dicts()
    return {"nav_usd": main["nav_usd"], "turnover": main["turnover"]}


def _left_over(rows: pl.DataFrame) -> dict[str, float]:
    """In bp of NAV; `unexplained` is rounding unless prices were corrected or positions ended."""
    bp = dict(rows.select("source", pl.col("pnl_usd") / pl.col("nav_usd") * 1e4).iter_rows())
    return {f"{source}_bp": bp[source] for source in ("unexplained", "unmodelled")}


ASSETS: list[SessionAsset] = [
    CrossSection(
        PNL,
        pnl,
        {
            "book": trailing(BOOK, 2, ACCOUNT),
            "equal_weight": trailing(EQUAL_WEIGHT_BOOK, 2, ACCOUNT),
            "shuffled": trailing(SHUFFLED_BOOK, 2, ACCOUNT),
        },
        metadata=_of_main,
        checks={"account_closes": account_closes},
    ),
    CrossSection(
        ATTRIBUTION,
        attribution,
        {
            "book": trailing(BOOK, 2, MOVES),
            "exposures": trailing(EXPOSURES, 2, columns=("industry", *STYLES)),
            "factor_returns": same(FACTOR_RETURNS, columns=("simple_return",)),
            "specific_returns": same(SPECIFIC_RETURNS),
        },
        metadata=_left_over,
        checks={"attribution_closes": attribution_closes},
    ),
]
