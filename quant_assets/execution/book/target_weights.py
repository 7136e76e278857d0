"""Decisions of a book by a rule of one's own: from target weights to the orders that the account sends."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from configs.settings import Execution, Portfolio
from quant_assets.execution.book.account import Closing
from quant_assets.execution.book.decision import Decision, Tradability, nothing, send
from quant_assets.numerics.arrays import Array, Mask

ROUNDING = 1e-9  # of a sum of weights


@dataclass(frozen=True)
class Holdings:
    """What a rule knows of the account at the close; arrays are (N,), in the order of the symbols.

    Attributes:
        session: decided at its close, for the next open.
        symbols: of all that is held or in the universe, sorted.
        nav_usd: net asset value.
        cash_floor: fraction of NAV that stays in cash, of the settings.
        weight: fraction of NAV held.
        open_to_trade: may be bought and sold at the next open.
        must_exit: held, and sold whole whatever the rule says.
        locked: held, and kept whatever the rule says: no bar, or about to end.
        price_usd, adv_usd, market_cap_usd: NaN where not known.
    """

    session: dt.date
    symbols: tuple[str, ...]
    nav_usd: float
    cash_floor: float
    weight: Array
    open_to_trade: Mask
    must_exit: Mask
    locked: Mask
    price_usd: Array
    adv_usd: Array
    market_cap_usd: Array

    @property
    def investable(self) -> float:
        """Fraction of NAV that is neither locked nor the floor on cash."""
        return float(1.0 - self.cash_floor - self.weight[self.locked].sum())

    @property
    def is_held(self) -> Mask:
        return np.asarray(self.weight != 0)

    def aligned(self, rows: pl.DataFrame, column: str) -> Array:
        """(N,) a column of a frame with one row a symbol; NaN where there is none."""
        values = dict(rows.select("symbol", column).iter_rows())
        return np.array([np.nan if values.get(symbol) is None else values[symbol] for symbol in self.symbols])


TargetWeights = Callable[[Holdings, Mapping[str, pl.DataFrame]], Array | None]
"""(N,) target weights, 0 or more and at most `investable` in sum; only those open to trade count. None keeps all."""


def decide_by(
    rule: TargetWeights,
    inputs: Mapping[str, pl.DataFrame],
    names: list[str],
    end: Closing,
    tradability: Tradability,
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
) -> Decision:
    """The rule's targets and the orders towards them, after the pre-trade checks.

    Args:
        rule: pure; the same holdings and inputs give the same weights.
        inputs: frames as known at the session, by the names under which they were declared.

    Raises:
        ValueError: weights of another shape, negative, not finite, or more than there is to invest.
    """
    holdings = _holdings(names, end, tradability, session, portfolio.cash_floor)
    weights = rule(holdings, inputs)
    if weights is None:
        return nothing(len(names), "kept")
    _require_weights(weights, holdings)
    fixed = np.where(holdings.locked, holdings.weight, np.where(holdings.must_exit, 0.0, np.nan))
    target = np.where(holdings.open_to_trade, weights, fixed)
    sent = send(target, ~holdings.locked, end, tradability, np.inf, portfolio, execution)
    return replace(
        nothing(len(names), "rebalanced"),
        target=target,
        orders=sent.orders,
        reference_price=np.where(np.isnan(sent.orders), np.nan, tradability.price),
        cut=sent.cut,
        cash_target=float(1.0 - np.nansum(target)),
    )


def _holdings(
    names: list[str], end: Closing, tradability: Tradability, session: dt.date, cash_floor: float
) -> Holdings:
    return Holdings(
        session=session,
        symbols=tuple(names),
        nav_usd=end.nav,
        cash_floor=cash_floor,
        weight=tradability.weight,
        open_to_trade=tradability.open_to_trade,
        must_exit=tradability.must_exit,
        locked=end.held & ~tradability.must_exit & ~tradability.open_to_trade,
        price_usd=tradability.price,
        adv_usd=tradability.parameters.adv_usd,
        market_cap_usd=tradability.market_cap_usd,
    )


def _require_weights(weights: Array, holdings: Holdings) -> None:
    where = f"target weights of {holdings.session}"
    if np.shape(weights) != np.shape(holdings.weight):
        raise ValueError(f"{where} have the shape {np.shape(weights)}, not ({len(holdings.symbols)},): one a symbol")
    free = np.asarray(weights)[holdings.open_to_trade]
    if not (np.isfinite(free) & (free >= 0)).all():
        wrong = [s for s, w in zip(holdings.symbols, weights, strict=True) if not w >= 0]
        raise ValueError(f"{where} are negative or not finite, of {', '.join(wrong[:5])}; a weight is 0 or more")
    if free.sum() > holdings.investable + ROUNDING:
        raise ValueError(
            f"{where} add up to {free.sum():.6g}, and {holdings.investable:.6g} is there to invest; "
            "scale them to `holdings.investable`"
        )
