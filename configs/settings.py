"""Numbers that people choose: frozen, typed, bounded; unknown keys are errors."""

import datetime as dt
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Of what is not there: a field is hidden from code that does not name it."""
            if name in type(self).model_fields:
                raise AttributeError(
                    f"{type(self).__name__}.{name} is hidden, as no code of this asset names it; write .{name} where "
                    "it is read, so that the setting counts in what is stored"
                )
            return super().__getattr__(name)


class History(Settings):
    """Which sessions exist for this profile."""

    start: dt.date = Field(description="first session; nothing earlier is an input")
    hold_out: dt.date | None = Field(None, description="reports show nothing from here on without --final")
    end: dt.date | None = Field(None, description="last session; null where the history goes on with the calendar")

    @model_validator(mode="after")
    def _in_order(self) -> "History":
        if self.end is not None and self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        return self


class KnownAt(Settings):
    """When a row of a file was known: a column says so, or a rule does.

    A column of `estimated` dates follows a rule of thumb such as "a day later": its rows are graded ruled, and a date
    without trading counts as the next session, because little is published on weekends and holidays.
    """

    column: str | None = None
    rule: Literal["end_of_day", "morning_of_ex_date"] | None = None
    estimated: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "KnownAt":
        if (self.column is None) == (self.rule is None):
            raise ValueError("known_at needs either `column` or `rule`")
        if self.estimated and self.column is None:
            raise ValueError("known_at: `estimated` speaks of the dates in a `column`; a rule is one already")
        return self


class Item(Settings):
    """A column of a wide file of reports, which has one row a company and period.

    `months` is the length of the period: 0 for what stands at its end, or by the values of another column, for example
    {period_focus: {Q1: 3, Q2: 6, Q3: 9, FY: 12}} for figures of the year to date.
    """

    item: str
    months: int | dict[str, dict[str, int]] = 0

    @model_validator(mode="after")
    def _one_column(self) -> "Item":
        if isinstance(self.months, dict) and len(self.months) != 1:
            raise ValueError(f"months of {self.item} go by one column, not by {', '.join(self.months) or 'none'}")
        return self


class Table(Settings):
    """One file of a drop.

    `columns` maps our names to the file's. `where` keeps rows whose file column is one of the values, `drop` leaves
    such rows out, `unlinked` (members) counts them as without a price series. `replace` gives, by our column name,
    values of the file and what they stand for; null means missing. `hindsight` lists file columns that nobody knew
    at the time; using one is refused unless the profile names an exception.

    Of what companies report: `items` maps columns of a wide file to items, one row of ours for each that is not empty;
    `max_lag_days` leaves out what became known later than that after its date; `without_symbol` says what becomes of
    rows that name no security. `coverage: hindsight` says that who is in the file was chosen by what came later, as in
    a file of survivors: none of it is served unless the profile names an exception.
    """

    file: str
    columns: dict[str, str] = {}
    where: dict[str, list[str]] = {}
    drop: dict[str, list[str]] = {}
    unlinked: dict[str, list[str]] = {}
    replace: dict[str, dict[str | int, str | int | None]] = {}
    known_at: KnownAt = KnownAt(rule="end_of_day")
    off_calendar: Literal["refuse", "drop"] = "refuse"
    hindsight: list[str] = []
    carry_back: bool = Field(False, description="industries: the first snapshot also serves earlier sessions")
    items: dict[str, Item] = {}
    max_lag_days: int | None = Field(None, ge=1)
    without_symbol: Literal["refuse", "drop"] = "refuse"
    coverage: Literal["as_known", "hindsight"] = "as_known"
    by: Literal["symbol", "ticker"] = Field("symbol", description="ticker: mapped to the security by the tickers table")
    snapshots: bool = Field(False, description="members: each date lists all of them; no interval is given")


class Drop(Settings):
    """When the sensor on the folder calls the files of a session complete."""

    tables: tuple[str, ...] = Field(("bars",), description="datasets whose files must be there, as the vendor has them")
    share: float = Field(0.9, gt=0, le=1, description="of the symbols of the session before that must have a bar")
    marker: bool = Field(False, description="a file <name>.done, written after <name>, says that it is complete")


class FilesVendor(Settings):
    """A drop of Parquet or CSV files; docs/bring_your_own_prices.md gives the schema."""

    kind: Literal["files"]
    folder: Path | None = Field(None, description="relative to the repository; --data puts another in its place")
    live: bool = Field(False, description="keep what the files held before: a row that changes becomes a late row")
    bars: list[Table] = [Table(file="bars")]
    corporate_actions: list[Table] = [Table(file="corporate_actions", known_at=KnownAt(rule="morning_of_ex_date"))]
    members: list[Table] = [Table(file="members")]
    industries: list[Table] = [Table(file="industries")]
    benchmarks: list[Table] = [Table(file="benchmarks")]
    macro: list[Table] = [Table(file="macro")]
    tickers: list[Table] = [Table(file="tickers")]
    fundamentals: list[Table] = [Table(file="fundamentals")]
    estimates: list[Table] = [Table(file="estimates")]
    earnings_dates: list[Table] = [Table(file="earnings_dates")]
    short_interest: list[Table] = [Table(file="short_interest")]
    borrow: list[Table] = [Table(file="borrow")]
    compared_bars: list[Table] = [Table(file="compared_bars")]  # of a second vendor
    drop: Drop = Drop()

    @model_validator(mode="after")
    def _known_kinds(self) -> "FilesVendor":
        if any(table.by == "ticker" for table in (*self.macro, *self.tickers)):
            raise ValueError("`by: ticker` is for files that name securities; macro and tickers have none to look up")
        files = {name: value for name, value in self if isinstance(value, list) and name != "members"}
        if any(table.snapshots for tables in files.values() for table in tables):
            raise ValueError("`snapshots` is for members: each date lists all of them")
        return self


class PlantedAlpha(Settings):
    """An alpha that the simulated truth knows, and that a column of the data tells of unless it is hidden."""

    name: str
    ic: float = Field(ge=-0.5, le=0.5, description="correlation with the idiosyncratic return of the next 21 sessions")
    half_life: float = Field(gt=0.5, description="sessions")
    shown_by: Literal["nothing", "volume", "short_interest"] = "nothing"


class Happenings(Settings):
    """How often what happens to companies happens; a handful of symbols have a planned story besides."""

    listed_later: float = Field(0.1, ge=0, le=1, description="share of symbols that are not listed at the start")
    failures: float = Field(0.008, ge=0, le=1, description="a year and symbol, as are those below")
    mergers: float = Field(0.02, ge=0, le=1)
    spin_offs: float = Field(0.006, ge=0, le=1)
    ticker_changes: float = Field(0.015, ge=0, le=1)
    reclassifications: float = Field(0.01, ge=0, le=1)
    special_dividends: float = Field(0.02, ge=0, le=1)
    restatements: float = Field(0.01, ge=0, le=1, description="share of filings that are amended later")
    moved_announcements: float = Field(0.05, ge=0, le=1, description="share of earnings dates that are moved")


class Faults(Settings):
    """What goes wrong on the way from the exchange to the user, on request."""

    halts: float = Field(0.0, ge=0, le=0.2, description="chance a session that a name stops trading for some sessions")
    missing_days: float = Field(0.0, ge=0, le=0.5, description="share of sessions of which no bar ever comes")
    late_files: float = Field(0.0, ge=0, le=0.5, description="share of sessions whose bars all come a session late")
    duplicates: float = Field(0.0, ge=0, le=0.2, description="share of bars that come twice; half of them contradict")


class SimulatedVendor(Settings):
    """A market from the profile's seed, with planted truth."""

    kind: Literal["simulated"]
    n_symbols: int = Field(40, ge=4, le=5000)
    n_sectors: int = Field(11, ge=1, le=11)
    start: dt.date = dt.date(2015, 1, 2)
    end: dt.date = dt.date(2018, 12, 31)
    momentum_ic: float = Field(0.03, ge=0, le=0.5, description="planted strength of 12-1 momentum")
    alphas: tuple[PlantedAlpha, ...] = ()
    volatility_calm: float = Field(0.009, gt=0, description="market, per session")
    volatility_turbulent: float = Field(0.025, gt=0, description="market, per session")
    turbulent_share: float = Field(0.2, gt=0, lt=1)
    regime_half_life: float = Field(60, gt=1, description="sessions a regime of volatility lasts on average")
    drift_rising: float = Field(0.12, description="market, simple, a year")
    drift_falling: float = Field(-0.12, description="market, simple, a year")
    falling_share: float = Field(0.25, gt=0, lt=1)
    trend_sessions: float = Field(120, gt=1, description="a trend lasts on average")
    coupled_variance: float = Field(0.5, gt=0, le=1, description="of what is not the market's, left when coupled")
    coupled_share: float = Field(0.3, gt=0, lt=1)
    coupled_sessions: float = Field(90, gt=1, description="a regime of correlation lasts on average")
    idiosyncratic_volatility: float = Field(0.013, gt=0, description="of a typical stock, per session, when calm")
    tail_degrees: float = Field(5.0, gt=4, description="of freedom, of idiosyncratic returns")
    sector_volatility: float = Field(0.0045, ge=0, description="per session, when calm")
    style_volatility: float = Field(0.0025, ge=0, description="of each style's return, per session, when calm")
    beta_wander: float = Field(0.1, ge=0, le=0.5, description="deviation of a beta about its level over the years")
    overnight_share: float = Field(0.3, gt=0, lt=1, description="of variance and drift")
    half_spread: float = Field(0.0003, ge=0, le=0.05, description="of a typical stock, of the price")
    earnings_move: float = Field(0.02, ge=0, description="log return on a surprise of one deviation")
    index_share: float = Field(1.0, gt=0, le=1, description="of listed symbols, by capitalisation, that are members")
    fund_weights: Literal["equal", "capitalisation"] = "equal"
    correction_rate: float = Field(0.002, ge=0, le=0.2, description="share of bars corrected later")
    late_rate: float = Field(0.001, ge=0, le=0.2, description="share of bars that arrive a session or more late")
    happenings: Happenings = Happenings()
    faults: Faults = Faults()


