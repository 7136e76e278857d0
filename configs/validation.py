"""A tree of settings becomes a profile, or an error for each wrong setting: where, key, value, bound and fix."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from configs.describe import Description, describe, kind_name
from configs.errors import ConfigError, did_you_mean
from configs.layers import Layer, Location, Tree, writer_of
from configs.settings import FilesVendor, Profile, Settings, Table

TABLES = tuple(name for name, field in FilesVendor.model_fields.items() if field.annotation == list[Table])


def validated(tree: Tree, layers: Sequence[Layer]) -> Profile:
    """The profile of a merged tree.

    Raises:
        ConfigError: a line for each setting that is wrong, which names the layer that wrote it.
    """
    try:
        profile = Profile.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(complaints(error, layers)) from None
    for line in _hindsight(profile):
        raise ConfigError(f"{writer_of(('vendor',), layers)}: {line}")
    return profile


def complaints(
    error: ValidationError, layers: Sequence[Layer] = (), root: type[Settings] = Profile, at: Location = ()
) -> str:
    """A line for each wrong setting: where it was written, key, value, what is wrong, and the fix.

    Args:
        layers: one of them wrote it; without any, no place is named.
        root, at: type of what was validated, and its place in the profile.
    """
    return "\n".join(_complaint(one, layers, root, at) for one in error.errors())


def _complaint(error: Mapping[str, Any], layers: Sequence[Layer], root: type[Settings], at: Location) -> str:
    where, kinds, field = located(error["loc"], root)
    dotted = ".".join(map(str, (*at, *where)))
    place = f"{writer_of((*at, *where), layers)}: " if layers else ""
    match error["type"]:
        case "extra_forbidden":
            known = [name for kind in kinds for name in describe(kind)]
            close = did_you_mean(str(where[-1]), known)
            return f"{place}there is no setting `{dotted}`{close}; known here: {', '.join(known)}"
        case "missing":
            return f"{place}`{dotted}` is missing; write it{_expected(field)}"
        case "union_tag_not_found":
            return f"{place}`{dotted}.kind` is missing; write one of {', '.join(_tags(field))}"
        case "union_tag_invalid":
            tag = error["ctx"]["tag"]
            return (
                f"{place}{dotted}.kind = {tag!r}: there is no such kind{did_you_mean(tag, _tags(field))}; "
                f"write one of {', '.join(_tags(field))}"
            )
    if isinstance(error["input"], Mapping | Settings):  # of a section: the message names the keys
        return f"{place}{dotted}: {_message(error)}"
    return f"{place}{dotted} = {error['input']!r}: {_message(error)}{_expected(field)}"


def _message(error: Mapping[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def _expected(field: Description | None) -> str:
    """What a field takes, as the end of a sentence."""
    if field is None:
        return ""
    limits = ", ".join(part for part in (field.allowed, field.unit) if part and part != "settings")
    return f"; {field.name} is the {field.meaning} [{limits}]" if limits else ""


def located(
    loc: Location, root: type[Settings] = Profile
) -> tuple[Location, tuple[type[Settings], ...], Description | None]:
    """The location as a user writes it, the classes of settings that hold its last part, and the field that it is.

    pydantic names, in a union, the kind that was tried beside the keys.
    """
    where: list[str | int] = []
    kinds: tuple[type[Settings], ...] = (root,)
    holders, field = kinds, None
    for part in loc:
        if tagged := tuple(kind for kind in kinds if kind_name(kind) == part):
            kinds = tagged
            continue
        where.append(part)
        if isinstance(part, int):
            continue
        holders = kinds
        field = next((describe(kind)[part] for kind in kinds if part in describe(kind)), None)
        kinds = field.parts if field else kinds
    return tuple(where), holders, field


def _tags(field: Description | None) -> list[str]:
    return [tag for kind in (field.parts if field else ()) if (tag := kind_name(kind))]


def used_columns(table: Table) -> set[str]:
    """File columns that a table's mapping, filters and date of knowledge name."""
    named = {*table.columns.values(), *table.where, *table.drop, *table.unlinked, *table.items}
    named |= {by for item in table.items.values() if isinstance(item.months, dict) for by in item.months}
    return named | ({table.known_at.column} if table.known_at.column else set())


def _hindsight(profile: Profile) -> Iterator[str]:
    if not isinstance(profile.vendor, FilesVendor):
        return
    for name in TABLES:
        tables: list[Table] = getattr(profile.vendor, name)
        for table in tables:
            seen = sorted(used_columns(table) & set(table.hindsight))
            if seen and f"market/{name}" not in profile.exceptions:
                yield (
                    f"vendor.{name} uses {', '.join(seen)} of {table.file}, which nobody knew at the time; "
                    f"map another column, or name the reason under exceptions: {{market/{name}: why}}"
                )
