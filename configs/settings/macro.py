"""Settings that name macro series."""

from pydantic import Field

from configs.settings.base import Settings


class Macro(Settings):
    """Which series of market/macro mean what; a series that is absent gives nulls."""

    vix: str = "VIX_CLOSE"
    vix_3m: tuple[str, ...] = Field(("VIX3M", "VXV_CLOSE"), description="the first that is known counts")
    yield_10y: str = "DGS10"
    yield_2y: str = "DGS2"
    credit_spread: str = "BAA10Y"
    cash_rate: str = Field("DFF", description="percent a year; what cash earns, as last known")
    max_age_sessions: int = Field(10, ge=1, le=63, description="an older last value counts as missing")
