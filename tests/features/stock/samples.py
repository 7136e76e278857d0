"""Settings that the tests of stock features share."""

from configs.settings import Features

FEATURES = Features(min_observations_fraction=0.8)
