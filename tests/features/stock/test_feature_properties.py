"""What holds of every feature of a stock: the reference implementation, bits, windows, symmetries."""

import datetime as dt
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features, Market
from feature_store import sessions as calendar
from feature_store.schemas.features import STOCK_FEATURES
from feature_store.schemas.stock_features import FEATURES as DECLARED
from quant_assets.features.stock.features import BAR_COLUMNS, LOOKBACK_SESSIONS, stock_features
from quant_assets.features.stock.indicator_windows import INDICATORS, warm_up
from quant_assets.market.adjustment import adjusted_bars
from tests.features.stock.samples import FEATURES
from tests.oracles import features as oracle
from tests.oracles import stock as twin
from tests.oracles.bundle import SHARED, bundle_actions, bundle_bars, needs
from tests.oracles.panels import assert_stored_as, random_returns, random_traded, sessions
from tests.support.lookahead import assert_causal

NAMES = STOCK_FEATURES.values


# properties
@given(
    st.integers(0, 10**6),
    st.sampled_from([0.5, 0.8, 1.0]),
    st.sampled_from([0.0, 0.05]),
    st.sampled_from([0.0, 0.003]),
    st.sampled_from([1, 5, 12]),
)
@settings(max_examples=5, deadline=None)
def test_every_feature_is_the_slow_one(seed: int, share: float, holes: float, breaks: float, slope: int):
    config = Features(min_observations_fraction=share, avwap_slope_sessions=slope, bollinger_standard_deviations=1.5)
    frame, days = random_traded(seed, 300, 2, holes, breaks)
    fast = stock_features(frame, days, days[0], config)
    assert_stored_as(fast, STOCK_FEATURES)
    rows = fast.filter(symbol="S0")
    assert_twins(frame, days, pl.concat([rows.gather_every(97), rows.tail(1)]), config)


@pytest.mark.shared
@needs("data/prices_daily.parquet")
@pytest.mark.parametrize(("symbol", "last"), [("AAPL", dt.date(2014, 8, 1)), ("C", dt.date(2011, 6, 1)), ("AA", None)])
def test_every_feature_of_real_bars_is_the_slow_one(symbol: str, last: dt.date | None):
    days = calendar.between(calendar.shift(last or dt.date(2018, 3, 20), -300), last or dt.date(2018, 3, 20))
    bars = bundle_bars(symbol, first=days[0], last=days[-1])
    frame = adjusted_bars(bars, bundle_actions(symbol), days, Market())
    fast = stock_features(frame.sort("symbol", "event_date"), days, days[0], FEATURES)
    assert_twins(frame, days, pl.concat([fast.gather_every(83), fast.tail(1)]), FEATURES)
    compared = fast.tail(1)
    never = {name for name in NAMES if compared[name].null_count()}
    # a price trends, or an anchor is younger than a slope is long; the bundle has no vwap
    assert never <= {"vwap_gap_1", "half_life_126", *(n for n in NAMES if n.startswith("avwap"))}


@pytest.mark.shared
@needs("reference/ta_expected.csv")
def test_features_of_prices_that_pay_nothing_are_ta_libs():
    """Those that know their window alone to 1e-9; recursions are seeded inside their window, ten half-lives before."""
    given_bars = pl.read_csv(SHARED / "reference/ohlcv.csv")
    days = sessions(len(given_bars))
    close = given_bars["close"]
    bars = given_bars.select("open", "high", "low", "close").with_columns(
        event_date=pl.Series(days),
        symbol=pl.lit("A"),
        log_return=close.log().diff(),
        overnight_log_return=(given_bars["open"] / close.shift()).log(),
        intraday_log_return=(close / given_bars["open"]).log(),
        split_ratio=pl.lit(1.0),
        dividend_usd=pl.lit(0.0),
        dollar_volume_usd=close * given_bars["volume"],
        vwap=pl.lit(None, pl.Float64),
    )
    last = stock_features(bars, days, days[-1], FEATURES).row(0, named=True)
    theirs = pl.read_csv(SHARED / "reference/ta_expected.csv").row(-1, named=True)
    price, up, low = close[-1], theirs["bb_up"], theirs["bb_low"]
    exact = {
        "cci_20": theirs["cci20"],
        "williams_r_14": theirs["willr14"],
        "stochastic_k_14": theirs["stoch_k"],
        "stochastic_d_14": theirs["stoch_d"],
        "mfi_14": theirs["mfi14"],
        "bollinger_width_20": (up - low) / theirs["bb_mid"],
        "bollinger_position_20": (price - theirs["bb_mid"]) / ((up - low) / 2),
    }
    faded = {
        "rsi_wilder_14": theirs["rsi14"],
        "adx_14": theirs["adx14"],
        "directional_14": theirs["plus_di14"] - theirs["minus_di14"],
        "atr_14": theirs["atr14"] / price,
        "macd_line": theirs["macd"] / price,
        "macd_signal": theirs["macd_signal"] / price,
        "ema_gap_20": math.log(price / theirs["ema20"]),
    }
    for name, expected in exact.items():
        assert last[name] == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    for name, expected in faded.items():
        assert last[name] == pytest.approx(expected, rel=1e-2, abs=1e-5), name


