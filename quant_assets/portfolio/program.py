"""From forecasts to an optimization problem, a description of its solution, and the weights of a session."""

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from configs.settings import Portfolio
from feature_store.schemas.execution import CASH
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.units import DAY_COUNT, DAYS_PER_SESSION, SESSIONS_PER_YEAR
from quant_assets.portfolio.inputs import AssetInputs, RiskForecast
from quant_assets.portfolio.limits.protocol import LinearRows
from quant_assets.portfolio.limits.registry import appended
from quant_assets.portfolio.optimizer import Solution
from quant_assets.portfolio.problem import (
    TOLERANCE,
    Matrix,
    Problem,
    objective_terms,
    turnover,
    variance,
    volatility_excess,
)


def optimization_problem(names: AssetInputs, risk: RiskForecast, settings: Portfolio) -> Problem:
    """The optimization problem over one horizon, cash included.

    Long only, a stock is expected to earn cash, its premium (the returns at which the benchmark is optimal, or
    `market_premium_annual`), its alpha and its tilt; an industry's weight keeps to a band around the benchmark's
    fraction of what is invested, both of names that can be traded. Dollar neutral there is no premium, and the bands
    lie around 0. A short costs its fee and the interest that its proceeds, which lie with the lender, do not earn.
    """
    horizon = settings.horizon_sessions
    years = horizon / SESSIONS_PER_YEAR
    years_of_360_days = horizon * DAYS_PER_SESSION / DAY_COUNT
    cash_return = risk.cash_rate_annual * years_of_360_days
    exposures = sparse.csr_array(names.exposures)
    covariance, specific = risk.factor_covariance_annual * years, names.specific_variance_annual * years
    neutral = settings.mode == "dollar_neutral"
    if neutral:
        premium: float | Array = 0.0
    elif settings.market_premium_annual is None:
        premium = implied_returns(exposures, covariance, specific, settings.risk_aversion, names.benchmark)
    else:
        premium = settings.market_premium_annual * years
    industries = sorted(set(names.industry))
    # What must be kept or sold would force bets on what can be traded
    free = names.tradable
    bands = _membership(names.industry, industries) @ sparse.diags_array(free.astype(np.float64))
    if not neutral:
        # of what is invested, so that holding cash is no bet against every industry
        benchmark_weight = bands @ names.benchmark
        bands = sparse.csr_array(bands.toarray() - np.outer(benchmark_weight, free))
    width = np.array([risk.bands.get(industry, settings.industry_band) for industry in industries])
    of_industries = LinearRows(tuple(f"industry:{industry}" for industry in industries), bands, -width, width)
    rows = appended(of_industries, names, risk, settings)
    # a short for which no more shares are lent may be kept or bought back
    lowest = np.maximum(-settings.short_cap, np.minimum(names.weight, 0.0) - names.shortable) if neutral else 0.0
    return Problem(
        alpha=cash_return + premium + names.alpha + names.tilt,
        exposures=exposures,
        factor_covariance=covariance,
        specific_variance=specific,
        risk_aversion=settings.risk_aversion,
        previous=names.weight,
        lower=np.where(names.locked, names.weight, np.where(names.must_exit, 0.0, lowest)),
        upper=np.where(names.locked, names.weight, np.where(names.must_exit, 0.0, settings.weight_cap)),
        linear_cost=names.linear_cost,
        quadratic_cost=names.quadratic_cost,
        borrow_cost=(names.borrow_rate_annual + risk.cash_rate_annual) * years_of_360_days,
        cash_return=cash_return,
        cash_bounds=(settings.cash_floor, np.inf),
        net_bounds=(-settings.net_band, settings.net_band) if neutral else None,
        gross_cap=settings.gross_cap if neutral else None,
        turnover_cap=settings.turnover_cap,
        forced=names.must_exit,
        bands=rows.matrix,
        band_lower=rows.lower,
        band_upper=rows.upper,
        band_names=rows.names,
        volatility_cap=risk.volatility_target_annual * math.sqrt(years),
        volatility_penalty=settings.volatility_penalty,
    )


