"""Settings of the macro series."""

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Sessions


class Macro(Settings):
    """Series of market/macro by their role; features of a series that is absent are null."""

    vix: str = Field(
        "VIX_CLOSE", description="series of the implied volatility of the S&P 500 over 30 days, in percent"
    )
    vix_3m: tuple[str, ...] = Field(
        ("VIX3M", "VXV_CLOSE"),
        description="series of the implied volatility over three months, in percent; the first that has a value counts",
    )
    yield_10y: str = Field("DGS10", description="series of the ten-year Treasury yield, in percent a year")
    yield_2y: str = Field("DGS2", description="series of the two-year Treasury yield, in percent a year")
    credit_spread: str = Field("BAA10Y", description="series of the spread of corporate bonds, in percent a year")
    cash_rate: str = Field("DFF", description="series of the rate that cash earns, in percent a year")
    max_age_sessions: Sessions = Field(
        10, ge=1, le=63, description="maximum age of the last value of a series; an older one counts as missing"
    )
