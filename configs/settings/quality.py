"""Settings of the checks on data that come in."""

from pydantic import Field

from configs.settings.base import Settings


class Quality(Settings):
    """What is strange in the data that come in: nothing of it is dropped, but for what breaks a rule of the door."""

    quarantine_tolerance: int = Field(0, ge=0, description="rows a session kept out at the door; more fail the check")
    missing_tolerance: float = Field(0.5, ge=0, le=1, description="share of names without a bar; more fails the check")
    missing_sessions: int = Field(5, ge=1, le=21, description="a name with a bar in the last so many should have one")
    large_move: float = Field(0.4, gt=0, description="log; a larger one without an action is a finding")
    split_missed: float = Field(0.75, ge=0.5, le=1, description="share of a split's log: missed by more")
    large_distribution: float = Field(0.2, gt=0, description="of the previous close; more paid in cash is a finding")
    stale_sessions: int = Field(3, ge=1, le=21, description="unchanged bars in a row that are a finding")
    volume_sessions: int = Field(21, ge=5, le=252, description="of the median dollar volume")
    volume_multiple: float = Field(20.0, gt=1, description="of that median; more is a finding")
    range_limit: float = Field(0.5, gt=0, description="log of high over low; a wider one is a finding")
    close_tolerance: float = Field(0.005, gt=0, description="log of one vendor's close over another's")
    volume_tolerance: float = Field(0.7, gt=0, description="log of one vendor's volume over another's")
