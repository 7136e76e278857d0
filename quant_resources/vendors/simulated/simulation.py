"""The simulated market's path, session by session: returns, prices, splits, dividends, spin-offs, deals. Pure."""

import numpy as np
from scipy.special import ndtri

from configs.settings import SimulatedVendor
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.factors import FURTHEST, SKIP, Companies, Factors, session_fractions, strength
from quant_resources.vendors.simulated.lifecycles import (
    PAYS_SPECIAL,
    SPECIAL_SESSION,
    Lifecycles,
)
from quant_resources.vendors.simulated.paths import Action, Paths
from quant_resources.vendors.simulated.quarters import BEFORE, Quarters
from quant_resources.vendors.simulated.regimes import Regimes
from quant_resources.vendors.simulated.streams import YEAR, Array, Flags

FIRST_PRICES = (20, 110)  # USD
MEDIAN_USD, CAPITAL_DISPERSION = 1e10, 1.0  # capitalisation at the listing; standard deviation of its log, cut at two
BOOK_TO_PRICE, BOOK_DISPERSION = 0.45, 0.5  # standard deviation of the log
BOOK_LAG, BOOK_SPEED, BOOK_NOISE = 6, 0.15, 0.01  # quarters; fraction of the log gap closed a quarter; log
ISSUANCE = (-0.001, 0.004)  # mean and standard deviation of the log change of shares a quarter
PAYERS, DIVIDEND_QUARTERLY, QUARTER = 0.6, 0.005, 63  # fraction of companies; of the price; sessions
SPECIAL_OF_PRICE = 0.05
SPLIT_ABOVE, SPLIT_RATIO = 120.0, 2.0
REVERSE_BELOW, REVERSE_RATIO = 4.0, 0.2
NOTICE = 5  # sessions from the declaration of a split or dividend to its ex-date
DEAL_SPREAD, DEAL_NOISE = 0.02, 0.1  # log, at the announcement; of the own noise of the session


def first_capitalisation(lifecycles: Lifecycles) -> Array:
    """(M,) USD at the listing."""
    capital: Array = MEDIAN_USD * np.exp(CAPITAL_DISPERSION * np.clip(ndtri(lifecycles.trait["capitalisation"]), -2, 2))
    return capital


