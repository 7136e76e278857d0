"""Sources from the vendor, and what follows from them about prices and who is traded."""

from feature_store.dataset import Dataset
from feature_store.schemas.market import (
    ADJUSTED_BARS,
    ADJUSTED_BENCHMARKS,
    BARS,
    BENCHMARKS,
    CORPORATE_ACTIONS,
    INDUSTRIES,
    MACRO,
    MEMBERS,
    UNIVERSE,
)
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.market.universe import universe
from quant_assets.windows import SessionAsset, along_time, per_session, same, source, trailing


def _adjusted(dataset: Dataset, bars: Dataset) -> SessionAsset:
    """One-step total returns of a dataset of bars."""
    return along_time(
        dataset,
        adjusted_bars,
        {
            # a restated session may lie restate_sessions back, and its previous bar max_gap_sessions before that
            "bars": trailing(bars, lambda p: p.market.restate_sessions + p.market.max_gap_sessions + 1),
            # an action may be declared up to a year before its ex-date
            "actions": trailing(CORPORATE_ACTIONS, 273),
        },
        restate_sessions=lambda p: p.market.restate_sessions,
    )


ASSETS: list[SessionAsset] = [
    source(BARS),
    source(CORPORATE_ACTIONS),
    source(MEMBERS),
    source(INDUSTRIES),
    source(BENCHMARKS),
    source(MACRO),
    _adjusted(ADJUSTED_BARS, BARS),
    _adjusted(ADJUSTED_BENCHMARKS, BENCHMARKS),
    per_session(
        UNIVERSE,
        universe,
        {
            "members": same(MEMBERS),
            "bars": trailing(BARS, lambda p: p.market.adv_sessions, columns=("close", "volume")),
        },
        figures=lambda rows: {
            "tradable": float(rows["tradable"].sum()),
            "below_floors": float((rows["has_bar"] & ~rows["tradable"]).sum()),
        },
    ),
]
