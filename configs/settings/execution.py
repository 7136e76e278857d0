"""Settings of the account and of its costs."""

from pydantic import Field

from configs.settings.base import Settings


class Execution(Settings):
    initial_cash_usd: float = Field(10_000_000.0, gt=0)
    commission_bp: float = Field(0.5, ge=0)
    impact_multiplier: float = Field(1.0, ge=0, description="Y of the square-root law")
    max_participation: float = Field(0.1, gt=0, le=1, description="pre-trade check: larger orders are cut to it")
    write_off_sessions: int = Field(21, ge=1, description="without a bar, then the delisting return applies")
    delisting_return: float = Field(-0.30, ge=-1, description="where none is recorded")
    cash_rate_annual: float = Field(0.0, ge=0, le=0.2, description="where no macro series says better")
    borrow_rate_annual: float = Field(0.005, ge=0, le=1, description="fee on the value of shorts, where none is quoted")
    borrow_max_age_sessions: int = Field(5, ge=1, le=63, description="an older quote of market/borrow counts as none")
