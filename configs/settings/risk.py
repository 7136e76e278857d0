"""Settings of the factor model and of the costs of trading."""

from pydantic import Field

from configs.settings.base import Settings


class Risk(Settings):
    lookback_sessions: int = Field(252, ge=21, le=1260, description="of betas, returns and residuals")
    min_observations: int = Field(63, ge=10)
    factor_half_life: float = Field(90.0, gt=1, description="sessions")
    specific_half_life: float = Field(60.0, gt=1, description="sessions")
    specific_shrinkage: float = Field(0.3, ge=0, le=1, description="towards the median of stocks alike")
    exposure_limit: float = Field(3.0, gt=0, description="deviations; styles beyond are moved there")
    spread_floor_bp: float = Field(5.0, gt=0, description="daily bars cannot tell narrower spreads from none")
    volatility_sessions: int = Field(63, ge=21, le=252, description="of the total volatility that prices impact")
