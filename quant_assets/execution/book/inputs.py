"""What the books read of a session, as known at it."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class MarketInputs:
    """What happens to an account.

    Attributes:
        bars: BARS of the session.
        actions: CORPORATE_ACTIONS, from some sessions back to all that are announced.
        cost_parameters, universe: COST_PARAMETERS and UNIVERSE of the session.
        macro: trailing window of MACRO, one session longer than `max_age_sessions`. Interest since the session before
            goes by the last observation dated that session or earlier; the optimization by the last one of today.
        borrow: trailing window of BORROW, one session longer than `borrow_max_age_sessions`. Fees since the session
            before go by what was quoted by it; the optimization by what is quoted today. Without quotes for a book that
            never sells short.
    """

    bars: pl.DataFrame
    actions: pl.DataFrame
    cost_parameters: pl.DataFrame
    universe: pl.DataFrame
    macro: pl.DataFrame
    borrow: pl.DataFrame


@dataclass(frozen=True)
class ProgramInputs:
    """Forecasts and limits that the optimization of the session rests on.

    Attributes:
        combined, exposures, factor_covariance, specific_risk, views: COMBINED, EXPOSURES, FACTOR_COVARIANCE,
            SPECIFIC_RISK and VIEWS of the session.
    """

    combined: pl.DataFrame
    exposures: pl.DataFrame
    factor_covariance: pl.DataFrame
    specific_risk: pl.DataFrame
    views: pl.DataFrame
