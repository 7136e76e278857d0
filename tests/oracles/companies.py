"""What is known of one company, figure by figure."""

import datetime as dt

Fact = tuple[str, int, dt.date]  # item, months, end of the period

WEEKS = {1: (11, 18), 2: (23, 30), 3: (35, 42), 4: (51, 54)}
BALANCE = ("assets", "current_assets", "cash", "liabilities", "current_liabilities", "debt", "equity")


def told(
    facts: dict[Fact, float],
    session: dt.date,
    close: float | None,
    splits: list[tuple[dt.date, float]],
    max_age_days: int,
) -> dict[str, object] | None:
    """The row of COMPANY_FINANCIALS by column, or None where there is none; `facts` are all known at the session."""
    facts = {fact: value for fact, value in facts.items() if fact[2] <= session}
    reports = sorted({day for item, _, day in facts if item in ("revenue", "net_income", "assets", "equity")})
    shares = _shares(facts, session, splits, max_age_days)
    if not reports and shares is None:
        return None
    company = _Company(facts, _timeline(reports))
    row: dict[str, object] = {"period_end": reports[-1] if reports else None}
    row["age_days"] = (session - reports[-1]).days if reports else None
    if not reports or row["age_days"] > max_age_days:
        company = _Company({}, [None] * 12)
    for item in ("revenue", "operating_income", "net_income", "operating_cash_flow", "capital_expenditure"):
        row[f"{item}_ttm_usd"] = company.twelve_months(item, 0)
    row["gross_profit_ttm_usd"] = company.twelve_months("gross_profit", 0)
    if row["gross_profit_ttm_usd"] is None:
        cost = company.twelve_months("cost_of_revenue", 0)
        row["gross_profit_ttm_usd"] = _less(row["revenue_ttm_usd"], cost)
    written_off = company.twelve_months("depreciation", 0)
    row["ebitda_ttm_usd"] = _sum([row["operating_income_ttm_usd"], written_off])
    for item in ("revenue", "net_income"):
        row[f"{item}_quarter_usd"] = company.last_quarter(item)
        row[f"{item}_ttm_year_ago_usd"] = company.twelve_months(item, 4)
    for item in BALANCE:
        row[f"{item}_usd"] = company.reported(item, 0, 0)
    for item in ("assets", "equity"):
        row[f"{item}_year_ago_usd"] = company.reported(item, 0, 4)
    row["shares_outstanding"] = shares
    row["market_cap_usd"] = None if shares is None or close is None else shares * close
    for name, what in (
        ("eps_ttm", "net_income_ttm"),
        ("revenue_per_share", "revenue_ttm"),
        ("book_per_share", "equity"),
    ):
        amount = row[f"{what}_usd"]
        row[f"{name}_usd"] = None if shares is None or amount is None else amount / shares
    return row


def _timeline(reports: list[dt.date]) -> list[dt.date | None]:
    """Ends of quarters from the last one back, None where there is no report of one."""
    ends: list[dt.date | None] = [reports[-1] if reports else None] + [None] * 11
    for base in (0, 4, 8):
        for back in (1, 2, 3, 4):
            if base + back < 12 and ends[base] is not None:
                ends[base + back] = _before(reports, ends[base], back)
    return ends


def _before(reports: list[dt.date], day: dt.date, quarters: int) -> dt.date | None:
    low, high = WEEKS[quarters]
    fit = [one for one in reports if 7 * low <= (day - one).days <= 7 * high]
    return min(fit, key=lambda one: (abs((day - one).days - quarters * 365.25 / 4), -one.toordinal()), default=None)


class _Company:
    def __init__(self, facts: dict[Fact, float], ends: list[dt.date | None]) -> None:
        self.facts = facts
        self.ends = [*ends, *[None] * 8]

    def reported(self, item: str, months: int, slot: int) -> float | None:
        day = self.ends[slot]
        return None if day is None else self.facts.get((item, months, day))

    def follows(self, slot: int) -> bool:
        later, earlier = self.ends[slot], self.ends[slot + 1]
        return later is not None and earlier is not None and 77 <= (later - earlier).days <= 126

    def single(self, item: str, slot: int) -> float | None:
        found = self.reported(item, 3, slot)
        for months in (6, 9, 12):
            if found is None and self.follows(slot):
                found = _less(self.reported(item, months, slot), self.reported(item, months - 3, slot + 1))
        return found

    def last_quarter(self, item: str) -> float | None:
        found = self.single(item, 0)
        if found is None and self.follows(0):
            found = _less(self.reported(item, 12, 0), self.quarters(item, 1, 3))
        return found

    def quarters(self, item: str, slot: int, count: int) -> float | None:
        if not all(self.follows(slot + i) for i in range(count - 1)):
            return None
        return _sum([self.single(item, slot + i) for i in range(count)])

    def to_date(self, item: str, slot: int, count: int) -> float | None:
        found = self.reported(item, 3 * count, slot)
        return self.quarters(item, slot, count) if found is None else found

    def twelve_months(self, item: str, slot: int) -> float | None:
        found = self.reported(item, 12, slot)
        if found is None:
            found = self.quarters(item, slot, 4)
        for count in (1, 2, 3):
            if found is None:
                year = self.reported(item, 12, slot + count)
                found = _less(_sum([year, self.to_date(item, slot, count)]), self.to_date(item, slot + 4, count))
        return found


def _shares(
    facts: dict[Fact, float], session: dt.date, splits: list[tuple[dt.date, float]], max_age_days: int
) -> float | None:
    counts = [
        (day, value)
        for (item, months, day), value in facts.items()
        if item == "shares_outstanding" and months == 0 and value > 0 and (session - day).days <= max_age_days
    ]
    if not counts:
        return None
    day, shares = max(counts)
    for ex_date, ratio in splits:
        if day < ex_date <= session:
            shares *= ratio
    return shares


def _sum(values: list[float | None]) -> float | None:
    return None if any(value is None for value in values) else sum(values)


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
