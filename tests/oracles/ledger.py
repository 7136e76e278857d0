"""A slow double-entry ledger of a book: every event posts two legs, so all accounts always sum to zero.

It takes from the book only what was decided (orders, and what was known when they were), and works out the rest from
the market alone. A short is an account below zero.
"""

import datetime as dt
import math
from collections import defaultdict

import polars as pl

from configs.settings import Execution

CASH, CAPITAL, COSTS, FEES, INCOME = "cash", "capital", "costs", "fees", "income"


class Ledger:
    """Accounts in USD; positions in shares beside them. Capital and income carry the opposite sign."""

    def __init__(self, initial_cash_usd: float) -> None:
        self.accounts: defaultdict[str, float] = defaultdict(float)
        self.shares: defaultdict[str, float] = defaultdict(float)
        self.last_price: dict[str, float] = {}
        self.without_bar: defaultdict[str, int] = defaultdict(int)
        self.post(CASH, CAPITAL, initial_cash_usd)

    def post(self, debit: str, credit: str, amount: float) -> None:
        self.accounts[debit] += amount
        self.accounts[credit] -= amount

    @property
    def nav(self) -> float:
        """What is owned: cash and positions, at their last marks."""
        return math.fsum(v for name, v in self.accounts.items() if name not in {CAPITAL, COSTS, FEES, INCOME})

    def apply_actions(self, actions: list[dict], previous: dt.date, session: dt.date, closes: dict[str, float]) -> None:
        """Splits first within a day, mergers last of all; a position's account does not change by a split.

        What was held over night counts, whatever else of the session brings in more of it. A distribution lowers the
        mark of a position by what it is worth, until a bar says otherwise.
        """
        due = [a for a in actions if previous < a["event_date"] <= session and a["value"] is not None]
        paid, arrived = defaultdict(float), defaultdict(float)
        merging = _merging(actions, previous, session, closes)
        for action in sorted(due, key=lambda a: (a["event_date"], a["action"] != "split", a["action"])):
            symbol, kind, value = action["symbol"], action["action"], action["value"]
            if kind == "split":
                self.shares[symbol] *= value
                if symbol in self.last_price:
                    self.last_price[symbol] /= value
            elif kind in {"cash_dividend", "special_dividend"}:
                self.post(CASH, INCOME, self.shares[symbol] * value)
                paid[symbol] += value * self.shares[symbol]
            elif kind == "spin_off":
                child = action["other_symbol"]
                if value > 0 and child in closes and child not in merging:
                    # by its shares of tomorrow: what is spun off before a split of this window splits with it
                    received = self.shares[symbol] * value * _splits(due, child, action["event_date"])
                    arrived[child] += received
                    paid[symbol] += received * closes[child]
                elif action["cash_usd"] is not None:
                    self.post(CASH, INCOME, self.shares[symbol] * action["cash_usd"])
                    paid[symbol] += self.shares[symbol] * action["cash_usd"]
        for symbol, usd in paid.items():
            mark = self.last_price[symbol] - usd / self.shares[symbol] if self.shares[symbol] else 0.0
            if mark > 0 and symbol not in merging:
                self.last_price[symbol] = mark
        for symbol, action in merging.items():
            self._merge(symbol, action, arrived, merging, actions, session, closes)
        for symbol, received in arrived.items():
            self.shares[symbol] += received

    def _merge(self, symbol, action, arrived, merging, actions, session, closes) -> None:
        """The target's shares become cash and shares, or cash at their last price; its account is closed."""
        held, ratio, acquirer = self.shares[symbol], action["value"], action["other_symbol"]
        if held == 0:
            return
        now = [a for a in actions if a["event_date"] <= session and a["value"] is not None]
        then = held / _splits(now, symbol, action["event_date"])  # shares of the day that the terms speak of
        delivered = ratio > 0 and acquirer in closes and acquirer not in merging
        if delivered or (ratio == 0 and action["cash_usd"] is not None):
            worth = then * (action["cash_usd"] or 0.0)
        else:
            worth = held * self.last_price[symbol]
        if delivered:
            arrived[acquirer] += then * ratio * _splits(now, acquirer, action["event_date"])
        self.post(CASH, INCOME, worth)
        self.post(INCOME, symbol, self.accounts[symbol])
        self.shares[symbol] = 0.0

    def over_night(self, rate_annual: float, days: int, execution: Execution) -> tuple[float, float]:
        """Interest on the cash that no short sale brought in, and fees on shorts, at last night's marks."""
        short = math.fsum(-self.accounts[s] for s in self.shares if self.accounts[s] < 0)
        own = max(self.accounts[CASH] - short, 0.0)
        return own * rate_annual * days / 360, short * execution.borrow_rate_annual * days / 360

    def fill(self, orders: list[dict], opens: dict[str, float], execution: Execution, short_sales: bool) -> None:
        """Sales whole, then as much of all purchases as cash allows, in whole shares."""
        sales = [o for o in orders if o["shares"] < 0 and o["symbol"] in opens]
        buys = [o for o in orders if o["shares"] > 0 and o["symbol"] in opens]
        for order in sales:
            held = self.shares[order["symbol"]]
            self._trade(order, order["shares"] if short_sales else max(order["shares"], -held), opens, execution)
        needed = math.fsum(
            order["shares"] * opens[order["symbol"]] + cost_usd(order, order["shares"], opens, execution)
            for order in buys
        )
        available = self.accounts[CASH]
        scale = 1.0 if needed <= available else max(available, 0.0) / needed
        for order in buys:
            shares = order["shares"] if scale == 1.0 else math.floor(order["shares"] * scale)
            self._trade(order, shares, opens, execution)

    def _trade(self, order: dict, shares: float, opens: dict[str, float], execution: Execution) -> None:
        symbol = order["symbol"]
        self.post(symbol, CASH, shares * opens[symbol])
        self.post(COSTS, CASH, cost_usd(order, shares, opens, execution))
        self.shares[symbol] += shares

    def mark(self, closes: dict[str, float]) -> None:
        for symbol in list(self.shares):
            if symbol in closes:
                self.last_price[symbol], self.without_bar[symbol] = closes[symbol], 0
            else:
                self.without_bar[symbol] += 1
            worth = self.shares[symbol] * self.last_price.get(symbol, 0.0)
            self.post(symbol, INCOME, worth - self.accounts[symbol])

    def end(self, symbol: str, simple_return: float) -> None:
        """Close a position at its mark times one plus the return."""
        self.post(symbol, INCOME, self.accounts[symbol] * simple_return)
        self.post(CASH, symbol, self.accounts[symbol])
        self.shares[symbol] = 0.0


