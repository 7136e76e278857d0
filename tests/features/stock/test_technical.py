import numpy as np
import pandas as pd
import pytest

from quant_assets.features.stock import indicators, technical
from quant_assets.features.stock.indicator_windows import warm_up
from tests.oracles.bundle import SHARED, needs

# known values


@pytest.mark.shared
@needs("reference/ta_expected.csv")
def test_every_indicator_is_that_of_ta_lib_on_all_bars():
    bars = pd.read_csv(SHARED / "reference/ohlcv.csv")
    high, low, close, volume = (bars[name].to_numpy() for name in ("high", "low", "close", "volume"))
    line, signal, histogram = technical.macd(close)
    lower, middle, upper = technical.bollinger(close)
    plus, minus = technical.directional(high, low, close, 14)
    k, d = technical.stochastic(high, low, close)
    ours = {
        "rsi14": technical.rsi(close, 14),
        "atr14": technical.atr(high, low, close, 14),
        "macd": line,
        "macd_signal": signal,
        "macd_hist": histogram,
        "bb_low": lower,
        "bb_mid": middle,
        "bb_up": upper,
        "obv": technical.obv(close, volume),
        "ema20": technical.ema(close, 20),
        "adx14": technical.adx(high, low, close, 14),
        "plus_di14": plus,
        "minus_di14": minus,
        "mfi14": technical.mfi(high, low, close, volume, 14),
        "cci20": technical.cci(high, low, close, 20),
        "willr14": technical.williams_r(high, low, close, 14),
        "stoch_k": k,
        "stoch_d": d,
    }
    theirs = pd.read_csv(SHARED / "reference/ta_expected.csv")
    for name, values in ours.items():
        # relative, since the file holds ten digits; absolute for what is near 0
        np.testing.assert_allclose(values, theirs[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_straight_climb_by_hand():
    close = np.arange(1.0, 60.0)
    assert technical.rsi(close, 14)[-1] == 100.0
    assert technical.atr(close + 1, close - 1, close, 14)[-1] == pytest.approx(2.0)
    assert technical.adx(close + 1, close - 1, close, 14)[-1] == pytest.approx(100.0)
    assert technical.directional(close + 1, close - 1, close, 14)[0][-1] == pytest.approx(50.0)  # 1 of a range of 2
    assert technical.macd(close)[0][-1] == pytest.approx((26 - 12) / 2)  # an average of span n lags (n - 1) / 2
    assert technical.cci(close, close, close, 20)[-1] == pytest.approx(9.5 / (0.015 * 5))
    assert technical.mfi(close, close, close, np.ones(59), 14)[-1] == 100.0
    assert technical.williams_r(close + 1, close - 1, close, 14)[-1] == pytest.approx(-100 / 15)
    assert technical.obv(close, np.full(59, 10.0))[-1] == 590.0


def test_what_does_not_move_has_no_strength_and_no_place():
    flat = np.ones(60)
    assert np.isnan(technical.rsi(flat, 14)).all()
    assert np.isnan(technical.cci(flat, flat, flat, 20)).all()
    assert np.isnan(technical.mfi(flat, flat, flat, flat, 14)).all()
    assert np.isnan(technical.williams_r(flat, flat, flat, 14)).all()
    assert technical.atr(flat, flat, flat, 14)[-1] == 0.0


def test_an_indicator_begins_with_the_bar_that_seeds_it():
    close = 100 + np.random.default_rng(1).normal(size=60).cumsum()
    high, low = close + 1, close - 1
    series = {
        14: technical.rsi(close, 14),
        33: technical.macd(close)[0],
        19: technical.bollinger(close)[0],
        27: technical.adx(high, low, close, 14),
        17: technical.stochastic(high, low, close)[0],
    }
    for first, values in series.items():
        assert np.flatnonzero(~np.isnan(values))[0] == first
    assert np.isnan(technical.rsi(close[:14], 14)).all()


# properties


def test_a_recursion_forgets_where_it_began_in_ten_half_lives():
    rng = np.random.default_rng(2)
    close = 100 * np.exp(rng.normal(0, 0.02, 600).cumsum())
    for kernel, n, weight in ((indicators.rsi_at, 14, 1 / 14), (indicators.ema_at, 20, 2 / 21)):
        short = kernel(close[-(n + 1 + warm_up(weight)) :], n)
        assert short == pytest.approx(kernel(close, n), rel=2e-3)
