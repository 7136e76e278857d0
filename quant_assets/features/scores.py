"""Features standardized within the industry and ranked, across the session's universe; and their composite."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Features
from feature_store.schemas.company_features import COMPANY_FEATURES
from feature_store.schemas.features import (
    PERCENTILES,
    SCORE_DISTRIBUTIONS,
    SCORED,
    STOCK_FEATURES,
    STOCK_SCORES,
)
from quant_assets.numerics.arrays import Array, Index, Mask

UNKNOWN = "Unknown"
FLOORS = (*STOCK_FEATURES.values, *COMPANY_FEATURES.values)
DISTRIBUTIONS = SCORE_DISTRIBUTIONS.computed_schema
SCORES = STOCK_SCORES.computed_schema


def scored(settings: Features) -> tuple[str, ...]:
    """Names of the features that are scored, in their order.

    Raises:
        ValueError: a name that no scored feature has.
    """
    eligible = SCORED if settings.scored == "all" else settings.scored
    _require_known("scored", eligible, SCORED)
    return eligible


def compared(settings: Features) -> tuple[str, ...]:
    """Names of the features that are scored, and of those that the composite weighs beside them.

    Raises:
        ValueError: a name that no scored feature has.
    """
    _require_known("composite", settings.composite, SCORED)
    return tuple(dict.fromkeys((*scored(settings), *settings.composite)))


def read_of(settings: Features, of: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `of` that scores, composite or floors need as they are.

    Raises:
        ValueError: a name that no feature has.
    """
    _require_known("floors", settings.floors, FLOORS)
    plain = [name for name in compared(settings) if name not in settings.stationary]
    return tuple(name for name in dict.fromkeys((*plain, *settings.floors)) if name in of)


def stock_scores(
    features: pl.DataFrame,
    companies: pl.DataFrame,
    stationary: pl.DataFrame,
    universe: pl.DataFrame,
    industries: pl.DataFrame,
    session: dt.date,
    settings: Features,
) -> pl.DataFrame:
    """Winsorized features of the tradable universe, standardized within the industry, across symbols.

    A percentile rank is (rank - 1/2) / n among the n values of the universe, equal values sharing their mean rank: one
    alone, and all that are equal, are at 1/2. A z-score needs something to differ from and is null there.

    The composite is the weighted mean of z-scores, over the weights (by size) of those that are known; null where these
    are less than `composite_min_fraction` of all, so also where the session has one candidate, or equal ones: then the
    floors alone speak. It ranks those above the floors, 1 is best, and equal ones share the better rank. A floor is an
    absolute value of the feature as it is, whatever the session's distribution; a value that is not known lies below.
    Who lies below still shapes the z-scores and percentile ranks.

    Args:
        features, companies: rows of STOCK_FEATURES and COMPANY_FEATURES, with the columns `read_of` says.
        stationary: rows of STATIONARY_FEATURES, which take the place of those that `settings.stationary` names.
        universe: rows of UNIVERSE; tradable ones are scored.
        industries: rows of INDUSTRIES; a symbol without one is "Unknown".
        session: only its rows are used.
        settings: `winsorize_quantiles`, `min_industry`, `scored`, `stationary`, `composite`, `composite_min_fraction`,
            `floors`.

    Returns:
        Rows of STOCK_SCORES, sorted by symbol, one for each tradable security; null where a feature is not scored.
    """
    names, weighed = scored(settings), compared(settings)
    known = with_industry(_known(universe, session, features, companies), industries)
    x = _values(known, stationary, session, settings)
    clipped = winsorize(x, settings.winsorize_quantiles)
    z = standardize_within(clipped, known["industry"].to_numpy(), settings.min_industry)
    weights = np.array([settings.composite.get(name, 0.0) for name in weighed])
    composite, above = composite_of(z, weights, settings.composite_min_fraction), _above(known, settings.floors)
    ranked = np.where(above, composite, np.nan)
    made: dict[str, Any] = {name: known[name] for name in ("event_date", "symbol", "industry")}
    made |= {f"z_{name}": z[:, i] for i, name in enumerate(names)}
    made |= {f"rank_{name}": r for name, r in zip(names, percentile_ranks(x[:, : len(names)]).T, strict=True)}
    made |= {"composite": composite, "composite_percentile": percentile_ranks(ranked[:, None])[:, 0]}
    made["composite_rank"] = pl.Series(ranked, nan_to_null=True).rank("min", descending=True)
    made["above_floors"] = above
    return _frame(made, SCORES, len(known))


