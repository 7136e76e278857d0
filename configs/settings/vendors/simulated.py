"""Settings of the simulated market."""

import datetime as dt
from typing import Literal

from pydantic import Field

from configs.settings.base import Settings


class PlantedAlpha(Settings):
    """An alpha that the simulated truth knows, and that a column of the data tells of unless it is hidden."""

    name: str
    ic: float = Field(ge=-0.5, le=0.5, description="correlation with the idiosyncratic return of the next 21 sessions")
    half_life: float = Field(gt=0.5, description="sessions")
    shown_by: Literal["nothing", "volume", "short_interest"] = "nothing"


class CompanyEvents(Settings):
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
    turbulent_fraction: float = Field(0.2, gt=0, lt=1)
    regime_half_life: float = Field(60, gt=1, description="sessions a regime of volatility lasts on average")
    drift_rising: float = Field(0.12, description="market, simple, a year")
    drift_falling: float = Field(-0.12, description="market, simple, a year")
    falling_fraction: float = Field(0.25, gt=0, lt=1)
    trend_sessions: float = Field(120, gt=1, description="a trend lasts on average")
    coupled_variance: float = Field(0.5, gt=0, le=1, description="of what is not the market's, left when coupled")
    coupled_fraction: float = Field(0.3, gt=0, lt=1)
    coupled_sessions: float = Field(90, gt=1, description="a regime of correlation lasts on average")
    idiosyncratic_volatility: float = Field(0.013, gt=0, description="of a typical stock, per session, when calm")
    tail_degrees: float = Field(5.0, gt=4, description="of freedom, of idiosyncratic returns")
    sector_volatility: float = Field(0.0045, ge=0, description="per session, when calm")
    style_volatility: float = Field(0.0025, ge=0, description="of each style's return, per session, when calm")
    beta_volatility: float = Field(0.1, ge=0, le=0.5, description="deviation of a beta about its level over the years")
    overnight_fraction: float = Field(0.3, gt=0, lt=1, description="of variance and drift")
    half_spread: float = Field(0.0003, ge=0, le=0.05, description="of a typical stock, of the price")
    earnings_move: float = Field(0.02, ge=0, description="log return on a surprise of one deviation")
    index_fraction: float = Field(1.0, gt=0, le=1, description="of listed symbols, by capitalisation, that are members")
    fund_weights: Literal["equal", "capitalisation"] = "equal"
    correction_rate: float = Field(0.002, ge=0, le=0.2, description="share of bars corrected later")
    late_rate: float = Field(0.001, ge=0, le=0.2, description="share of bars that arrive a session or more late")
    company_events: CompanyEvents = CompanyEvents()
    faults: Faults = Faults()
