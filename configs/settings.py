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
    """When a row of a file was known: a column says so, or a rule does."""

    column: str | None = None
    rule: Literal["end_of_day", "morning_of_ex_date"] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "KnownAt":
        if (self.column is None) == (self.rule is None):
            raise ValueError("known_at needs either `column` or `rule`")
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
    max_gap_sessions: int = Field(21, ge=1, le=63, description="a longer gap between bars yields no return")
    restate_sessions: int = Field(63, ge=1, le=252, description="how far back a correction restates returns")


class Features(Settings):
    winsorize_deviations: float = Field(3.0, gt=0)
    min_observations_share: float = Field(0.8, gt=0, le=1, description="of a window; fewer give null")
    horizons: tuple[int, ...] = Field((21,), description="label horizons, sessions")
    min_cross_section: int = Field(5, ge=2, description="fewer stocks give null scores")


class Regimes(Settings):
    n_states: int = Field(2, ge=2, le=3)
    lookback_sessions: int = Field(252, ge=60, le=1260)
    min_observations: int = Field(126, ge=30)
    max_iterations: int = Field(200, ge=1)
    tolerance: float = Field(1e-3, gt=0, description="nats of log likelihood")
    variance_floor: float = Field(0.01, gt=0, description="percent squared")


class Alpha(Settings):
    horizon_sessions: int = Field(21, ge=1)
    lookback_sessions: int = Field(504, ge=63, le=2520)
    ridge_penalty: float = Field(100.0, ge=0, description="added to the Gram matrix's diagonal")
    min_rows: int = Field(500, ge=10)
    calibration_share: float = Field(0.3, gt=0, lt=1, description="latest part of the window, purged, held out")
    calibration_cap: float = Field(1.5, gt=0, description="largest slope from log score to simple return")


class Risk(Settings):
    lookback_sessions: int = Field(252, ge=21, le=1260)
    min_observations: int = Field(63, ge=10)


class Portfolio(Settings):
    horizon_sessions: int = Field(21, ge=1, description="of alpha, covariance and borrow in the programme")
    risk_aversion: float = Field(5.0, gt=0, description="gamma, per unit of variance over the horizon")
    turbulent_risk_multiple: float = Field(2.0, ge=1, description="of gamma when every industry is turbulent")
    market_premium_annual: float = Field(
        0.05, ge=-0.5, le=0.5, description="simple, of every stock over cash; alphas are relative and say nothing of it"
    )
    weight_cap: float = Field(0.02, gt=0, le=1)
    turnover_cap: float = Field(0.25, gt=0, le=2, description="sum of |trades| a session, fraction of NAV")
    cash_floor: float = Field(0.0, ge=0, lt=1)
    max_names: int = Field(600, ge=1, description="of the largest by dollar volume")
    min_trade: float = Field(0.0005, ge=0, description="fraction of NAV; smaller trades are not sent")


class Execution(Settings):
    initial_cash_usd: float = Field(10_000_000.0, gt=0)
    commission_bp: float = Field(0.5, ge=0)
    half_spread_bp: float = Field(2.5, ge=0)
    impact_multiplier: float = Field(1.0, ge=0, description="Y of the square-root law")
    write_off_sessions: int = Field(21, ge=1, description="without a bar, then the delisting return applies")
    delisting_return: float = Field(-0.30, ge=-1, description="where none is recorded")
    cash_rate_annual: float = Field(0.0, ge=0, le=0.2, description="until a macro source says better")


class Profile(Settings):
    """Everything a run is told."""

    name: str
    seed: int = 7
    history: History
    decision_minutes_before_open: int = Field(30, ge=1, le=900)
    vendor: Vendor
    exceptions: dict[str, str] = Field({}, description="dataset name to why hindsight may enter it")
    market: Market = Market()
    features: Features = Features()
    regimes: Regimes = Regimes()
    alpha: Alpha = Alpha()
    risk: Risk = Risk()
    portfolio: Portfolio = Portfolio()
    execution: Execution = Execution()

    def part(self, kind: type[Settings]) -> Settings:
        """The one slice of the given type."""
        found: list[Any] = [value for _, value in self if type(value) is kind]
        if len(found) != 1:
            raise KeyError(f"profile {self.name} has {len(found)} parts of type {kind.__name__}")
        return found[0]  # type: ignore[no-any-return]
