"""From weights to orders, and the orders of a session."""

import datetime as dt

import numpy as np
import polars as pl

from feature_store.dataset import KNOWN_AT
from quant_assets.numerics.arrays import Array


def order_shares(target: Array, held: Array, price_usd: Array, nav_usd: float, min_trade: float) -> Array:
    """Whole shares that move each position towards its target weight; NaN where nothing is sent.

    Rounded towards no trade, so that neither a target nor a holding is overshot. A target of less than half a share
    ends all that is held, long or short, fractions from splits and dust included; other trades below `min_trade` are
    not sent.

    Args:
        target: (N,) target weights, negative for shorts.
        held, price_usd: (N,) shares and prices, both as of the next open's share counts.
        min_trade: fraction of NAV.
    """
    target_shares = target * nav_usd / price_usd
    # to a thousandth of a share first: a solver reaches a bound to ten digits only, which must not cost a share
    shares = np.trunc(np.round(target_shares - held, 3))
    leave = (np.abs(target_shares) < 0.5) & (held != 0)
    too_small = np.abs(shares) * price_usd < min_trade * nav_usd
    shares = np.where(leave, -held, np.where(too_small, 0.0, shares))
    return np.where(shares == 0, np.nan, shares)


def orders(book: pl.DataFrame, session: dt.date, decided_at: dt.datetime) -> pl.DataFrame:
    """Orders decided on the session, for the next open."""
    shares, reference = pl.col("order_shares"), pl.col("reference_price_usd")
    return book.filter(pl.col("event_date") == session, shares.is_not_null()).select(
        "event_date",
        "symbol",
        order_id=pl.format("{}-{}", pl.lit(session.isoformat()), "symbol"),
        side=pl.when(shares > 0).then(pl.lit("buy")).otherwise(pl.lit("sell")),
        shares=shares.abs(),
        reference_price_usd=reference,
        notional_usd=shares.abs() * reference,
        decided_at=pl.lit(decided_at).cast(KNOWN_AT),
    )
