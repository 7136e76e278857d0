"""Every dataset of the platform by name."""

from feature_store.dataset import Dataset
from feature_store.schemas import alpha, execution, features, market, regimes, risk

DATASETS: dict[str, Dataset] = {
    value.name: value
    for module in (market, features, regimes, alpha, risk, execution)
    for value in vars(module).values()
    if isinstance(value, Dataset)
}
