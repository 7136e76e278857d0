"""Features against labels, session by session, in one pass that keeps a window of ranks and a few metrics a day."""

import datetime as dt
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quant_assets.alpha.evidence.information import (
    Codes,
    correlations,
    dense_ranks,
    quantile_means,
    quantiles,
    rank_correlations,
    replaced,
)
from quant_assets.alpha.evidence.significance import hac_t
from quant_assets.features.scores import winsorize
from quant_assets.numerics.arrays import Array, Index

LAGS = (0, 1, 5, 10, 21, 42, 63)  # sessions that a feature is old
STEADY = (1, 21)  # sessions between two rankings that are compared
N_QUANTILES = 5
METRICS = ("ic", "rank_ic", "spread", "null_ic")  # by horizon
OVERLAPS = 3  # horizons that a mean needs, for a t that is worth its name


@dataclass(frozen=True)
class CrossSection:
    """The tradable stocks of a session.

    Attributes:
        stock: (N,) number of each, the same in all sessions.
        x: (N, F) features; NaN where null.
        labels: (H, N) by horizon; NaN where null.
        industry: (N,) names.
    """

    session: dt.date
    stock: Index
    x: Array
    labels: Array
    industry: NDArray[np.object_]


@dataclass
class FeatureStudy:
    """Figures of F features against labels of H horizons; `add` sessions in their order.

    Attributes:
        lookbacks: sessions that each feature depends on.
        winsor: quantiles beyond which a value counts as the quantile, in Pearson's correlation.
        series: by name, and horizon or lag, (F,) a session.
        quantile_sums: sums over sessions of each quantile's mean label of the first horizon, and how many, (F, Q).
        by_industry: sums of rank ICs of the first horizon, and how many, (2, F), by industry.
        rows, nulls, young: stocks and sessions; of them without a value; of those with fewer sessions seen than the
            lookback.
    """

    names: tuple[str, ...]
    lookbacks: Sequence[int]
    horizons: tuple[int, ...]
    winsor: tuple[float, float]
    sessions: list[dt.date] = field(default_factory=list)
    series: dict[tuple[str, int], list[Array]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0

    def __post_init__(self) -> None:
        f = len(self.names)
        self.quantile_sums = np.zeros((2, f, N_QUANTILES))
        self.by_industry: dict[str, Array] = {}
        self.nulls, self.young = np.zeros(f), np.zeros(f)
        self._seen = np.zeros(0, dtype=np.int64)
        self._stacked: dict[tuple[str, int], Array] = {}
        self._past: deque[tuple[Index, Codes]] = deque(maxlen=max(*LAGS, *STEADY) + 1)

    def add(self, today: CrossSection) -> None:
        codes = dense_ranks(today.x)
        self.sessions.append(today.session)
        self._past.append((today.stock, codes))
        self._count(today)
        self._of_labels(today, codes)
        self._of_past(today, codes)
        self._of_industries(today, codes)

    def values(self, name: str, of: int = 0) -> Array:
        """(S, F) a session and feature; NaN where there is none. Asked for once all sessions are added."""
        if (name, of) not in self._stacked:
            self._stacked[name, of] = np.array(self.series[name, of]).reshape(len(self.sessions), len(self.names))
        return self._stacked[name, of]

    def _keep(self, name: str, of: int, values: Array) -> None:
        self.series[name, of].append(values.astype(np.float32))

    def _count(self, today: CrossSection) -> None:
        missing = np.isnan(today.x)
        known = int(today.stock.max(initial=-1)) + 1
        if known > len(self._seen):
            self._seen = np.concatenate([self._seen, np.zeros(known - len(self._seen), dtype=np.int64)])
        self._seen[today.stock] += 1
        fresh = self._seen[today.stock][:, None] < np.asarray(self.lookbacks)[None, :]
        self.rows += len(missing)
        self.nulls += missing.sum(axis=0)
        self.young += (missing & fresh).sum(axis=0)
        self._keep("coverage", 0, 1.0 - missing.mean(axis=0) if len(missing) else np.full(len(self.names), np.nan))
        ascending = np.sort(today.x, axis=0)
        n = len(missing) - missing.sum(axis=0)
        for q in (25, 50, 75):
            at = np.clip(((n - 1) * q) // 100, 0, max(len(missing) - 1, 0))
            quartile = ascending[at, np.arange(len(n))] if len(missing) else np.full(len(n), np.nan)
            self._keep("quartile", q, quartile)

    def _of_labels(self, today: CrossSection, codes: Codes) -> None:
        clipped, missing = winsorize(today.x, self.winsor), np.isnan(today.x).astype(np.float64)
        for i, (horizon, label) in enumerate(zip(self.horizons, today.labels, strict=True)):
            placed = quantiles(codes, ~np.isnan(label), N_QUANTILES)
            means = quantile_means(placed, label, N_QUANTILES)
            self._keep("ic", horizon, correlations(clipped, label))
            self._keep("rank_ic", horizon, rank_correlations(codes, dense_ranks(label[:, None])))
            self._keep("null_ic", horizon, correlations(missing, label))
            self._keep("spread", horizon, means[:, -1] - means[:, 0])
            if i == 0:
                self.quantile_sums[0] += np.nan_to_num(means)
                self.quantile_sums[1] += ~np.isnan(means)

    def _of_past(self, today: CrossSection, codes: Codes) -> None:
        """What the ranks of earlier sessions say of today's labels, and of today's ranks."""
        label = dense_ranks(today.labels[0][:, None])
        everyone = np.ones(len(today.stock), dtype=np.bool_)
        top = quantiles(codes, everyone, N_QUANTILES)
        for lag in sorted({*LAGS, *STEADY}):
            before = self._before(lag, today.stock)
            if lag in LAGS:
                self._keep("decay", lag, rank_correlations(before, label))
            if lag in STEADY:
                then = quantiles(before, everyone, N_QUANTILES)
                self._keep("autocorrelation", lag, rank_correlations(codes, before))
                self._keep("replaced", lag, replaced(top, then, N_QUANTILES - 1))

    def _before(self, lag: int, stock: Index) -> Codes:
        """(F, N) codes of today's stocks on an earlier session; -1 where there were none."""
        then, codes = self._past[-1 - lag] if lag < len(self._past) else (stock[:0], np.empty((0, 0), dtype=np.int16))
        if not len(then):
            return np.full((len(self.names), len(stock)), -1, dtype=np.int16)
        place = np.full(len(self._seen), -1)
        place[then] = np.arange(len(then))
        at = place[stock]
        return np.where(at >= 0, codes[:, at], np.int16(-1))

    def _of_industries(self, today: CrossSection, codes: Codes) -> None:
        label = dense_ranks(today.labels[0][:, None])
        for name in np.unique(today.industry.astype(str)):
            own = np.flatnonzero(today.industry == name)
            rank_ic = rank_correlations(np.ascontiguousarray(codes[:, own]), np.ascontiguousarray(label[:, own]))
            sums = self.by_industry.setdefault(str(name), np.zeros((2, len(self.names))))
            sums += np.array([np.nan_to_num(rank_ic), ~np.isnan(rank_ic)])


def information(study: FeatureStudy) -> pl.DataFrame:
    """One row a feature and horizon.

    Returns:
        feature, horizon_sessions, and of `ic`, `rank_ic`, `spread` (mean label of the highest fifth less that of the
        lowest) and `null_ic` (Pearson's of a flag where the feature is null) the mean over sessions, its t by Newey and
        West (`_t`) and the number of sessions (`_n`). Null without any; the t with fewer than OVERLAPS horizons.
    """
    rows: list[dict[str, object]] = []
    for horizon in study.horizons:
        of = {name: study.values(name, horizon) for name in METRICS}
        for f, feature in enumerate(study.names):
            row: dict[str, object] = {"feature": feature, "horizon_sessions": horizon}
            for name, values in of.items():
                row |= dict(zip((name, f"{name}_t", f"{name}_n"), mean_and_t(values[:, f], horizon), strict=True))
            rows.append(row)
    columns = {f"{name}{end}": pl.Int64 if end == "_n" else pl.Float64
               for name in METRICS for end in ("", "_t", "_n")}  # fmt: skip
    return pl.DataFrame(rows, schema={"feature": pl.String, "horizon_sessions": pl.Int64, **columns})


def mean_and_t(series: Array, horizon: int) -> tuple[float | None, float | None, int]:
    """Mean of the values that are there, its t with one lag less than the horizon, and how many they are."""
    seen = series[~np.isnan(series)].astype(np.float64)
    if not len(seen):
        return None, None, 0
    t = hac_t(seen, horizon - 1) if len(seen) >= OVERLAPS * horizon else float("nan")
    return float(seen.mean()), None if np.isnan(t) else t, len(seen)


def decay(study: FeatureStudy, f: int) -> pl.DataFrame:
    """lag_sessions, mean rank IC and t of a feature that is so old, on labels of the first horizon."""
    schema = {"lag_sessions": pl.Int64, "rank_ic": pl.Float64, "t": pl.Float64, "sessions": pl.Int64}
    rows = [(lag, *mean_and_t(study.values("decay", lag)[:, f], study.horizons[0])) for lag in LAGS]
    return pl.DataFrame(rows, schema=schema, orient="row")


def grouped(series: Array, groups: Sequence[object]) -> pl.DataFrame:
    """group, mean and number of (S,) values by the group of their session; sessions without one are left out."""
    frame = pl.DataFrame(
        {"group": [None if g is None else str(g) for g in groups], "rank_ic": series.astype(np.float64)}
    )
    known = frame.with_columns(pl.col("rank_ic").fill_nan(None)).drop_nulls()
    return known.group_by("group").agg(pl.col("rank_ic").mean(), sessions=pl.len()).sort("group")
