"""Numbers that people choose: frozen, typed, bounded; unknown keys are errors."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Table(Settings):
    """One file of a drop.

    `columns` maps our names to the file's. `where` keeps rows whose file column is one of the values, `drop` leaves
    such rows out, `unlinked` (members) counts them as without a price series. `replace` gives, by our column name,
    values of the file and what they stand for; null means missing. `hindsight` lists file columns that nobody knew
    at the time; using one is refused unless the profile names an exception.
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


class FilesVendor(Settings):
    """A drop of Parquet or CSV files; docs/bring_your_own_prices.md gives the schema."""

    kind: Literal["files"]
    folder: Path | None = Field(None, description="relative to the repository; --data puts another in its place")
    bars: list[Table] = [Table(file="bars")]
    corporate_actions: list[Table] = [Table(file="corporate_actions", known_at=KnownAt(rule="morning_of_ex_date"))]
    members: list[Table] = [Table(file="members")]
    industries: list[Table] = [Table(file="industries")]
    benchmarks: list[Table] = [Table(file="benchmarks")]
    macro: list[Table] = [Table(file="macro")]


class SimulatedVendor(Settings):
    """A market from the profile's seed, with planted truth."""

    kind: Literal["simulated"]
    n_symbols: int = Field(40, ge=4, le=5000)
    start: dt.date = dt.date(2015, 1, 2)
    end: dt.date = dt.date(2018, 12, 31)
    momentum_ic: float = Field(0.03, ge=0, le=0.5, description="planted strength of 12-1 momentum")
    volatility_calm: float = Field(0.009, gt=0, description="market, per session")
    volatility_turbulent: float = Field(0.025, gt=0, description="market, per session")
    turbulent_share: float = Field(0.2, gt=0, lt=1)
    regime_half_life: float = Field(60, gt=1, description="sessions a regime lasts on average")
    correction_rate: float = Field(0.002, ge=0, le=0.2, description="share of bars corrected later")
    late_rate: float = Field(0.001, ge=0, le=0.2, description="share of bars that arrive a session or more late")


Vendor = Annotated[FilesVendor | SimulatedVendor, Field(discriminator="kind")]


class Market(Settings):
    universe_source: Literal["members", "bars"] = Field("members", description="dated members, or all with a bar")
    min_price_usd: float = Field(3.0, ge=0, description="a lower close is not tradable")
    min_adv_usd: float = Field(5_000_000.0, ge=0, description="less mean daily dollar volume is not tradable")
    adv_sessions: int = Field(21, ge=1, le=252, description="of the mean daily dollar volume")
    max_gap_sessions: int = Field(21, ge=1, le=63, description="a longer gap between bars yields no return")
    restate_sessions: int = Field(63, ge=1, le=252, description="how far back a correction restates returns")


class Macro(Settings):
    """Which series of market/macro mean what; a series that is absent gives nulls."""

    vix: str = "VIX_CLOSE"
    yield_10y: str = "DGS10"
    yield_2y: str = "DGS2"
    credit_spread: str = "BAA10Y"
    cash_rate: str = Field("DFF", description="percent a year; what cash earns, as last known")
    max_age_sessions: int = Field(10, ge=1, le=63, description="an older last value counts as missing")


class Features(Settings):
    winsorize_quantiles: tuple[float, float] = Field((0.01, 0.99), description="of the universe, before standardizing")
    min_observations_share: float = Field(0.8, gt=0, le=1, description="of a window; fewer give null")
    horizons: tuple[int, ...] = Field((21, 63), description="label horizons, sessions")
    min_industry: int = Field(5, ge=2, description="an industry with fewer values is scored against the whole universe")

    @model_validator(mode="after")
    def _sane(self) -> "Features":
        low, high = self.winsorize_quantiles
        if not 0 <= low < high <= 1:
            raise ValueError(f"winsorize_quantiles {low}, {high} must rise within [0, 1]")
        if not self.horizons or min(self.horizons) < 1 or len(set(self.horizons)) != len(self.horizons):
            raise ValueError(f"horizons {self.horizons} must be different whole numbers of at least 1")
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
    benchmark: Literal["equal", "dollar_volume"] = Field("equal", description="weights of the tradable universe")
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
    borrow_rate_annual: float = Field(0.005, ge=0, le=1, description="fee on the value of shorts")


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
