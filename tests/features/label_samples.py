"""Settings and rows that the tests of forward returns and of labels share."""

from configs.settings import Features
from tests.oracles.panels import (
    sessions,
)

DAYS = sessions(6)
FEATURES = Features(label_quantiles=2)
