"""Sources from the vendor, and what follows from them about prices and who is traded."""

from feature_store.dataset import Dataset
from feature_store.schemas.catalogue import DATASETS, SOURCES
from feature_store.schemas.companies import (
    COMPANY_FINANCIALS,
    FUNDAMENTALS,
)
from feature_store.schemas.market import (
    ADJUSTED_BARS,
    ADJUSTED_BENCHMARKS,
    BARS,
    BENCHMARKS,
    CORPORATE_ACTIONS,
    INDUSTRIES,
    MEMBERS,
    UNIVERSE,
)
from feature_store.schemas.quality import COMPARED_BARS, DATA_QUALITY, QUARANTINE
from quant_assets.engine.asset import CrossSection, SessionAsset, Source, TimeSeries, same, trailing
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.market.checks import bars_arrived, within_tolerance
from quant_assets.market.company_financials import action_sessions, company_financials, lookback_sessions
from quant_assets.market.data_quality import FINDINGS, data_quality, sessions_needed
from quant_assets.market.universe import universe

TRADED = ("open", "high", "low", "close", "volume", "vwap")
PAID = ("value", "cash_usd")


def _adjusted(dataset: Dataset, bars: Dataset) -> SessionAsset:
    """One-step total returns of a dataset of bars."""
    return TimeSeries(
        dataset,
        adjusted_bars,
        {
            # a restated session may lie restate_sessions back, and its previous bar max_gap_sessions before that
            "bars": trailing(bars, lambda p: p.market.restate_sessions + p.market.max_gap_sessions + 1, TRADED),
            # an action may be declared up to a year before its ex-date
            "actions": trailing(CORPORATE_ACTIONS, 273, PAID),
        },
        restate_sessions=lambda p: p.market.restate_sessions,
    )


SETTINGS_OF = {MEMBERS.name: ("membership_max_age_sessions",), INDUSTRIES.name: ("grouping",)}

ASSETS: list[SessionAsset] = [
    *(Source(DATASETS[name], market_settings=SETTINGS_OF.get(name, ())) for name in SOURCES),
    Source(
        QUARANTINE,
        checks={"within_tolerance": within_tolerance},
        metadata=lambda rows: {"kept_out": float(rows.select("source", "row").n_unique())},
    ),
    TimeSeries(
        DATA_QUALITY,
        data_quality,
        {
            "bars": trailing(BARS, lambda p: sessions_needed(p.quality, p.market), TRADED),
            "actions": trailing(CORPORATE_ACTIONS, 273, PAID),
            "members": same(MEMBERS),
            "compared": same(COMPARED_BARS, columns=("close", "volume")),
        },
        checks={"bars_arrived": bars_arrived},
        metadata=lambda rows: {
            "findings": float(rows.height),
            **{name: float((rows["rule"] == name).sum()) for name in FINDINGS},
        },
    ),
    CrossSection(
        COMPANY_FINANCIALS,
        company_financials,
        {
            "fundamentals": trailing(FUNDAMENTALS, lambda p: lookback_sessions(p.market), columns=("value",)),
            "bars": same(BARS, columns=("close",)),
            "actions": trailing(CORPORATE_ACTIONS, lambda p: action_sessions(p.market), columns=("value",)),
        },
        metadata=lambda rows: {
            "companies": float(rows.height),
            "with_net_income": float(rows["net_income_ttm_usd"].count()),
            "with_market_cap": float(rows["market_cap_usd"].count()),
        },
    ),
    _adjusted(ADJUSTED_BARS, BARS),
    _adjusted(ADJUSTED_BENCHMARKS, BENCHMARKS),
    CrossSection(
        UNIVERSE,
        universe,
        {
            "members": same(MEMBERS),
            "bars": trailing(BARS, lambda p: p.market.adv_sessions, columns=("close", "volume")),
            "financials": same(COMPANY_FINANCIALS, columns=("market_cap_usd",)),
        },
        metadata=lambda rows: {
            "tradable": float(rows["tradable"].sum()),
            "below_floors": float((rows["has_bar"] & ~rows["tradable"]).sum()),
        },
    ),
]
