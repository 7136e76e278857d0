"""Every feature of a company on one session, from plain rows: slow, and one number after the other."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence

Row = Mapping[str, object]
Value = float | None
REACH, SAME_PERIOD = 131, dt.timedelta(days=10)


def company(
    t: int,
    days: Sequence[dt.date],
    financials: Row | None,
    snapshots: Sequence[Row | None],
    bars: Sequence[Row | None],
    share: float = 0.8,
    slope_sessions: int = 5,
) -> dict[str, Value]:
    """Columns of COMPANY_FEATURES by name.

    Args:
        t: the session's place among `days`, which are sessions in a row.
        financials: of the session.
        snapshots, bars: of each of `days`.
    """
    found = _reports(financials or {})
    own = _Past(t, days, financials or {}, snapshots, bars)
    return found | own.expectations() | own.events() | own.lending(share) | own.anchored(share, slope_sessions)


def over(x: Value, y: Value) -> Value:
    return None if x is None or y is None or not y > 0 else x / y


def less(x: Value, y: Value) -> Value:
    return None if x is None or y is None else x - y


def log(x: Value) -> Value:
    return None if x is None or not x > 0 else math.log(x)


def _reports(row: Row) -> dict[str, Value]:
    of = {name: row.get(name) for name in ALL_FIGURES}
    net, sales, equity, cap = (of[name] for name in ("net_income_ttm_usd", "revenue_ttm_usd", "equity_usd", CAP))
    flow, assets, ebitda = of["operating_cash_flow_ttm_usd"], of["assets_usd"], of["ebitda_ttm_usd"]
    worth = None if None in (cap, of["debt_usd"], of["cash_usd"]) else cap + of["debt_usd"] - of["cash_usd"]
    mean_assets, mean_equity = mean(assets, of["assets_year_ago_usd"]), mean(equity, of["equity_year_ago_usd"])
    before, size = of["net_income_ttm_year_ago_usd"], of["equity_year_ago_usd"]
    return {
        "earnings_to_price": over(net, cap),
        "book_to_price": over(equity, cap),
        "sales_to_price": over(sales, cap),
        "cash_flow_to_price": over(flow, cap),
        "free_cash_flow_to_price": over(less(flow, of["capital_expenditure_ttm_usd"]), cap),
        "ev_to_ebitda": over(worth, ebitda) if worth is not None and worth > 0 else None,
        "ebitda_to_ev": over(ebitda, worth),
        "return_on_equity": over(net, mean_equity),
        "return_on_assets": over(net, mean_assets),
        "gross_profitability": over(of["gross_profit_ttm_usd"], assets),
        "gross_margin": over(of["gross_profit_ttm_usd"], sales),
        "operating_margin": over(of["operating_income_ttm_usd"], sales),
        "net_margin": over(net, sales),
        "asset_turnover": over(sales, mean_assets),
        "accruals": over(less(net, flow), mean_assets),
        "debt_to_equity": over(of["debt_usd"], equity),
        "liabilities_to_assets": over(of["liabilities_usd"], assets),
        "net_debt_to_ebitda": over(less(of["debt_usd"], of["cash_usd"]), ebitda),
        "current_ratio": over(of["current_assets_usd"], of["current_liabilities_usd"]),
        "cash_to_assets": over(of["cash_usd"], assets),
        "revenue_growth": less(over(sales, of["revenue_ttm_year_ago_usd"]), 1.0),
        "earnings_growth": over(less(net, before), None if before is None else abs(before)),
        "asset_growth": less(over(assets, of["assets_year_ago_usd"]), 1.0),
        "equity_growth": over(less(equity, size), None if size is None else abs(size)),
        "report_age_days": of["age_days"],
    }


def mean(x: Value, y: Value) -> Value:
    return None if x is None or y is None else (x + y) / 2


CAP = "market_cap_usd"
ALL_FIGURES = (
    "net_income_ttm_usd", "revenue_ttm_usd", "equity_usd", CAP, "operating_cash_flow_ttm_usd", "assets_usd",
    "ebitda_ttm_usd", "debt_usd", "cash_usd", "capital_expenditure_ttm_usd", "assets_year_ago_usd",
    "equity_year_ago_usd", "gross_profit_ttm_usd", "operating_income_ttm_usd", "liabilities_usd",
    "current_assets_usd", "current_liabilities_usd", "revenue_ttm_year_ago_usd", "net_income_ttm_year_ago_usd",
    "age_days",
)  # fmt: skip


class _Past:
    def __init__(self, t, days, financials, snapshots, bars) -> None:
        self.t, self.days, self.financials, self.snapshots, self.bars = t, days, financials, snapshots, bars
        self.close = bars[t]["close"]

    def said(self, name: str, lag: int = 0) -> object:
        row = self.snapshots[self.t - lag] if self.t >= lag else None
        return None if row is None else row[name]

    def splits(self, lag: int) -> Value:
        """New shares for one of `lag` sessions ago."""
        product = 1.0
        for s in range(self.t - lag + 1, self.t + 1):
            if s < 0:
                return None
            if self.bars[s] is not None:
                if self.bars[s]["split_ratio"] is None:
                    return None
                product *= self.bars[s]["split_ratio"]
        return product

    def then(self, period: str, item: str, lag: int) -> Value:
        """What was expected of the period that is now the first unreported one."""
        end = self.said(f"{period}_end")
        for place in (period, f"next_{period}"):
            before = self.said(f"{place}_end", lag)
            if end is not None and before is not None and abs(before - end) <= SAME_PERIOD:
                return self.said(f"{place}_{item}", lag)
        return None

    def revision(self, period: str, lag: int) -> Value:
        before = over(self.then(period, "eps_usd", lag), self.splits(lag))
        return over(less(self.said(f"{period}_eps_usd"), before), self.close)

    def surprise(self) -> tuple[Value, Value, Value]:
        end = self.financials.get("period_end")
        for lag in range(REACH):
            expected = self.said("quarter_end", lag)
            if end is not None and expected is not None and abs(expected - end) <= SAME_PERIOD:
                actual = over(self.financials["net_income_quarter_usd"], self.financials["shares_outstanding"])
                gap = less(actual, over(self.said("quarter_eps_usd", lag), self.splits(lag)))
                spread = over(self.said("quarter_eps_std_usd", lag), self.splits(lag))
                sales = over(self.financials["revenue_quarter_usd"], self.said("quarter_revenue_usd", lag))
                return over(gap, self.close), over(gap, spread), log(sales)
        return None, None, None

    def expectations(self) -> dict[str, Value]:
        mean_, spread = self.said("quarter_eps_usd"), self.said("quarter_eps_std_usd")
        surprise, deviations, sales = self.surprise()
        return {
            "expected_earnings_to_price": over(self.said("year_eps_usd"), self.close),
            "expected_revenue_growth": less(
                over(self.said("year_revenue_usd"), self.financials.get("revenue_ttm_usd")), 1.0
            ),
            "estimate_dispersion": over(spread, None if mean_ is None else abs(mean_)),
            "analysts": self.said("analysts"),
            "earnings_revision_21": self.revision("quarter", 21),
            "earnings_revision_63": self.revision("quarter", 63),
            "year_earnings_revision_63": self.revision("year", 63),
            "revenue_revision_63": log(over(self.said("quarter_revenue_usd"), self.then("quarter", "revenue_usd", 63))),
            "earnings_surprise": surprise,
            "standardized_earnings_surprise": deviations,
            "revenue_surprise": sales,
        }

    def events(self) -> dict[str, Value]:
        """Announcements must lie within the days that are given."""
        last, following = self.said("last_earnings"), self.said("next_earnings")
        return {
            "sessions_since_earnings": None if last is None else self.t - self.days.index(last),
            "sessions_until_earnings": None if following is None else self.days.index(following) - self.t,
        }

    def lending(self, share: float) -> dict[str, Value]:
        short, settled = self.said("shares_short"), self.said("settled")
        lag = None if settled is None else self.t - max(s for s, day in enumerate(self.days) if day <= settled)
        held = None
        if short is not None and lag is not None and lag < REACH and self.splits(lag) is not None:
            held = short * self.splits(lag)
        volumes = [
            self.bars[self.t - k]["dollar_volume_usd"] / self.bars[self.t - k]["close"] * self.splits(k)
            for k in range(21)
            if self.t >= k
            and self.bars[self.t - k] is not None
            and self.bars[self.t - k]["dollar_volume_usd"] is not None
            and self.splits(k) is not None
        ]
        traded = math.fsum(volumes) / len(volumes) if len(volumes) >= math.ceil(21 * share - 1e-9) else None
        outstanding = self.financials.get("shares_outstanding")
        return {
            "short_interest_fraction": over(held, outstanding),
            "days_to_cover": over(held, traded),
            "borrow_fee": self.said("borrow_fee_annual"),
            "borrow_supply": over(self.said("shares_to_borrow"), outstanding),
        }

    def anchored(self, share: float, slope_sessions: int) -> dict[str, Value]:
        last = self.said("last_earnings")
        found: dict[str, Value] = dict.fromkeys(("avwap_earnings_gap", "avwap_earnings_slope", "avwap_earnings_state"))
        age = None if last is None else self.t - self.days.index(last)
        if age is None or age >= REACH:
            return found
        rows = self.history(age)
        if len(rows) < math.ceil((age + 1) * share - 1e-9):
            return found
        now, then = vwap(rows), vwap([row for row in rows if row[0] >= slope_sessions])
        gap = log(over(self.close, now))
        slope = None if then is None or gap is None else math.log(now / then) / slope_sessions
        state = None
        if gap is not None and slope is not None:
            state = 1.0 if gap > 0 and slope > 0 else -1.0 if gap < 0 and slope < 0 else 0.0
        return {"avwap_earnings_gap": gap, "avwap_earnings_slope": slope, "avwap_earnings_state": state}

    def history(self, age: int) -> list[tuple[int, float, float]]:
        """(lag, USD, shares of the session) of the bars since the anchor, back to where a return is not known."""
        rows, multiple = [], 1.0
        for lag in range(age + 1):
            bar = self.bars[self.t - lag]
            if bar is None:
                continue
            shares = 0.0 if bar["dollar_volume_usd"] is None else bar["dollar_volume_usd"] / bar["close"]
            price = bar["vwap"] if bar["vwap"] is not None else (bar["high"] + bar["low"] + bar["close"]) / 3
            rows.append((lag, shares * price, shares * multiple))
            if bar["log_return"] is None or bar["split_ratio"] is None:
                break
            multiple *= bar["split_ratio"]
        return rows


def vwap(rows: list[tuple[int, float, float]]) -> Value:
    shares = math.fsum(row[2] for row in rows)
    return math.fsum(row[1] for row in rows) / shares if shares > 0 else None
