"""Settings of the probability that an industry's regime changes."""

from typing import Annotated

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Count, Fraction, Sessions, Unit


class TransitionRisk(Settings):
    """Probability that an industry's confirmed regime changes, by a logistic regression and boosted trees."""

    horizon_sessions: Sessions = Field(10, ge=1, le=63, description="sessions within which a change counts")
    lookback_sessions: Sessions = Field(1260, ge=120, le=2520, description="window of a fit")
    session_stride: Sessions = Field(
        2, ge=1, le=63, description="distance of the sessions that train; the labels of neighbours overlap"
    )
    min_rows: Count = Field(500, ge=100, description="smallest number of labelled rows of a fit")
    min_flips: Count = Field(50, ge=10, description="smallest number of rows of either outcome")
    penalty: Annotated[float, Unit("rows")] = Field(
        20.0, gt=0, description="penalty of squared coefficients of the logistic regression"
    )
    trees: Count = Field(40, ge=1, le=2000, description="number of trees")
    tree_leaves: Count = Field(7, ge=2, le=255, description="largest number of leaves of a tree")
    learning_rate: Fraction = Field(0.05, gt=0, le=1, description="part of each tree's prediction that is added")
    min_leaf_rows: Count = Field(100, ge=1, description="smallest number of rows in a leaf")
    n_groups: Count = Field(6, ge=3, le=12, description="blocks of sessions of the purged combinatorial folds")
    n_test_groups: Count = Field(2, ge=1, le=4, description="blocks of each fold that are tested")
