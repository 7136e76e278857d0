"""What came of regimes: how they changed, how calibrated they were, what each was worth. Pure, on dense arrays.

Everything here is compared with what came after the session, as far as it has come: it is for pages, and no stored
value rests on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.features.aggregate.market import mean_correlation
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.rolling import window_mean, window_sum
from quant_assets.numerics.units import ANNUAL, SESSIONS_PER_YEAR
from quant_assets.regimes.confirmation import UNKNOWN
from quant_assets.regimes.evaluation import Reliability, brier_skill, calibration_slope, reliability

HORIZON = 21  # sessions over which an outcome comes
REACHABLE = 2  # sessions after that of a state until a close-to-close return that an order can earn whole
TURBULENT_ANNUAL, CRISIS_ANNUAL = 0.15, 0.25  # what the words say of volatility
WORTH = {
    "state": pl.String(),
    "fraction": pl.Float64(),
    "sessions": pl.Int64(),
    "return_annual": pl.Float64(),
    "volatility_annual": pl.Float64(),
    "t": pl.Float64(),
    "correlation": pl.Float64(),
}


@dataclass(frozen=True)
class Curve:
    """How often what was forecast came.

    Attributes:
        forecast: in words.
        points: of the reliability curve.
        brier_skill, slope: of `regimes.evaluation`; None where only one outcome was seen.
        n_independent: outcomes that share no session: all, over the horizon.
    """

    forecast: str
    points: Reliability
    brier_skill: float | None
    slope: float | None
    n_independent: int


def later_volatility(returns: Array, horizon: int = HORIZON) -> Array:
    """(T, N) annual root mean square of the returns of t+1 .. t+horizon; NaN where they have not all come."""
    return np.sqrt(_later(window_mean(returns**2, horizon, horizon), horizon)) * ANNUAL


def later_return(returns: Array, horizon: int = HORIZON) -> Array:
    """(T, N) log return of t+1 .. t+horizon; NaN where they have not all come."""
    return _later(window_sum(returns, horizon, horizon), horizon)


def _later(trailing: Array, horizon: int) -> Array:
    later = np.full(trailing.shape, np.nan)
    later[: max(0, len(later) - horizon)] = trailing[horizon:]
    return later


def curves(probabilities: Mapping[str, Array], returns: Array, horizon: int = HORIZON) -> list[Curve]:
    """Reliability of the probabilities of bull, of turbulent or worse, and of a crisis.

    Args:
        probabilities: (T, N) by state; NaN where an industry has none.
        returns: (T, N) log, per session.
    """
    volatility, earned = later_volatility(returns, horizon), later_return(returns, horizon)
    crisis, turbulent = probabilities["crisis"], probabilities["turbulent"] + probabilities["crisis"]
    forecasts = {
        f"crisis: volatility of {CRISIS_ANNUAL:.0%} or more": (crisis, volatility >= CRISIS_ANNUAL, volatility),
        f"turbulent or crisis: {TURBULENT_ANNUAL:.0%} or more": (turbulent, volatility >= TURBULENT_ANNUAL, volatility),
        "bull: a positive return": (probabilities["bull"], earned > 0, earned),
    }
    made = [curve(name, *forecast, horizon) for name, forecast in forecasts.items()]
    return [one for one in made if one is not None]


def curve(name: str, probability: Array, came: Mask, outcome: Array, horizon: int) -> Curve | None:
    """Reliability of (T, N) probabilities of an outcome over `horizon` sessions; None where none has come.

    Args:
        probability: NaN where there is none.
        came: whether it came, where `outcome` is known, which is NaN elsewhere.
    """
    known = ~np.isnan(probability) & ~np.isnan(outcome)
    if not known.any():
        return None
    p, y = np.clip(probability[known], 0.0, 1.0), came[known]
    n_sessions = int(known.any(axis=1).sum())
    return Curve(
        name, reliability(p, y), _if_any(brier_skill, p, y), _if_any(calibration_slope, p, y), n_sessions // horizon
    )


def _if_any(metric, probability: Array, outcome: Mask) -> float | None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    try:
        return float(metric(probability, outcome))
    except ValueError:  # all outcomes alike: there is nothing to compare
        return None


def transitions(states: Index, labels: Sequence[str]) -> pl.DataFrame:
    """From each state to each other, a session: probabilities, and the mean life of a spell that has ended.

    Args:
        states: (T, N) places in `labels`, UNKNOWN where there is none.
    """
    before, after = states[:-1], states[1:]
    known = (before != UNKNOWN) & (after != UNKNOWN)
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (before[known], after[known]), 1.0)
    total = counts.sum(axis=1)
    shares = counts / np.where(total > 0, total, np.nan)[:, None]
    left = total - counts.diagonal()
    rows = {
        "from": list(labels),
        **{f"to {label}": shares[:, j] for j, label in enumerate(labels)},
        "mean_life": total / np.where(left > 0, left, np.nan),
        "entries": counts.sum(axis=0) - counts.diagonal(),
    }
    return pl.DataFrame(rows, nan_to_null=True)


def changes_per_year(states: Index) -> Array:
    """(N,) changes of each column's state, a year of its sessions with one; NaN without two."""
    changed, known = np.zeros(states.shape[1]), np.zeros(states.shape[1])
    for i, column in enumerate(states.T):
        seen = column[column != UNKNOWN]
        known[i], changed[i] = len(seen), np.count_nonzero(seen[1:] != seen[:-1])
    rate: Array = changed * SESSIONS_PER_YEAR / np.where(known > 1, known, np.nan)
    return rate


def worth(states: Index, labels: Sequence[str], returns: Array, industries: Array) -> pl.DataFrame:
    """What the sessions of each state were followed by: returns that an order could still reach.

    A state is known after the close and traded from the next open on, so that the first whole session of an order is
    the one after the next. The t is that of the mean over the columns in the state, session by session: industries
    move together, and count once.

    Args:
        states: (T, N) places in `labels`.
        returns: (T, N) log, per session, of the columns.
        industries: (T, M) returns of industries, for their mean correlation in the state; (T, 0) for none.

    Returns:
        Rows of WORTH.
    """
    reached = np.full(returns.shape, np.nan)
    reached[:-REACHABLE] = returns[REACHABLE:]
    known = int((states != UNKNOWN).sum())
    rows = []
    for place, label in enumerate(labels):
        inside = (states == place) & ~np.isnan(reached)
        sessions = inside.any(axis=1)
        sums = np.where(inside, reached, 0.0).sum(axis=1)[sessions]
        means = sums / inside.sum(axis=1)[sessions]
        rows.append(
            (
                label,
                int((states == place).sum()) / max(known, 1),
                len(means),
                *_moments(means),
                _together(industries[sessions]),
            )
        )
    return pl.DataFrame(rows, schema=WORTH, orient="row")


def _moments(means: Array) -> tuple[float | None, float | None, float | None]:
    """Annual mean and volatility, and the t of the mean."""
    if len(means) < 2 or (std := float(means.std(ddof=1))) == 0.0:
        return None, None, None
    mean = float(means.mean())
    return mean * SESSIONS_PER_YEAR, std * ANNUAL, mean / std * float(np.sqrt(len(means)))


def _together(industries: Array) -> float | None:
    """Mean correlation of the industries with all returns of the sessions; None with too few."""
    whole = industries[:, ~np.isnan(industries).any(axis=0)]
    return mean_correlation(whole) if len(whole) >= HORIZON else None