class Transport(Settings):
    """How a vendor is asked; no value depends on it, so neither a fingerprint nor the config hash does."""

    requests_per_minute: float = Field(60.0, gt=0)
    burst: int = Field(1, ge=1, le=100, description="requests that may go out at once")
    timeout_seconds: float = Field(30.0, gt=0, description="to connect, and between two pieces of an answer")
    tries: int = Field(6, ge=1, le=20)
    longest_wait_seconds: float = Field(60.0, gt=0, description="between two tries, unless the vendor asks for more")
    total_seconds: float = Field(600.0, gt=0, description="of all tries of one request")
    max_megabytes: int = Field(256, ge=1, description="of one answer")


class PolygonSource(Settings):
    """Bars, corporate actions and tickers in the format of Polygon's stocks API; the key is POLYGON_API_KEY."""

    base_url: str = Field("https://api.polygon.io", exclude=True)
    transport: Transport = Field(Transport(requests_per_minute=5), exclude=True)
    tickers: tuple[str, ...] | None = Field(None, description="null: the whole market, one request a session")
    types: tuple[str, ...] = Field(("CS", "ADRC"), description="of securities in bars: common shares and their ADRs")
    benchmarks: tuple[str, ...] = Field((), description="tickers served as market/benchmarks instead")
    recheck_sessions: int = Field(2, ge=0, le=21, description="asked for once more so many sessions later")
    ahead_months: int = Field(2, ge=0, le=12, description="actions are looked for so far ahead of their ex-date")
    gap_sessions: int = Field(10, ge=1, le=63, description="a ticker unseen for longer may name another security")


