"""Settings of the account and of its costs."""

from typing import Annotated

from pydantic import AfterValidator, Field

from configs.settings.base import Settings
from configs.settings.cost_terms import COST_TERM_SETTINGS, CostTermSettings
from configs.settings.kinds import OneOf, distinct
from configs.settings.units import BasisPoints, Fraction, PerYear, Ratio, Sessions, SimpleReturn, Usd


class Execution(Settings):
    """The account, pre-trade checks and the costs of fills."""

    initial_cash_usd: Usd = Field(10_000_000.0, gt=0, description="cash of each book at its first session")
    commission_bp: BasisPoints = Field(0.5, ge=0, description="commission, of the traded value")
    impact_multiplier: Ratio = Field(1.0, ge=0, description="Y of the square-root law of market impact")
    cost_terms: Annotated[
        tuple[Annotated[CostTermSettings, OneOf(COST_TERM_SETTINGS)], ...], AfterValidator(distinct)
    ] = Field((), description="further costs of a trade, each with its own settings")
    max_participation: Fraction = Field(
        0.1,
        gt=0,
        le=1,
        description="largest order, of the mean daily dollar volume; larger ones are cut before they are sent",
    )
    write_off_sessions: Sessions = Field(
        21, ge=1, description="sessions without a bar after which a holding is written off at the delisting return"
    )
    delisting_return: SimpleReturn = Field(
        -0.30, ge=-1, description="return of a delisted holding where the vendor records none"
    )
    cash_rate_annual: PerYear = Field(
        0.0, ge=0, le=0.2, description="interest on cash where no macro series has a rate"
    )
    borrow_rate_annual: PerYear = Field(
        0.005, ge=0, le=1, description="fee on the value of shorts where no quote to borrow is known"
    )
    borrow_max_age_sessions: Sessions = Field(
        5, ge=1, le=63, description="maximum age of a quote of market/borrow; an older one counts as missing"
    )
