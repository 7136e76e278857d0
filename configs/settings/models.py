"""Settings of each kind of model of future relative returns."""

from typing import Annotated, Literal

from pydantic import Field

from configs.settings.kinds import KindSettings
from configs.settings.units import Count, Fraction, Sessions, Unit


class ModelSettings(KindSettings):
    """What every kind of model derives its settings from."""


class RidgeSettings(ModelSettings):
    """Ridge regression."""

    kind: Literal["ridge"] = "ridge"
    penalty: Annotated[float, Unit("rows")] = Field(
        100.0, ge=0, description="penalty of squared coefficients, added to the diagonal of the Gram matrix"
    )


class LightGbmSettings(ModelSettings):
    """Gradient-boosted trees of LightGBM."""

    kind: Literal["lightgbm"] = "lightgbm"
    trees: Count = Field(50, ge=1, le=2000, description="number of trees")
    tree_leaves: Count = Field(15, ge=2, le=255, description="largest number of leaves of a tree")
    learning_rate: Fraction = Field(0.1, gt=0, le=1, description="part of each tree's prediction that is added")
    min_leaf_rows: Count = Field(200, ge=1, description="smallest number of rows in a leaf")
    session_stride: Sessions = Field(
        5, ge=1, le=63, description="distance of the sessions that train; the labels of neighbours overlap"
    )


MODEL_SETTINGS: dict[str, type[ModelSettings]] = {"ridge": RidgeSettings, "lightgbm": LightGbmSettings}
