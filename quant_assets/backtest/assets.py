"""Projections of the book that speak of money."""

from feature_store.schemas.execution import BOOK, PNL
from quant_assets.backtest.pnl import pnl
from quant_assets.windows import SessionAsset, per_session, trailing

ASSETS: list[SessionAsset] = [
    per_session(
        PNL,
        pnl,
        {"book": trailing(BOOK, 2)},
        figures=lambda rows: {"nav_usd": float(rows["nav_usd"][0]), "turnover": float(rows["turnover"][0])},
    ),
]
