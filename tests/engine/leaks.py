"""Leaks as people write them, each beside a counterpart that keeps to what was known."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.schemas.market import ADJUSTED_BARS, BARS
from quant_assets.engine.asset import ModelFit, SessionAsset, TimeSeries, trailing
from quant_assets.engine.computation import Calculation
from quant_assets.engine.segments import SEPARATOR
from quant_assets.regimes.detectors.hmm import filter_states
from quant_resources.vendors.protocol import Vendor
from tests.engine.market import dense, valued

LONG_AGO = dt.date(1990, 1, 2)


@dataclass(frozen=True)
class Leak:
    name: str
    leaky: SessionAsset
    clean: SessionAsset


# -- time series of each stock -----------------------------------------------------------------------------------------


def x(lag: int = 0, column: str = "log_return") -> pl.Expr:
    return pl.col(column).shift(lag).over("symbol")


def value_of(expression: pl.Expr) -> Callable[..., pl.DataFrame]:
    """An asset's function: the expression over the dense panel, where there is a bar."""

    def values(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
        rows = dense(bars, sessions).with_columns(value=expression)
        return rows.filter(pl.col("close").is_not_null()).select("event_date", "symbol", "value")

    return values


def filled(expression: pl.Expr) -> Callable[..., pl.DataFrame]:
    """As `value_of`, with rows wherever the expression has a value."""

    def values(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
        rows = dense(bars, sessions).with_columns(value=expression)
        return rows.filter(pl.col("value").is_not_null()).select("event_date", "symbol", "value")

    return values


def pair(name: str, leaky: Callable[..., pl.DataFrame], clean: Callable[..., pl.DataFrame], **options: object) -> Leak:
    """Both functions over the same window of adjusted bars; options are of the clean one alone."""
    window = {"bars": trailing(ADJUSTED_BARS, 21)}
    return Leak(
        name.replace("_", " "),
        TimeSeries(valued(f"leaks/{name}"), leaky, window),
        TimeSeries(valued(f"leaks/{name}_clean"), clean, window, **options),
    )


month = pl.col("event_date").dt.truncate("1mo")
window_21 = pl.concat_list([x(i) for i in range(21)])
centred = pl.mean_horizontal(*(x(i) for i in range(-2, 3)))
mean_5 = pl.mean_horizontal(*(x(i) for i in range(5)))
full_scaler = (x() - pl.col("log_return").mean().over("symbol")) / pl.col("log_return").std().over("symbol")
scaler_21 = (x() - window_21.list.mean()) / window_21.list.std()
full_percentile = pl.col("log_return").rank().over("symbol") / pl.col("log_return").count().over("symbol")
percentile_21 = pl.sum_horizontal(*((x(i) <= x()).cast(pl.Float64) for i in range(21))) / 21
later_splits = pl.col("split_ratio").fill_null(1.0).cum_prod(reverse=True).shift(-1, fill_value=1.0).over("symbol")
back_adjusted = pl.col("close") / later_splits
splits_since = pl.lit(1.0)
for i in range(5):
    splits_since = splits_since * x(i, "split_ratio").fill_null(1.0)
close_5_in_todays_shares = x(5, "close") / splits_since
next_5 = pl.sum_horizontal(*(x(-i) for i in range(1, 6)), ignore_nulls=False)
average = pl.col("log_return").ewm_mean(alpha=0.1, adjust=False).over("symbol")


def matured(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """The next five sessions' return, in the session that ends them."""
    rows = value_of(next_5)(bars, sessions).with_columns(session=pl.col("event_date"))
    dates = {"event_date": pl.Date, "learned": pl.Date}
    later = pl.DataFrame({"event_date": sessions[:-5], "learned": sessions[5:]}, schema=dates)
    return rows.join(later, on="event_date").with_columns(session="learned").drop("learned")


def mean_up_to_the_refit(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    means = bars.group_by("symbol", maintain_order=True).agg(value=pl.col("log_return").mean()).sort("symbol")
    return means.with_columns(event_date=pl.lit(session, pl.Date))


MONTHLY_MEAN = ModelFit(
    valued("leaks/monthly_mean_clean"), mean_up_to_the_refit, {"bars": trailing(ADJUSTED_BARS, 21)}, refit="monthly"
)
LABEL_WINDOW = {"bars": trailing(ADJUSTED_BARS, 6)}
BARS_WINDOW = {"bars": trailing(BARS, 6)}

# -- a hidden Markov model ---------------------------------------------------------------------------------------------

STICKY = np.array([[0.95, 0.05], [0.05, 0.95]])
HALF = np.array([0.5, 0.5])
DEVIATIONS = np.array([0.008, 0.025])


def filtered_states(returns: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return _states(returns, lambda density: filter_states(density, STICKY, HALF))


def smoothed_states(returns: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return _states(returns, forward_backward)


def forward_backward(density: np.ndarray) -> np.ndarray:
    """(T, 2); row t conditions on all observations."""
    forward, backward = filter_states(density, STICKY, HALF), np.ones_like(density)
    likelihood = np.exp(density - density.max(axis=1, keepdims=True))
    for t in range(len(density) - 2, -1, -1):
        backward[t] = STICKY @ (likelihood[t + 1] * backward[t + 1])
        backward[t] /= backward[t].sum()
    joint = forward * backward
    return joint / joint.sum(axis=1, keepdims=True)


def _states(returns: pl.DataFrame, probabilities: Callable[[np.ndarray], np.ndarray]) -> pl.DataFrame:
    parts = [pl.DataFrame(schema={"event_date": pl.Date, "industry": pl.String, "value": pl.Float64})]
    for part in returns.drop_nulls("log_return").partition_by("industry", maintain_order=True):
        r = part["log_return"].to_numpy()[:, None]
        density = -np.log(DEVIATIONS) - 0.5 * (r / DEVIATIONS) ** 2
        turbulent = pl.Series("value", probabilities(density)[:, 1])
        parts.append(part.select("event_date", "industry").with_columns(turbulent))
    return pl.concat(parts)


def of_industries(name: str, function: Callable[..., pl.DataFrame]) -> SessionAsset:
    window = {"returns": trailing(INDUSTRY_RETURNS, 5)}
    return TimeSeries(valued(name, key="industry"), function, window, anchor="year", entity="industry")


LEAKS = [
    pair("centred_window", value_of(centred), value_of(mean_5)),
    pair("full_sample_scaler", value_of(full_scaler), value_of(scaler_21)),
    pair("percentile_over_all_history", value_of(full_percentile), value_of(percentile_21)),
    pair("back_adjusted_prices", value_of(back_adjusted), value_of(close_5_in_todays_shares)),
    pair("state_from_the_start_of_the_range", value_of(average), value_of(average), anchor="year"),
    Leak(
        "smoothed states",
        of_industries("leaks/smoothed", smoothed_states),
        of_industries("leaks/filtered", filtered_states),
    ),
    Leak(
        "backward fill",
        TimeSeries(valued("leaks/backward_fill"), filled(pl.col("close").backward_fill().over("symbol")), BARS_WINDOW),
        TimeSeries(valued("leaks/forward_fill"), filled(pl.col("close").forward_fill(5).over("symbol")), BARS_WINDOW),
    ),
    Leak(
        "label at its own date",
        TimeSeries(valued("leaks/label_at_once"), value_of(next_5), LABEL_WINDOW),
        TimeSeries(valued("leaks/label_matured", restates=True), matured, LABEL_WINDOW),
    ),
    Leak(
        "fit with its own test period",
        TimeSeries(
            valued("leaks/monthly_mean"),
            value_of(pl.col("log_return").mean().over("symbol", month)),
            {"bars": trailing(ADJUSTED_BARS, 21)},
        ),
        MONTHLY_MEAN,
    ),
]

# -- vendors -----------------------------------------------------------------------------------------------------------


class Wrapped:
    """A vendor that passes on what another one says."""

    def __init__(self, inner: Vendor) -> None:
        self.inner = inner

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        return self.inner.fetch(dataset, sessions, until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        return self.inner.parse(dataset, raw, sessions)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        return self.inner.left_out(dataset, raw, sessions)


def collapsed(raw: pl.DataFrame) -> pl.DataFrame:
    """The last word of every bar, as if it had been the first."""
    key = ["event_date", "symbol"]
    dated = raw.sort(*key, "known_at").with_columns(known_at=pl.col("known_at").min().over(key))
    return dated.unique(key, keep="last", maintain_order=True)


class CorrectsAtOnce(Wrapped):
    """Parses the corrected value under the first version's `known_at`."""

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        return self.inner.parse(dataset, collapsed(raw), sessions)


class IgnoresTheRecordedDate(Wrapped):
    """Parses every member of the payload into every session."""

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        always = pl.lit(LONG_AGO)
        known = pl.col("known_at").min()
        return self.inner.parse(
            dataset, raw.with_columns(always.alias("from"), recorded=always, known_at=known), sessions
        )


class IgnoresUntil(Wrapped):
    """Fetches what is known a month later."""

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        later = calendar.shift(max(sessions), 21)
        return self.inner.fetch(dataset, [*sessions, later], until + dt.timedelta(days=30))


class LiesInItsPayload(Wrapped):
    """Corrected values with the first `known_at` already in the raw rows, however early one asks."""

    def __init__(self, inner: Vendor, days: Sequence[dt.date]) -> None:
        super().__init__(inner)
        self._days = days

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        everything = self.inner.fetch(dataset, self._days, until + dt.timedelta(days=90))
        return collapsed(everything).filter(pl.col("known_at") <= until)


class TellsTooEarly(Wrapped):
    """Rows dated a week after the session that gets them."""

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        rows = self.inner.parse(dataset, raw, sessions)
        return rows.with_columns(known_at=pl.col("known_at") + pl.duration(days=7))


class KnewNothingThen(Wrapped):
    """Grades its rows hindsight."""

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        return self.inner.parse(dataset, raw, sessions).with_columns(grade=pl.lit(3, pl.Int8))


# -- faults of the mechanism itself ------------------------------------------------------------------------------------


class WithoutSegments(Calculation):
    """Hands out the latest version of every row, whoever asks."""

    def _segments(self, asset, read, first, last):
        everyone = pl.concat([f.select(asset.entity) for f in read.values()]).unique().sort(asset.entity)
        segment = pl.concat_str(asset.entity, pl.lit(SEPARATOR))
        return everyone.with_columns(
            segment=segment, start=pl.lit(first, pl.Date), as_of=pl.lit(last, pl.Date)
        )  # fmt: skip


class FitsAtThePeriodsEnd(Calculation):
    """Fits on what is known at the end of the period in which the parameters are in force."""

    def _fits(self, asset, targets, data):
        views = self._views(asset, targets[0], targets[-1], data)
        frames = {}
        for t in targets:
            refit = asset.refit_session(t, self.profile)
            last = max(s for s in targets if asset.refit_session(s, self.profile) == refit)
            (rows,) = self.call(asset, {name: view.at(last) for name, view in views.items()}, session=refit)
            frames[t] = (rows.with_columns(event_date=pl.lit(t, pl.Date)),)
        return frames
