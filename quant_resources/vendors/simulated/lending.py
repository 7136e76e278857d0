"""Short interest in the simulated stocks, and what it costs to borrow them. Pure."""

from itertools import pairwise

import numpy as np
import polars as pl
from scipy.special import ndtri

from feature_store.dataset import Grade
from feature_store.schemas.companies import BORROW, SHORT_INTEREST
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.payloads import days_from, ends_of, payload, published, published_by_end, rows_of
from quant_resources.vendors.simulated.streams import Array, Ints, fading

SHORT, SHORT_DISPERSION, SHORT_WANDER = 0.03, 0.6, 0.35  # of shares outstanding; standard deviations of the log
SHORT_HALF_LIFE, SHORT_ON_ALPHA = 40.0, -0.3  # sessions; log, per standard deviation of an alpha that it shows
MOST_SHORT = 0.5
PUBLISHED_AFTER, COVER = 8, 21  # sessions from the settlement; of the mean volume
EASY_FEE, HARD_ABOVE, HARD_FEE = 0.003, 0.06, 0.8  # a year; short interest; fee per unit of it above
FEE_NOISE, LENDABLE = 0.15, 0.25  # log; of shares outstanding


def short_ratio(market: Market) -> Array:
    """(T, M) shares sold short over shares outstanding."""
    T = len(market.sessions)
    log = SHORT_WANDER * fading(streams.normal(market.seed, market.lifecycles.places, "short", T), SHORT_HALF_LIFE)
    log += np.log(SHORT) + SHORT_DISPERSION * np.clip(ndtri(market.lifecycles.trait["short"]), -2, 2)
    for planted, signal in zip(market.settings.alphas, market.signals, strict=True):
        if planted.shown_by == "short_interest":
            log += SHORT_ON_ALPHA * signal
    return np.minimum(np.exp(log), MOST_SHORT)


def short_interest(market: Market, ratio: Array) -> pl.DataFrame:
    """Twice a month, published sessions later."""
    settled = _settlements(market)
    settled = settled[settled + PUBLISHED_AFTER < len(market.sessions)]
    shares = np.round(ratio[settled] * market.paths.shares[settled])
    volume = np.nancumsum(market.bars.volume, axis=0)
    count = np.cumsum(~np.isnan(market.bars.volume), axis=0)
    before = np.maximum(settled - COVER, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (volume[settled] - volume[before]) / (count[settled] - count[before])
        cover = np.round(shares / mean, 2)
    cover[~np.isfinite(cover)] = np.nan
    s, i = np.nonzero(~np.isnan(market.bars.close[settled]))
    t = settled[s]
    frame = pl.DataFrame(
        {
            "event_date": days_from(market).gather(t),
            "symbol": pl.Series(market.symbols, dtype=pl.String).gather(i),
            "shares_short": shares[s, i],
            "days_to_cover": pl.Series(cover[s, i]).fill_nan(None),
            "known_at": ends_of(market.sessions).gather(t + PUBLISHED_AFTER),
        }
    )
    return payload(SHORT_INTEREST, frame.filter(published_by_end(market.settings)), Grade.DATED)


def _settlements(market: Market) -> Ints:
    """The last sessions up to the 15th and up to the end of each month; the next session shows which these are."""
    positions = [
        t
        for t, (day, following) in enumerate(pairwise(market.sessions))
        if day.day <= 15 < following.day or day.month != following.month
    ]
    return np.array(positions, dtype=np.int64)


def borrow(market: Market, ratio: Array) -> pl.DataFrame:
    """A quote of each session with a bar: dearer and scarcer the more is sold short."""
    noise = FEE_NOISE * streams.normal(market.seed, market.lifecycles.places, "fee", len(market.sessions))
    fee = (EASY_FEE + HARD_FEE * np.maximum(ratio - HARD_ABOVE, 0.0)) * np.exp(noise)
    columns = {
        "fee_annual": np.round(fee, 5),
        "shares_available": np.round(market.paths.shares * np.maximum(LENDABLE - ratio, 0.0), -2),
    }
    rows, t, _ = rows_of(market, ~np.isnan(market.bars.close), columns)
    rows = rows.with_columns(published(market.sessions).gather(t))
    return payload(BORROW, rows.filter(published_by_end(market.settings)), Grade.OBSERVED)
