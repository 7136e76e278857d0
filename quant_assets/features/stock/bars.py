"""Bars of a block of symbols over a window of sessions, and statistics of them, computed when they are read."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quant_assets.features.stock.paths import Chain
from quant_assets.numerics import rolling
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.rolling import min_observations


@dataclass(frozen=True)
class Bars:
    """Dense columns of ADJUSTED_BARS, and for which of their rows features are computed.

    A window counts sessions. The methods give rows `first` .. T-1, (T - first, N), null (NaN) where less than
    `min_fraction` of the window is observed. Their arrays end with the last session and may begin later than the bars
    do, so that one statistic can be taken of another.

    Attributes:
        sessions: T, ascending.
        first: the first row that is due.
        present: (T, N), true where there is a bar.
        columns: (T, N) by name; NaN where null.
        min_fraction: `min_observations_fraction`.
    """

    sessions: list[dt.date]
    first: int
    present: Mask
    columns: dict[str, Array]
    min_fraction: float

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    @property
    def returns(self) -> Array:
        return self.columns["log_return"]

    def min_count(self, window: int) -> int:
        return min_observations(window, self.min_fraction)

    def before(self, window: int) -> "Bars":
        """The same bars, due as early as a window of what is due here looks back."""
        return Bars(self.sessions, max(0, self.first - window + 1), self.present, self.columns, self.min_fraction)

    def now(self, x: Array) -> Array:
        """The due rows."""
        return x[self._at(x) :]

    def sum(self, x: Array, window: int) -> Array:
        return rolling.window_sum(x, window, self.min_count(window), self._at(x))

    def mean(self, x: Array, window: int) -> Array:
        return rolling.window_mean(x, window, self.min_count(window), self._at(x))

    def std(self, x: Array, window: int) -> Array:
        return rolling.window_std(x, window, self.min_count(window), self._at(x))

    def skewness(self, x: Array, window: int) -> Array:
        return rolling.window_skewness(x, window, self.min_count(window), self._at(x))

    def kurtosis(self, x: Array, window: int) -> Array:
        return rolling.window_kurtosis(x, window, self.min_count(window), self._at(x))

    def max(self, x: Array, window: int) -> Array:
        return rolling.window_max(x, window, self.min_count(window), self._at(x))

    def rank(self, x: Array, window: int) -> Array:
        return rolling.window_rank(x, window, self.min_count(window), self._at(x))

    def products(self, x: Array, y: Array, window: int) -> rolling.Products:
        return rolling.window_products(x, y, window, self.min_count(window), self._at(x))

    def correlation(self, x: Array, y: Array, window: int) -> Array:
        return rolling.window_correlation(x, y, window, self.min_count(window), self._at(x))

    def total(self, x: Array, window: int, lag: int = 0) -> Array:
        """`rolling.total_return` of whole columns."""
        return rolling.total_return(x, self.present, window, self.min_count(window), lag, self.first)

    def over_mean(self, window: int) -> Array:
        return rolling.index_over_mean(self.returns, self.present, window, self.min_count(window), self.first)

    def over_highest(self, window: int) -> Array:
        return rolling.index_over_highest(self.returns, self.present, window, self.min_count(window), self.first)

    @cached_property
    def chain(self) -> Chain:
        return Chain.of(self.columns, self.present)

    def _at(self, x: Array) -> int:
        """The first due row among those of `x`."""
        return len(x) - (len(self.sessions) - self.first)


def ratio(x: Array, y: Array) -> Array:
    """x over y; NaN where y is not positive."""
    quotient: Array = x / np.where(y > 0, y, np.nan)
    return quotient


def log(x: Array) -> Array:
    """NaN where x is not positive."""
    logarithm: Array = np.log(np.where(x > 0, x, np.nan))
    return logarithm


def root(x: Array) -> Array:
    """NaN where x is negative."""
    square_root: Array = np.sqrt(np.where(x >= 0, x, np.nan))
    return square_root


def lagged(x: Array) -> Array:
    """(T, N) `x` of the session before."""
    return np.vstack([np.full((min(1, len(x)), x.shape[1]), np.nan), x[:-1]])