class EdgarSource(Settings):
    """What companies report to the SEC, from data.sec.gov, which needs no key but wants to know who asks."""

    base_url: str = Field("https://data.sec.gov", exclude=True)
    transport: Transport = Field(Transport(requests_per_minute=300), exclude=True)
    user_agent: str = Field(exclude=True, min_length=8, description="who asks, with an address: Name name@example.com")
    companies: dict[str, Annotated[str, Field(pattern=r"^\d{1,10}$")]] = Field(
        {}, description="symbol to CIK, in quotes; empty: those of the tickers that Polygon gave"
    )


class FredSource(Settings):
    """Macro series with their vintages, from the FRED API; the key is FRED_API_KEY."""

    base_url: str = Field("https://api.stlouisfed.org", exclude=True)
    transport: Transport = Field(Transport(requests_per_minute=60), exclude=True)
    series: dict[str, str] = Field(
        {"VIX_CLOSE": "VIXCLS", "DGS10": "DGS10", "DGS2": "DGS2", "BAA10Y": "BAA10Y", "DFF": "DFF"},
        description="our name to FRED's",
    )
    first_vintage_lag_days: dict[str, int] = Field(
        {}, description="our name to the days after which its values were known before its vintages begin: a rule"
    )


class HttpVendor(Settings):
    """Vendors over HTTP, each for its datasets; docs/vendors.md. What none of them serves is empty."""

    kind: Literal["http"]
    live: bool = Field(False, exclude=True, description="what is fetched from now on is known when it arrives")
    polygon: PolygonSource | None = None
    edgar: EdgarSource | None = None
    fred: FredSource | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "HttpVendor":
        if not (self.polygon or self.edgar or self.fred):
            raise ValueError("name at least one of polygon, edgar, fred")
        if self.edgar and not self.edgar.companies and not self.polygon:
            raise ValueError("edgar needs `companies` (symbol to CIK), or polygon beside it for the tickers")
        return self


