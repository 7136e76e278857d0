"""Settings of each kind of model of future relative returns."""

from typing import Literal

from pydantic import Field

from configs.settings.kinds import KindSettings


class ModelSettings(KindSettings):
    """What every kind of model derives its settings from."""


class RidgeSettings(ModelSettings):
    kind: Literal["ridge"] = "ridge"
    penalty: float = Field(100.0, ge=0, description="added to the Gram matrix's diagonal")


class LightGbmSettings(ModelSettings):
    kind: Literal["lightgbm"] = "lightgbm"
    trees: int = Field(50, ge=1, le=2000)
    tree_leaves: int = Field(15, ge=2, le=255)
    learning_rate: float = Field(0.1, gt=0, le=1)
    min_leaf_rows: int = Field(200, ge=1)
    session_stride: int = Field(5, ge=1, le=63, description="every so many sessions train; neighbours' labels overlap")


MODEL_SETTINGS: dict[str, type[ModelSettings]] = {"ridge": RidgeSettings, "lightgbm": LightGbmSettings}