def assert_twins(frame: pl.DataFrame, days: list[dt.date], rows: pl.DataFrame, config: Features) -> None:
    for row in rows.iter_rows(named=True):
        slow = twin.StockReference(
            twin.frame_of(frame, days, row["symbol"]), days.index(row["event_date"]), config
        ).features()
        assert slow.keys() == set(NAMES)
        for name in NAMES:
            known = slow[name] is not None
            expected = pytest.approx(slow[name], rel=1e-9, abs=1e-11) if known else None
            assert row[name] == expected, (name, row["event_date"])


def test_each_of_the_first_26_is_what_it_was():
    frame, days = random_returns(3, 256, n_symbols=1, holes=0.1, breaks=0.01)
    fast = stock_features(frame, days, days[0], FEATURES)
    bars = {name: oracle.series(frame, days, "S0", name) for name in frame.columns[2:]}
    for row in fast.gather_every(51).iter_rows(named=True):
        for name, slow in oracle.stock_features(bars, days.index(row["event_date"]), 0.8).items():
            assert row[name] == (None if slow is None else pytest.approx(slow, rel=1e-9, abs=1e-12)), name


@given(st.integers(0, 10**6), st.integers(1, 299))
@settings(max_examples=5, deadline=None)
def test_what_is_wanted_later_is_the_same_bits(seed: int, first: int):
    frame, days = random_traded(seed, 300, 3)
    assert_frame_equal(
        stock_features(frame, days, days[first], FEATURES),
        stock_features(frame, days, days[0], FEATURES).filter(pl.col("event_date") >= days[first]),
        check_exact=True,
    )


@given(st.integers(0, 10**6), st.integers(1, 27), st.integers(0, 27))
@settings(max_examples=6, deadline=None)
def test_a_day_alone_has_the_bits_of_a_range(seed: int, n_symbols: int, end: int):
    """Its own window only, which begins and ends elsewhere, beside other symbols."""
    frame, days = random_traded(seed, 300, n_symbols)
    t = LOOKBACK_SESSIONS + end
    window = days[t - LOOKBACK_SESSIONS + 1 : t + 1]
    own = pl.col("event_date").is_in(window) & pl.col("symbol").is_in(["S0", "S1", "S5"])
    alone = stock_features(frame.filter(own), window, window[-1], FEATURES)
    whole = stock_features(frame, days, days[0], FEATURES)
    assert_frame_equal(alone, whole.join(alone, on=["event_date", "symbol"], how="semi"), check_exact=True)


def test_a_price_level_in_other_dollars_and_shares_changes_nothing_but_volumes_in_dollars():
    """A share split a thousand years ago: prices are halved and volumes doubled throughout."""
    frame, days = random_traded(4, 300, 1)
    prices = ("open", "high", "low", "close", "vwap")
    whole = stock_features(frame, days, days[0], FEATURES)
    halved = stock_features(frame.with_columns(pl.col(prices) / 2), days, days[0], FEATURES)
    assert_frame_equal(whole, halved, rel_tol=1e-9, abs_tol=1e-12)


def test_a_split_and_a_dividend_are_no_move():
    """The same holder's wealth, the price cut in three by a split, and a fifth of it paid out."""
    frame, days = random_traded(8, 300, 1, holes=0.0, breaks=0.0)
    cut = pl.col("event_date") >= days[150]
    split = frame.with_columns(
        *(pl.when(cut).then(pl.col(name) / 3).otherwise(name) for name in ("open", "high", "low", "close", "vwap")),
        split_ratio=pl.when(pl.col("event_date") == days[150]).then(pl.col("split_ratio") * 3).otherwise("split_ratio"),
    )
    whole, parted = (stock_features(f, days, days[0], FEATURES) for f in (frame, split))
    assert_frame_equal(whole, parted, rel_tol=1e-9, abs_tol=1e-12)


