"""Settings of the factor model and of the costs of trading."""

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import BasisPoints, Count, Fraction, MeanSessions, Sessions, StandardDeviations


class Risk(Settings):
    """The factor model of risk, and estimates of trading costs."""

    lookback_sessions: Sessions = Field(
        252, ge=21, le=1260, description="window of betas, factor returns and residuals"
    )
    min_observations: Count = Field(63, ge=10, description="smallest number of observations of an estimate")
    factor_half_life: MeanSessions = Field(90.0, gt=1, description="half-life of the weights in factor covariances")
    specific_half_life: MeanSessions = Field(60.0, gt=1, description="half-life of the weights in specific variances")
    specific_shrinkage: Fraction = Field(
        0.3, ge=0, le=1, description="weight of the median of similar stocks in a specific volatility"
    )
    exposure_limit: StandardDeviations = Field(
        3.0, gt=0, description="largest style exposure, up or down; those beyond are clipped"
    )
    spread_floor_bp: BasisPoints = Field(
        5.0, gt=0, description="bid-ask spread of every stock; daily bars cannot tell narrower spreads from none"
    )
    volatility_sessions: Sessions = Field(
        63, ge=21, le=252, description="window of the total volatility that market impact is estimated with"
    )
