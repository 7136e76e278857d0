"""Further kinds in the tables of settings, such as a model of one's own in `alpha.models`."""

from typing import TypeVar

from configs.settings.alpha import Alpha
from configs.settings.base import Settings
from configs.settings.execution import Execution
from configs.settings.kinds import KindSettings, kind_of
from configs.settings.portfolio import Portfolio
from configs.settings.profile import Profile
from configs.settings.regimes import Regimes

S = TypeVar("S", bound=KindSettings)

HOLDERS: tuple[type[Settings], ...] = (Alpha, Regimes, Portfolio, Execution, Profile)  # each after those that it holds


def add_kind(table: dict[str, type[S]], settings: type[S]) -> str:
    """Adds a type of settings to a table under its kind, so that profiles may name it; returns the kind.

    Raises:
        ValueError: another type has this kind.
    """
    kind = kind_of(settings)
    if table.get(kind, settings) is not settings:
        raise ValueError(f"kind {kind!r} is that of {table[kind].__qualname__}; rename {settings.__qualname__}'s")
    table[kind] = settings
    for holder in HOLDERS:
        holder.model_rebuild(force=True)
    return kind
