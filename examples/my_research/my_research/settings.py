"""Numbers of this research, in the profile under `plugin_settings: {my_research: ...}`."""

from pydantic import Field

from configs.settings import Settings


class MyResearch(Settings):
    window: int = Field(42, ge=5, le=252, description="of a path, sessions")
    horizon_sessions: int = Field(21, ge=1, le=63, description="of the expected return")
    alpha_bp: float = Field(
        40.0, ge=0, le=500, description="expected return of one standard deviation, over the horizon"
    )
    error_std: float = Field(0.08, gt=0, le=1, description="standard deviation of what is left, over the horizon")
