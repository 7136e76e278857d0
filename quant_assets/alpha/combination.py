"""One expected relative return a stock, from all models and horizons, free of the risk model's factors."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import polars as pl

from configs.settings import Alpha, Portfolio
from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.risk import STYLES
from quant_assets.alpha.blackout import in_blackout
from quant_assets.numerics.arrays import Array


def combined(
    predictions: pl.DataFrame,
    exposures: pl.DataFrame,
    earnings_dates: pl.DataFrame,
    session: dt.date,
    settings: Alpha,
    portfolio: Portfolio,
    strategies: Mapping[str, pl.DataFrame] = MappingProxyType({}),
) -> pl.DataFrame:
    """Predictions merged over the optimization's horizon, and what the risk model's factors leave of them.

    Args:
        predictions: rows of PREDICTIONS.
        exposures: rows of EXPOSURES; a session without any has no risk model, and its alpha is the raw one: research
            goes on, and orders need a risk model anyway.
        earnings_dates: rows of EARNINGS_DATES as known at the session; without any, no stock is in a blackout.
        session: the partition.
        settings: `neutralize`; when false, alpha is the raw one. `earnings_blackout`; a stock in it has no alpha.
        portfolio: `horizon_sessions`.
        strategies: by dataset, expected returns of plugins' strategies; each is merged like one model more.

    Returns:
        Rows of COMBINED, sorted by symbol, one for each stock with a row of PREDICTIONS or of a strategy. All null
        where nothing is predicted; alpha is null beside a raw_alpha where the stock alone has no exposures. The
        variance is that of the raw alpha: what neutralization takes away is not uncertain, but excluded on purpose.
    """
    merged = merge(every_prediction(predictions, strategies).filter(event_date=session), portfolio.horizon_sessions)
    known = exposures.filter(event_date=session)
    if settings.neutralize and len(known):
        merged = merged.join(neutral(merged, known), on="symbol", how="left", maintain_order="left")
    else:
        merged = merged.with_columns(alpha="raw_alpha")
    out = in_blackout(merged["symbol"], earnings_dates, session, settings.earnings_blackout)
    silenced = merged.with_columns(out).with_columns(
        alpha=pl.when(pl.col("in_blackout").fill_null(value=False)).then(None).otherwise("alpha")
    )
    dated = silenced.with_columns(event_date=pl.lit(session, pl.Date))
    return dated.select(*COMBINED.computed_schema)


def every_prediction(predictions: pl.DataFrame, strategies: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Rows of PREDICTIONS, then those of each strategy, whose `model` is its dataset; no model is named with a /."""
    columns = ["event_date", "symbol", "model", "horizon_sessions", "alpha", "variance"]
    named = [rows.with_columns(model=pl.lit(name)) for name, rows in sorted(strategies.items())]
    return pl.concat([rows.select(columns) for rows in (predictions, *named)])


def merge(predictions: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """Predictions of one session by inverse variance, over `horizon` sessions.

    An alpha over k sessions is taken to accrue evenly, and its errors to add up session by session like independent
    ones: alpha and variance over h sessions are both h / k of those over k. The merged variance 1 / sum(1 / v) assumes
    that the errors of different models and horizons are independent; they are not (all miss the same returns), so it is
    too small, by up to the number of predictions.

    Args:
        predictions: rows of PREDICTIONS of one session; those without alpha or variance have no say. One whose
            calibration is 0 says 0, and draws the others towards it.
        horizon: of the optimization, sessions.

    Returns:
        symbol, raw_alpha, variance, n_predictions, sorted; null with 0 predictions.
    """
    symbols = predictions["symbol"].unique().sort()
    known = predictions.drop_nulls(["alpha", "variance"]).sort("model", "horizon_sessions", "symbol")
    precision, weighted = np.zeros(len(symbols)), np.zeros(len(symbols))
    count = np.zeros(len(symbols), dtype=np.int32)
    # one model and horizon after the other, so that the sums are the same bits whatever the order of rows
    for part in known.partition_by("model", "horizon_sessions", maintain_order=True):
        at = part["symbol"].cast(pl.Enum(symbols)).to_physical().to_numpy()
        scale = horizon / part["horizon_sessions"][0]
        weight = 1.0 / (part["variance"].to_numpy() * scale)
        precision[at] += weight
        weighted[at] += weight * (part["alpha"].to_numpy() * scale)
        count[at] += 1
    total_precision = np.where(count > 0, precision, np.nan)
    merged = {"raw_alpha": weighted / total_precision, "variance": 1.0 / total_precision}
    columns = {name: pl.Series(values, dtype=pl.Float64, nan_to_null=True) for name, values in merged.items()}
    return pl.DataFrame({"symbol": symbols, **columns, "n_predictions": count})


def neutral(merged: pl.DataFrame, exposures: pl.DataFrame) -> pl.DataFrame:
    """symbol and alpha: the residual of raw_alpha on the exposures, for the stocks that have both.

    With as many factors as stocks nothing is left but rounding.
    """
    both = merged.drop_nulls("raw_alpha").join(exposures, on="symbol", how="inner").sort("symbol")
    factors = np.column_stack([both["industry"].to_dummies().to_numpy(), both.select(STYLES).to_numpy()])
    left = residual(both["raw_alpha"].to_numpy(), factors.astype(np.float64), both["weight"].to_numpy())
    return both.select("symbol", alpha=pl.Series(left, dtype=pl.Float64))


def residual(values: Array, factors: Array, weights: Array) -> Array:
    """(n,) what a weighted least squares of `values` on `factors` leaves: its weighted sum with each factor is 0.

    Args:
        values: (n,).
        factors: (n, k); the market's 1 is the sum of the industries' dummies and needs no column of its own. Columns
            that depend on others change nothing: coefficients of least norm are taken.
        weights: (n,) above 0.
    """
    root = np.sqrt(weights)
    coefficients, *_ = np.linalg.lstsq(root[:, None] * factors, root * values, rcond=None)
    left: Array = values - factors @ coefficients
    return left
