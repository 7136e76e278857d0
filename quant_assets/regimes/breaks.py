"""Breaks in the volatility and the trend of industries: their streams, and what the detector says of them."""

import datetime as dt
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from configs.settings import Regimes
from configs.settings.breaks import Breaks, SegmentPrior
from feature_store.schemas.breaks import BREAKS, MEASURES, STREAMS
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.panel import Panel, panel
from quant_assets.regimes.detectors.bocpd import BreakPath, NormalInverseGamma, filter_breaks, severity

VARIANCES = ("proxy_range_variance", "member_range_variance")  # in the order of MEASURES
READ = ("proxy_log_return", *VARIANCES)


def breaks(returns: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: Regimes) -> pl.DataFrame:
    """Probability, age and severity of the last break of each industry's volatility and trend, along time.

    Both streams come from the session alone, so that neighbouring observations have nothing in common: the log of the
    range variance, whose noise is near normal whatever the volatility (Alizadeh, Brandt and Diebold 2002, Journal of
    Finance 57), and the return over its root, which volatility leaves as it is. The range is the fund's where the fund
    has had at least half as many as the members since the filter's start, else the members' mean. A trend's drift is a
    tenth of its noise: its breaks take months to be sure of.

    Args:
        returns: rows of INDUSTRY_RETURNS.
        sessions: the window, ascending; filters start at its first session, which is `lookback_sessions` before the
            calendar year, or the beginning of history.
        first: the first session that is due.
        settings: `breaks`.

    Returns:
        Rows of BREAKS, two for each of `returns` from `first` on, sorted by session, industry and stream; null
        until `min_observations` since the start, and the shift and severity for `within_sessions` more.
    """
    where = panel(returns, sessions, key="industry")
    columns = {name: where.dense(returns[name]) for name in READ}
    due = returns.filter(pl.col("event_date") >= first).sort("event_date", "industry").select("event_date", "industry")
    at = panel(due, sessions, key="industry") if len(due) else where
    rows = [
        due.with_columns(_of_stream(stream, columns, where, at, settings.breaks), stream=pl.lit(stream))
        for stream in STREAMS
    ]
    return pl.concat(rows).select(list(BREAKS.computed_schema)).sort("event_date", "industry", "stream")


def _of_stream(stream: str, columns: Mapping[str, Array], where: Panel, at: Panel, settings: Breaks) -> list[pl.Series]:
    """Value columns at the rows of `at`, whose industries are among those of `where`."""
    column = np.searchsorted(where.symbols, at.symbols)[at.column]
    values = {name: np.full(columns[READ[0]].shape, np.nan) for name in BREAKS.values}
    for j in np.unique(column):
        by_measure = [
            _published(_observations(stream, columns["proxy_log_return"][:, j], columns[name][:, j]), stream, settings)
            for name in VARIANCES
        ]
        selected = _measure(*(columns[name][:, j] for name in VARIANCES))
        for name in values.keys() - {"measure"}:
            values[name][:, j] = np.choose(selected, [path[name] for path in by_measure])
        values["measure"][:, j] = selected
    return list(_series({name: array[at.row, column] for name, array in values.items()}))


def _observations(stream: str, log_return: Array, range_variance: Array) -> Array:
    """(T,) what the detector sees; NaN without a range, as on a session without a trade."""
    variance = np.where(range_variance > 0, range_variance, np.nan)
    return np.log(variance) if stream == "volatility" else log_return / np.sqrt(variance)


def _measure(proxy: Array, members: Array) -> Index:
    """(T,) index into MEASURES: of the fund's range where it has been known at least half as often."""
    n_proxy, n_members = (np.cumsum(np.isfinite(x)) for x in (proxy, members))
    return np.where(2 * n_proxy >= n_members, 0, 1)


def _published(x: Array, stream: str, settings: Breaks) -> dict[str, Array]:
    """(T,) value columns of BREAKS; NaN until there are enough observations."""
    prior = segment_prior(settings.volatility if stream == "volatility" else settings.trend)
    within = settings.within_sessions
    hazard = 1.0 / settings.mean_run_sessions
    path, _ = filter_breaks(x, hazard, prior, within, settings.outlier_fraction, settings.min_probability)
    enough = np.cumsum(~np.isnan(x)) >= settings.min_observations
    return {name: np.where(enough, values, np.nan) for name, values in _columns(path, enough, within).items()}


def _columns(path: BreakPath, enough: Mask, within: int) -> dict[str, Array]:
    shift, probability = severity(path, within)
    comparable = np.concatenate([np.zeros(within, dtype=np.bool_), enough])[: len(enough)]
    return {
        "break_probability": path.break_probability,
        "run_length": path.run_length,
        "expected_run_length": path.expected_run_length,
        "level": path.level,
        "shift": np.where(comparable, shift, np.nan),
        "severity": np.where(comparable, probability, np.nan),
    }


def segment_prior(settings: SegmentPrior) -> NormalInverseGamma:
    """The variance counts for 2 * shape observations, and its mean square is scale / shape."""
    shape = 0.5 * settings.variance_weight
    return NormalInverseGamma(settings.mean, settings.mean_weight, shape, shape * settings.variance)


def _series(values: Mapping[str, Array]) -> Iterator[pl.Series]:
    for name, array in values.items():
        if name == "measure":
            yield pl.Series(name, [MEASURES[int(i)] for i in array], dtype=pl.String)
        else:
            yield pl.Series(name, array, nan_to_null=True).cast(BREAKS.schema[name])
