"""What all settings share: frozen, typed, bounded; unknown keys are errors, and unseen fields are hidden."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Of what is not there: a field is hidden from code that does not name it."""
            if name in type(self).model_fields:
                raise AttributeError(
                    f"{type(self).__name__}.{name} is hidden, as no code of this asset names it; write .{name} where "
                    "it is read, so that the setting counts in what is stored"
                )
            return super().__getattr__(name)
