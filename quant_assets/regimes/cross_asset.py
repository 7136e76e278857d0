"""The market's states from the returns of equity, bonds, gold and high-yield bonds, by a hidden Markov model."""

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl

from configs.settings import Regimes
from configs.settings.market_regime import CrossAsset
from feature_store.schemas.fused_regimes import CROSS_ASSETS, MARKET_FITS
from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.expectation_maximization import (
    START_DURATION,
    HmmFit,
    expectation_maximization,
    moves,
    of_data,
)
from quant_assets.numerics.hidden_markov import (
    filter_states,
    last_states,
    log_density,
    log_likelihood,
    ordered,
    stationary,
    sticky,
)
from quant_assets.numerics.panel import window
from quant_assets.numerics.rolling import window_mean
from quant_assets.numerics.units import ANNUAL, SESSIONS_PER_YEAR
from quant_assets.regimes.characteristics import weighted_correlation, weighted_mean

PERCENT = 100.0
FIXED = 1e9  # pseudo-observations of the mean: no window has as many
START_SESSIONS = 10  # whose volatility sorts the sessions that EM starts from
FILTER_SESSIONS = 252  # that the filter sees: what came before a year ago it has forgotten
RETURNS = tuple(f"{asset}_return_1" for asset in CROSS_ASSETS)
EQUITY, BONDS = CROSS_ASSETS.index("equity"), CROSS_ASSETS.index("bonds")
READ_BY_FIT = (*RETURNS, "vix")


