"""Lists and choices of which each entry is of a kind, such as `models: [{kind: ridge, penalty: 100}]`.

A table holds the type of each kind's settings, by its name; `configs.settings.registration` adds to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from configs.settings.base import Settings


class KindSettings(Settings):
    """Settings of one kind; a subclass declares `kind: Literal["name"] = "name"`."""

    kind: str


def kind_of(settings: type[KindSettings]) -> str:
    """The name of a kind, from the default of its field.

    Raises:
        ValueError: it has none.
    """
    name = settings.model_fields["kind"].default
    if not isinstance(name, str):
        raise ValueError(f'{settings.__name__} has no name; declare `kind: Literal["my_kind"] = "my_kind"`')
    return name


@dataclass(frozen=True)
class OneOf:
    """Annotation of a field: a value is of one of the table's types, by its `kind`.

    Attributes:
        table: type of the settings by kind.
    """

    table: Mapping[str, type[KindSettings]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {kind: handler.generate_schema(settings) for kind, settings in self.table.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


Entries = TypeVar("Entries", bound=tuple[KindSettings, ...])


def distinct(entries: Entries) -> Entries:
    """A list in which no kind stands twice.

    Raises:
        ValueError: one does.
    """
    kinds = [entry.kind for entry in entries]
    if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        raise ValueError(f"{', '.join(twice)} is listed more than once; keep one entry of each kind")
    return entries
