"""Every dataset of the platform by name, and the names of those that come from a vendor."""

from feature_store.dataset import Dataset, Events, States
from feature_store.schemas import (
    alpha,
    backtest,
    breaks,
    companies,
    company_features,
    company_snapshots,
    correlations,
    execution,
    features,
    fused_regimes,
    market,
    portfolio,
    quality,
    regimes,
    risk,
    transition_risk,
)

DATASETS: dict[str, Dataset] = {
    value.name: value
    for module in (
        market,
        companies,
        quality,
        features,
        company_snapshots,
        company_features,
        regimes,
        breaks,
        fused_regimes,
        correlations,
        transition_risk,
        alpha,
        risk,
        portfolio,
        execution,
        backtest,
    )
    for value in vars(module).values()
    if isinstance(value, Dataset)
}
# A source's code rests on these, and not on every dataset of the platform.
EVENT_DATASETS = {name: dataset for name, dataset in DATASETS.items() if isinstance(dataset.origin, Events)}
EVENTS = tuple(EVENT_DATASETS)
STATE_DATASETS = {name: dataset for name, dataset in DATASETS.items() if isinstance(dataset.origin, States)}
SOURCES = (*EVENTS, *STATE_DATASETS)
