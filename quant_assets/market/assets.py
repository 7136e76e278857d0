"""Sources from the vendor, and what follows from them about prices and who is traded."""

from feature_store.schemas.market import ADJUSTED_BARS, BARS, CORPORATE_ACTIONS, INDUSTRIES, MEMBERS, UNIVERSE
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.market.universe import universe
from quant_assets.windows import SessionAsset, along_time, per_session, same, source, trailing

ASSETS: list[SessionAsset] = [
    source(BARS),
    source(CORPORATE_ACTIONS),
    source(MEMBERS),
    source(INDUSTRIES),
    along_time(
        ADJUSTED_BARS,
        adjusted_bars,
        {
            # a restated session may lie restate_sessions back, and its previous bar max_gap_sessions before that
            "bars": trailing(BARS, lambda p: p.market.restate_sessions + p.market.max_gap_sessions + 1),
            # an action may be declared up to a year before its ex-date
            "actions": trailing(CORPORATE_ACTIONS, 273),
        },
        restate_sessions=lambda p: p.market.restate_sessions,
    ),
    per_session(
        UNIVERSE,
        universe,
        {"members": same(MEMBERS), "bars": same(BARS)},
        figures=lambda rows: {"tradable": float(rows["tradable"].sum())},
    ),
]
