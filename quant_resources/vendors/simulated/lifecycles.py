"""What becomes of the simulated companies, and when: listings, failures, mergers, spin-offs, new tickers. Pure.

Outcomes are drawn per symbol from its traits, as sessions since the start; those after the end do not occur.
An acquirer is a symbol of a lower position, so that more symbols change nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated.streams import CHILD_STREAM, SYMBOL_STREAM, YEAR, Array, Ints, Place, traits

FAR = 2**31  # never, as a session
# Symbols with a planned outcome, by position, and no other event; markets of fewer symbols lack the later ones.
DELISTED, JOINS_LATE, LEAVES_INDEX, CHANGES_INDUSTRY, SPINS_OFF, CHANGES_TICKER = range(6)
BOUGHT_FOR_CASH, BOUGHT_FOR_SHARES, BOUGHT_FOR_BOTH, PAYS_SPECIAL, ILLIQUID, TAKES_OLD_TICKER = range(6, 12)
N_PLANNED = 12
DELISTING_SESSION, JOIN_SESSION, LEAVE_SESSION, RECLASSIFIED_SESSION = 420, 150, 300, 200
SPIN_OFF_SESSION, TICKER_SESSION, OLD_TICKER_SESSION, SPECIAL_SESSION = 260, 240, 440, 220
FAILING_FOR = 120  # sessions of decline before the planned one is delisted
DELISTING_RETURN = -0.45  # of that one
# symbol: announced, first session without a bar, fraction paid in stock, acquirer
PLANNED_DEALS = {
    BOUGHT_FOR_CASH: (300, 350, 0.0, SPINS_OFF),
    BOUGHT_FOR_SHARES: (320, 370, 1.0, SPINS_OFF),
    BOUGHT_FOR_BOTH: (450, 500, 0.5, CHANGES_TICKER),
}
MEAN_LISTING = 5 * YEAR  # of those listed later
QUIET = 63  # sessions after its listing, and before its end, in which a company does nothing else
FAILING_SESSIONS, FAILING_LOG = (60, 250), (-2.5, -1.2)  # the whole decline
RECOVERY = (-0.95, -0.2)  # delisting return
DEAL_SESSIONS, DEAL_PREMIUM = (40, 150), (0.12, 0.4)  # log
OUTSIDE = 0.5  # of cash deals the buyer is not traded here
STOCK_DEALS, MIXED_DEALS = 0.35, 0.15
SPUN_FRACTION = (0.08, 0.3)  # of the parent's worth


@dataclass(frozen=True)
class Lifecycles:
    """Outcomes of M symbols; sessions are positions, FAR for never.

    Attributes:
        places: of the symbols' streams; children come last, by their parents.
        symbols: stable ids.
        trait: (M,) uniform numbers by name.
        listed: first session with a bar.
        gone: first session without one, the ex-date of the merger or delisting.
        failing_from: start of the decline that ends in a delisting; failing_step is its log return a session.
        delisting_return: simple; where a symbol fails.
        announced: session after whose close the deal is announced, for those bought.
        acquirer: position, -1 for one from outside, or where not bought.
        in_stock: fraction of the deal's worth that is paid in the acquirer's shares.
        premium: log return on the announcement.
        parent: position, -1 but for children; they are listed on the ex-date of their spin-off.
        spun_fraction: of the parent's worth that goes to its child.
        renamed, reclassified: sessions of a new ticker and of a new sector.
    """

    places: list[Place]
    symbols: list[str]
    trait: dict[str, Array]
    listed: Ints
    gone: Ints
    failing_from: Ints
    failing_step: Array
    delisting_return: Array
    announced: Ints
    acquirer: Ints
    in_stock: Array
    premium: Array
    parent: Ints
    spun_fraction: Array
    renamed: Ints
    reclassified: Ints

    def fails(self, T: int) -> Ints:
        """Positions of those delisted within T sessions."""
        return np.flatnonzero((self.failing_from < FAR) & (self.gone < T))

    def bought(self, T: int) -> Ints:
        """Positions of those whose merger is announced within T - 1 sessions."""
        return np.flatnonzero(self.announced < T - 1)


def draw_lifecycles(settings: SimulatedVendor, seed: int, T: int) -> Lifecycles:
    """Of the first symbols, and of the children that are spun off within T sessions."""
    places: list[Place] = [(SYMBOL_STREAM, i) for i in range(settings.n_symbols)]
    first = _drawn(settings, places, traits(seed, places))
    spun = _spin_offs(settings, first)
    parents = np.flatnonzero(spun < T)
    if not len(parents):
        return _with_deals(first)
    born: list[Place] = [(CHILD_STREAM, int(i)) for i in parents]
    children = _drawn(settings, born, traits(seed, born), parents, spun[parents])
    return _with_deals(_joined(first, children))


def _joined(first: Lifecycles, children: Lifecycles) -> Lifecycles:
    changes: dict[str, Any] = {}
    for name, value in vars(first).items():
        other = getattr(children, name)
        if isinstance(value, np.ndarray):
            changes[name] = np.concatenate([value, other])
        elif isinstance(value, list):
            changes[name] = [*value, *other]
        else:
            changes[name] = {key: np.concatenate([x, other[key]]) for key, x in value.items()}
    return replace(first, **changes)


def _after(u: Array, rate: float, start: Ints) -> Ints:
    """Sessions until something of a yearly rate happens, from QUIET sessions after the start on."""
    if rate == 0:
        return np.full(len(u), FAR)
    wait = -np.log1p(-u) * YEAR / rate
    return start + QUIET + np.minimum(wait, FAR // 2).astype(np.int64)


def _drawn(
    settings: SimulatedVendor,
    places: list[Place],
    trait: dict[str, Array],
    parents: Ints | None = None,
    born: Ints | None = None,
) -> Lifecycles:
    M, rates = len(places), settings.company_events
    children = parents is not None
    listed = born if born is not None else _listings(settings, trait)
    free = np.full(M, children) | (np.arange(M) >= N_PLANNED)
    fails = np.where(free, _after(trait["fails"], rates.failures, listed), FAR)
    failing = _integers(FAILING_SESSIONS, trait["failing_for"])
    fails += np.where(fails < FAR, failing, 0)
    bought = np.where(free, _after(trait["bought"], rates.mergers, listed), FAR)
    gone = np.where(bought < FAR, bought + _integers(DEAL_SESSIONS, trait["deal_length"]), FAR)
    bought = np.where(gone + QUIET < fails - failing, bought, FAR)
    fails = np.where(bought < FAR, FAR, fails)
    drawn = Lifecycles(
        places=places,
        symbols=[f"{'X' if children else 'S'}{place[1]:04d}" for place in places],
        trait=trait,
        listed=listed,
        gone=np.where(bought < FAR, gone, fails),
        failing_from=np.where(fails < FAR, fails - failing, FAR),
        failing_step=_between(FAILING_LOG, trait["loses"]) / failing,
        delisting_return=_between(RECOVERY, trait["recovers"]).round(2),
        announced=bought,
        acquirer=np.full(M, -1),
        in_stock=_in_stock(trait["deal_kind"]),
        premium=_between(DEAL_PREMIUM, trait["deal_premium"]),
        parent=np.full(M, -1) if parents is None else parents,
        spun_fraction=_between(SPUN_FRACTION, trait["spun_fraction"]),
        renamed=np.where(free, _after(trait["renamed"], rates.ticker_changes, listed), FAR),
        reclassified=np.where(free, _after(trait["reclassified"], rates.reclassifications, listed), FAR),
    )
    return drawn if children else _with_planned(drawn)


def _integers(bounds: tuple[int, int], u: Array) -> Ints:
    return _between(bounds, u).astype(np.int64)


def _between(bounds: tuple[float, float], u: Array) -> Array:
    return bounds[0] + (bounds[1] - bounds[0]) * u


def _in_stock(u: Array) -> Array:
    """All, half or none of a deal's worth."""
    return np.where(u < STOCK_DEALS, 1.0, np.where(u < STOCK_DEALS + MIXED_DEALS, 0.5, 0.0))


