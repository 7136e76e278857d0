"""Whether what a model says has to do with what came."""

import numpy as np
import polars as pl
from statsmodels.regression.linear_model import OLS

from quant_assets.numerics.arrays import Array


def rank_ic(scores: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Spearman's rank correlation of scores and labels across stocks, session by session.

    Ranks of equal values are averaged. Every sum is of multiples of a quarter, so exact, whatever the order of rows.

    Args:
        scores: event_date, symbol, `score`, of one model and horizon.
        labels: event_date, symbol, `label`, over the same horizon.

    Returns:
        event_date, `rank_ic` and `n_stocks` with both, ascending, for the sessions of `scores` that have a label. Null
        with fewer than 3 stocks or without spread.
    """
    both = scores.join(labels, on=["event_date", "symbol"], how="inner").drop_nulls(["score", "label"])
    ranks = both.select("event_date", *(pl.col(c).rank("average").over("event_date") for c in ("score", "label")))
    x, y, n = pl.col("score"), pl.col("label"), pl.len().cast(pl.Float64)
    sums = ranks.group_by("event_date").agg(
        n_stocks=pl.len().cast(pl.Int32),
        xy=n * (x * y).sum() - x.sum() * y.sum(),
        xx=n * (x * x).sum() - x.sum() ** 2,
        yy=n * (y * y).sum() - y.sum() ** 2,
    )
    spread = (pl.col("n_stocks") >= 3) & (pl.col("xx") > 0) & (pl.col("yy") > 0)
    correlation = pl.col("xy") / (pl.col("xx").sqrt() * pl.col("yy").sqrt())
    return sums.select("event_date", rank_ic=pl.when(spread).then(correlation), n_stocks="n_stocks").sort("event_date")


def hac_t(series: pl.Series | Array, lags: int) -> float:
    """t statistic of the mean of a series whose neighbours are alike.

    The variance of the mean is Newey and West's (1987, Econometrica 55) with Bartlett weights, without a correction for
    small samples. Labels over k sessions overlap: take at least k - 1 lags.

    Args:
        series: in the order of time; missing values are left out.
        lags: whole, at least 0.

    Returns:
        NaN with fewer than 2 values or without spread.

    Raises:
        ValueError: fewer than 0 lags.
    """
    if lags < 0:
        raise ValueError(f"{lags} lags; pass at least 0")
    values = pl.Series(series, dtype=pl.Float64).fill_nan(None).drop_nulls().to_numpy()
    if len(values) < 2 or not np.ptp(values) > 0:
        return float("nan")
    fitted = OLS(values, np.ones(len(values))).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    return float(fitted.tvalues[0])
