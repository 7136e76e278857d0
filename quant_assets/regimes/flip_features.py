"""What foretells a change of an industry's regime, and whether one came."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store.schemas.breaks import STREAMS
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.panel import panel
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER

SLOPE_SESSIONS = 5
MAX_AGE = 63  # sessions in a state beyond which it is old
HISTORY = MAX_AGE + 1  # sessions that a row reaches back, itself included

SLOPES = ("p_bear", "p_bull", "p_calm", "p_crisis")  # the third of each triple follows from the other two
MACRO = ("vix_change_5", "vix_change_21", "slope_change_21", "credit_change_21")
OF_BREAKS = ("break_probability", "severity")
NAMES = (
    *(f"margin_{aspect}" for aspect in STATES_IN_ORDER),
    *(f"log_age_{aspect}" for aspect in STATES_IN_ORDER),
    *(f"slope_{name}" for name in SLOPES),
    "contradiction",
    *(f"{name}_{stream}" for stream in STREAMS for name in OF_BREAKS),
    *MACRO,
    "p_systemic",
)


@dataclass(frozen=True)
class FlipInputs:
    """Rows of STATES, BREAKS, MARKET_FEATURES and CORRELATIONS."""

    states: pl.DataFrame
    breaks: pl.DataFrame
    market: pl.DataFrame
    correlations: pl.DataFrame


@dataclass(frozen=True)
class FlipPanel:
    """
    Attributes:
        industries: N names, ascending.
        features: (T, N, P) in the order of NAMES; NaN where missing.
        labels: (T, N, 2) confirmed trend and volatility, as positions in their order; -1 where there is none.
    """

    industries: list[str]
    features: Array
    labels: Index

    @property
    def is_known(self) -> Mask:
        """(T, N) where both labels are."""
        known: Mask = np.asarray((self.labels >= 0).all(axis=-1))
        return known


def flip_panel(inputs: FlipInputs, days: list[dt.date]) -> FlipPanel:
    """Features and labels of the sessions; a row conditions on nothing after its session.

    The first HISTORY - 1 sessions have shorter slopes and ages than they should: start before what is needed.
    """
    states = inputs.states.filter(pl.col("event_date").is_between(days[0], days[-1]))
    where = panel(states, days, key="industry")
    dense = {name: where.dense(states[name]) for name in states.columns if states[name].dtype.is_float()}
    columns: list[Array] = []
    labels = [_codes(where.dense(_positions(states, aspect))) for aspect in STATES_IN_ORDER]
    for (_, order), code in zip(STATES_IN_ORDER.items(), labels, strict=True):
        columns.append(_margin(np.stack([dense[f"p_{state}"] for state in order], axis=-1), code))
    columns += [np.log1p(_age(code)) for code in labels]
    columns += [_change(dense[name], SLOPE_SESSIONS) for name in SLOPES]
    columns.append(dense["contradiction"])
    columns += _of_breaks(inputs.breaks, days, where.symbols)
    columns += _of_market(inputs.market, MACRO, days, len(where.symbols))
    columns += _of_market(inputs.correlations, ("p_systemic",), days, len(where.symbols))
    shape = (len(days), len(where.symbols))
    features = np.stack(columns, axis=-1) if columns else np.empty((*shape, len(NAMES)))
    return FlipPanel(where.symbols, features, np.stack(labels, axis=-1))


def flips(labels: Index, horizon: int) -> Array:
    """(T, N) 1.0 where either label differs on any of the next `horizon` sessions, 0.0 where none does; else NaN.

    Known `horizon` sessions later, and NaN in the last ones; NaN too where a label is missing on the way.
    """
    n_sessions = len(labels)
    outcome = np.full(labels.shape[:2], np.nan)
    if n_sessions > horizon:
        now = labels[: n_sessions - horizon]
        later = np.stack([labels[k : n_sessions - horizon + k] for k in range(1, horizon + 1)])
        known = (now >= 0).all(axis=-1) & (later >= 0).all(axis=(0, -1))
        changed = (later != now).any(axis=(0, -1))
        outcome[: n_sessions - horizon] = np.where(known, changed, np.nan)
    return outcome


def _positions(states: pl.DataFrame, aspect: str) -> pl.Series:
    """Position of each confirmed label in the order of its states."""
    order = next(labels for name, labels in STATES_IN_ORDER.items() if name == aspect)
    return states[aspect].replace_strict({label: float(i) for i, label in enumerate(order)}, return_dtype=pl.Float64)


def _codes(positions: Array) -> Index:
    return np.where(np.isnan(positions), -1, positions).astype(np.int64)


def _margin(probabilities: Array, code: Index) -> Array:
    """(T, N) probability of the confirmed label less the largest of the others; below 0 another is likelier now."""
    own = np.take_along_axis(probabilities, np.maximum(code, 0)[..., None], axis=-1)[..., 0]
    is_own = np.arange(probabilities.shape[-1]) == code[..., None]
    rest = np.where(is_own, -np.inf, probabilities).max(axis=-1)
    return np.where(code >= 0, own - rest, np.nan)


def _age(code: Index) -> Array:
    """(T, N) sessions since the label changed, at most MAX_AGE; NaN without one."""
    age = np.zeros(code.shape)
    for t in range(1, len(code)):  # each age needs the one before
        age[t] = np.where(code[t] == code[t - 1], np.minimum(age[t - 1] + 1, MAX_AGE), 0)
    return np.where(code >= 0, age, np.nan)


def _change(values: Array, n_sessions: int) -> Array:
    change = np.full(values.shape, np.nan)
    change[n_sessions:] = values[n_sessions:] - values[: len(values) - n_sessions]
    return change


def _of_breaks(breaks: pl.DataFrame, days: list[dt.date], industries: list[str]) -> list[Array]:
    """(T, N) each of OF_BREAKS of each stream."""
    inside = pl.col("event_date").is_between(days[0], days[-1]) & pl.col("industry").is_in(industries)
    columns = []
    for stream in STREAMS:
        rows = breaks.filter(inside & (pl.col("stream") == stream))
        at = panel(rows, days, key="industry")
        position = np.searchsorted(industries, at.symbols)
        for name in OF_BREAKS:
            values = np.full((len(days), len(industries)), np.nan)
            values[:, position] = at.dense(rows[name])
            columns.append(values)
    return columns


def _of_market(rows: pl.DataFrame, names: tuple[str, ...], days: list[dt.date], n: int) -> list[Array]:
    """(T, n) each column, the same for all industries."""
    frame = pl.DataFrame({"event_date": days}).join(rows, on="event_date", how="left", maintain_order="left")
    return [np.repeat(frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()[:, None], n, axis=1) for name in names]