Vendor = Annotated[FilesVendor | HttpVendor | SimulatedVendor, Field(discriminator="kind")]


class Market(Settings):
    universe_source: Literal["members", "bars"] = Field("members", description="dated members, or all with a bar")
    min_price_usd: float = Field(3.0, ge=0, description="a lower close is not tradable")
    min_adv_usd: float = Field(5_000_000.0, ge=0, description="less mean daily dollar volume is not tradable")
    adv_sessions: int = Field(21, ge=1, le=252, description="of the mean daily dollar volume")
    max_gap_sessions: int = Field(21, ge=1, le=63, description="a longer gap between bars yields no return")
    restate_sessions: int = Field(63, ge=1, le=252, description="how far back a correction restates returns")
    suspected_actions: Literal["exclude", "keep"] = Field(
        "exclude", description="returns over what looks like a split that nobody recorded: null, or as they are"
    )
    suspect_ratio: float = Field(1.45, ge=1.2, le=10, description="a smaller overnight move, up or down, is none")
    suspect_tolerance: float = Field(0.04, gt=0, le=0.1, description="log; how near it is to a simple split")
    suspect_range: float = Field(0.09, gt=0, le=1, description="of the day, high over low less 1; more is news")
    suspect_volume: float = Field(3.0, gt=0, le=100, description="times the dollar volume before; more is news")
    fundamentals_max_age_days: int = Field(
        460, ge=91, le=1000, description="since the end of the period: a year, and the next report's three months"
    )
    membership_max_age_sessions: int = Field(
        300, ge=1, le=2520, description="an older list of members counts for nothing: nobody is one by it"
    )
    grouping: Literal["published", "ff49", "ff12"] = Field(
        "published", description="industries as published, or Fama and French's 49 or 12 by SIC code"
    )