def test_every_feature_is_there_after_a_whole_window():
    frame, days = random_returns(1, LOOKBACK_SESSIONS, holes=0.0, breaks=0.0)
    whole = frame.with_columns(pl.col("dollar_volume_usd").fill_null(1e6), vwap=pl.col("close"))
    last = stock_features(whole, days, days[-1], FEATURES)
    missing = {name for name in NAMES if last[name].null_count()}
    assert missing <= {"half_life_126", "avwap_low_252_slope", "avwap_low_252_state", "avwap_high_252_slope",
                       "avwap_high_252_state", "avwap_volume_252_slope", "avwap_volume_252_state"}  # fmt: skip


def test_every_declared_lookback_is_enough_and_not_too_much():
    """A value is the same with its declared sessions alone; and, of most, not with one fewer."""
    frame, days = random_returns(6, 300, n_symbols=2, holes=0.0, breaks=0.0)
    whole = frame.with_columns(vwap=pl.col("close"))
    strict = Features(min_observations_fraction=1.0)
    last = stock_features(whole, days, days[-1], strict)
    for lookback in sorted({feature.lookback for feature in DECLARED}):
        names = [feature.name for feature in DECLARED if feature.lookback == lookback]
        window = days[-lookback:]
        alone = stock_features(whole.filter(pl.col("event_date") >= window[0]), window, days[-1], strict)
        assert_frame_equal(alone.select(names), last.select(names), check_exact=True)


def test_declared_sources_and_windows_are_those_that_are_used():
    declared = {feature.name: feature for feature in DECLARED}
    assert len(declared) == len(DECLARED) >= 110
    assert {name: declared[name].lookback for name in INDICATORS} == INDICATORS
    assert LOOKBACK_SESSIONS <= 273
    frame, days = random_traded(2, 300, 2)
    whole = stock_features(frame, days, days[-30], FEATURES)
    for column in BAR_COLUMNS:
        # every other session, or what is relative to a mean of it would not move
        other = pl.col("event_date").dt.day() % 2 == 0
        spoilt_bars = frame.with_columns(pl.when(other).then(pl.col(column) * 1.01).otherwise(column).alias(column))
        spoilt = stock_features(spoilt_bars, days, days[-30], FEATURES)
        changed = {name for name in NAMES if not spoilt[name].equals(whole[name], null_equal=True)}
        said = {name for name in NAMES if column in declared[name].sources}
        assert changed and changed <= said, (column, changed - said)


def test_recursions_go_through_ten_half_lives():
    assert [warm_up(w) for w in (1 / 14, 2 / 27, 0.5)] == [94, 91, 10]


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_no_feature_sees_tomorrow(seed: int):
    frame, days = random_returns(seed, 30)
    assert_causal(lambda f: stock_features(f, days, days[0], FEATURES), frame)


@given(st.integers(0, 10**6), st.integers(1, 15))
@settings(max_examples=8, deadline=None)
def test_a_feature_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    frame, days = random_returns(seed, LOOKBACK_SESSIONS + 20, breaks=0.003)
    sure = pl.col("event_date") >= days[start + LOOKBACK_SESSIONS - 1]
    later = frame.filter(pl.col("event_date") >= days[start])
    assert_frame_equal(
        stock_features(later, days[start:], days[start], FEATURES).filter(sure),
        stock_features(frame, days, days[0], FEATURES).filter(sure),
        check_exact=True,
    )


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_symbols_do_not_touch_one_another(seed: int):
    frame, days = random_returns(seed, 70, n_symbols=9)  # nine: whole vector lanes and a rest
    alone = pl.col("symbol") == "S7"
    assert_frame_equal(
        stock_features(frame.filter(alone), days, days[0], FEATURES),
        stock_features(frame, days, days[0], FEATURES).filter(alone),
        check_exact=True,
    )


def test_two_versions_of_one_stock_may_stand_side_by_side():
    frame, days = random_returns(3, 30, n_symbols=1)
    twice = pl.concat([frame, frame.with_columns(symbol=pl.lit("S0\x1f2015-01-09"))]).sort("symbol", "event_date")
    result = stock_features(twice, days, days[0], FEATURES)
    assert_frame_equal(
        result.filter(symbol="S0").drop("symbol"), result.filter(symbol="S0\x1f2015-01-09").drop("symbol")
    )


# refusals
def test_a_bar_outside_the_window_is_refused():
    frame, days = random_returns(1, 5)
    with pytest.raises(ValueError, match="outside the window"):
        stock_features(frame, days[1:], days[1], FEATURES)
