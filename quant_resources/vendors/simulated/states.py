"""Who is a member of the simulated index, in which sector, under which ticker: dated facts. Pure."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store.dataset import Grade
from feature_store.decision_time import end_of_day
from quant_resources.vendors.ingest.identities import TICKER_SCHEMA
from quant_resources.vendors.ingest.snapshots import INDUSTRY_SCHEMA, MEMBER_SCHEMA
from quant_resources.vendors.simulated.factors import SECTORS
from quant_resources.vendors.simulated.lifecycles import LEAVE_SESSION, LEAVES_INDEX
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.names import names
from quant_resources.vendors.simulated.payloads import SOURCE
from quant_resources.vendors.simulated.streams import Flags

REVIEW, ANNOUNCED, EFFECTIVE = 63, 2, 10  # sessions between reviews; from one to its publication and to its effect
BUFFER = 0.1  # members remain while their rank is no worse than this fraction beyond the last place
SIC = {
    "Energy": (1311, 1381, 2911), "Financials": (6021, 6311, 6211), "Health Care": (2834, 3841, 8062),
    "Industrials": (3531, 3721, 4011), "Information Technology": (7372, 3674, 3571), "Utilities": (4911, 4924, 4941),
    "Materials": (2821, 3312, 1040), "Consumer Discretionary": (5651, 3711, 5812),
    "Consumer Staples": (2080, 2111, 5411), "Real Estate": (6798, 6512, 6552),
    "Communication Services": (4813, 4833, 7812),
}  # fmt: skip


@dataclass(frozen=True)
class Membership:
    """Sessions as positions; `until` is the first one out, None while it is a member."""

    position: int
    first: int
    until: int | None
    recorded: int


def members(market: Market) -> pl.DataFrame:
    """Facts of MEMBER_SCHEMA."""
    days = market.sessions
    tickers = names(market)
    rows = []
    for membership in memberships(market):
        symbol, recorded = market.symbols[membership.position], membership.recorded
        ticker = next(name.ticker for name in reversed(tickers[membership.position]) if name.first <= recorded)
        until = None if membership.until is None else days[membership.until]
        known_at = end_of_day(days[membership.first])
        first = days[membership.first]
        rows.append((SOURCE, symbol, ticker, first, until, days[recorded], known_at, True, int(Grade.DATED)))
    return pl.DataFrame(rows, schema=MEMBER_SCHEMA, orient="row")


def memberships(market: Market) -> list[Membership]:
    """The largest of the listed symbols: reviewed each quarter, new listings among them let in soon."""
    return _Index(market).memberships()


class _Index:
    """Steps from one occasion to the next."""

    def __init__(self, market: Market) -> None:
        self.market, self.T = market, len(market.sessions)
        self.ends = market.lifecycles.gone.copy()
        self.ends[LEAVES_INDEX] = min(self.ends[LEAVES_INDEX], LEAVE_SESSION)
        self.present: dict[int, tuple[int, int]] = {}  # position of a member to its first session and record
        self.past: list[Membership] = []

    def memberships(self) -> list[Membership]:
        for t in self._occasions():
            review = t % REVIEW == 0
            effective = t + (EFFECTIVE if review else ANNOUNCED) if t else 0
            selected = self._constituents(t) & (self.ends > effective)
            out = [m for m in self.present if self.ends[m] <= effective or (review and not selected[m])]
            for member in out:
                self._leave(member, min(effective, int(self.ends[member])))
            new = selected if review else selected & (self.market.lifecycles.listed == t + ANNOUNCED - EFFECTIVE)
            for i in np.flatnonzero(new):
                self.present.setdefault(int(i), (effective, t + ANNOUNCED if review and t else t))
        for member in list(self.present):
            self._leave(member, int(self.ends[member]))
        return sorted(self.past, key=lambda membership: (membership.position, membership.first))

    def _occasions(self) -> list[int]:
        """Sessions after whose close members are selected: reviews, and shortly before a new listing may enter."""
        listings = {int(t) + EFFECTIVE - ANNOUNCED for t in self.market.lifecycles.listed if 0 < t < self.T}
        return sorted(t for t in {*range(0, self.T, REVIEW), *listings} if t + EFFECTIVE < self.T)

    def _leave(self, i: int, session: int) -> None:
        first, recorded = self.present.pop(i)
        if session > first:
            self.past.append(Membership(i, first, session if session < self.T else None, recorded))

    def _constituents(self, t: int) -> Flags:
        """The largest listed symbols by capitalisation; members keep their place near the edge."""
        paths = self.market.paths
        listed = np.flatnonzero((self.market.lifecycles.listed <= t) & (t < self.ends))
        ranked = listed[np.argsort(-paths.close[t, listed] * paths.shares[t, listed], kind="stable")]
        places = max(1, math.ceil(self.market.settings.index_fraction * len(listed)))
        edge = int(BUFFER * places)
        sure, near = ranked[: places - edge], ranked[places - edge : places + edge]
        members = [i for i in near if int(i) in self.present]
        others = [i for i in near if int(i) not in self.present]
        selected = np.zeros(len(self.ends), bool)
        selected[[*sure, *[*members, *others][:edge]]] = True
        return selected


def industries(market: Market) -> pl.DataFrame:
    """Facts of INDUSTRY_SCHEMA: published when a symbol is listed, and when it is reclassified."""
    days, lifecycles, T = market.sessions, market.lifecycles, len(market.sessions)
    rows = [(i, int(lifecycles.listed[i]), market.companies.sector[i]) for i in range(len(market.symbols))]
    moved = np.flatnonzero(lifecycles.reclassified < T)
    rows += [(int(i), int(lifecycles.reclassified[i]), market.companies.new_sector[i]) for i in moved]
    facts = [
        {
            "file": SOURCE,
            "symbol": market.symbols[i],
            "ticker": market.symbols[i],
            "recorded": days[t],
            "known_at": end_of_day(days[t]),
            "grade": int(Grade.DATED),
            "kind": "sector",
            "industry": SECTORS[sector],
            "carried_back": False,
        }
        for i, t, sector in rows
        if t < T
    ]
    return pl.DataFrame(facts, schema=INDUSTRY_SCHEMA)


def tickers(market: Market) -> pl.DataFrame:
    """Facts of TICKER_SCHEMA; the company keeps its code when its sector changes."""
    days, T = market.sessions, len(market.sessions)
    rows: list[dict[str, object]] = []
    codes = (market.lifecycles.trait["sic"] * 3).astype(int)
    for i, own_names in enumerate(names(market)):
        symbol = market.symbols[i]
        rows.extend(
            {
                "file": SOURCE,
                "symbol": symbol,
                "ticker": name.ticker,
                "from": days[name.first],
                "until": days[name.last] if name.last < T else None,
                "recorded": days[name.first],
                "known_at": end_of_day(days[name.first]),
                "linked": True,
                "grade": int(Grade.DATED),
                "company": f"C{symbol}",
                "name": f"Simulated {symbol} Inc",
                "sic": SIC[SECTORS[market.companies.sector[i]]][codes[i]],
            }
            for name in own_names
        )
    return pl.DataFrame(rows, schema=TICKER_SCHEMA)
