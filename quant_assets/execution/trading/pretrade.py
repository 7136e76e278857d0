"""What an order must pass before it is sent: checks outside whatever decided it."""

from dataclasses import dataclass

import numpy as np

from quant_assets.numerics.arrays import Array, Mask


@dataclass(frozen=True)
class Checked:
    """Arrays (N,).

    Attributes:
        orders: signed shares, NaN where nothing is sent.
        cut: the order was made smaller, or dropped, by a check.
        rejected: why none is sent at all.
    """

    orders: Array
    cut: Mask
    rejected: str | None = None


def pre_trade(
    orders: Array,
    price_usd: Array,
    adv_usd: Array,
    may_trade: Mask,
    cash_usd: float,
    allowed_usd: float,
    max_participation: float,
) -> Checked:
    """The orders that may be sent.

    None for a name that may not trade; none above its fraction of the daily dollar volume, or without one; purchases
    together no larger than cash and sales at reference prices, up to the rounding of each sale by less than a share;
    and none at all where they come to more than was allowed, up to half a share each, since exits are whole.

    Args:
        orders, price_usd: (N,) signed shares and reference prices, both as of the next open; NaN where none.
        adv_usd: (N,) mean daily dollar volume; NaN where unknown.
        cash_usd: at the close.
        allowed_usd: largest sum of |orders|; infinite where nothing limits it.
        max_participation: fraction of the daily dollar volume.
    """
    price = np.nan_to_num(price_usd)
    requested = np.nan_to_num(orders)
    sent = np.where(may_trade, requested, 0.0)
    sent = _within_volume(sent, price, adv_usd, max_participation)
    sent = _within_cash(sent, price, cash_usd)
    notional = float((np.abs(sent) * price).sum())
    if notional > allowed_usd + float(price[sent != 0].sum()) / 2:
        none = np.full_like(sent, np.nan)
        reason = f"orders of {notional:.2f} USD are more than the {allowed_usd:.2f} USD that was decided"
        return Checked(none, np.zeros(len(sent), dtype=bool), reason)
    return Checked(np.where(sent == 0, np.nan, sent), sent != requested)


def _within_volume(orders: Array, price: Array, adv_usd: Array, max_participation: float) -> Array:
    room = np.divide(max_participation * np.nan_to_num(adv_usd), price, out=np.zeros_like(price), where=price > 0)
    # what fits stays whole, fractions of an exit included
    return np.where(np.abs(orders) > room, np.sign(orders) * np.floor(room), orders)


def _within_cash(orders: Array, price: Array, cash_usd: float) -> Array:
    bought, sold = np.maximum(orders, 0.0), np.maximum(-orders, 0.0)
    needed, available = float((bought * price).sum()), cash_usd + float((sold * price).sum())
    if needed <= max(available + float(price[sold > 0].sum()), 0.0):
        return orders
    return np.where(orders > 0, np.floor(orders * (max(available, 0.0) / needed)), orders)
