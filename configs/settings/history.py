"""Which sessions a profile has."""

import datetime as dt

from pydantic import Field, model_validator

from configs.settings.base import Settings


class History(Settings):
    """Which sessions exist for this profile."""

    start: dt.date = Field(description="first session; nothing earlier is an input")
    hold_out: dt.date | None = Field(None, description="reports show nothing from here on without --final")
    end: dt.date | None = Field(None, description="last session; null where the history goes on with the calendar")

    @model_validator(mode="after")
    def _in_order(self) -> "History":
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        return self