def score_distributions(
    features: pl.DataFrame,
    companies: pl.DataFrame,
    stationary: pl.DataFrame,
    universe: pl.DataFrame,
    session: dt.date,
    settings: Features,
) -> pl.DataFrame:
    """What the session's tradable universe looks like in each feature that scores or the composite rest on.

    Args:
        features, companies, stationary, universe, session, settings: as of `stock_scores`.

    Returns:
        Rows of SCORE_DISTRIBUTIONS, sorted by feature; of values none are left out and none are moved.
    """
    names = compared(settings)
    x = _values(_known(universe, session, features, companies), stationary, session, settings)
    seen = ~np.isnan(x)
    n = np.count_nonzero(seen, axis=0)
    mean = np.where(seen, x, 0.0).sum(axis=0) / np.where(n > 0, n, np.nan)
    squares = np.where(seen, x - mean, 0.0) ** 2
    # an empty universe has no rows to look a quantile up in
    ascending = np.sort(x if len(x) else np.full((1, len(names)), np.nan), axis=0)
    made = {
        "feature": names,
        "count": n,
        "null_fraction": 1.0 - n / len(x) if len(x) else np.full(len(names), np.nan),
        "mean": mean,
        "std": np.sqrt(squares.sum(axis=0) / np.where(n > 1, n - 1.0, np.nan)),
        **{name: _at(ascending, np.maximum(n - 1, 0) * q) for name, q in PERCENTILES.items()},
    }
    return _frame({"event_date": [session] * len(names), **made}, DISTRIBUTIONS, len(names)).sort("feature")


def _frame(columns: Mapping[str, Any], schema: Mapping[str, pl.DataType], height: int) -> pl.DataFrame:
    """The columns as the schema has them, NaN as null; all null where there are none.

    Hundreds of expressions would cost more than the scores themselves.
    """
    blank = {dtype: pl.Series([None] * height, dtype=dtype) for dtype in {*schema.values()}}
    return pl.DataFrame([
        pl.Series(name, columns[name], nan_to_null=True).cast(dtype) if name in columns else blank[dtype].alias(name)
        for name, dtype in schema.items()
    ])  # fmt: skip


def composite_of(z: Array, weights: Array, min_coverage: float) -> Array:
    """(N,) weighted mean of (N, F) scores over the weights of those that are known; see `stock_scores`."""
    used = np.flatnonzero(weights)
    total, size = np.zeros(len(z)), np.zeros(len(z))
    for i in used:
        seen = ~np.isnan(z[:, i])
        total += np.where(seen, weights[i] * z[:, i], 0.0)
        size += np.where(seen, abs(weights[i]), 0.0)
    # the tiny allowance keeps 0.3 + 0.2 of 1 at a half
    enough = (size > 0) & (size >= min_coverage * np.abs(weights).sum() - 1e-9)
    composite: Array = total / np.where(enough, size, np.nan)
    return composite


def percentile_ranks(x: Array) -> Array:
    """(N, F) (rank - 1/2) / n of each column's n values, equal ones at their mean rank; NaN stays."""
    if not len(x):
        return x
    order = np.argsort(x, axis=0, kind="stable")  # NaN last
    ascending = np.take_along_axis(x, order, axis=0)
    place = np.arange(len(x))[:, None]
    starts = np.vstack([np.ones((1, x.shape[1]), dtype=np.bool_), ascending[1:] != ascending[:-1]])
    ends = np.vstack([starts[1:], starts[:1]])
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, place, len(x))[::-1], axis=0)[::-1]
    ranks = np.empty_like(x)
    np.put_along_axis(ranks, order, (first + last + 1) / 2.0, axis=0)
    n = np.count_nonzero(~np.isnan(x), axis=0)
    return np.where(np.isnan(x), np.nan, ranks / np.maximum(n, 1))


def _known(universe: pl.DataFrame, session: dt.date, features: pl.DataFrame, companies: pl.DataFrame) -> pl.DataFrame:
    """The tradable securities, with what is known of them."""
    known = tradable_on(universe, session)
    for frame in (features, companies):
        today = frame.filter(event_date=session).drop("event_date")
        known = known.join(today, on="symbol", how="left", maintain_order="left")
    return known


