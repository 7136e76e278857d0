"""Every dataset of the platform by name."""

from feature_store.dataset import Dataset
from feature_store.schemas import (
    alpha,
    backtest,
    companies,
    company_features,
    execution,
    features,
    market,
    portfolio,
    quality,
    regimes,
    risk,
)

DATASETS: dict[str, Dataset] = {
    value.name: value
    for module in (
        market,
        companies,
        quality,
        features,
        company_features,
        regimes,
        alpha,
        risk,
        portfolio,
        execution,
        backtest,
    )
    for value in vars(module).values()
    if isinstance(value, Dataset)
}