def implied_returns(
    exposures: Matrix,
    factor_covariance: Array,
    specific_variance: Array,
    risk_aversion: float,
    benchmark: Array,
) -> Array:
    """(N,) returns over cash at which the benchmark is the optimum: γΣb.

    Args:
        exposures: (N, K); factor_covariance: (K, K) and specific_variance: (N,) over the horizon of the returns.
        benchmark: (N,) weights.

    Source: Black and Litterman (1992), Financial Analysts Journal 48(5).
    """
    by_factors = exposures @ (factor_covariance @ (exposures.T @ benchmark))
    return np.asarray(risk_aversion * (by_factors + specific_variance * benchmark))


def benchmark_kind(eligible: Mask, adv_usd: Array, market_cap_usd: Array, settings: Portfolio) -> str:
    """What the benchmark is weighted by: capitalisation only where it is known of enough of the dollar volume.

    Args:
        eligible, adv_usd, market_cap_usd: (N,); a capitalisation that is not known is NaN.
    """
    if settings.benchmark != "capitalisation":
        return settings.benchmark
    known = eligible & (market_cap_usd > 0)
    covered = adv_usd[known].sum() >= settings.benchmark_coverage * adv_usd[eligible].sum()
    return "capitalisation" if known.any() and covered else "dollar_volume"


def benchmark_weights(eligible: Mask, adv_usd: Array, kind: str, market_cap_usd: Array | None = None) -> Array:
    """(N,) weights that sum to 1 over the eligible names, 0 elsewhere and where none is eligible.

    Args:
        kind: "equal", "dollar_volume" for weights in proportion to `adv_usd`, or "capitalisation" for those in
            proportion to `market_cap_usd`; a name whose capitalisation is not known (NaN) is not in that benchmark.

    Raises:
        ValueError: an unknown kind, or an eligible name without a dollar volume to be weighted by.
    """
    if kind == "capitalisation" and market_cap_usd is not None:
        size = np.where(eligible & (market_cap_usd > 0), market_cap_usd, 0.0)
        return size / size.sum() if size.any() else size
    if kind not in ("equal", "dollar_volume"):
        raise ValueError(f"benchmark {kind!r} is neither equal nor dollar_volume, nor capitalisation where it is known")
    size = np.where(eligible, 1.0 if kind == "equal" else adv_usd, 0.0)
    if not (size[eligible] > 0).all():
        raise ValueError("an eligible name has no dollar volume; leave it out, or weight the benchmark equally")
    return size / size.sum() if eligible.any() else size