def cost_usd(order: dict, shares: float, opens: dict[str, float], execution: Execution) -> float:
    trade = abs(shares) * opens[order["symbol"]]
    if trade == 0:
        return 0.0
    impact = execution.impact_multiplier * order["volatility_daily"] * math.sqrt(trade / order["adv_usd"])
    return trade * ((execution.commission_bp + order["half_spread_bp"]) / 10_000 + impact)


def replay(market, books: list[pl.DataFrame], days: list[dt.date], short_sales: bool = False) -> list[Ledger]:
    """The ledger after each session, from the market and the books' decisions; one mutable ledger is copied out."""
    execution = market.execution
    ledger = Ledger(execution.initial_cash_usd)
    out = []
    for t, session in enumerate(days):
        actions = market.known_actions(t).to_dicts()
        bars = {s: bar[t] for s, bar in market.prices.items() if bar[t] is not None}
        if t:
            elapsed = (session - days[t - 1]).days
            accrued, lent = ledger.over_night(_rate(market, t - 1), elapsed, execution)
            closes = {s: bar[1] for s, bar in bars.items()}
            ending = _merging(actions, days[t - 1], session, closes)
            ledger.apply_actions(actions, days[t - 1], session, closes)
            pending = _orders(books[t - 1], actions, market.known_actions(t - 1).to_dicts(), days[t - 1], session)
            opens = {s: bar[0] for s, bar in bars.items() if s not in ending}
            ledger.fill(pending, opens, execution, short_sales)
            ledger.post(CASH, INCOME, accrued)
            ledger.post(FEES, CASH, lent)
        ledger.mark({s: bar[1] for s, bar in bars.items()})
        _end_positions(ledger, actions, days[t - 1] if t else None, session, execution)
        out.append(_copy(ledger))
    return out


def _merging(actions: list[dict], previous: dt.date, session: dt.date, closes: dict[str, float]) -> dict[str, dict]:
    """The merger, by target, of what ends today: ex today, or ex before and without a bar."""
    known = sorted((a for a in actions if a["action"] == "merger" and a["value"] is not None), key=_when)
    return {
        a["symbol"]: a
        for a in known
        if a["event_date"] <= session and (a["event_date"] > previous or a["symbol"] not in closes)
    }


def _when(action: dict) -> dt.date:
    return action["event_date"]


def _splits(actions: list[dict], symbol: str, after: dt.date) -> float:
    its = [a for a in actions if a["symbol"] == symbol and a["action"] == "split" and a["event_date"] > after]
    return math.prod(a["value"] for a in its)


def _rate(market, t: int) -> float:
    """What cash earns from session t on: the last rate observed in the last sessions up to t, in percent."""
    for s in range(t, max(t - market.series.max_age_sessions, -1), -1):
        if market.rates.get(s) is not None:
            return market.rates[s] / 100
    return market.execution.cash_rate_annual


def _orders(book: pl.DataFrame, now: list[dict], then: list[dict], decided: dt.date, session: dt.date) -> list[dict]:
    """Pending orders; splits that became known after the decision multiply them, rounded towards zero."""
    orders = []
    for row in book.filter(pl.col("order_shares").is_not_null()).to_dicts():
        actual = _ratio(now, row["symbol"], decided, session)
        assumed = _ratio(then, row["symbol"], decided, session)
        adjusted = math.trunc(round(row["order_shares"] * actual / assumed, 3))
        shares = row["order_shares"] if actual == assumed else adjusted
        orders.append(row | {"shares": shares})
    return orders


def _ratio(actions: list[dict], symbol: str, previous: dt.date, session: dt.date) -> float:
    due = [a for a in actions if a["symbol"] == symbol and previous < a["event_date"] <= session]
    return math.prod(a["value"] for a in due if a["action"] == "split")


def _end_positions(
    ledger: Ledger, actions: list[dict], previous: dt.date | None, session: dt.date, execution: Execution
) -> None:
    for symbol in [s for s, n in ledger.shares.items() if n]:
        delisted = [
            a for a in actions if a["symbol"] == symbol and a["action"] == "delisting" and a["event_date"] <= session
        ]
        today = previous is not None and any(a["event_date"] > previous for a in delisted)
        if delisted and (today or ledger.without_bar[symbol]):
            ledger.end(symbol, delisted[-1]["value"])
        elif symbol in {a["symbol"] for a in actions if a["action"] == "merger" and a["value"] is not None}:
            continue
        elif ledger.without_bar[symbol] >= execution.write_off_sessions:
            # nobody recorded that a short made money
            ledger.end(symbol, execution.delisting_return if ledger.shares[symbol] > 0 else 0.0)


def _copy(ledger: Ledger) -> Ledger:
    copied = Ledger(0.0)
    copied.accounts = defaultdict(float, ledger.accounts)
    copied.shares = defaultdict(float, ledger.shares)
    return copied