class Quality(Settings):
    """What is strange in the data that come in: nothing of it is dropped, but for what breaks a rule of the door."""

    quarantine_tolerance: int = Field(0, ge=0, description="rows a session kept out at the door; more fail the check")
    missing_tolerance: float = Field(0.5, ge=0, le=1, description="share of names without a bar; more fails the check")
    missing_sessions: int = Field(5, ge=1, le=21, description="a name with a bar in the last so many should have one")
    large_move: float = Field(0.4, gt=0, description="log; a larger one without an action is a finding")
    split_missed: float = Field(0.75, ge=0.5, le=1, description="share of a split's log: missed by more")
    large_distribution: float = Field(0.2, gt=0, description="of the previous close; more paid in cash is a finding")
    stale_sessions: int = Field(3, ge=1, le=21, description="unchanged bars in a row that are a finding")
    volume_sessions: int = Field(21, ge=5, le=252, description="of the median dollar volume")
    volume_multiple: float = Field(20.0, gt=1, description="of that median; more is a finding")
    range_limit: float = Field(0.5, gt=0, description="log of high over low; a wider one is a finding")
    close_tolerance: float = Field(0.005, gt=0, description="log of one vendor's close over another's")
    volume_tolerance: float = Field(0.7, gt=0, description="log of one vendor's volume over another's")


class Macro(Settings):
    """Which series of market/macro mean what; a series that is absent gives nulls."""

    vix: str = "VIX_CLOSE"
    vix_3m: tuple[str, ...] = Field(("VIX3M", "VXV_CLOSE"), description="the first that is known counts")
    yield_10y: str = "DGS10"
    yield_2y: str = "DGS2"
    credit_spread: str = "BAA10Y"
    cash_rate: str = Field("DFF", description="percent a year; what cash earns, as last known")
    max_age_sessions: int = Field(10, ge=1, le=63, description="an older last value counts as missing")


SCORED_BY_DEFAULT = (
    "reversal_5",
    "reversal_21",
    "momentum_63",
    "momentum_126_21",
    "momentum_252_21",
    "overnight_63",
    "intraday_63",
    "ma_gap_20",
    "ma_gap_50",
    "ma_gap_200",
    "high_gap_252",
    "rsi_14",
    "volatility_21",
    "volatility_63",
    "volatility_252",
    "downside_volatility_63",
    "range_volatility_21",
    "skewness_63",
    "max_return_21",
    "volume_trend_5_63",
    "volume_volatility_63",
    "amihud_21",
    "amihud_252",
    "log_adv_63",
)


class Stationary(Settings):
    """How a feature is made stationary against its own trailing values."""

    method: Literal["difference", "normalize", "rank", "neutralize"]
    sessions: int = Field(252, ge=1, le=756, description="of the window; of the lag of a difference")
    against: tuple[str, ...] = Field((), description="neutralize: features of the stock that it shares trends with")
    components: int = Field(1, ge=1, description="neutralize: principal components that are taken out")

    @model_validator(mode="after")
    def _wide_enough(self) -> "Stationary":
        if self.method != "difference" and self.sessions < 2:
            raise ValueError(f"{self.method} needs a window of at least 2 sessions")
        return self

    @model_validator(mode="after")
    def _against_others(self) -> "Stationary":
        if self.method != "neutralize":
            if self.against or self.components > 1:
                raise ValueError(f"against and components are of neutralize; {self.method} looks at one feature alone")
        elif len({*self.against}) < len(self.against):
            raise ValueError(f"against names one feature twice: {self.against}")
        elif self.components > len(self.against):
            raise ValueError(
                f"{self.components} components of {len(self.against) + 1} features leave nothing; name more in against"
            )
        return self


class MarketProxies(Settings):
    """Symbols of market/benchmarks that stand for whole markets; one that is absent gives nulls."""

    equity: str = "SPY"
    bonds: str = "TLT"
    high_yield: str = "HYG"
    investment_grade: str = "LQD"
    gold: str = "GLD"


