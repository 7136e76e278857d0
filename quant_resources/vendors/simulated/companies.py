"""What the simulated companies report, and when: true items, filings, amendments. Pure.

The items of a company follow the book value that its price leads by quarters, with noise of their own. Statements
balance: assets are liabilities and equity, gross profit is revenue less its cost, cash moves by the three cash flows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy.special import ndtri

from feature_store.dataset import Grade
from feature_store.schemas.companies import FUNDAMENTALS
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.simulated import streams
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.payloads import days_from, payload, published_by_end
from quant_resources.vendors.simulated.streams import Array, Flags, Ints, fading

SALES, SALES_DISPERSION = 0.35, 0.4  # a quarter, of the book value; standard deviation of the log, cut at two
SEASON, SALES_NOISE = 0.06, 0.04  # log: of the strongest and weakest quarter; of an autoregression
SURPRISING_SALES = 0.01  # log, for a surprise of one standard deviation
MARGIN, MARGIN_NOISE, FADING = (-0.02, 0.16), 0.012, 4.0  # net; half-life in quarters, of sales and margin
SURPRISING_EARNINGS = 0.004  # of revenue, for a surprise of one standard deviation
TAX, INTEREST, DEPRECIATION, CAPITAL_SPENDING = 0.21, 0.0125, 0.04, 0.05  # a quarter; the last two of revenue
LEVERAGE = (1.5, 3.5)  # assets over equity
DEBT, CURRENT_LIABILITIES, CURRENT_ASSETS, CASH = 0.5, 0.3, 0.35, 0.1  # of liabilities, of these, of assets, of assets
AMENDED_AFTER = (60, 250)  # sessions
AMENDED_BY = 0.06  # at most: what is restated is lower by so much of every flow
BALANCE = ("assets", "current_assets", "cash", "liabilities", "current_liabilities", "debt", "equity")
INCOME = (
    "revenue", "cost_of_revenue", "gross_profit", "operating_income", "depreciation", "interest_expense",
    "net_income", "dividends_per_share",
)  # fmt: skip
CASH_FLOWS = ("operating_cash_flow", "investing_cash_flow", "financing_cash_flow", "capital_expenditure")


@dataclass(frozen=True)
class Financials:
    """True items of each quarter, (Q, M); NaN where the quarter, or what it rests on, has not come."""

    market: Market

    @cached_property
    def shares(self) -> Array:
        """Outstanding at the end of each quarter; of those before the start as at the start."""
        current = self.market.quarters.current
        last = np.searchsorted(current, np.arange(len(self.market.quarters.ends)), side="right") - 1
        shares = self.market.paths.shares[np.maximum(last, 0)]
        shares[current[-1] :] = np.nan
        return shares

    @cached_property
    def dividends(self) -> Array:
        """USD per share gone ex in each quarter."""
        total = np.zeros_like(self.market.paths.book)
        for action in self.market.paths.actions:
            if action.kind in ("cash_dividend", "special_dividend"):
                total[self.market.quarters.current[action.ex], action.position] += action.value
        return total

    @cached_property
    def quarterly(self) -> dict[str, Array]:
        """Every item of one quarter, or at its end."""
        equity, trait = np.exp(self.market.paths.book), self.market.lifecycles.trait
        revenue, net = self._revenue(equity), self.margin * self._revenue(equity)
        assets = equity * _between(LEVERAGE, trait["leverage"])
        liabilities = assets - equity
        debt, cash = DEBT * liabilities, CASH * assets
        interest, gross = INTEREST * debt, revenue * np.minimum(0.2 + 2.2 * _between(MARGIN, trait["margin"]), 0.9)
        operating = net + DEPRECIATION * revenue
        investing = -CAPITAL_SPENDING * revenue
        return {
            "assets": assets,
            "current_assets": CURRENT_ASSETS * assets,
            "cash": cash,
            "liabilities": liabilities,
            "current_liabilities": CURRENT_LIABILITIES * liabilities,
            "debt": debt,
            "equity": equity,
            "shares_outstanding": self.shares,
            "revenue": revenue,
            "cost_of_revenue": revenue - gross,
            "gross_profit": gross,
            "operating_income": net / (1 - TAX) + interest,
            "depreciation": DEPRECIATION * revenue,
            "interest_expense": interest,
            "net_income": net,
            "dividends_per_share": self.dividends,
            "operating_cash_flow": operating,
            "investing_cash_flow": investing,
            "financing_cash_flow": np.diff(cash, axis=0, prepend=np.nan) - operating - investing,
            "capital_expenditure": CAPITAL_SPENDING * revenue,
        }

    def _revenue(self, equity: Array) -> Array:
        trait, quarters = self.market.lifecycles.trait, self.market.quarters
        level = SALES * np.exp(SALES_DISPERSION * np.clip(ndtri(trait["sales"]), -2, 2))
        season = SEASON * np.cos(np.pi / 2 * quarters.place)
        noise = SALES_NOISE * fading(self._draw("revenue"), FADING) + SURPRISING_SALES * quarters.surprise
        revenue: Array = equity * level * np.exp(season + noise)
        return revenue

    @cached_property
    def margin(self) -> Array:
        """Net income over revenue."""
        usual = _between(MARGIN, self.market.lifecycles.trait["margin"])
        noise = MARGIN_NOISE * fading(self._draw("margin"), FADING)
        return usual + noise + SURPRISING_EARNINGS * self.market.quarters.surprise

    def _draw(self, quantity: str) -> Array:
        return streams.normal(self.market.seed, self.market.lifecycles.places, quantity, len(self.market.quarters.ends))

    def summed(self, item: str, quarters: int) -> Array:
        """The item over that many quarters up to each one; NaN for the first ones."""
        x = self.quarterly[item]
        total = x.copy()
        for back in range(1, quarters):
            total[back:] += x[:-back]
        total[: quarters - 1] = np.nan
        return total


def _between(bounds: tuple[float, float], u: Array) -> Array:
    return bounds[0] + (bounds[1] - bounds[0]) * u


def fundamentals(market: Market, financials: Financials) -> pl.DataFrame:
    """Reported items by filing: quarters of income, cash flows of the year to date, years in annual reports."""
    filed = _filings(market)
    T, rate = len(market.sessions), market.settings.company_events.restatements
    Q, M = filed.shape
    drawn = streams.uniform(market.seed, market.lifecycles.places, "restated", 3 * Q).reshape(Q, 3, M)
    after = (AMENDED_AFTER[0] + (AMENDED_AFTER[1] - AMENDED_AFTER[0]) * drawn[:, 1]).astype(np.int64)
    session: Ints = market.quarters.filed
    amended = filed & (drawn[:, 0] < rate) & (session + after < np.minimum(market.lifecycles.gone, T))
    frames = [
        _rows(market, where, item, months, value, session) for item, months, value, where in _items(financials, filed)
    ]
    frames += [
        _rows(market, where, item, months, value * (1 - AMENDED_BY * drawn[:, 2]), session + after, "/A")
        for item, months, value, where in _items(financials, amended)
        if months
    ]
    rows = pl.concat(frames).filter(pl.col("value").is_not_nan(), published_by_end(market.settings))
    return payload(FUNDAMENTALS, rows, Grade.DATED)


def _filings(market: Market) -> Flags:
    """(Q, M) filed within the sessions, of a listed company."""
    session, lifecycles = market.quarters.filed, market.lifecycles
    end = np.minimum(lifecycles.gone, len(market.sessions))
    filed: Flags = (session >= lifecycles.listed) & (session < end)
    return filed


def _items(financials: Financials, filed: Flags) -> Iterator[tuple[str, int, Array, Flags]]:
    """item, months, value and where it is filed."""
    place = financials.market.quarters.place
    for item in (*BALANCE, "shares_outstanding"):
        yield item, 0, financials.quarterly[item], filed
    for item in (*INCOME, "eps_diluted"):
        for quarters, where in ((1, filed & (place < 4)), (4, filed & (place == 4))):
            value = (
                financials.summed("net_income", quarters) / financials.shares
                if item == "eps_diluted"
                else financials.summed(item, quarters)
            )
            yield item, 3 * quarters, value, where
    for item in CASH_FLOWS:
        for quarters in (1, 2, 3, 4):
            yield item, 3 * quarters, financials.summed(item, quarters), filed & (place == quarters)


def _rows(
    market: Market, where: Flags, item: str, months: int, value: Array, session: Ints, amendment: str = ""
) -> pl.DataFrame:
    q, i = np.nonzero(where)
    annual = pl.Series(market.quarters.place[where] == 4)
    day = days_from(market).gather(session[where])
    frame = pl.DataFrame(
        {
            "event_date": pl.Series(market.quarters.ends, dtype=pl.Date).gather(q),
            "symbol": pl.Series(market.symbols, dtype=pl.String).gather(i),
            "value": _rounded(item, value[where]),
            "filed": day,
            "annual": annual,
        }
    )
    return frame.select(
        "event_date",
        "symbol",
        "value",
        item=pl.lit(item),
        months=pl.lit(months, pl.Int8),
        form=pl.when("annual").then(pl.lit(f"10-K{amendment}")).otherwise(pl.lit(f"10-Q{amendment}")),
        known_at=moments.end_of_day(pl.col("filed")),
    )


def _rounded(item: str, value: Array) -> Array:
    """Cents of what is per share, else whole thousands (of USD) or whole shares."""
    if item in ("eps_diluted", "dividends_per_share"):
        return np.round(value, 2)
    return np.round(value) if item == "shares_outstanding" else np.round(value, -3)
