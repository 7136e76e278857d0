"""Settings of the certification of stored sessions."""

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Days


class Certification(Settings):
    """Certification by rotation: each night some stored sessions of every dataset are computed again."""

    cycle_days: Days = Field(
        30, ge=1, le=365, description="days within which every stored session is computed again in a fresh process"
    )
