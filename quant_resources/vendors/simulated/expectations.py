"""What analysts expect of the simulated companies, and when these announce. Pure.

An estimate is the true value less the surprises that are still to come: each revision draws nearer to the truth, and
the last one before the announcement misses it by the surprise that moves the price.
"""

import numpy as np
import polars as pl

from feature_store.dataset import Grade
from feature_store.schemas.companies import EARNINGS_DATES, ESTIMATES
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.companies import SURPRISING_EARNINGS, SURPRISING_SALES, Financials
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.payloads import days_from, ends_of, payload, published_by_end
from quant_resources.vendors.simulated.streams import Array, Flags, Ints

REVISIONS, APART, LAST = 6, 21, 3  # of a quarter; sessions between two; from the last one to the announcement
STEP = 0.6  # standard deviation of a revision, in surprises of one standard deviation
DISAGREEMENT = 1.5  # standard deviation between analysts, in the same unit
ANALYSTS = (2, 30)
PUBLISHED_AHEAD = (10, 25)  # sessions from the publication of a date to the announcement
MOVED_AHEAD, MOVED_BY = 8, 5  # sessions from a move to the new date; at most between the two dates


def estimates(market: Market, financials: Financials) -> pl.DataFrame:
    """Earnings per share and revenue of quarters and years."""
    rows = pl.concat([_of_quarters(market, financials), _of_years(market, financials)])
    return payload(ESTIMATES, rows.filter(pl.col("mean").is_not_nan(), published_by_end(market.settings)), Grade.DATED)


def _of_quarters(market: Market, financials: Financials) -> pl.DataFrame:
    quarters, places, Q = market.quarters, market.lifecycles.places, len(market.quarters.ends)
    steps = streams.normal(market.seed, places, "revisions", Q * REVISIONS).reshape(Q, REVISIONS, -1)
    steps[:, 0] = quarters.surprise / STEP
    unknown = STEP * np.cumsum(steps, axis=1)  # (Q, REVISIONS, M), from the last revision to the first
    offset = (market.lifecycles.trait["analysts"] * (APART - LAST)).astype(np.int64)
    back = LAST + offset + APART * np.arange(REVISIONS)[:, None]
    session = quarters.announced[:, None, :] - back
    q, j, i = np.nonzero(_open(market, session))
    t = session[q, j, i]
    q, i, t, j = _restated(market, q, i, t, j)
    return _consensus(market, financials, q, i, t, unknown[q, j, i], 1)