def _listings(settings: SimulatedVendor, trait: dict[str, Array]) -> Ints:
    """Session of the first bar; one trait decides whether it is listed later, and when."""
    later, u = settings.company_events.listed_later, trait["listed"]
    free = np.arange(len(u)) >= N_PLANNED
    within = np.minimum(u / later, 1 - 1e-12) if later else u
    session = 1 - np.floor(MEAN_LISTING * np.log1p(-within)).astype(np.int64)
    listed = np.where(free & (u < later), session, 0)
    listed[JOINS_LATE] = JOIN_SESSION
    return listed


def _with_planned(drawn: Lifecycles) -> Lifecycles:
    M = len(drawn.symbols)
    drawn.gone[DELISTED] = DELISTING_SESSION
    drawn.failing_from[DELISTED] = DELISTING_SESSION - FAILING_FOR
    drawn.failing_step[DELISTED] = FAILING_LOG[1] / FAILING_FOR
    drawn.delisting_return[DELISTED] = DELISTING_RETURN
    drawn.reclassified[CHANGES_INDUSTRY] = RECLASSIFIED_SESSION
    for i, session in ((CHANGES_TICKER, TICKER_SESSION), (TAKES_OLD_TICKER, OLD_TICKER_SESSION)):
        if i < M:
            drawn.renamed[i] = session
    for i, (announced, gone, in_stock, acquirer) in PLANNED_DEALS.items():
        if i < M:
            drawn.announced[i], drawn.gone[i] = announced, gone
            drawn.in_stock[i], drawn.acquirer[i] = in_stock, acquirer
    return drawn