class Simulation:
    """Steps through the sessions; each rests on the one before."""

    def __init__(
        self,
        settings: SimulatedVendor,
        seed: int,
        *,
        regimes: Regimes,
        factors: Factors,
        companies: Companies,
        lifecycles: Lifecycles,
        quarters: Quarters,
        noise: Array,
        signals: list[Array],
    ) -> None:
        _, T, M = noise.shape
        Q = len(quarters.ends)
        self.factors, self.companies, self.lifecycles, self.quarters = factors, companies, lifecycles, quarters
        self.noise, self.day_fractions = noise, session_fractions(settings)
        self.news = quarters.news(T, settings.earnings_move) + _declines(lifecycles, T, M)
        self.momentum_strength = settings.momentum_ic / np.sqrt(SKIP)
        self.expected = np.zeros((T, M))
        for planted, signal in zip(settings.alphas, signals, strict=True):
            self.expected += strength(planted.ic, planted.half_life) * companies.volatility * signal
        self.scale = np.concatenate([[0.0], np.cumsum(regimes.other**2)])
        self.sector = companies.sector.copy()
        self.special = _specials(settings, seed, lifecycles, T)
        self.issued = np.exp(ISSUANCE[0] + ISSUANCE[1] * streams.normal(seed, lifecycles.places, "issued", Q))
        self.book_noise = BOOK_NOISE * streams.normal(seed, lifecycles.places, "book", Q)
        self.first_price = FIRST_PRICES[0] + (FIRST_PRICES[1] - FIRST_PRICES[0]) * lifecycles.trait["price"]
        self.book_level = np.log(BOOK_TO_PRICE) + BOOK_DISPERSION * np.clip(ndtri(lifecycles.trait["book"]), -2, 2)
        pays = lifecycles.trait["pays"] < PAYERS
        self.dividend_day = np.where(pays, (lifecycles.trait["dividend_day"] * QUARTER).astype(int), -1)
        self.open, self.close, self.total = (np.empty((T, M)) for _ in range(3))
        self.shares, self.size, self.value = (np.empty((T, M)) for _ in range(3))
        self.split, self.paid, self.signal = np.ones((T, M)), np.zeros((T, M)), np.zeros((T, M))
        self.own = np.zeros((T + 1, M))
        self.price = self.first_price.copy()
        self.outstanding = first_capitalisation(lifecycles) / self.price
        self.capital = np.tile(np.log(first_capitalisation(lifecycles)), (Q, 1))  # at the end of each quarter
        self.book = np.full((Q, M), np.nan)
        self.book[: BEFORE + 1] = self.capital[0] + self.book_level
        self.actions: list[Action] = []
        self.exits: dict[tuple[int, int], float] = {}
        self.cash, self.ratio = np.zeros(M), np.zeros(M)  # terms of deals

    def run(self) -> Paths:
        T = len(self.close)
        for t in range(T):
            self._begin(t)
            self._trade(t, self._moves(t))
            self._deals(t)
            self._score(t)
            self._declare(t)
            self._agree(t)
        self._settle_books()
        return Paths(
            **{name: getattr(self, name) for name in Paths.__dataclass_fields__ if name != "alpha"}, alpha=self.expected
        )

    def _begin(self, t: int) -> None:
        """New quarters, listings, spin-offs and sectors."""
        q = int(self.quarters.current[t])
        if t and q != self.quarters.current[t - 1]:
            self.capital[q - 1 :] = np.log(self.price * self.outstanding)
            self.book[q] = self._next_book(q)
            self.outstanding = self.outstanding * self.issued[q]
        listed = np.flatnonzero(self.lifecycles.listed == t) if t else np.empty(0, int)
        for i in listed:
            if self.lifecycles.parent[i] >= 0:
                self._spin_off(t, int(i))
            else:
                self.price[i] = self.first_price[i]
            self.capital[:, i] = np.log(self.price[i] * self.outstanding[i])
            self.book[: q + 1, i] = self.capital[q, i] + self.book_level[i]
        moved = self.lifecycles.reclassified == t
        self.sector[moved] = self.companies.new_sector[moved]

    def _next_book(self, q: int) -> Array:
        """The book value nears the price of quarters ago."""
        gap = self.capital[q - BOOK_LAG] + self.book_level - self.book[q - 1]
        following: Array = self.book[q - 1] + BOOK_SPEED * gap + self.book_noise[q]
        return following

    def _settle_books(self) -> None:
        """Of the quarters ahead, as far as they rest on quarters that have ended."""
        last = int(self.quarters.current[-1])
        for q in range(last + 1, min(last + BOOK_LAG, len(self.book))):
            self.book[q] = self._next_book(q)

    def _spin_off(self, t: int, child: int) -> None:
        """The child takes its part of the parent's worth at the last close, at the ratio declared before."""
        parent = int(self.lifecycles.parent[child])
        declared = next(a for a in reversed(self.actions) if a.kind == "spin_off" and a.other == child)
        worth = round(self.lifecycles.spun_fraction[parent] * self.price[parent] / self.split[t, parent], 4)
        self.price[child] = worth / declared.value
        self.outstanding[child] = declared.value * self.outstanding[parent] * self.split[t, parent]
        self.paid[t, parent] += worth
        self.actions.append(Action(t, parent, "spin_off", declared.value, t, worth, child))
        # terms of a deal in the parent's shares are adjusted for what its holders get
        sellers = np.flatnonzero((self.lifecycles.acquirer == parent) & (self.ratio > 0))
        self.ratio[sellers] /= 1 - self.lifecycles.spun_fraction[parent]
        for i in sellers[(t <= self.lifecycles.gone[sellers]) & (self.lifecycles.gone[sellers] < t + NOTICE)]:
            self._complete(t, int(i))

    def _moves(self, t: int) -> Array:
        """(2, M) log moves overnight and intraday."""
        f, c = self.factors, self.companies
        move: Array = f.market[:, t, None] * c.beta[t] + f.sectors[:, t][:, self.sector] * c.load + self.noise[:, t]
        own = self.noise[0, t] + self.noise[1, t]
        if t:
            for k, exposure in enumerate((self.size[t - 1], self.value[t - 1], self.signal[t - 1], c.volatility_score)):
                move += f.styles[:, t, k, None] * exposure
            move += self.day_fractions * self.expected[t - 1]
            own += self.expected[t - 1]
        move[0] += self.news[t]
        self.own[t + 1] = self.own[t] + own
        return move

    def _trade(self, t: int, move: Array) -> None:
        """Prices after splits and what is paid; the payment itself does not move."""
        held, grown = self.price / self.split[t], np.exp(move)
        self.open[t] = held * grown[0] - self.paid[t]
        self.close[t] = held * (grown[0] * grown[1]) - self.paid[t]
        self.total[t] = move[0] + move[1]
        self.outstanding = self.outstanding * self.split[t]
        self.ratio *= np.where(self.lifecycles.acquirer >= 0, self.split[t, self.lifecycles.acquirer], 1.0)

    def _deals(self, t: int) -> None:
        """Those being bought trade at the worth of their terms, less what the wait costs."""
        lifecycles = self.lifecycles
        live = np.flatnonzero((lifecycles.announced < t) & (t <= lifecycles.gone))
        left = (lifecycles.gone[live] - 1 - t) / (lifecycles.gone[live] - 1 - lifecycles.announced[live])
        for price, part in ((self.open, 0), (self.close, 1)):
            worth = self.cash[live] + self.ratio[live] * price[t, lifecycles.acquirer[live]]
            last = t == lifecycles.gone[live]
            apart = DEAL_NOISE * self.noise[part, t, live] - DEAL_SPREAD * left
            price[t, live] = np.where(last, worth, worth * np.exp(apart))
        self.total[t, live] = np.log(self.close[t, live] / self.price[live])
        for i in live[t == lifecycles.gone[live]]:
            self.exits[t, int(i)] = float(self.close[t, i] / self.price[i] - 1)
        for i in np.flatnonzero((lifecycles.gone == t) & (lifecycles.failing_from < t)):
            self.exits[t, int(i)] = float(lifecycles.delisting_return[i])
        self.price = self.close[t].copy()

    def _score(self, t: int) -> None:
        """Exposures and expectations as of the close."""
        capital = np.log(self.price * self.outstanding)
        q = int(self.quarters.current[t])
        self.shares[t] = self.outstanding
        self.size[t] = np.clip((capital - np.log(MEDIAN_USD)) / CAPITAL_DISPERSION, -FURTHEST, FURTHEST)
        cheapness = self.book[q - 1] - capital - np.log(BOOK_TO_PRICE)
        self.value[t] = np.clip(cheapness / BOOK_DISPERSION, -FURTHEST, FURTHEST)
        if t + 1 >= YEAR:
            past = self.own[t + 1 - SKIP] - self.own[t + 1 - YEAR]
            volatility = self.companies.volatility * np.sqrt(self.scale[t + 1 - SKIP] - self.scale[t + 1 - YEAR])
            self.signal[t] = np.clip(past / volatility, -FURTHEST, FURTHEST)
            # by the calm volatility: the alpha does not know tomorrow's regime
            self.expected[t] += self.momentum_strength * self.companies.volatility * self.signal[t]

    def _declare(self, t: int) -> None:
        """What goes ex NOTICE sessions on: splits that the price calls for, dividends, spin-offs."""
        ex, lifecycles = t + NOTICE, self.lifecycles
        if ex >= len(self.close):
            return
        traded = (lifecycles.listed <= t) & (ex < lifecycles.gone) & (ex <= lifecycles.announced)
        pending = (self.split[t + 1 : ex] != 1).any(axis=0)
        ratio = np.where(self.price > SPLIT_ABOVE, SPLIT_RATIO, REVERSE_RATIO)
        splits = traded & ~pending & ((self.price > SPLIT_ABOVE) | (self.price < REVERSE_BELOW))
        self.split[ex, splits] = ratio[splits]
        self._append("split", t, splits, self.split[ex])
        per_new = self.price / self.split[t + 1 : ex + 1].prod(axis=0)
        spins = np.flatnonzero((lifecycles.listed == ex) & (lifecycles.parent >= 0))
        calm = traded & ~np.isin(np.arange(len(traded)), lifecycles.parent[spins])
        due = calm & ((ex + self.dividend_day) % QUARTER == QUARTER - 1) & (self.dividend_day >= 0)
        for kind, paying, part in (
            ("cash_dividend", due, DIVIDEND_QUARTERLY),
            ("special_dividend", calm & self.special[t], SPECIAL_OF_PRICE),
        ):
            amount = np.where(paying, np.maximum(np.round(part * per_new, 2), 0.01), 0.0)
            self.paid[ex] += amount
            self._append(kind, t, paying, amount)
        for child in spins:
            parent = int(lifecycles.parent[child])
            value = round(lifecycles.spun_fraction[parent] * per_new[parent] / self.first_price[child], 4)
            self.actions.append(Action(ex, parent, "spin_off", value, t, None, int(child)))

    def _append(self, kind: str, t: int, who: Flags, value: Array) -> None:
        self.actions += [Action(t + NOTICE, int(i), kind, float(value[i]), t) for i in np.flatnonzero(who)]

    def _agree(self, t: int) -> None:
        """Terms of the deals announced after the close."""
        lifecycles = self.lifecycles
        for i in np.flatnonzero(lifecycles.announced == t):
            worth = self.price[i] * np.exp(lifecycles.premium[i] + DEAL_SPREAD)
            self.cash[i] = round((1 - lifecycles.in_stock[i]) * worth, 2)
            if lifecycles.in_stock[i] > 0:
                self.ratio[i] = round(lifecycles.in_stock[i] * worth / self.price[lifecycles.acquirer[i]], 4)
        ends = (lifecycles.gone == t + NOTICE) & (lifecycles.announced <= t)
        for i in np.flatnonzero(ends & (t + NOTICE < len(self.close))):
            self._complete(t, int(i))

    def _complete(self, t: int, i: int) -> None:
        """The merger's ex-date is published, with its terms in shares as they will be then."""
        buyer, ex = int(self.lifecycles.acquirer[i]), int(self.lifecycles.gone[i])
        ratio = self.ratio[i] * self.split[t + 1 : ex + 1, buyer].prod() if self.ratio[i] else 0.0
        other = buyer if buyer >= 0 else None
        self.actions.append(Action(ex, i, "merger", float(ratio), t, float(self.cash[i]), other))


def _declines(lifecycles: Lifecycles, T: int, M: int) -> Array:
    """(T, M) log returns overnight on the way down to a failure."""
    news = np.zeros((T, M))
    for i in np.flatnonzero(lifecycles.failing_from < T):
        news[lifecycles.failing_from[i] : min(lifecycles.gone[i], T), i] = lifecycles.failing_step[i]
    return news


def _specials(settings: SimulatedVendor, seed: int, lifecycles: Lifecycles, T: int) -> Flags:
    """(T, M) whether a special dividend is declared on the session."""
    rate = settings.company_events.special_dividends / YEAR
    special: Flags = streams.uniform(seed, lifecycles.places, "special", T) < rate
    if T > SPECIAL_SESSION and special.shape[1] > PAYS_SPECIAL:
        special[SPECIAL_SESSION - NOTICE, PAYS_SPECIAL] = True
    return special
