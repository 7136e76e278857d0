"""Every feature as a table, for people: what each is, what it rests on, and how the settings have it."""

import polars as pl

from configs.settings import Features
from feature_store.schemas.aggregate_features import INDUSTRY, MARKET
from feature_store.schemas.company_features import COMPANY, COMPANY_FEATURES
from feature_store.schemas.features import INDUSTRY_FEATURES, MARKET_FEATURES, STOCK_FEATURES
from feature_store.schemas.stock_features import FEATURES
from quant_assets.features.scores import scored
from quant_assets.features.stationarity import named

OF_STOCKS = {STOCK_FEATURES.name: FEATURES, COMPANY_FEATURES.name: COMPANY}
DECLARED = {**OF_STOCKS, INDUSTRY_FEATURES.name: INDUSTRY, MARKET_FEATURES.name: MARKET}


def catalogue(settings: Features) -> pl.DataFrame:
    """One row a feature, in the order of the datasets and of their columns.

    Returns:
        dataset, name, family, formula, unit, `lookback_sessions`, `sources` (columns of ADJUSTED_BARS for those of
        STOCK_FEATURES, else of what they name), `parameters` (settings beside `min_observations_fraction`, with their
        values), `scored` (whether it is), `weight` in the composite, `floor` (both null where it has none) and
        `stationary` (how its scores see it, null where as it is).
    """
    scored_names, made = {*scored(settings)}, {*named(settings)}
    rows = [
        {
            "dataset": dataset,
            "name": feature.name,
            "family": feature.family,
            "formula": feature.formula,
            "unit": feature.unit,
            "lookback_sessions": feature.lookback,
            "sources": ", ".join(feature.sources),
            "parameters": ", ".join(f"{name} {getattr(settings, name)}" for name in feature.parameters),
            "scored": dataset in OF_STOCKS and feature.name in scored_names,
            "weight": settings.composite.get(feature.name) if dataset in OF_STOCKS else None,
            "floor": settings.floors.get(feature.name) if dataset in OF_STOCKS else None,
            "stationary": _method(settings, feature.name)
            if dataset == STOCK_FEATURES.name and feature.name in made
            else None,
        }
        for dataset, features in DECLARED.items()
        for feature in features
    ]
    return pl.DataFrame(rows, schema_overrides={"stationary": pl.String, "weight": pl.Float64, "floor": pl.Float64})


def _method(settings: Features, name: str) -> str:
    of = settings.stationary[name]
    against = f", {of.components} of the components with {', '.join(of.against)}" if of.against else ""
    return f"{of.method} over {of.sessions} sessions{against}"


def as_markdown(table: pl.DataFrame) -> str:
    """The catalogue as docs/features.md has it: a table a dataset and family, one line a feature."""
    parts = []
    for (dataset, family), rows in table.group_by(["dataset", "family"], maintain_order=True):
        lines = [
            f"| {name} | {formula.replace('|', '/')} | {unit} | {lookback} |"
            for name, formula, unit, lookback in rows.select("name", "formula", "unit", "lookback_sessions").iter_rows()
        ]
        title = f"### {dataset}: {str(family).replace('_', ' ')}"
        head = "| feature | formula | unit | lookback, sessions |\n| -- | -- | -- | -- |"
        parts.append("\n".join([title, "", head, *lines]))
    return "\n\n".join(parts) + "\n"
