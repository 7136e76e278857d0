"""Tilts and bands of industries and the book's volatility target, from the regimes."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Portfolio
from feature_store.schemas.portfolio import MARKET_ROW, VIEWS
from quant_assets.numerics.arrays import Array


def views(states: pl.DataFrame, effects: pl.DataFrame, session: dt.date, settings: Portfolio) -> pl.DataFrame:
    """A tilt and a band for each industry with states, and the volatility target of the book on the row Market.

        tilt = trend_tilt · (p_bull − p_bear − the mean of that over industries)
        band = industry_band · (1 − (1 − crisis_band) p_crisis)
        volatility target = volatility_target_annual · (1 − (1 − crisis_volatility) · mean of p_crisis)

    When all industries are as bullish, none is tilted: regimes of industries are no bet on the market.

    Args:
        states: rows of STATES of the session. Without any, or without a p_crisis, the target is that of the settings.
        effects: rows of REGIME_EFFECTS in force on the session.

    Returns:
        Rows of VIEWS, sorted by industry; tilt or band is null where its states are.

    Raises:
        ValueError: an industry that is named as the row of the book is.
    """
    if MARKET_ROW in states["industry"]:
        raise ValueError(
            f"an industry is named {MARKET_ROW}, which is the row of the whole book; rename it in the drop"
        )
    in_force = dict(effects.select("effect", "value").iter_rows())
    today = states.filter(pl.col("event_date") == session).sort("industry")
    p_bull, p_bear, p_crisis = (today[name].to_numpy() for name in ("p_bull", "p_bear", "p_crisis"))
    trend, crisis = p_bull - p_bear, np.atleast_1d(_mean(p_crisis, 0.0))
    columns = {
        "industry": today["industry"],
        "tilt": in_force["trend_tilt"] * (trend - _mean(trend, np.nan)),
        "band": settings.industry_band * _shrunk(p_crisis, in_force["crisis_band"]),
    }
    industry_rows = pl.DataFrame(columns, nan_to_null=True).filter(
        pl.any_horizontal(pl.col("tilt", "band").is_not_null())
    )
    target = settings.volatility_target_annual * _shrunk(crisis, in_force["crisis_volatility"])
    of_book = pl.DataFrame({"industry": [MARKET_ROW], "volatility_target_annual": target})
    rows = pl.concat([industry_rows, of_book], how="diagonal").sort("industry")
    return rows.with_columns(event_date=pl.lit(session)).select(*VIEWS.computed_schema)


def _mean(values: Array, otherwise: float) -> float:
    """Of what is known; `otherwise` where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else otherwise


def _shrunk(p_crisis: Array, multiple: float) -> Array:
    """1 in calm, the multiple in a sure crisis."""
    return 1.0 - (1.0 - multiple) * p_crisis
