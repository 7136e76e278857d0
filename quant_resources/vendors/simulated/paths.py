"""The simulated paths: prices, shares, exposures, corporate actions."""

from dataclasses import dataclass

from quant_resources.vendors.simulated.streams import Array


@dataclass(frozen=True)
class Action:
    """A corporate action of the symbol at a position, declared at a session and going ex at another."""

    ex: int
    position: int
    kind: str
    value: float
    declared: int
    cash_usd: float | None = None
    other: int | None = None


@dataclass(frozen=True)
class Paths:
    """Simulated paths; (T, M) unless stated otherwise. Prices are efficient ones, before noise and rounding.

    Attributes:
        open, close: USD.
        split: new per old share going ex, else 1.
        paid: USD per share going ex: dividends, and the worth of what is spun off; else 0.
        shares: outstanding.
        total: log total return of the session.
        own: (T + 1, M) idiosyncratic log return summed up to the session's start, alphas included, news not.
        signal: 12-1 momentum of the idiosyncratic return in standard deviations, known at the session;
            0 in the first year.
        alpha: idiosyncratic log return expected of the *next* session because of momentum and the planted alphas.
        size, value: exposures known at the session, in standard deviations.
        book: (Q, M) log of the book value in USD at the end of each quarter; NaN where it is not settled yet.
        actions: by declaration; spin-offs have two, the second with their worth.
        exits: simple return on the ex-date, by session and position, for those who hold a symbol that ends.
    """

    open: Array
    close: Array
    split: Array
    paid: Array
    shares: Array
    total: Array
    own: Array
    signal: Array
    alpha: Array
    size: Array
    value: Array
    book: Array
    actions: list[Action]
    exits: dict[tuple[int, int], float]
