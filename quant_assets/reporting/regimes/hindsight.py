"""Where volatility broke, seen from the end: segments by ruptures, to time what was detected on the day. Hindsight.

Nothing but the page reads this: a segment's end is known once the next one has begun and lasted.
"""

import importlib.util

import numpy as np

from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.confirmation import UNKNOWN
from quant_assets.regimes.evaluation import Detections, detections
from quant_assets.reporting.regimes.outcomes import CRISIS_ANNUAL, TURBULENT_ANNUAL

MIN_SESSIONS = 21  # of a segment
PENALTY = 3.0  # times log T and the noise's variance, for each break
QUIET = 1e-5  # of an absolute return: a session without one still has a logarithm
NOT_INSTALLED = (
    "ruptures is not installed, so that delays have nothing to be compared with: pip install 'asof[hindsight]'."
)


def is_installed() -> bool:
    return importlib.util.find_spec("ruptures") is not None


def segments(signal: Array) -> list[int]:
    """Ends of the segments of equal mean of (T,) values, the last of them T, by the whole series."""
    from ruptures import KernelCPD  # noqa: PLC0415 -- an extra, which only this page can use

    noise = np.median(np.abs(np.diff(signal))) / (0.6745 * np.sqrt(2.0))  # of a normal distribution
    if len(signal) < 2 * MIN_SESSIONS or noise == 0.0:
        return [len(signal)]
    detector = KernelCPD(kernel="linear", min_size=MIN_SESSIONS).fit(signal[:, None])
    return [int(end) for end in detector.predict(pen=PENALTY * np.log(len(signal)) * noise**2)]


def volatility_states(returns: Array) -> Index:
    """(T,) calm, turbulent or crisis by the volatility of the segment that a session lies in: hindsight."""
    states = np.full(len(returns), UNKNOWN)
    begin = 0
    for end in segments(np.log(np.abs(returns) + QUIET)):
        annual = np.sqrt(np.mean(returns[begin:end] ** 2)) * ANNUAL
        states[begin:end] = np.searchsorted((TURBULENT_ANNUAL, CRISIS_ANNUAL), annual, side="right")
        begin = end
    return states


def timing(returns: Array, detected: Index) -> Detections | None:
    """How late the detected states of one series came after those of hindsight; None where there are none.

    Args:
        returns: (T,) log, per session; NaN where missing.
        detected: (T,) calm, turbulent or crisis as known on each session, UNKNOWN where there was none.
    """
    known = ~np.isnan(returns) & (detected != UNKNOWN)
    if known.sum() < 2 * MIN_SESSIONS:
        return None
    return detections(volatility_states(returns[known]), detected[known])
