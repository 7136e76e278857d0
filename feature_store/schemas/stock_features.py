"""Every feature of a stock, declared once: STOCK_FEATURES, the catalogue and the tests follow from this table.

A feature's windows stand in its name and are fixed with it; another window is another feature. The setting
`features.min_observations_fraction` holds for all of them; `parameters` names the other settings that a feature takes.
"""

from feature_store.schemas.feature import Feature
from feature_store.schemas.trend_features import MOMENTUM, REVERSAL, TREND
from feature_store.schemas.volatility_features import MEAN_REVERSION, REGIME, SEASONALITY, VOLATILITY
from feature_store.schemas.volume_features import AVWAP, LIQUIDITY, VOLUME

STOCK_FEATURES_VERSION = 3  # of the dataset: raised with every change of the table

FEATURES: tuple[Feature, ...] = (
    *MOMENTUM,
    *REVERSAL,
    *TREND,
    *VOLATILITY,
    *VOLUME,
    *MEAN_REVERSION,
    *SEASONALITY,
    *REGIME,
    *LIQUIDITY,
    *AVWAP,
)
