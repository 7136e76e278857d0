"""The path: positions, orders, fills, cash, and their projections."""

import polars as pl

from feature_store.dataset import KNOWN_AT, Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

CASH = "USD"  # the symbol of the cash row: shares are dollars, the price is 1

BOOK_COLUMNS = (
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
    number("dividend_usd", "USD", "received, spin-offs paid in cash included; paid where short; null where none"),
    number("borrow_usd", "USD", "fee on a short over the days since the session before; null where none", at_least=0),
    number("interest_usd", "USD", "on cash, this session"),
    number("pnl_usd", "USD", "of this row over the session, before costs and fees", nullable=False),
    number("alpha", "simple, over the horizon", "relative, that the decision used"),
    number("tilt", "simple, over the horizon", "of the industry's view, that the decision used"),
    number("target_weight", "fraction of NAV", "decided this session for the next open"),
    number("benchmark_weight", "fraction of NAV", "of the session, that the decision used"),
    number("dual_lower", "per unit of weight", "what the objective gains if the lower bound gives way", at_least=0),
    number("dual_upper", "per unit of weight", "what the objective gains if the upper bound gives way", at_least=0),
    number("order_shares", "shares as of the next open", "decided this session, signed; null where none"),
    number("reference_price_usd", "USD", "of the order: the price, in shares as of the next open", above=0),
    number("adv_usd", "USD", "mean daily dollar volume, last known; prices the impact of the order", above=0),
    number("volatility_daily", "simple, per session", "last known; prices the impact of the order", above=0),
    number("half_spread_bp", "bp of value", "last known; prices the order", above=0),
    Column(
        "status",
        pl.String(),
        "label",
        "cash row: of the optimization problem (optimal, relaxed, infeasible, unsolved, or what was missing); "
        "others: lapsed, scaled, adjusted (for a split learned after the order), delisted, written_off, merged, "
        "merged_at_last_price (its terms unknown, or the acquirer without a bar), spin_off_unknown (neither shares nor "
        "a published worth: nothing was received), received (shares of an event), cut (by a pre-trade check); null in "
        "the ordinary case",
    ),
    Column("detail", pl.String(), "text", "steps of the relaxation ladder, message of the solver (cash row)"),
)

BOOK = Dataset(
    name="execution/book",
    key=("symbol",),
    version=3,
    description="One row a position, decision or fill of the session, and one row USD for cash.",
    columns=BOOK_COLUMNS,
)

EQUAL_WEIGHT_BOOK = Dataset(
    name="execution/equal_weight_book",
    key=("symbol",),
    version=2,
    description="The same account holding every tradable name at equal weight: what skill is compared with.",
    columns=BOOK_COLUMNS,
)

SHUFFLED_BOOK = Dataset(
    name="execution/shuffled_book",
    key=("symbol",),
    version=2,
    description="The same problem with alphas shuffled across names: it should earn the benchmark less its costs.",
    columns=BOOK_COLUMNS,
)

BOOKS = {"main": BOOK, "equal_weight": EQUAL_WEIGHT_BOOK, "shuffled": SHUFFLED_BOOK}

ORDERS = Dataset(
    name="execution/orders",
    key=("symbol",),
    description="Orders decided on the session, to be filled from the next open on.",
    columns=(
        SYMBOL,
        key("order_id", "session and symbol"),
        Column("side", pl.String(), "label", "buy or sell", nullable=False, one_of=("buy", "sell")),
        number("shares", "shares as of the next open", "unsigned", above=0, nullable=False),
        number("reference_price_usd", "USD", "last close, in shares as of the next open", above=0, nullable=False),
        number("notional_usd", "USD", "shares times reference price", at_least=0, nullable=False),
        Column("decided_at", KNOWN_AT, "UTC", "decision time", nullable=False),
    ),
)
