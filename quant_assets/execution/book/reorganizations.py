"""Spin-offs and mergers applied to what was held over night, before the open."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant_assets.execution.market_snapshot import Exchange, MarketSnapshot
from quant_assets.numerics.arrays import Array, Index, Mask

Labels = NDArray[np.object_]


@dataclass(frozen=True)
class Reorganized:
    """Arrays (N,), signed as the positions are: who is short delivers.

    Attributes:
        shares: received, in the row of the name whose shares they are.
        distributed: USD paid by a spin-off whose shares cannot be had, in the row of the parent.
        proceeds: USD paid for what ends by a merger, in the row of the target.
        delivered: USD at the close of the shares that others received for this row's; what its own profit counts.
        ends: the position ends before the open.
        source: place of the name that the shares came from; -1 where none came.
        status: a label where there is one.
    """

    shares: Array
    distributed: Array
    proceeds: Array
    delivered: Array
    ends: Mask
    source: Index
    status: Labels


def reorganized(held: Array, last_price: Array, market: MarketSnapshot) -> Reorganized:
    """Shares and cash for positions in parents and targets.

    Shares are delivered where the other name has a bar today and does not itself end by a merger. Else a spin-off pays
    its published worth, and nothing where none was published; a merger, a part of whose terms cannot be delivered or
    is not known, ends at the last price, and one that pays cash alone pays it. Fractions of a share stay.

    Args:
        held: (N,) shares over night, after the splits of the session.
        last_price: (N,) USD for one of these shares at the close before.
    """
    n = len(held)
    out = Reorganized(
        shares=np.zeros(n),
        distributed=np.zeros(n),
        proceeds=np.zeros(n),
        delivered=np.zeros(n),
        ends=np.zeros(n, dtype=bool),
        source=np.full(n, -1, dtype=np.intp),
        status=np.full(n, None, dtype=object),
    )
    deliverable = market.has_bar.copy()
    deliverable[[merger.source for merger in market.mergers]] = False
    for event in market.spin_offs:
        if held[event.source] != 0:
            _spin_off(out, event, held[event.source], market, deliverable)
    for event in market.mergers:
        out.ends[event.source] = True
        if held[event.source] != 0:
            _merge(out, event, held[event.source], float(last_price[event.source]), market, deliverable)
    return out


def _spin_off(out: Reorganized, event: Exchange, held: float, market: MarketSnapshot, deliverable: Mask) -> None:
    if (place := _receiver(event, deliverable)) is not None:
        _deliver(out, event, place, held, market)
    elif not np.isnan(event.cash_usd):
        out.distributed[event.source] += held * event.cash_usd
    else:
        out.status[event.source] = "spin_off_unknown"


def _merge(
    out: Reorganized, event: Exchange, held: float, last_price: float, market: MarketSnapshot, deliverable: Mask
) -> None:
    place = _receiver(event, deliverable)
    in_cash = event.shares == 0 and not np.isnan(event.cash_usd)
    if place is None and not in_cash:
        out.proceeds[event.source] = held * last_price
        out.status[event.source] = "merged_at_last_price"
        return
    # beside shares an empty amount is none
    out.proceeds[event.source] = held * np.nan_to_num(event.cash_usd)
    out.status[event.source] = "merged"
    if place is not None:
        _deliver(out, event, place, held, market)


def _receiver(event: Exchange, deliverable: Mask) -> int | None:
    """Place of the name whose shares are delivered; None where they cannot be."""
    can_be_had = event.shares > 0 and event.receives is not None and deliverable[event.receives]
    return event.receives if can_be_had else None


def _deliver(out: Reorganized, event: Exchange, place: int, held: float, market: MarketSnapshot) -> None:
    shares = held * event.shares
    out.shares[place] += shares
    out.delivered[event.source] += shares * market.close[place]
    out.source[place] = event.source