def describe(
    requested: Problem, solution: Solution, settings: Portfolio, values: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Limits, terms and controls of an optimization, for the book's diagnostics; numbers are finite or None.

    Args:
        requested: the problem before any relaxation. Limits are evaluated against it at the weights of `solution`,
            without the solver.
        solution: of it; without weights there are no limits and no terms.
        values: of listed limits at the weights, by name, evaluated by themselves (`limits.registry.values`).

    Returns:
        limits: rows of DIAGNOSTICS; terms of the objective; controls; relaxations; iterations. Volatility is annual.
        A volatility beyond a target that may be exceeded at a price counts as relaxed.
    """
    years = settings.horizon_sessions / SESSIONS_PER_YEAR
    weights, cap = solution.weights, requested.volatility_cap
    return {
        "limits": [] if weights is None else list(_limits(requested, solution, weights, years, values or {})),
        "terms": {} if weights is None else objective_terms(requested, weights),
        "controls": {
            "risk_aversion": requested.risk_aversion,
            "turnover_cap": requested.turnover_cap,
            "volatility_target_annual": None if cap is None else cap / math.sqrt(years),
            "volatility_penalty": requested.volatility_penalty,
            "turnover_penalty": settings.turnover_penalty,
            "impact_multiple": settings.impact_multiple,
        },
        "relaxations": list(solution.relaxations),
        "iterations": int(solution.iterations),
    }


def _limits(
    requested: Problem, solution: Solution, weights: Array, years: float, values: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    solved, dual = solution.problem, solution.duals
    annual = 1.0 / math.sqrt(years)
    cap = requested.volatility_cap
    yield _limit(
        "turnover",
        turnover(requested, weights),
        upper=requested.turnover_cap,
        dual=dual["turnover"],
        relaxed=requested.turnover_cap != solved.turnover_cap or bool((requested.counted != solved.counted).any()),
    )
    yield _limit(
        "volatility",
        np.sqrt(variance(requested, weights)) * annual,
        upper=None if cap is None else cap * annual,
        dual=dual["volatility"] / annual,
        relaxed=requested.volatility_penalty is not None and volatility_excess(requested, weights) * annual > TOLERANCE,
    )
    net, (floor, ceiling) = weights.sum(), requested.cash_bounds
    on_cash = dual["cash_floor"] + dual["cash_ceiling"]
    yield _limit("cash_floor", 1.0 - net, floor, ceiling, on_cash, relaxed=requested.cash_bounds != solved.cash_bounds)
    gross, lowered = np.abs(weights).sum(), requested.gross_cap != solved.gross_cap
    yield _limit("gross", gross, upper=requested.gross_cap, dual=dual["gross"], relaxed=lowered)
    low, high = requested.net_bounds or (None, None)
    on_net = dual["net_lower"] + dual["net_upper"]
    yield _limit("net", net, low, high, on_net, relaxed=requested.net_bounds != solved.net_bounds)
    yield from _band_limits(requested, solution, weights, values)
    for side, excess in (("lower", requested.lower - weights), ("upper", weights - requested.upper)):
        worst = int(np.argmax(excess))
        yield _limit(side, weights[worst], **{side: getattr(requested, side)[worst]}, dual=dual[side].max())


def _band_limits(
    requested: Problem, solution: Solution, weights: Array, values: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    if requested.bands is None:
        return
    (lower, upper), relaxed_limits = requested.band_limits, solution.problem.band_limits
    dual = solution.duals["band_lower"] + solution.duals["band_upper"]
    relaxed = (lower != relaxed_limits[0]) | (upper != relaxed_limits[1])
    for i, by_rows in enumerate(requested.bands @ weights):
        name = requested.band_name(i)
        yield _limit(name, values.get(name, by_rows), lower[i], upper[i], dual[i], relaxed=bool(relaxed[i]))


def _limit(
    name: str,
    value: float,
    lower: float | None = None,
    upper: float | None = None,
    dual: float = 0.0,
    *,
    relaxed: bool = False,
) -> dict[str, Any]:
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    numbers = {
        "value": value,
        "lower": low,
        "upper": high,
        "dual": dual,
        "violation": max(low - value, value - high, 0.0),
    }
    return {"limit": name, **{k: float(v) if np.isfinite(v) else None for k, v in numbers.items()}, "relaxed": relaxed}


def _membership(industry: list[str], industries: list[str]) -> Matrix:
    """(M, N) with ones where a name belongs to the industry."""
    row = {name: i for i, name in enumerate(industries)}
    rows, columns = np.array([row[name] for name in industry]), np.arange(len(industry))
    return sparse.csr_array((np.ones(len(industry)), (rows, columns)), shape=(len(industries), len(industry)))


def target_weights(book: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Weights at the close of the session and those decided for the next open; cash is the row USD.

    Targets are null where nothing was optimized: positions are then kept. What ended in the session has no row.
    """
    today = book.filter(pl.col("event_date") == session)
    nav = float(today["value_usd"].sum())
    has_weight = (pl.col("symbol") == CASH) | (pl.col("shares") != 0) | pl.col("target_weight").is_not_null()
    return today.filter(has_weight).select("event_date", "symbol", "target_weight", weight=pl.col("value_usd") / nav)
