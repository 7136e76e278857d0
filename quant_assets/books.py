"""Books by rules of target weights, beside the platform's: account, orders, profit and checks from the same code."""

import datetime as dt
from collections.abc import Callable, Mapping

import polars as pl

from configs.settings import Execution, Macro, Portfolio
from feature_store.dataset import Dataset
from feature_store.schemas.backtest import PNL
from feature_store.schemas.companies import BORROW
from feature_store.schemas.execution import BOOK_COLUMNS, ORDERS
from quant_assets.backtest.assets import ACCOUNT
from quant_assets.backtest.checks import account_closes
from quant_assets.backtest.pnl import account_of
from quant_assets.engine.asset import CrossSection, Recursive, SessionAsset, Window, same, trailing
from quant_assets.execution.assets import CHECKS, COSTS, OF_ACCOUNT
from quant_assets.execution.book.inputs import MarketInputs
from quant_assets.execution.book.replay import rule_step
from quant_assets.execution.book.target_weights import TargetWeights
from quant_assets.execution.trading.orders import orders

LONG_ONLY = OF_ACCOUNT | {"borrow": same(BORROW, columns=())}


def book_assets(
    name: str, description: str, rule: TargetWeights, inputs: Mapping[str, Window] | None = None
) -> list[SessionAsset]:
    """The assets of a book that holds what a rule of target weights says: the book, its orders and its account.

    The book trades as the platform's do: orders decided at the close fill at the next open, at the costs of the
    settings, after the pre-trade checks. It never sells short.

    Args:
        name: of the book's dataset, for example "my_research/momentum_book"; orders are NAME_orders, the account
            NAME_pnl.
        description: one sentence, for the catalogue.
        rule: pure function of the holdings and the inputs; `execution.book.target_weights` has its contract.
        inputs: what the rule reads beside the account, by the names under which it is handed over.

    Raises:
        ValueError: an input under a name that the account uses.
    """
    if taken := sorted({*(inputs or {})} & {*LONG_ONLY, "state"}):
        raise ValueError(f"{name}: inputs {', '.join(taken)} are the account's own; name yours otherwise")
    book = Dataset(name, ("symbol",), BOOK_COLUMNS, description)
    of_orders = Dataset(f"{name}_orders", ORDERS.key, ORDERS.columns, f"Orders of {name}.")
    of_account = Dataset(f"{name}_pnl", PNL.key, PNL.columns, f"The account of {name}, one row a session.")
    return [
        Recursive(book, _step(rule), LONG_ONLY | dict(inputs or {}), choices=(COSTS,), checks=CHECKS),
        CrossSection(
            of_orders, orders, {"book": same(book, columns=("order_shares", "reference_price_usd"))}, gated=True
        ),
        CrossSection(
            of_account,
            _account(name.partition("/")[2]),
            {"book": trailing(book, 2, ACCOUNT)},
            checks={"account_closes": account_closes},
        ),
    ]


def _step(rule: TargetWeights) -> Callable[..., pl.DataFrame]:
    def step(
        state: pl.DataFrame | None,
        market: MarketInputs,
        inputs: Mapping[str, pl.DataFrame],
        session: dt.date,
        portfolio: Portfolio,
        execution: Execution,
        series: Macro,
    ) -> pl.DataFrame:
        return rule_step(rule, state, market, inputs, session, portfolio, execution, series)

    return step


def _account(label: str) -> Callable[..., pl.DataFrame]:
    def account(book: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        return account_of(label, book, session)

    return account
