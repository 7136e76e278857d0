"""Numbers, fractions, money and dates as people read them, on pages and in the terminal alike.

A number that is None is shown as MISSING, a negative one with the minus sign of typography, and none as minus zero.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeAlias

MISSING = "–"
Format: TypeAlias = Callable[[Any], str]


def fixed(value: float | None, digits: int, unit: str = "") -> str:
    """With so many decimals, thousands apart, and a unit after it.

    >>> fixed(-1234.56, 1, " USD"), fixed(-0.001, 1), fixed(None, 1)
    ('−1,234.6 USD', '0.0', '–')
    """
    if value is None:
        return MISSING
    rounded = round(value, digits) + 0.0  # no minus before a zero
    return f"{rounded:,.{digits}f}{unit}".replace("-", "−")


def percent(fraction: float | None) -> str:
    """A fraction, as a percentage with one decimal."""
    return fixed(None if fraction is None else fraction * 100, 1, " %")


def weight(fraction: float | None) -> str:
    """A fraction of net asset value, as a percentage with two decimals."""
    return fixed(None if fraction is None else fraction * 100, 2, " %")


def ratio(value: float | None) -> str:
    """A Sharpe ratio, a t, a beta: two decimals."""
    return fixed(value, 2)


def coefficient(value: float | None) -> str:
    """A correlation: four decimals."""
    return fixed(value, 4)


def basis_points(value: float | None) -> str:
    """A number of basis points."""
    return fixed(value, 1, " bp")


def in_basis_points(fraction: float | None) -> str:
    """A fraction, in basis points."""
    return basis_points(None if fraction is None else fraction * 1e4)


def count(value: float | None) -> str:
    """A whole number."""
    return fixed(value, 0)


def usd(value: float | None) -> str:
    """An amount to the cent."""
    return fixed(value, 2, " USD")


def whole_usd(value: float | None) -> str:
    """An amount to the dollar."""
    return fixed(value, 0, " USD")


def shares(value: float | None) -> str:
    """A number of shares, fractions of one included."""
    return MISSING if value is None else f"{value:,.10g}".replace("-", "−")


def signed_shares(value: float | None) -> str:
    """A number of shares bought (+) or sold (−)."""
    return MISSING if value is None else f"{value:+,.10g}".replace("-", "−")


def significant(value: float | None, digits: int = 4) -> str:
    """So many significant digits; from 1,000 on as a whole number.

    >>> significant(0.123456), significant(12_345_678.9), significant(-0.000012)
    ('0.1235', '12,345,679', '−1.2e-05')
    """
    if value is None:
        return MISSING
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return f"−{text[1:]}" if text.startswith("-") else text


def timestamp(moment: dt.datetime | None) -> str:
    """To the minute; the heading says the zone, which is UTC."""
    return MISSING if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def plain(value: object) -> str:
    """Anything: numbers by their type, dates as ISO, a dash where there is none."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, dt.datetime):
        return timestamp(value)
    return str(value)


def label(name: str) -> str:
    """A column as a heading: snake case is written with spaces, all else as it is.

    >>> label("worst_violation"), label("BRK_B"), label("rank IC")
    ('worst violation', 'BRK_B', 'rank IC')
    """
    return name.replace("_", " ") if name.islower() and name.replace("_", "").isalnum() else name