def market_fits(features: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Parameters of the market's model in force from the refit `session` on, and what its states were like.

    Args:
        features: rows of MARKET_FEATURES; the last `lookback_sessions` up to the session are used, and of them those
            with the returns of all four assets.
        session: the refit.
        settings: `cross_asset`.

    Returns:
        Rows of MARKET_FITS, by state; none with fewer than `min_observations` sessions, or where an asset never moves.
    """
    model = settings.cross_asset
    seen = _complete(window(features, session, model.lookback_sessions))
    returns = _returns(seen)
    if len(returns) < model.min_observations or not moves(returns):
        return MARKET_FITS.empty().select(*MARKET_FITS.computed_schema)
    fit = volatility_fit(returns, model)
    filtered = filter_states(log_density(returns, fit.mean, fit.variance), fit.transition, fit.initial)
    same = {
        "event_date": session,
        "fit_session": session,
        "log_likelihood": fit.log_likelihood,
        "converged": fit.converged,
        "n_observations": len(returns),
    }
    vix = seen["vix"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    rows = [
        same | _parameters(fit, k) | _described(fit.variance[k], filtered[:, k], returns, vix, model)
        for k in range(model.n_states)
    ]
    return pl.DataFrame(rows, schema=MARKET_FITS.computed_schema)


def volatility_fit(returns: Array, settings: CrossAsset) -> HmmFit:
    """The model of (T, 4) returns, by EM from groups of sessions of equal size by the volatility of equity.

    All states have one mean. With means of their own, a model of daily returns may split sessions into good and bad
    ones, which alternate from one to the next and are no regimes; its likelihood may even be higher. What equity earned
    in a state is told from the probabilities afterwards. States are ordered by the variance of equity.
    """
    centre, scale = returns.mean(axis=0), returns.std(axis=0)
    standardized = (returns - centre) / scale
    groups = [standardized[rows] for rows in _by_volatility(standardized[:, EQUITY], settings.n_states)]
    variance = np.array([np.maximum((group**2).mean(axis=0), settings.variance_floor) for group in groups])
    prior = replace(of_data(standardized, settings.n_states), mean_weight=FIXED)
    start = (prior.mean, variance, sticky(settings.n_states, START_DURATION))
    ended = expectation_maximization(standardized, *start, prior, settings.max_iterations, settings.tolerance)
    order = np.argsort(ended.variance[:, EQUITY], kind="stable")
    mean = centre + scale * ended.mean[order]
    variance = scale**2 * np.maximum(ended.variance[order], settings.variance_floor)
    transition = ordered(ended.transition, order)
    initial = stationary(transition)
    evidence = log_likelihood(log_density(returns, mean, variance), transition, initial)
    return HmmFit(mean, variance, initial, transition, evidence, ended.settled, ended.n_iterations)


def _by_volatility(returns: Array, n_groups: int) -> list[Index]:
    """Rows of (T,) returns in groups of equal size by the mean square of the last START_SESSIONS."""
    squares = window_mean(returns[:, None] ** 2, START_SESSIONS, 1)[:, 0]
    return np.array_split(np.argsort(squares, kind="stable"), n_groups)


def market_probabilities(features: pl.DataFrame, fits: pl.DataFrame) -> tuple[Array, Array]:
    """Probabilities of trend and of volatility after the last of the sessions, under the fit in force.

    A state's probability goes to the label that the level of its mean and of its volatility has. A session without all
    four returns moves the probabilities by the transition alone.

    Args:
        features: rows of MARKET_FEATURES, ascending.
        fits: rows of MARKET_FITS in force.

    Returns:
        (3,) and (3,) in the order of the labels; NaN without a fit or without a session.
    """
    if fits.is_empty() or features.is_empty():
        return np.full(len(TREND_STATES_IN_ORDER), np.nan), np.full(len(VOLATILITY_STATES_IN_ORDER), np.nan)
    by_state = fits.sort("state")
    mean, variance = (
        by_state.select(f"{moment}_{asset}" for asset in CROSS_ASSETS).to_numpy() for moment in ("mean", "variance")
    )
    transition = by_state.select(f"to_{j}" for j in range(len(by_state))).to_numpy()
    of_states = last_states(
        _returns(features)[None], mean[None], variance[None], transition[None], by_state["initial"].to_numpy()[None]
    )[0]
    trend, volatility = (
        _of_labels(of_states, _places(by_state[column], labels), len(labels))
        for column, labels in (("trend", TREND_STATES_IN_ORDER), ("volatility", VOLATILITY_STATES_IN_ORDER))
    )
    return trend, volatility


def _complete(seen: pl.DataFrame) -> pl.DataFrame:
    return seen.sort("event_date").filter(pl.all_horizontal(pl.col(*RETURNS).is_finite().fill_null(False)))


def _returns(features: pl.DataFrame) -> Array:
    """(T, 4) in percent; NaN where missing."""
    columns = [features[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in RETURNS]
    return PERCENT * np.stack(columns, axis=-1)


def _places(labels: pl.Series, in_order: tuple[str, ...]) -> Index:
    return np.array([in_order.index(label) for label in labels])


def _of_labels(of_states: Array, places: Index, n_labels: int) -> Array:
    """(n_labels,) sums of the states' probabilities, which are one together."""
    return np.array([of_states[places == label].sum() for label in range(n_labels)])


def _parameters(fit: HmmFit, k: int) -> dict[str, object]:
    return {
        "state": k,
        **{f"mean_{asset}": float(x) for asset, x in zip(CROSS_ASSETS, fit.mean[k], strict=True)},
        **{f"variance_{asset}": float(x) for asset, x in zip(CROSS_ASSETS, fit.variance[k], strict=True)},
        "initial": float(fit.initial[k]),
        **{f"to_{j}": float(p) for j, p in enumerate(fit.transition[k])},
        "duration_sessions": float(1.0 / max(1.0 - fit.transition[k, k], 1e-9)),
    }


def _described(variance: Array, p: Array, returns: Array, vix: Array, settings: CrossAsset) -> dict[str, object]:
    """A state's names, by the levels of its return and its volatility, and what it was like.

    Args:
        variance: (4,) of the state.
        p: (T,) its filtered probability on each session of the window, which is the session's weight.
        returns, vix: (T, 4) in percent, and (T,).
    """
    earned = float(np.average(returns[:, EQUITY], weights=p)) / PERCENT * SESSIONS_PER_YEAR
    volatility = float(np.sqrt(variance[EQUITY])) / PERCENT * ANNUAL
    trend = 2 if earned > settings.trend_return_annual else 0 if earned < -settings.trend_return_annual else 1
    levels = (settings.turbulent_volatility_annual, settings.crisis_volatility_annual)
    return {
        "trend": TREND_STATES_IN_ORDER[trend],
        "volatility": VOLATILITY_STATES_IN_ORDER[int(np.searchsorted(levels, volatility, side="right"))],
        "return_annual": earned,
        "volatility_annual": volatility,
        "fraction": float(p.mean()),
        "mean_vix": weighted_mean(vix, p),
        "equity_bond_correlation": weighted_correlation(returns[:, EQUITY], returns[:, BONDS], p),
    }