# The sector funds of State Street, and iShares' for Telecom, which had none; by GICS' names, the old ones too.
INDUSTRY_PROXIES = {
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Information Technology": "XLK",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Telecommunication Services": "IYZ",
    "Utilities": "XLU",
}


# A stock that has led for a year, not far above what was paid for it this year, at a price that rises.
COMPOSITE = {"momentum_252_21": 0.4, "avwap_year_gap": -0.3, "avwap_year_slope": 0.3}


class Features(Settings):
    winsorize_quantiles: tuple[float, float] = Field((0.01, 0.99), description="of the universe, before standardizing")
    min_observations_share: float = Field(0.8, gt=0, le=1, description="of a window; fewer give null")
    horizons: tuple[int, ...] = Field((21, 63), description="label horizons, sessions")
    min_industry: int = Field(5, ge=2, description="an industry with fewer values is scored against the whole universe")
    bollinger_deviations: float = Field(2.0, gt=0, description="half a Bollinger band")
    turn_of_month: tuple[int, int] = Field((1, 3), description="last and first weekdays of a month that are its turn")
    avwap_slope_sessions: int = Field(5, ge=1, le=63, description="of the slope of an anchored mean price")
    scored: Literal["all"] | tuple[str, ...] = Field(
        SCORED_BY_DEFAULT, description="features that are scored and learnt from"
    )
    stationary: dict[str, Stationary] = Field({}, description="feature to how its scores see it; else as it is")
    composite: dict[str, float] = Field(
        COMPOSITE, description="weights of the features' scores in the composite; negative where less is better"
    )
    composite_min_share: float = Field(0.5, gt=0, le=1, description="of the weights, by size; fewer known give null")
    floors: dict[str, float] = Field({}, description="feature to its least value; no rank below, whatever the score")
    quote_max_age_sessions: int = Field(5, ge=1, le=63, description="an older quote to borrow counts for nothing")
    short_interest_max_age_sessions: int = Field(42, ge=1, le=130, description="since the settlement")
    zero_return_bp: float = Field(0.0, ge=0, description="a return no larger counts as none")
    alpha158: bool = Field(False, description="whether features/alpha158 holds any rows")
    industry_proxies: dict[str, str] = Field(
        INDUSTRY_PROXIES, description="industry to the symbol of market/benchmarks that stands for it, once it has bars"
    )
    market_proxies: MarketProxies = MarketProxies()
    label_quantiles: int = Field(5, ge=2, le=100, description="of the labels of a session")
    delisted_after_sessions: int = Field(21, ge=1, le=63, description="without a bar; then a label counts what is left")
    delisting_return: float = Field(-0.30, ge=-1, description="simple, of a label's stock where none is recorded")

    @model_validator(mode="after")
    def _sane(self) -> "Features":
        low, high = self.winsorize_quantiles
        if not 0 <= low < high <= 1:
            raise ValueError(f"winsorize_quantiles {low}, {high} must rise within [0, 1]")
        if not self.horizons or min(self.horizons) < 1 or len(set(self.horizons)) != len(self.horizons):
            raise ValueError(f"horizons {self.horizons} must be different whole numbers of at least 1")
        if min(self.turn_of_month) < 0 or not 0 < sum(self.turn_of_month) <= 15:
            raise ValueError(f"turn_of_month {self.turn_of_month} must be of 1 to 15 weekdays together")
        if wrong := [name for name, weight in self.composite.items() if not math.isfinite(weight) or weight == 0]:
            raise ValueError(f"composite weighs {wrong} by nothing that counts; leave it out, or give a number")
        return self


