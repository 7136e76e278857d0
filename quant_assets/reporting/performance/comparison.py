"""Two homes over the sessions that both have, and the settings in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Profile
from quant_assets.backtest import metrics
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.evaluation import Evaluation
from quant_assets.reporting.performance import summaries


@dataclass(frozen=True)
class Comparison:
    """
    Attributes:
        names: of this home and the other.
        folder: of the other.
        n_sessions: that both have.
        accounts: rows of PNL of both main books on these.
        metrics: metric, unit and a column a home.
        settings: setting and its values, where they differ.
    """

    names: tuple[str, str]
    folder: Path
    n_sessions: int
    accounts: tuple[pl.DataFrame, pl.DataFrame]
    metrics: pl.DataFrame
    settings: pl.DataFrame


def compare(own: Evaluation, other: Evaluation) -> Comparison:
    names = (f"this ({own.profile.name})", f"other ({other.profile.name})")
    both = sorted({*own.sessions} & {*other.sessions})
    accounts = (_on(own, both), _on(other, both))
    returns = {
        name: metrics.simple_returns(rows["nav_usd"].to_numpy()) for name, rows in zip(names, accounts, strict=True)
    }
    earned = summaries.performance(returns, _risk_free(own, both), both, [names[1]])
    named = (rows.with_columns(book=pl.lit(name)) for name, rows in zip(names, accounts, strict=True))
    changed = [(key, _text(a), _text(b)) for key, a, b in settings_that_differ(own.profile, other.profile)]
    schema = dict.fromkeys(["setting", *names], pl.String)
    return Comparison(
        names,
        other.home.folder,
        len(both),
        accounts,
        pl.concat([earned, summaries.trading(pl.concat(named))]),
        pl.DataFrame(changed, schema=schema, orient="row"),
    )


def _on(home: Evaluation, days: Sequence[date]) -> pl.DataFrame:
    return home.main.filter(pl.col("event_date").is_in(days))


def _risk_free(home: Evaluation, days: Sequence[date]) -> Array:
    kept = set(days)
    risk_free: Array = home.risk_free[np.array([day in kept for day in home.sessions])]
    return risk_free


def settings_that_differ(a: Profile, b: Profile) -> list[tuple[str, object, object]]:
    """Dotted key and both values; None where a profile has no such setting."""
    flat_a, flat_b = (_flat(profile.model_dump(mode="json", exclude={"name": True})) for profile in (a, b))
    keys = dict.fromkeys([*flat_a, *flat_b])
    return [(key, flat_a.get(key), flat_b.get(key)) for key in keys if flat_a.get(key) != flat_b.get(key)]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _text(value: object) -> str | None:
    return None if value is None else str(value)
