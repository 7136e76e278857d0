"""What is decided at the close: targets and orders for the next open, or none with the reason."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from configs.settings import Execution, Portfolio
from quant_assets.execution.book.account import Closing
from quant_assets.execution.book.forecast import Forecast
from quant_assets.execution.market_snapshot import MarketSnapshot, aligned
from quant_assets.execution.trading.cost_terms import registry as cost_terms
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.costs import cost_parameters_of, linear_rate
from quant_assets.execution.trading.orders import order_shares
from quant_assets.execution.trading.pretrade import Checked, pre_trade
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.portfolio.diagnostics import Description
from quant_assets.portfolio.inputs import AssetInputs
from quant_assets.portfolio.limits import registry as limits
from quant_assets.portfolio.optimizer import Solution, constraint_violations, solve
from quant_assets.portfolio.program import (
    benchmark_kind,
    benchmark_weights,
    describe,
    optimization_problem,
)
from quant_assets.risk.impact import impact_majorant

# What an interior point method leaves where it means none: a hundred-millionth of NAV
DUST = 1e-8
# A solution that breaks a limit by more than this, re-evaluated outside the solver, sends no orders
VIOLATION = 1e-6


@dataclass(frozen=True)
class Tradability:
    """What may be done with each name at the next open, whatever is thought of it; (N,).

    Attributes:
        weight: fraction of NAV held at the close.
        open_to_trade: tradable, with a bar and cost parameters of today, and not about to be delisted or
            merged.
        must_exit: held and with a bar, but not tradable any more: to be sold, or bought back, whole.
        parameters: today's, else the last known of a name in the book.
        price, shares: at the close, as of the next open's share counts.
        market_cap_usd: NaN where it is not known.
    """

    weight: Array
    open_to_trade: Mask
    must_exit: Mask
    parameters: CostParameters
    price: Array
    shares: Array
    market_cap_usd: Array


@dataclass(frozen=True)
class Decision:
    """Arrays (N,), NaN where nothing was decided.

    Attributes:
        description: of the optimization; None where there was none.
    """

    alpha: Array
    tilt: Array
    target: Array
    benchmark: Array
    dual_lower: Array
    dual_upper: Array
    orders: Array
    reference_price: Array
    cut: Mask
    cash_target: float
    status: str
    detail: str | None = None
    description: Description | None = None


def tradability(
    names: list[str],
    end: Closing,
    market: MarketSnapshot,
    universe: pl.DataFrame,
    cost_parameters: pl.DataFrame,
) -> Tradability:
    """From rows of UNIVERSE and COST_PARAMETERS of the session."""
    tradable, market_cap_usd = aligned(universe, names, "tradable", "market_cap_usd")
    today = cost_parameters_of(cost_parameters, names)
    present = market.has_bar & ~market.leaving
    return Tradability(
        weight=end.value / end.nav,
        open_to_trade=(tradable == 1.0) & today.known & present,
        must_exit=end.held & (tradable != 1.0) & present,
        parameters=today.or_else(end.parameters),
        price=end.price / market.next_split,
        shares=end.shares * market.next_split,
        market_cap_usd=market_cap_usd,
    )


def decide(
    end: Closing, tradability: Tradability, known: Forecast, portfolio: Portfolio, execution: Execution
) -> Decision:
    """Solve the optimization problem over what is held and what may be traded, and turn its weights into orders.

    Held names that cannot be judged today (no bar, no alpha, no risk, no costs, about to end) keep
    their weight.
    """
    eligible = tradability.open_to_trade & known.covered
    size = len(eligible)
    if reason := known.missing or (None if eligible.any() else "no eligible names"):
        return nothing(size, reason)
    largest = _largest(eligible, tradability.parameters.adv_usd, portfolio.max_candidates)
    candidates = np.flatnonzero(end.held | largest)
    weighted_by = benchmark_kind(largest, tradability.parameters.adv_usd, tradability.market_cap_usd, portfolio)
    names = _asset_inputs(
        end,
        tradability,
        known,
        portfolio,
        execution,
        largest=largest,
        eligible=eligible,
        candidates=candidates,
        weighted_by=weighted_by,
    )
    problem = optimization_problem(names, known.risk, portfolio)
    solution = solve(problem)
    fallen_back = [f"benchmark by {weighted_by}: too few capitalisations are known"] * (
        portfolio.mode == "long_only" and weighted_by != portfolio.benchmark
    )
    detail = "; ".join((*fallen_back, *solution.relaxations, solution.detail))
    values = None if solution.weights is None else limits.values(solution.weights, names, known.risk, portfolio)
    description = describe(problem, solution, portfolio, values)
    if solution.weights is None:
        return nothing(size, solution.status, detail, description)
    worst = max(constraint_violations(solution.problem, solution.weights).values())
    if worst > VIOLATION:
        return nothing(size, "unsolved", f"a limit is broken by {worst:g}; {detail}", description)
    weights = np.where((np.abs(solution.weights) < DUST) & ~names.locked, 0.0, solution.weights)
    spread = partial(_spread, candidates, size)
    target, may_trade = spread(weights), spread(~names.locked) == 1.0
    sent = send(target, may_trade, end, tradability, _allowed(solution, end.nav), portfolio, execution)
    if sent.rejected:
        return nothing(size, "unsolved", f"{sent.rejected}; {detail}", description)
    return Decision(
        alpha=np.where(eligible, spread(known.alpha[candidates]), np.nan),
        tilt=np.where(eligible, spread(known.tilt[candidates]), np.nan),
        target=target,
        benchmark=spread(names.benchmark),
        dual_lower=spread(solution.duals["lower"]),
        dual_upper=spread(solution.duals["upper"]),
        orders=sent.orders,
        reference_price=np.where(np.isnan(sent.orders), np.nan, tradability.price),
        cut=sent.cut,
        cash_target=float(1.0 - weights.sum()),
        status=solution.status,
        detail=detail,
        description=description,
    )


def nothing(size: int, status: str, detail: str | None = None, description: Description | None = None) -> Decision:
    """No targets and no orders, and why."""
    none, cut = np.full(size, np.nan), np.zeros(size, dtype=bool)
    return Decision(none, none, none, none, none, none, none, none, cut, np.nan, status, detail, description)


def send(
    target: Array,
    may_trade: Mask,
    end: Closing,
    tradability: Tradability,
    allowed_usd: float,
    portfolio: Portfolio,
    execution: Execution,
) -> Checked:
    orders = order_shares(target, tradability.shares, tradability.price, end.nav, portfolio.min_trade)
    return pre_trade(
        np.where(may_trade, orders, np.nan),
        tradability.price,
        tradability.parameters.adv_usd,
        may_trade,
        end.cash,
        allowed_usd,
        execution.max_participation,
    )


def _allowed(solution: Solution, nav_usd: float) -> float:
    """Largest value of all orders together: the turnover cap, and the trades that do not count against it."""
    solved = solution.problem
    if solved.turnover_cap is None or solution.weights is None:
        return np.inf
    forced = np.abs(solution.weights - solved.previous)[~solved.counted].sum()
    return float((solved.turnover_cap + forced + VIOLATION) * nav_usd)


def _largest(eligible: Mask, adv_usd: Array, count: int) -> Mask:
    """The `count` eligible names of the largest dollar volume; ties go by name."""
    order = np.argsort(np.where(eligible, -adv_usd, np.inf), kind="stable")
    largest = np.zeros_like(eligible)
    largest[order[:count]] = True
    return largest & eligible


def _asset_inputs(
    end: Closing,
    tradability: Tradability,
    known: Forecast,
    portfolio: Portfolio,
    execution: Execution,
    *,
    largest: Mask,
    eligible: Mask,
    candidates: Index,
    weighted_by: str,
) -> AssetInputs:
    # the majorant of impact touches the law at the trade that spends the turnover evenly
    usual_trade = max(portfolio.turnover_cap / len(candidates), portfolio.min_trade)
    must_exit, parameters = tradability.must_exit[candidates], tradability.parameters.at(candidates)
    fixed = ~eligible[candidates]
    linear, quadratic = impact_majorant(
        end.nav, parameters.adv_usd, parameters.volatility_daily, execution.impact_multiplier, usual_trade
    )
    multiple = portfolio.impact_multiple
    listed, listed_square = cost_terms.majorant(end.nav, parameters, usual_trade, execution)
    spent = linear_rate(parameters.half_spread_bp, execution) + linear * multiple + portfolio.turnover_penalty + listed
    return AssetInputs(
        # what cannot be chosen has no marginal return and no marginal cost
        alpha=np.where(fixed, 0.0, known.alpha[candidates]),
        tilt=np.where(fixed, 0.0, np.nan_to_num(known.tilt[candidates])),  # without a view there is no tilt
        industry=[known.industry[i] for i in candidates],
        exposures=known.exposures[candidates],
        specific_variance_annual=known.specific_variance_annual[candidates],
        weight=tradability.weight[candidates],
        # dollar neutral is measured from nothing
        benchmark=np.zeros(len(candidates))
        if portfolio.mode == "dollar_neutral"
        else benchmark_weights(
            largest[candidates], parameters.adv_usd, weighted_by, tradability.market_cap_usd[candidates]
        ),
        must_exit=must_exit,
        locked=fixed & ~must_exit,
        linear_cost=np.where(fixed, 0.0, spent),
        quadratic_cost=np.where(fixed, 0.0, quadratic * multiple + listed_square),
        borrow_rate_annual=known.borrow.rate_annual[candidates],
        shortable=known.borrow.available[candidates] * end.price[candidates] / end.nav,
    )


def _spread(candidates: Index, size: int, values: Array | Mask) -> Array:
    out = np.full(size, np.nan)
    out[candidates] = values
    return out