class Regimes(Settings):
    n_states: int = Field(3, ge=2, le=3, description="of each hidden Markov model")
    lookback_sessions: int = Field(504, ge=60, le=1260)
    min_observations: int = Field(252, ge=30)
    random_starts: int = Field(3, ge=0, le=20, description="seeded starts of EM beside the deterministic one")
    max_iterations: int = Field(100, ge=1)
    tolerance: float = Field(1e-2, gt=0, description="nats of log likelihood")
    variance_floor: float = Field(1e-3, gt=0, description="share of the signal's variance in the window")
    trend_gap: float = Field(0.02, ge=0, le=0.2, description="market: log gap to its mean of 200 that is a trend")
    turbulent_percentile: float = Field(0.6, gt=0, lt=1, description="market: of its volatility in its last year")
    crisis_percentile: float = Field(0.9, gt=0, lt=1, description="market: of its volatility in its last year")
    crisis_volatility_annual: float = Field(0.25, gt=0, description="market: less is turbulent at most")
    systemic_correlation: float = Field(0.7, gt=0, lt=1, description="market: mean correlation of industries")
    market_weight: float = Field(0.25, ge=0, le=1, description="of the market's regime in each industry's")
    half_life_sessions: float = Field(3.0, gt=0, le=21, description="of the smoothing of probabilities")

    @model_validator(mode="after")
    def _in_order(self) -> "Regimes":
        if self.turbulent_percentile >= self.crisis_percentile:
            raise ValueError("turbulent_percentile must lie below crisis_percentile")
        return self


class EarningsBlackout(Settings):
    before: int = Field(0, ge=0, le=21, description="sessions before an announcement that is known to come")
    after: int = Field(0, ge=0, le=21, description="sessions from an announcement on, its own included")

    @property
    def sessions(self) -> int:
        """How many it spans; 0 where it is off."""
        return self.before + self.after


class Alpha(Settings):
    models: tuple[Literal["ridge", "lightgbm"], ...] = ("ridge", "lightgbm")
    lookback_sessions: int = Field(504, ge=63, le=2520)
    min_rows: int = Field(500, ge=10)
    ridge_penalty: float = Field(100.0, ge=0, description="added to the Gram matrix's diagonal")
    tree_count: int = Field(50, ge=1, le=2000)
    tree_leaves: int = Field(15, ge=2, le=255)
    tree_learning_rate: float = Field(0.1, gt=0, le=1)
    tree_min_rows: int = Field(200, ge=1, description="of a leaf")
    tree_row_stride: int = Field(5, ge=1, le=63, description="every so many sessions train; neighbours' labels overlap")
    calibration_share: float = Field(0.3, gt=0, lt=1, description="latest part of the window, purged, held out")
    calibration_cap: float = Field(1.5, gt=0, description="largest slope from log score to simple return")
    neutralize: bool = Field(True, description="against the risk model's factors")
    earnings_blackout: EarningsBlackout = Field(EarningsBlackout(), description="no alpha near an announcement; 0: off")


class Risk(Settings):
    lookback_sessions: int = Field(252, ge=21, le=1260, description="of betas, returns and residuals")
    min_observations: int = Field(63, ge=10)
    factor_half_life: float = Field(90.0, gt=1, description="sessions")
    specific_half_life: float = Field(60.0, gt=1, description="sessions")
    specific_shrinkage: float = Field(0.3, ge=0, le=1, description="towards the median of stocks alike")
    exposure_limit: float = Field(3.0, gt=0, description="deviations; styles beyond are moved there")
    spread_floor_bp: float = Field(5.0, gt=0, description="daily bars cannot tell narrower spreads from none")
    volatility_sessions: int = Field(63, ge=21, le=252, description="of the total volatility that prices impact")


