"""The path: positions, orders, fills, cash, and their projections."""

import polars as pl

from feature_store.dataset import KNOWN_AT, Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

CASH = "USD"  # the symbol of the cash row: shares are dollars, the price is 1

BOOK = Dataset(
    name="execution/book",
    key=("symbol",),
    description="One row a position, decision or fill of the session, and one row USD for cash.",
    columns=(
        SYMBOL,
        number("shares", "shares (USD for cash)", "held after the session's fills and actions", nullable=False),
        number("price_usd", "USD", "close, or the last one where frozen", above=0, nullable=False),
        number("value_usd", "USD", "shares times price", nullable=False),
        Column("sessions_without_bar", pl.Int32(), "count", "since the last bar", nullable=False, at_least=0),
        number("fill_shares", "shares", "filled at this session's open, signed; 0 if it lapsed, null where no order"),
        number("fill_price_usd", "USD", "before costs: the open", above=0),
        Column("decided_on", pl.Date(), "session", "that decided the fill"),
        Column("filled_at", KNOWN_AT, "UTC", "the open it was filled at"),
        number("cost_usd", "USD", "commission, spread and impact of the fill", at_least=0),
        number("dividend_usd", "USD", "received this session; null where none"),
        number("interest_usd", "USD", "on cash, this session"),
        number("pnl_usd", "USD", "of this row over the session, before costs", nullable=False),
        number("alpha", "simple, over the horizon", "that the decision used"),
        number("target_weight", "fraction of NAV", "decided this session for the next open"),
        number("order_shares", "shares as of the next open", "decided this session, signed; null where none"),
        number("reference_price_usd", "USD", "of the order: the price, in shares as of the next open", above=0),
        number("adv_usd", "USD", "mean daily dollar volume, last known; prices the impact of the order", above=0),
        number("volatility_annual", "simple, annual", "last known; prices the impact of the order", above=0),
        number("risk_aversion", "per unit of variance", "gamma after the regime's multiple (on the cash row)"),
        Column(
            "status",
            pl.String(),
            "word",
            "cash row: of the programme (optimal, relaxed, infeasible, unsolved, or what was missing); "
            "others: lapsed, scaled, delisted, written_off; null in the ordinary case",
        ),
        Column("detail", pl.String(), "text", "steps of the relaxation ladder, what the solver said (cash row)"),
    ),
)

TARGET_WEIGHTS = Dataset(
    name="portfolio/target_weights",
    key=("symbol",),
    description="Weights decided on the session for the next open; cash is the row USD.",
    columns=(
        SYMBOL,
        number("weight", "fraction of NAV", "at the close", nullable=False),
        number("target_weight", "fraction of NAV", "wanted after the next open; null where no programme was solved"),
    ),
)

ORDERS = Dataset(
    name="execution/orders",
    key=("symbol",),
    description="Orders decided on the session, to be filled from the next open on.",
    columns=(
        SYMBOL,
        key("order_id", "session and symbol"),
        Column("side", pl.String(), "word", "buy or sell", nullable=False, one_of=("buy", "sell")),
        number("shares", "shares as of the next open", "unsigned", above=0, nullable=False),
        number("reference_price_usd", "USD", "last close, in shares as of the next open", above=0, nullable=False),
        number("notional_usd", "USD", "shares times reference price", at_least=0, nullable=False),
        Column("decided_at", KNOWN_AT, "UTC", "decision time", nullable=False),
    ),
)

PNL = Dataset(
    name="backtest/pnl",
    key=(),
    description="One row a session of the book's account.",
    columns=(
        number("nav_usd", "USD", "net asset value at the close", above=0, nullable=False),
        number("return_net", "simple, per session", "of NAV; null on the first session"),
        number("pnl_usd", "USD", "before costs"),
        number("cost_usd", "USD", "commission, spread and impact", at_least=0, nullable=False),
        number("dividend_usd", "USD", "received", nullable=False),
        number("interest_usd", "USD", "on cash", nullable=False),
        number("cash_weight", "fraction of NAV", "at the close", nullable=False),
        number("turnover", "fraction of NAV", "filled value over the previous NAV", at_least=0, nullable=False),
        Column("n_positions", pl.Int32(), "count", "held at the close", nullable=False, at_least=0),
        Column("n_orders", pl.Int32(), "count", "decided on the session", nullable=False, at_least=0),
        Column("status", pl.String(), "word", "of the programme", nullable=False),
    ),
)