def _values(known: pl.DataFrame, stationary: pl.DataFrame, session: dt.date, settings: Features) -> Array:
    """(N, F) of the features that are compared, as they are or made stationary."""
    names = compared(settings)
    made = [name for name in names if name in settings.stationary]
    today = stationary.filter(event_date=session).select("symbol", *made)
    plain = known.drop(name for name in made if name in known.columns)
    values = plain.join(today, on="symbol", how="left", maintain_order="left").select(names)
    return values.to_numpy().astype(np.float64) if names else np.empty((len(known), 0))


def _above(known: pl.DataFrame, floors: dict[str, float]) -> Mask:
    """(N,) whether every floored feature is known and not below its floor."""
    above = np.ones(len(known), dtype=np.bool_)
    for name, min_count in floors.items():
        above &= known[name].cast(pl.Float64).fill_null(np.nan).to_numpy() >= min_count
    return above


def _require_known(setting: str, names: Iterable[str], among: tuple[str, ...]) -> None:
    if unknown := {*names} - {*among}:
        raise ValueError(
            f"features.{setting} names {sorted(unknown)}, which cannot be used there; choose among {among}"
        )


def tradable_on(universe: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """event_date and symbol of the session's tradable securities, sorted by symbol."""
    eligible = universe.filter(pl.col("event_date") == session, pl.col("tradable"))
    return eligible.select("event_date", "symbol").sort("symbol")


def with_industry(frame: pl.DataFrame, industries: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the industry that was in force on each row's event_date, "Unknown" where there was none."""
    published = industries.select("event_date", "symbol", "industry")
    joined = frame.join(published, on=["event_date", "symbol"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("industry").fill_null(UNKNOWN))


def winsorize(x: Array, quantiles: tuple[float, float]) -> Array:
    """(N, F) `x` with values beyond the two quantiles of their column moved there; NaN stays.

    Quantiles interpolate linearly between the observed values, as NumPy's do.
    """
    if not len(x):
        return x
    ascending = np.sort(x, axis=0)  # NaN last
    last = np.maximum(np.count_nonzero(~np.isnan(x), axis=0) - 1, 0)
    low, high = (_at(ascending, last * q) for q in quantiles)
    return np.clip(x, low, high)


def _at(ascending: Array, position: Array) -> Array:
    """(F,) value of each column between the rows around its position."""
    below = np.floor(position).astype(np.int64)
    columns = np.arange(ascending.shape[1])
    lower, upper = ascending[below, columns], ascending[np.ceil(position).astype(np.int64), columns]
    value: Array = lower + (upper - lower) * (position - below)
    return value


def standardize_within(x: Array, group: NDArray[np.object_], min_count: int) -> Array:
    """(N, F) `x` less the mean of its group, per sample standard deviation of its group; NaN stays.

    A group with fewer than `min_count` values of a column, or no spread among them, is measured against all rows; where
    those too are fewer or do not differ, NaN.

    Args:
        x: (N, F); rows of one group are added in their order.
        group: (N,) names.
    """
    if not len(x):
        return x
    order = np.argsort(group, kind="stable")
    ordered = x[order]
    starts = np.flatnonzero(np.r_[True, group[order][1:] != group[order][:-1]])
    sizes = np.diff(np.r_[starts, len(x)])
    own_mean, own_std = _moments(ordered, starts, sizes, min_count)
    mean, std = _moments(ordered, starts[:1], np.array([len(x)]), min_count)
    alone = np.isnan(own_std)
    centre = np.repeat(np.where(alone, mean, own_mean), sizes, axis=0)
    scale = np.repeat(np.where(alone, std, own_std), sizes, axis=0)
    scores = np.empty_like(x)
    scores[order] = (ordered - centre) / scale
    return scores


def _moments(x: Array, starts: Index, sizes: Index, min_count: int) -> tuple[Array, Array]:
    """(G, F) mean and sample standard deviation of each group; both NaN with fewer than `min_count` values or no
    spread.
    """
    seen = ~np.isnan(x)
    n = np.add.reduceat(seen.astype(np.float64), starts, axis=0)
    enough = n >= max(2, min_count)
    mean = np.add.reduceat(np.where(seen, x, 0.0), starts, axis=0) / np.where(enough, n, np.nan)
    gaps = np.where(seen, x - np.repeat(mean, sizes, axis=0), 0.0)
    std = np.sqrt(np.add.reduceat(gaps * gaps, starts, axis=0) / np.maximum(n - 1.0, 1.0))
    # equal values leave a spread of a few ulps, whose scores would be noise
    spread = std > 1e-12 * np.abs(mean)
    return np.where(spread, mean, np.nan), np.where(spread, std, np.nan)
