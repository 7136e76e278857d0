"""Sessions of the window of each technical indicator, those included in which a recursion forgets its beginning."""

import math

HALF_LIVES = 10  # of a recursion, after which what came before weighs less than a thousandth


def warm_up(weight: float) -> int:
    """Bars in which a recursion that moves by `weight` towards each new value goes through ten half-lives."""
    return math.ceil(HALF_LIVES * math.log(0.5) / math.log1p(-weight))


# Sessions of each window: that of the last change or bar, and what a recursion needs to forget where it began.
WILDER = {n: n + 1 + warm_up(1.0 / n) for n in (7, 14, 28)}
EXPONENTIAL = {n: n + warm_up(2.0 / (n + 1)) for n in (10, 20, 50)}
MACD = 26 + warm_up(2.0 / 27) + 8 + warm_up(2.0 / 10)
ADX = 1 + 2 * (14 + warm_up(1.0 / 14))

INDICATORS = {
    "rsi_wilder_7": WILDER[7],
    "rsi_wilder_14": WILDER[14],
    "rsi_wilder_28": WILDER[28],
    "ema_gap_10": EXPONENTIAL[10],
    "ema_gap_20": EXPONENTIAL[20],
    "ema_gap_50": EXPONENTIAL[50],
    "macd_line": MACD,
    "macd_signal": MACD,
    "macd_histogram": MACD,
    "adx_14": ADX,
    "directional_14": WILDER[14],
    "atr_14": WILDER[14],
    "aroon_25": 26,
    "cci_20": 20,
    "stochastic_k_14": 16,
    "stochastic_d_14": 18,
    "williams_r_14": 14,
    "bollinger_position_20": 20,
    "bollinger_width_20": 20,
    "mfi_14": 15,
    "money_flow_21": 21,
    "obv_slope_21": 21,
    "obv_slope_63": 63,
}
"""Sessions of the window of each, in the order in which `_values` gives them."""
