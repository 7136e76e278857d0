"""The market's appetite for risk: E1 counts votes, E2 averages a score and falls back to E1 without its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from configs.settings.market_regime import E1Settings, E2Settings, Factor, RiskAppetiteSettings, Vote
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.regimes.confirmation import UNKNOWN
from quant_assets.regimes.smoothing import smoothed, smoothing_sessions

RISK_OFF, NEUTRAL, RISK_ON = range(3)  # places in RISK_LABELS_IN_ORDER
Columns = Mapping[str, Array]  # (T,) by feature of the market, NaN where missing


@dataclass(frozen=True)
class RiskAppetite:
    """Of each of T sessions, from its features and those before.

    Attributes:
        score: (T,) 0 is risk off, 1 risk on; NaN where there is no label.
        state: (T,) RISK_OFF, NEUTRAL or RISK_ON; UNKNOWN without enough features.
        n_votes: (T,) features of E1 that had a value.
        missing: of each session the features whose absence made E1 stand in; empty where the chosen model ran.
    """

    score: Array
    state: Index
    n_votes: Index
    missing: tuple[tuple[str, ...], ...]


def features_read(settings: RiskAppetiteSettings) -> tuple[str, ...]:
    """Features of the market that a model of risk appetite reads."""
    if isinstance(settings, E2Settings):
        return tuple(dict.fromkeys((*settings.factors, *settings.without_inputs.votes)))
    return tuple(settings.votes) if isinstance(settings, E1Settings) else ()


def sessions_read(settings: RiskAppetiteSettings) -> int:
    """Sessions that the state of one rests on, itself included."""
    return smoothing_sessions(settings.half_life_sessions) if isinstance(settings, E2Settings) else 1


# -- E1 ----------------------------------------------------------------------------------------------------------------


def e1(columns: Columns, settings: E1Settings) -> RiskAppetite:
    """RISK_ON or RISK_OFF where the mean of the votes reaches the majority, else NEUTRAL; each session alone."""
    votes = np.stack([vote(columns[name], of) for name, of in settings.votes.items()])
    n_votes = (~np.isnan(votes)).sum(axis=0)
    enough = n_votes >= settings.min_votes
    mean = np.where(enough, np.where(np.isnan(votes), 0.0, votes).sum(axis=0) / np.maximum(n_votes, 1), np.nan)
    state = np.where(mean >= settings.majority, RISK_ON, np.where(mean <= -settings.majority, RISK_OFF, NEUTRAL))
    return RiskAppetite((mean + 1.0) / 2.0, np.where(enough, state, UNKNOWN), n_votes, ((),) * len(mean))


def vote(values: Array, settings: Vote) -> Array:
    """(T,) 1 from `risk_on` on, -1 from `risk_off` on, 0 between; NaN where the value is."""
    sign = 1.0 if settings.risk_on > settings.risk_off else -1.0
    on, off = sign * values >= sign * settings.risk_on, sign * values <= sign * settings.risk_off
    return np.where(np.isnan(values), np.nan, np.where(on, 1.0, np.where(off, -1.0, 0.0)))


# -- E2 ----------------------------------------------------------------------------------------------------------------


def e2(columns: Columns, settings: E2Settings) -> RiskAppetite:
    """RISK_ON from one smoothed score on, RISK_OFF up to another; the votes of E1 on a session that lacks an input.

    A session without a score of its own adds nothing to the averages of those after it.
    """
    votes = e1(columns, settings.without_inputs)
    own = [name for name in settings.factors if name not in settings.without_inputs.votes]
    lacking = np.stack([np.isnan(columns[name]) for name in settings.factors])
    complete: Mask = np.logical_and.reduce(~lacking, axis=0)
    score = smoothed(raw_score(columns, settings.factors)[:, None, None], settings.half_life_sessions, len(complete))
    score = np.where(complete, score[:, 0, 0], votes.score)
    state = np.where(score >= settings.risk_on, RISK_ON, np.where(score <= settings.risk_off, RISK_OFF, NEUTRAL))
    return RiskAppetite(
        score, np.where(complete, state, votes.state), votes.n_votes, _missing(lacking, list(settings.factors), own)
    )


def raw_score(columns: Columns, factors: Mapping[str, Factor]) -> Array:
    """(T,) weighted mean of the factors' logistic functions; NaN where any feature is."""
    weights = np.array([factor.weight for factor in factors.values()])
    parts = np.stack([logistic((columns[name] - factor.centre) / factor.scale) for name, factor in factors.items()])
    score: Array = (weights[:, None] * parts).sum(axis=0) / weights.sum()
    return score


def logistic(x: Array) -> Array:
    """Between 0 and 1, one half at 0; of what is far out without overflow."""
    half: Array = 0.5 * (1.0 + np.tanh(0.5 * x))
    return half


def _missing(lacking: Mask, names: list[str], own: list[str]) -> tuple[tuple[str, ...], ...]:
    """Of each session the features that lack a value, those that E1 does not use first."""
    order = sorted(range(len(names)), key=lambda i: names[i] not in own)
    return tuple(tuple(names[i] for i in order if lacks[i]) for lacks in lacking.T)


RISK_APPETITES: dict[str, Callable[[Columns, Any], RiskAppetite]] = {"e1": e1, "e2": e2}
