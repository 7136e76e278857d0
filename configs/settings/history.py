"""Settings of the range of sessions."""

import datetime as dt

from pydantic import Field, model_validator

from configs.settings.base import Settings


class History(Settings):
    """The sessions of a profile."""

    start: dt.date = Field(description="first session of the history; nothing earlier is an input of anything")
    hold_out: dt.date | None = Field(
        None, description="first session whose results are shown with --final only; null: there is no hold-out"
    )
    end: dt.date | None = Field(
        None, description="last session of the history; null: the history goes on with the exchange calendar"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "History":
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}; set a later end or an earlier start")
        return self
