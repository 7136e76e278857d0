"""Settings of each kind of limit of the optimization, beside those that every portfolio has."""

from typing import Annotated, Literal

from pydantic import Field

from configs.settings.kinds import KindSettings


class LimitSettings(KindSettings):
    """What every kind of limit derives its settings from."""


class FactorExposureSettings(LimitSettings):
    """Bands of active exposures to factors of the risk model."""

    kind: Literal["factor_exposure"] = "factor_exposure"
    bands: dict[str, Annotated[float, Field(ge=0)]] = Field(
        min_length=1, description="factor of the risk model to the largest active exposure, up or down"
    )


LIMIT_SETTINGS: dict[str, type[LimitSettings]] = {"factor_exposure": FactorExposureSettings}
