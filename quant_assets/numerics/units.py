"""Units and day counts."""

import math

SESSIONS_PER_YEAR = 252
ANNUAL = math.sqrt(SESSIONS_PER_YEAR)  # a volatility per session times this is one per year
DAYS_PER_SESSION = 365 / SESSIONS_PER_YEAR
DAY_COUNT = 360  # days of a year by which money market rates accrue
BASIS_POINT = 1e-4
