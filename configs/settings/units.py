"""Units of settings: the type of a number says what it counts or measures."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Unit:
    """What a number is measured in; stands in the generated YAML files, in docs/settings.md and in errors."""

    name: str


# Time
Sessions = Annotated[int, Unit("sessions")]
MeanSessions = Annotated[float, Unit("sessions")]
"""A length that need not be whole: a mean, or a half-life."""
Days = Annotated[int, Unit("calendar days")]
Months = Annotated[int, Unit("months")]
Minutes = Annotated[int, Unit("minutes")]
Seconds = Annotated[float, Unit("seconds")]

# Parts of a whole, and numbers without a dimension
Fraction = Annotated[float, Unit("fraction")]
Ratio = Annotated[float, Unit("ratio")]
Correlation = Annotated[float, Unit("correlation")]
StandardDeviations = Annotated[float, Unit("standard deviations")]
Count = Annotated[int, Unit("count")]

# Money, returns and risk
Usd = Annotated[float, Unit("USD")]
BasisPoints = Annotated[float, Unit("basis points")]
NavFraction = Annotated[float, Unit("fraction of NAV")]
LogReturn = Annotated[float, Unit("log return")]
SimpleReturn = Annotated[float, Unit("simple return")]
PerYear = Annotated[float, Unit("fraction a year")]
Volatility = Annotated[float, Unit("standard deviation of log returns a session")]
AnnualVolatility = Annotated[float, Unit("standard deviation of returns a year")]
