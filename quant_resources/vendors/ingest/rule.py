"""The shape of a rule that a row may break."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Rule:
    """
    Attributes:
        name: short and stable; stored with the rows that break it.
        bad: true for a row that breaks it; null passes.
        reason: what is wrong with the row, as text that follows its name.
        fix: what the user can do.
    """

    name: str
    bad: pl.Expr
    reason: pl.Expr
    fix: str