def _spin_offs(settings: SimulatedVendor, first: Lifecycles) -> Ints:
    """Session of each symbol's spin-off, well before its end."""
    u, M = first.trait["spins_off"], len(first.symbols)
    spun = np.where(np.arange(M) >= N_PLANNED, _after(u, settings.company_events.spin_offs, first.listed), FAR)
    end = np.minimum(np.minimum(first.failing_from, first.announced), first.gone)
    spun = np.where(spun + QUIET < end, spun, FAR)
    if M > SPINS_OFF:
        spun[SPINS_OFF] = SPIN_OFF_SESSION
    return spun


def _with_deals(drawn: Lifecycles) -> Lifecycles:
    """Buyers for those bought: traded before and well after the deal, of a lower position; else from outside."""
    for i in np.flatnonzero((drawn.announced < FAR) & (drawn.acquirer < 0)):
        if drawn.in_stock[i] == 0 and drawn.trait["acquirer"][i] < OUTSIDE:
            continue
        for j in _candidates(drawn, int(i)):
            if drawn.listed[j] + QUIET < drawn.announced[i] and drawn.gone[i] + QUIET < min(
                drawn.failing_from[j], drawn.announced[j], drawn.gone[j]
            ):
                drawn.acquirer[i] = j
                break
        else:
            drawn.in_stock[i] = 0.0
    alive = (drawn.renamed < drawn.gone, drawn.reclassified < drawn.gone)
    return replace(
        drawn, renamed=np.where(alive[0], drawn.renamed, FAR), reclassified=np.where(alive[1], drawn.reclassified, FAR)
    )


def _candidates(drawn: Lifecycles, i: int) -> Iterator[int]:
    """Positions below the symbol's (or its parent's), from one that its trait selects downward."""
    below = int(drawn.parent[i]) if drawn.parent[i] >= 0 else i
    start = int(drawn.trait["acquirer"][i] * below)
    yield from (j for k in range(below) if (j := (start - k) % below) not in PLANNED_DEALS)
