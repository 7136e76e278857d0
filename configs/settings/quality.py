"""Settings of the checks on data that come in."""

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Count, Fraction, LogReturn, Ratio, Sessions


class Quality(Settings):
    """Thresholds of findings in the data that come in; no row is dropped for a finding."""

    quarantine_tolerance: Count = Field(
        0,
        ge=0,
        description="rows of a session that may fail validation at ingest before the check of the session fails",
    )
    missing_tolerance: Fraction = Field(
        0.5, ge=0, le=1, description="largest fraction of expected symbols without a bar; more fails the check"
    )
    missing_sessions: Sessions = Field(
        5, ge=1, le=21, description="a symbol with a bar in the last so many sessions is expected to have one"
    )
    large_move: LogReturn = Field(0.4, gt=0, description="smallest move without a corporate action that is a finding")
    split_missed: Fraction = Field(
        0.75,
        ge=0.5,
        le=1,
        description="largest fraction of a split's log ratio that the price may miss; a price that misses more does "
        "not show the split",
    )
    large_distribution: Fraction = Field(
        0.2, gt=0, description="smallest cash distribution, of the previous close, that is a finding"
    )
    stale_sessions: Sessions = Field(3, ge=1, le=21, description="unchanged bars in a row that are a finding")
    volume_sessions: Sessions = Field(21, ge=5, le=252, description="window of the median dollar volume")
    volume_multiple: Ratio = Field(
        20.0, gt=1, description="dollar volume over its median above which a bar is a finding"
    )
    range_limit: LogReturn = Field(0.5, gt=0, description="log of high over low above which a bar is a finding")
    close_tolerance: LogReturn = Field(
        0.005, gt=0, description="largest log difference of two vendors' closes; more is a finding"
    )
    volume_tolerance: LogReturn = Field(
        0.7, gt=0, description="largest log difference of two vendors' volumes; more is a finding"
    )
    vendor_age_days: Count = Field(
        7, ge=1, le=365, description="days after which the vendor is asked again what it says of a stored session"
    )
    vendor_sessions: Count = Field(
        5, ge=1, le=252, description="stored sessions of a source that the vendor is asked for again at a time, at most"
    )
