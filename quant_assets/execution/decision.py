"""What is decided at the close: targets and orders for the next open, or none with the reason."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Alpha, Execution, Portfolio
from quant_assets.execution.account import Closing, Opening
from quant_assets.execution.costs import impact_majorant, linear_rate
from quant_assets.execution.orders import order_shares
from quant_assets.execution.tape import Tape, aligned
from quant_assets.portfolio.optimizer import constraint_violations, solve
from quant_assets.portfolio.weights import SESSIONS_PER_YEAR, Names, programme, regime_risk_aversion

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# What an interior point method leaves where it means none: a hundred-millionth of NAV
DUST = 1e-8
# A solved programme that breaks a limit by more than this, re-evaluated outside the solver, sends no orders
VIOLATION = 1e-6


@dataclass(frozen=True)
class Forecast:
    """What is known of each name for the decision; (N,) in the order of the names, NaN where unknown.

    Attributes:
        alpha: simple, over the programme's horizon.
        volatility_annual, adv_usd: today's, else the last known of a name in the book.
        estimated: has a volatility of today.
        correlation: common to all pairs.
        member, tradable: in the universe; with a bar to trade on.
        risk_aversion: γ after the regime's multiple.
    """

    alpha: Array
    volatility_annual: Array
    adv_usd: Array
    estimated: Mask
    correlation: float
    member: Mask
    tradable: Mask
    risk_aversion: float


@dataclass(frozen=True)
class Decision:
    """Arrays (N,), NaN where nothing was decided."""

    alpha: Array
    target: Array
    orders: Array
    reference_price: Array
    cash_target: float
    status: str
    detail: str | None


def forecast(
    start: Opening,
    market: Tape,
    predictions: pl.DataFrame,
    covariance: pl.DataFrame,
    states: pl.DataFrame,
    universe: pl.DataFrame,
    portfolio: Portfolio,
    alpha: Alpha,
) -> Forecast:
    """The session's inputs, aligned and over the programme's horizon."""
    (expected,) = aligned(predictions, start.names, "alpha")
    (volatility,) = aligned(covariance, start.names, "volatility_annual")
    (tradable,) = aligned(universe, start.names, "tradable")
    gamma = regime_risk_aversion(states, portfolio)
    return Forecast(
        alpha=expected * (portfolio.horizon_sessions / alpha.horizon_sessions),
        volatility_annual=np.where(np.isnan(volatility), start.volatility_annual, volatility),
        adv_usd=np.where(np.isnan(market.adv_usd), start.adv_usd, market.adv_usd),
        estimated=~np.isnan(volatility),
        correlation=covariance["correlation"][0] if covariance.height else np.nan,
        member=~np.isnan(tradable),
        tradable=tradable == 1.0,
        risk_aversion=np.nan if gamma is None else gamma,
    )


def decide(end: Closing, market: Tape, known: Forecast, portfolio: Portfolio, execution: Execution) -> Decision:
    """Solve the programme over what is held and what may be bought, and turn its weights into orders.

    Held names that left the universe are sold whole, as soon as they have a bar; held names that cannot or must not
    be judged today (no bar, no alpha, no volatility, about to be delisted) keep their weight.
    """
    held = end.shares != 0
    eligible = known.tradable & known.estimated & ~np.isnan(known.alpha + known.adv_usd + market.close)
    eligible &= ~market.leaving
    if reason := _missing(known, eligible):
        return _nothing(held, reason, None)
    chosen = np.flatnonzero(held | _largest(eligible, known.adv_usd, portfolio.max_names))
    leaves = held & ~known.member & ~np.isnan(market.close) & ~market.leaving
    stays = held & ~eligible & ~leaves
    names = _names(end, known, leaves, stays, portfolio, execution, chosen)
    solution = solve(programme(names, known.risk_aversion, execution.cash_rate_annual, portfolio))
    said = "; ".join((*solution.relaxations, solution.detail))
    if solution.weights is None:
        return _nothing(held, solution.status, said)
    worst = max(constraint_violations(solution.problem, solution.weights).values())
    if worst > VIOLATION:
        return _nothing(held, "unsolved", f"a limit is broken by {worst:g}; {said}")
    weights = np.where((solution.weights < DUST) & ~names.stays, 0.0, solution.weights)
    price = end.price[chosen] / market.next_split[chosen]
    sent = order_shares(weights, end.shares[chosen] * market.next_split[chosen], price, end.nav, portfolio.min_trade)
    sent = np.where(names.stays, np.nan, sent)
    return Decision(
        alpha=_spread(held, chosen, np.where(names.stays | names.leaves, np.nan, names.alpha)),
        target=_spread(held, chosen, weights),
        orders=_spread(held, chosen, sent),
        reference_price=_spread(held, chosen, np.where(np.isnan(sent), np.nan, price)),
        cash_target=float(1.0 - weights.sum()),
        status=solution.status,
        detail=said,
    )


def _missing(known: Forecast, eligible: Mask) -> str | None:
    """Why nothing can be decided, if so: orders fail closed (law 8)."""
    reasons = {
        "no predictions": np.isnan(known.alpha).all(),
        "no covariance": not known.estimated.any(),
        "no regimes": np.isnan(known.risk_aversion),
        "no eligible names": not eligible.any(),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _largest(eligible: Mask, adv_usd: Array, count: int) -> Mask:
    """The `count` eligible names of the largest dollar volume; ties go by name."""
    order = np.argsort(np.where(eligible, -adv_usd, np.inf), kind="stable")
    largest = np.zeros_like(eligible)
    largest[order[:count]] = True
    return largest & eligible


def _names(
    end: Closing,
    known: Forecast,
    leaves: Mask,
    stays: Mask,
    portfolio: Portfolio,
    execution: Execution,
    chosen: NDArray[np.intp],
) -> Names:
    # the majorant of impact touches the law at the trade that spends the turnover evenly
    usual_trade = max(portfolio.turnover_cap / len(chosen), portfolio.min_trade)
    volatility, fixed = known.volatility_annual[chosen], stays[chosen] | leaves[chosen]
    linear, quadratic = impact_majorant(
        end.nav,
        known.adv_usd[chosen],
        volatility / np.sqrt(SESSIONS_PER_YEAR),
        execution.impact_multiplier,
        usual_trade,
    )
    return Names(
        alpha=np.where(fixed, 0.0, known.alpha[chosen]),
        volatility_annual=volatility,
        correlation=known.correlation,
        weight=end.value[chosen] / end.nav,
        leaves=leaves[chosen],
        stays=stays[chosen],
        # what cannot be chosen has no marginal cost
        linear_cost=np.where(fixed, 0.0, linear_rate(execution) + linear),
        quadratic_cost=np.where(fixed, 0.0, quadratic),
    )


def _nothing(like: Mask, status: str, detail: str | None) -> Decision:
    none = np.full(len(like), np.nan)
    return Decision(none, none, none, none, np.nan, status, detail)


def _spread(like: Mask, chosen: NDArray[np.intp], values: Array) -> Array:
    out = np.full(len(like), np.nan)
    out[chosen] = values
    return out
