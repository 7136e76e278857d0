"""Every setting says in words what it is: a description, a unit where it is a number, and what it may be."""

from collections.abc import Iterator
from typing import Annotated, Literal

import pytest
from pydantic import Field

from configs.describe import REQUIRED, Description, describe
from configs.settings import Alpha, EdgarSource, Features, Market, Portfolio, Profile, Settings, Table
from configs.settings.units import Days, Unit


def all_kinds() -> dict[str, type[Settings]]:
    """Every class of settings that a profile may hold, by name."""
    kinds: dict[str, type[Settings]] = {}
    waiting: list[type[Settings]] = [Profile]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ not in kinds:
            kinds[kind.__name__] = kind
            waiting += [part for field in describe(kind).values() for part in field.parts]
    return kinds


def all_fields() -> Iterator[tuple[str, Description]]:
    """Each described field."""
    for name, kind in sorted(all_kinds().items()):
        for field in describe(kind).values():
            yield f"{name}.{field.name}", field


# --- known values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "unit", "allowed"),
    [
        (Market, "adv_sessions", "sessions", "1 to 252"),
        (Market, "min_adv_usd", "USD", "at least 0"),
        (Market, "grouping", "", "published, ff49 or ff12"),
        (Portfolio, "weight_cap", "fraction of NAV", "above 0, at most 1"),
        (Portfolio, "market_premium_annual", "fraction a year", "-0.5 to 0.5, or null"),
        (Table, "max_lag_days", "calendar days", "at least 1, or null"),
        (Table, "where", "", "{text: list of text}"),
        (Features, "horizons", "", "list of whole numbers"),
        (Features, "scored", "", "all or list of text"),
        (Features, "market_proxies", "", "settings"),
        (EdgarSource, "user_agent", "", "at least 8 characters"),
        (Alpha, "models", "", "list of settings"),
    ],
)
def test_a_field_says_its_unit_and_what_it_may_be(kind: type[Settings], name: str, unit: str, allowed: str) -> None:
    field = describe(kind)[name]
    assert (field.unit, field.allowed) == (unit, allowed)


def test_defaults_are_as_yaml_would_hold_them() -> None:
    assert describe(Features)["turn_of_month"].default == [1, 3]
    assert describe(Table)["known_at"].default == {"column": None, "rule": "end_of_day", "estimated": False}
    assert describe(Table)["file"].default == REQUIRED


def test_settings_in_lists_and_choices_are_seen() -> None:
    assert {"RidgeSettings", "LightGbmSettings", "Table", "Item", "Transport", "PlantedAlpha"} <= all_kinds().keys()


# --- properties -----------------------------------------------------------------------------------------------------


CONTINUATIONS = ("of", "from", "as", "by", "to", "with", "without", "where", "towards", "for")


def is_whole_phrase(text: str) -> bool:
    """A phrase that says the thing itself, in one piece and without a full stop."""
    begins_within = text.partition(" ")[0] in CONTINUATIONS
    return len(text.split()) >= 2 and not begins_within and text == text.strip() and text[-1] not in ".;,:"


def test_every_field_has_a_description_that_is_a_whole_phrase() -> None:
    assert [key for key, field in all_fields() if not is_whole_phrase(field.meaning)] == []


def test_every_number_has_a_unit() -> None:
    numbers = ("whole number", "number")
    bare = [
        key
        for key, field in all_fields()
        if not field.unit and not isinstance(field.default, bool) and isinstance(field.default, int | float)
    ]
    assert bare == []
    assert [key for key, field in all_fields() if field.allowed in numbers and not field.unit] == []


def test_every_class_of_settings_has_a_sentence() -> None:
    without = [name for name, kind in all_kinds().items() if not (kind.__doc__ or "").strip()]
    assert without == []


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "sessions", "of a window; fewer give null", "largest weight of a stock."])
def test_half_a_phrase_is_not_a_description(text: str) -> None:
    assert not is_whole_phrase(text)


def test_bounds_of_an_optional_number_and_of_an_open_range_are_told_apart() -> None:
    class Made(Settings):
        """Bounds of every sort."""

        open_range: Annotated[float, Unit("ratio")] = Field(1.0, gt=0, lt=2)
        optional: Days | None = Field(None, le=5)
        choice: Literal["a"] = "a"

    fields = describe(Made)
    assert [fields[name].allowed for name in fields] == ["above 0, below 2", "at most 5, or null", "a"]
