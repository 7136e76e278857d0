"""Settings of the simulated market."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Correlation, Count, Fraction, LogReturn, MeanSessions, PerYear, Unit, Volatility

Rate = Annotated[float, Unit("events a year and symbol")]


class PlantedAlpha(Settings):
    """A signal that predicts simulated returns; a column of the data shows it, unless it is hidden."""

    name: str = Field(description="name of the signal in the truth")
    ic: Correlation = Field(
        ge=-0.5, le=0.5, description="correlation of the signal with the idiosyncratic return of the next 21 sessions"
    )
    half_life: MeanSessions = Field(gt=0.5, description="time in which the signal halves")
    shown_by: Literal["nothing", "volume", "short_interest"] = Field(
        "nothing", description="column of the data that the signal moves; nothing: the signal is hidden"
    )


class CompanyEvents(Settings):
    """How often companies list, fail, merge and change; a few symbols have a planned story besides."""

    listed_later: Fraction = Field(0.1, ge=0, le=1, description="part of the symbols that list after the start")
    failures: Rate = Field(0.008, ge=0, le=1, description="rate of companies that fail and are delisted")
    mergers: Rate = Field(0.02, ge=0, le=1, description="rate of companies that are acquired")
    spin_offs: Rate = Field(0.006, ge=0, le=1, description="rate of companies that spin off a child")
    ticker_changes: Rate = Field(0.015, ge=0, le=1, description="rate of changes of a ticker")
    reclassifications: Rate = Field(0.01, ge=0, le=1, description="rate of changes of a company's industry")
    special_dividends: Rate = Field(0.02, ge=0, le=1, description="rate of special dividends")
    restatements: Fraction = Field(0.01, ge=0, le=1, description="part of the filings that are amended later")
    moved_announcements: Fraction = Field(
        0.05, ge=0, le=1, description="part of the expected earnings dates that are moved"
    )


class Faults(Settings):
    """Errors of the data feed between the exchange and the user, on request."""

    halts: Fraction = Field(
        0.0, ge=0, le=0.2, description="probability, each session, that a stock stops trading for some sessions"
    )
    missing_days: Fraction = Field(0.0, ge=0, le=0.5, description="part of the sessions whose bars never arrive")
    late_files: Fraction = Field(
        0.0, ge=0, le=0.5, description="part of the sessions whose bars all arrive a session late"
    )
    duplicates: Fraction = Field(
        0.0, ge=0, le=0.2, description="part of the bars that arrive twice; half of them contradict each other"
    )


class SimulatedVendor(Settings):
    """A market simulated from the profile's seed, with known truth."""

    kind: Literal["simulated"] = Field(description="a simulated market")
    n_symbols: Count = Field(40, ge=4, le=5000, description="number of stocks")
    n_sectors: Count = Field(11, ge=1, le=11, description="number of sectors")
    start: dt.date = Field(dt.date(2015, 1, 2), description="first session that is simulated")
    end: dt.date = Field(dt.date(2018, 12, 31), description="last session that is simulated")
    momentum_ic: Correlation = Field(
        0.03, ge=0, le=0.5, description="planted correlation of 12-1 momentum with later returns"
    )
    alphas: tuple[PlantedAlpha, ...] = Field((), description="planted signals beside momentum")
    volatility_calm: Volatility = Field(0.009, gt=0, description="volatility of the market in calm regimes")
    volatility_turbulent: Volatility = Field(0.025, gt=0, description="volatility of the market in turbulent regimes")
    turbulent_fraction: Fraction = Field(0.2, gt=0, lt=1, description="part of the sessions in turbulent regimes")
    regime_half_life: MeanSessions = Field(60, gt=1, description="mean length of a regime of volatility")
    drift_rising: PerYear = Field(0.12, description="simple return of the market in rising trends")
    drift_falling: PerYear = Field(-0.12, description="simple return of the market in falling trends")
    falling_fraction: Fraction = Field(0.25, gt=0, lt=1, description="part of the sessions in falling trends")
    trend_sessions: MeanSessions = Field(120, gt=1, description="mean length of a trend")
    coupled_variance: Fraction = Field(
        0.5,
        gt=0,
        le=1,
        description="part of the variance beside the market's that is left in regimes of high correlation",
    )
    coupled_fraction: Fraction = Field(
        0.3, gt=0, lt=1, description="part of the sessions in regimes of high correlation"
    )
    coupled_sessions: MeanSessions = Field(90, gt=1, description="mean length of a regime of correlation")
    idiosyncratic_volatility: Volatility = Field(
        0.013, gt=0, description="idiosyncratic volatility of a typical stock in calm regimes"
    )
    tail_degrees: Annotated[float, Unit("degrees of freedom")] = Field(
        5.0, gt=4, description="degrees of freedom of the t distribution of idiosyncratic returns; fewer: fatter tails"
    )
    sector_volatility: Volatility = Field(0.0045, ge=0, description="volatility of a sector's return in calm regimes")
    style_volatility: Volatility = Field(0.0025, ge=0, description="volatility of each style's return in calm regimes")
    beta_volatility: Annotated[float, Unit("standard deviation of beta")] = Field(
        0.1, ge=0, le=0.5, description="how far a stock's beta moves about its level over the years"
    )
    overnight_fraction: Fraction = Field(
        0.3, gt=0, lt=1, description="part of a session's variance and drift that falls between close and open"
    )
    half_spread: Fraction = Field(
        0.0003, ge=0, le=0.05, description="half the bid-ask spread of a typical stock, of the price"
    )
    earnings_move: LogReturn = Field(
        0.02, ge=0, description="move of a stock on an earnings surprise of one standard deviation"
    )
    index_fraction: Fraction = Field(
        1.0, gt=0, le=1, description="part of the listed symbols, the largest by capitalisation, that are index members"
    )
    fund_weights: Literal["equal", "capitalisation"] = Field(
        "equal", description="weights of the stocks in the simulated funds"
    )
    correction_rate: Fraction = Field(0.002, ge=0, le=0.2, description="part of the bars that are corrected later")
    late_rate: Fraction = Field(0.001, ge=0, le=0.2, description="part of the bars that arrive a session or more late")
    company_events: CompanyEvents = Field(CompanyEvents(), description="how often companies list, fail and change")
    faults: Faults = Field(Faults(), description="errors of the data feed")
