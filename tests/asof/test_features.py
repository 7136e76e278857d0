"""Features of a user's own frame: those that the platform stores."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import asof
from asof.features import adjusted_bars, alpha158, catalogue, forward_returns, stock_features
from asof.technical import bollinger, mfi, rsi
from configs.settings import Features
from feature_store.schemas.stock_features import FEATURES
from quant_assets.features.stock.features import stock_features as as_stored
from tests.asof.market import bars

BARS = bars()
DAYS = BARS["event_date"].unique().sort().to_list()

# -- known values ------------------------------------------------------------------------------------------------------


def test_a_split_is_no_return_and_a_dividend_is_one() -> None:
    frame = (
        BARS.filter(symbol="S0")
        .head(3)
        .with_columns(**dict.fromkeys(("open", "high", "low", "close"), pl.Series([100.0, 50.0, 49.0])))
    )
    actions = pl.DataFrame(
        {
            "event_date": DAYS[1:3],
            "symbol": ["S0", "S0"],
            "action": ["split", "cash_dividend"],
            "value": [2.0, 1.0],
        }
    )
    assert adjusted_bars(frame, actions)["log_return"].to_list() == [None, 0.0, pytest.approx(0.0)]
    assert adjusted_bars(frame)["log_return"].to_list()[1] == pytest.approx(np.log(0.5))


def test_features_are_those_that_the_platform_calculates() -> None:
    adjusted = adjusted_bars(BARS)
    names = ["return_1", "momentum_63", "volatility_63"]
    features = stock_features(adjusted, names, first=DAYS[-2])
    expected = as_stored(adjusted, DAYS, DAYS[-2], Features()).select("event_date", "symbol", *names)
    assert_frame_equal(features, expected, check_exact=True, check_row_order=False)
    assert features.drop_nulls().height == 12
    assert stock_features(adjusted, first=DAYS[-1]).columns == ["event_date", "symbol", *(f.name for f in FEATURES)]
    assert set(names) <= {*catalogue()["name"]}


def test_the_library_s_indicators_are_series_of_one_stock() -> None:
    one = BARS.filter(symbol="S1")
    assert rsi(one["close"], 14)[14:].min() > 0
    assert np.isnan(rsi(one["close"], 14)[:14]).all()
    low, middle, high = bollinger(one["close"].to_pandas(), 20)
    assert middle[-1] == pytest.approx(one["close"][-20:].mean())
    assert (low[19:] < high[19:]).all()


def test_labels_say_when_they_mature() -> None:
    adjusted = adjusted_bars(BARS)
    ahead = forward_returns(adjusted, horizons=(5,)).filter(symbol="S0")
    row = ahead.row(0, named=True)
    returns = adjusted.filter(symbol="S0")
    assert (row["event_date"], row["learned"]) == (DAYS[0], DAYS[5])
    assert row["close_log_return"] == pytest.approx(returns["log_return"][1:6].sum())
    assert ahead["event_date"][-1] == DAYS[-6]


# -- properties --------------------------------------------------------------------------------------------------------


def test_frames_of_any_library_in_any_order_give_the_same() -> None:
    adjusted = adjusted_bars(BARS)
    shuffled = BARS.sample(fraction=1.0, shuffle=True, seed=1)
    for frame in (shuffled, shuffled.to_pandas(), shuffled.with_columns(pl.col("event_date").cast(pl.String))):
        assert_frame_equal(adjusted_bars(frame), adjusted, check_exact=True)
    one = stock_features(adjusted, ["momentum_63"], first=DAYS[-1])
    assert_frame_equal(
        stock_features(adjusted.to_pandas(), ["momentum_63"], first=str(DAYS[-1])), one, check_exact=True
    )
    assert_frame_equal(alpha158(adjusted.to_pandas(), ["ROC5"]), alpha158(adjusted, ["ROC5"]), check_exact=True)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (BARS.drop("close"), "bars has no column close; it needs event_date, symbol, open"),
        (BARS.with_columns(close=pl.lit(-1.0)), "bars: S0 has close -1.0 on .*, expected more than 0"),
        (BARS.with_columns(open=pl.lit(None, pl.Float64)), "bars: S0 has no open on"),
        (BARS.with_columns(high=pl.lit(float("nan"))), "bars: S0 has high nan on"),
        (BARS.with_columns(low=pl.lit(float("inf"))), "bars: S0 has low inf on"),
        (pl.concat([BARS, BARS.head(1)]), "bars has two rows for"),
        (BARS.clear(), "bars has no rows"),
    ],
)
def test_bars_that_do_not_fit_are_rejected(changed: pl.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adjusted_bars(changed)


def test_features_that_there_are_not_and_bars_as_traded_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"pass asof.features.adjusted_bars\(bars\)"):
        stock_features(BARS)
    adjusted = adjusted_bars(BARS)
    with pytest.raises(ValueError, match="there is no feature momentum_64"):
        stock_features(adjusted, ["momentum_64"])
    with pytest.raises(ValueError, match="lie outside the window"):
        stock_features(adjusted, sessions=DAYS[:5])
    with pytest.raises(ValueError, match="not ascending"):
        stock_features(adjusted, sessions=DAYS[::-1])
    with pytest.raises(ValueError, match="first is 'x', not a day"):
        stock_features(adjusted, first="x")
    with pytest.raises(ValueError, match="horizons"):
        forward_returns(adjusted, horizons=(0,))


def test_indicators_reject_series_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"low has shape \(2,\), expected \(T,\) with T = 3, as of high"):
        asof.technical.atr([3.0] * 3, [1.0] * 2, [2.0] * 3)
    with pytest.raises(ValueError, match=r"volume has shape \(1,\)"):
        mfi([3.0] * 3, [1.0] * 3, [2.0] * 3, [1.0])
    with pytest.raises(ValueError, match=r"close holds nan at \[0\]"):
        rsi([np.nan, 1.0])
    with pytest.raises(ValueError, match="n is 0, expected a whole number of bars"):
        rsi([1.0, 2.0], 0)
    with pytest.raises(ValueError, match="the fast average is of fewer bars"):
        asof.technical.macd([1.0] * 50, 26, 12)