def _restated(market: Market, q: Ints, i: Ints, t: Ints, j: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """With each estimate that stands at a split once more, in new shares, on the ex-date."""
    order = np.lexsort((t, i))
    first = np.searchsorted(i[order], np.arange(len(market.symbols) + 1))
    more = []
    for action in market.paths.actions:
        if action.kind == "split":
            own = order[first[action.position] : first[action.position + 1]]
            ahead = own[market.quarters.announced[q[own], action.position] > action.ex]
            last = {q[k]: k for k in ahead[t[ahead] <= action.ex]}
            more += [(k, action.ex) for k in last.values() if t[k] < action.ex]
    again, ex = np.array(more, dtype=np.int64).reshape(-1, 2).T
    q, i, j = (np.concatenate([x, x[again]]) for x in (q, i, j))
    return q, i, np.concatenate([t, ex]), j


def _of_years(market: Market, financials: Financials) -> pl.DataFrame:
    """Revised on the session after each announcement of the year before and of the year's first three quarters."""
    quarters = market.quarters
    frames, unknown = [], np.zeros_like(quarters.surprise)
    for left in range(1, 5):
        unknown[left - 1 :] += quarters.surprise[: len(unknown) - left + 1]
        session = np.full_like(quarters.announced, -1)
        session[left:] = quarters.announced[:-left] + 1
        q, i = np.nonzero(_open(market, session[:, None, :])[:, 0] & (quarters.place == 4))
        frames.append(_consensus(market, financials, q, i, session[q, i], unknown[q, i], 4))
    return pl.concat(frames)


def _open(market: Market, session: Ints) -> Flags:
    """Where a session is one of the market's on which the company is traded."""
    end = np.minimum(market.lifecycles.gone, len(market.sessions))
    open_: Flags = (session >= market.lifecycles.listed) & (session < end)
    return open_


def _consensus(
    market: Market, financials: Financials, q: Ints, i: Ints, t: Ints, unknown: Array, quarters: int
) -> pl.DataFrame:
    """Rows of both items, in shares outstanding on the session of the estimate."""
    revenue, net = (financials.summed(item, quarters)[q, i] for item in ("revenue", "net_income"))
    unit, shares = revenue / quarters, market.paths.shares[t, i]
    frame = pl.DataFrame(
        {
            "event_date": pl.Series(market.quarters.ends, dtype=pl.Date).gather(q),
            "symbol": pl.Series(market.symbols, dtype=pl.String).gather(i),
            "known_at": ends_of(market.sessions).gather(t),
            "analysts": (ANALYSTS[0] + (ANALYSTS[1] - ANALYSTS[0]) * market.lifecycles.trait["analysts"][i]).astype(
                int
            ),
        }
    )
    return pl.concat(
        [
            frame.with_columns(
                item=pl.lit(item),
                months=pl.lit(3 * quarters, pl.Int8),
                mean=pl.Series(np.round((true - scale * unit * unknown) / per, digits)),
                std=pl.Series(np.round(DISAGREEMENT * scale * unit / per, digits)),
            )
            for item, true, scale, per, digits in (
                ("eps_diluted", net, SURPRISING_EARNINGS, shares, 4),
                ("revenue", revenue, SURPRISING_SALES, np.ones(len(q)), -3),
            )
        ]
    )


def earnings_dates(market: Market) -> pl.DataFrame:
    """Announcements, published weeks ahead; some are moved, and the old date is withdrawn."""
    final = market.quarters.announced
    Q, M = final.shape
    u = streams.uniform(market.seed, market.lifecycles.places, "moved", 3 * Q).reshape(Q, 3, M)
    ahead = (PUBLISHED_AHEAD[0] + (PUBLISHED_AHEAD[1] - PUBLISHED_AHEAD[0]) * u[:, 0]).astype(np.int64)
    moved = u[:, 1] < market.settings.company_events.moved_announcements
    away = np.ceil(u[:, 2] * 2 * MOVED_BY).astype(np.int64) - MOVED_BY
    away = np.where(away <= 0, away - 1, away)  # never none
    first = np.where(moved, final + away, final)
    always = np.ones_like(moved)
    frames = [
        _announcements(market, first, final - ahead, always, stands=True),
        _announcements(market, first, final - MOVED_AHEAD, moved, stands=False),
        _announcements(market, final, final - MOVED_AHEAD, moved, stands=True),
    ]
    return payload(EARNINGS_DATES, pl.concat(frames).filter(published_by_end(market.settings)), Grade.DATED)


def _announcements(market: Market, day: Ints, session: Ints, where: Flags, *, stands: bool) -> pl.DataFrame:
    """Published while a company is listed that still is when it announces; a date that was moved is withdrawn."""
    quarters, lifecycles = market.quarters, market.lifecycles
    known = (
        (session >= lifecycles.listed)
        & (session < len(market.sessions))
        & (quarters.announced < lifecycles.gone)
        & where
    )
    q, i = np.nonzero(known)
    time = pl.Series(np.where(quarters.before_open[i], "before_open", "after_close"), dtype=pl.String)
    return pl.DataFrame(
        {
            "event_date": days_from(market).gather(day[q, i]),
            "symbol": pl.Series(market.symbols, dtype=pl.String).gather(i),
            "time_of_day": time if stands else pl.Series([None] * len(i), dtype=pl.String),
            "known_at": ends_of(market.sessions).gather(session[q, i]),
        }
    )