class Portfolio(Settings):
    mode: Literal["long_only", "dollar_neutral"] = Field("long_only")
    benchmark: Literal["equal", "dollar_volume", "capitalisation"] = Field(
        "equal", description="weights of the tradable universe"
    )
    benchmark_coverage: float = Field(
        0.9, ge=0, le=1, description="share of dollar volume with a capitalisation; with less, dollar volume weights"
    )
    horizon_sessions: int = Field(21, ge=1, description="of alpha, covariance and borrow in the programme")
    risk_aversion: float = Field(8.0, gt=0, description="gamma, per unit of variance over the horizon")
    turnover_penalty: float = Field(5e-4, ge=0, description="lambda 1: per unit traded, beside the estimated costs")
    impact_multiple: float = Field(1.0, ge=0, description="lambda 2: of the estimated impact")
    market_premium_annual: float | None = Field(
        None, ge=-0.5, le=0.5, description="of every stock over cash; null: returns at which the benchmark is optimal"
    )
    weight_cap: float = Field(0.02, gt=0, le=1)
    short_cap: float = Field(0.01, ge=0, le=1, description="dollar_neutral: largest short weight")
    gross_cap: float = Field(2.0, gt=0, le=10, description="dollar_neutral: sum of |weights|")
    net_band: float = Field(0.02, ge=0, le=1, description="dollar_neutral: largest |sum of weights|")
    industry_band: float = Field(0.05, ge=0, le=1, description="active weight; net weight when dollar_neutral")
    crisis_band_multiple: float = Field(0.5, gt=0, le=1, description="of an industry's band in a crisis")
    turnover_cap: float = Field(0.25, gt=0, le=2, description="sum of |trades| a session, fraction of NAV")
    cash_floor: float = Field(0.0, ge=0, lt=1)
    volatility_target_annual: float = Field(0.12, gt=0, le=1)
    crisis_volatility_multiple: float = Field(0.67, gt=0, le=1, description="of the target when all are in a crisis")
    volatility_penalty: float = Field(1.0, gt=0, description="per unit of volatility over the target, over the horizon")
    trend_tilt_bp: float = Field(10.0, ge=0, le=200, description="kappa: of a surely bullish industry")
    max_names: int = Field(600, ge=1, description="of the largest by dollar volume")
    min_trade: float = Field(0.0005, ge=0, description="fraction of NAV; smaller trades are not sent")


class Execution(Settings):
    initial_cash_usd: float = Field(10_000_000.0, gt=0)
    commission_bp: float = Field(0.5, ge=0)
    impact_multiplier: float = Field(1.0, ge=0, description="Y of the square-root law")
    max_adv_share: float = Field(0.1, gt=0, le=1, description="pre-trade check: larger orders are cut to it")
    write_off_sessions: int = Field(21, ge=1, description="without a bar, then the delisting return applies")
    delisting_return: float = Field(-0.30, ge=-1, description="where none is recorded")
    cash_rate_annual: float = Field(0.0, ge=0, le=0.2, description="where no macro series says better")
    borrow_rate_annual: float = Field(0.005, ge=0, le=1, description="fee on the value of shorts, where none is quoted")
    borrow_max_age_sessions: int = Field(5, ge=1, le=63, description="an older quote of market/borrow counts as none")


class Backtest(Settings):
    benchmarks: tuple[str, ...] = Field(("RSP", "SPY"), description="symbols of market/benchmarks, first to be beaten")


class Profile(Settings):
    """Everything a run is told."""

    name: str
    seed: int = 7
    history: History
    decision_minutes_before_open: int = Field(30, ge=1, le=900)
    vendor: Vendor
    exceptions: dict[str, str] = Field({}, description="dataset name to why hindsight may enter it")
    market: Market = Market()
    quality: Quality = Quality()
    macro: Macro = Macro()
    features: Features = Features()
    regimes: Regimes = Regimes()
    alpha: Alpha = Alpha()
    risk: Risk = Risk()
    portfolio: Portfolio = Portfolio()
    execution: Execution = Execution()
    backtest: Backtest = Backtest()

    def part(self, kind: type[Settings]) -> Settings:
        """The one slice of the given type."""
        found: list[Any] = [value for _, value in self if type(value) is kind]
        if len(found) != 1:
            raise KeyError(f"profile {self.name} has {len(found)} parts of type {kind.__name__}")
        return found[0]  # type: ignore[no-any-return]
