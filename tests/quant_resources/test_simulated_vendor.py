"""The simulated market tells its story as a vendor would, and holds the truth that was planted."""

import datetime as dt
from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.load import load
from configs.settings import Market, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, INDUSTRIES, MACRO, MEMBERS, UNIVERSE
from quant_resources.vendors import simulated_market as model
from quant_resources.vendors import simulated_surroundings as surroundings
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.simulated import SimulatedMarket, Truth

SERVED = (BARS, CORPORATE_ACTIONS, MEMBERS, INDUSTRIES, BENCHMARKS, MACRO)
CLOCK = DecisionClock()
START = dt.date(2015, 1, 2)


def profile(end: str = "2016-12-30", **changes: str) -> Profile:
    return load("demo", overrides={"vendor.end": end, **{f"vendor.{key}": value for key, value in changes.items()}})


def told(market: SimulatedMarket, dataset: Dataset, first: dt.date, last: dt.date) -> pl.DataFrame:
    days = calendar.between(first, last)
    return market.parse(dataset, market.fetch(dataset, days, CLOCK.decision_time(last)), days)


@lru_cache
def two_years() -> SimulatedMarket:
    return SimulatedMarket(profile(n_symbols="16", correction_rate="0.02", late_rate="0.02"))


def everything(dataset: Dataset) -> pl.DataFrame:
    return told(two_years(), dataset, START, dt.date(2016, 12, 30))


@lru_cache
def long_truth() -> Truth:
    """Eight years, so that the planted numbers can be estimated."""
    changes = {"n_symbols": "30", "momentum_ic": "0.3", "start": "2008-01-02"}
    return SimulatedMarket(profile(end="2015-12-31", **changes)).truth()


# --- known values ---------------------------------------------------------------------------------------------------


def test_the_symbols_with_a_story_play_it() -> None:
    days = calendar.between(START, dt.date(2016, 12, 30))
    bars, members = everything(BARS), everything(MEMBERS)
    actions, industries = everything(CORPORATE_ACTIONS), everything(INDUSTRIES)
    delisting = actions.filter(action="delisting").row(0, named=True)
    assert delisting["symbol"] == "S0000"
    assert delisting["value"] == model.DELISTING_RETURN
    assert delisting["event_date"] == days[model.DELISTING_SESSION]
    assert bars.filter(symbol="S0000")["event_date"].max() == days[model.DELISTING_SESSION - 1]
    assert bars.filter(symbol="S0001")["event_date"].min() == days[model.JOIN_SESSION]
    assert members.filter(symbol="S0001")["session"].min() == days[model.JOIN_SESSION + 10]
    assert members.filter(symbol="S0002")["session"].max() == days[model.LEAVE_SESSION - 1]
    reclassified = industries.filter(symbol="S0003").sort("session")
    assert reclassified["industry"].unique(maintain_order=True).to_list() == ["Industrials", "Technology"]
    assert reclassified.filter(industry="Technology")["session"].min() == days[model.RECLASSIFIED_SESSION]


def test_splits_and_dividends_move_the_price_and_not_the_total_return() -> None:
    market = model.simulate(profile(n_symbols="16").vendor, 7)
    before = np.vstack([np.full(16, np.nan), market.close[:-1]])
    total = np.log((market.close + market.dividend) * market.split / before)
    spread = np.nanstd(total)
    acted = (market.split != 1) | (market.dividend > 0)
    assert (market.split != 1).sum() >= 3
    assert np.nanmax(np.abs(total[acted])) < 6 * spread


def test_the_stocks_are_those_of_before_funds_and_macro_were_added() -> None:
    """Their streams are their own; a change here changes every result on simulated data."""
    bars = told(SimulatedMarket(profile()), BARS, dt.date(2015, 12, 31), dt.date(2015, 12, 31))
    assert bars.filter(pl.col("symbol").is_in(["S0001", "S0010"])).select("close", "volume").rows() == [
        (63.2, 627469),
        (56.18, 23736),  # the illiquid one, had 2373577
    ]


def test_the_fund_earns_the_mean_of_the_stocks_and_pays_for_a_delisting() -> None:
    market = model.simulate(profile(n_symbols="16").vendor, 7)
    close = surroundings.fund(market, profile().vendor, 7)["close"]
    day = model.DELISTING_SESSION
    for t in (1, model.JOIN_SESSION, model.JOIN_SESSION + 1, day, day + 1):
        returns = []
        for i in range(16):
            before, now = market.close[t - 1, i], market.close[t, i]
            if (t, i) == (day, model.DELISTED):
                returns.append(model.DELISTING_RETURN)
            elif not np.isnan(before) and not np.isnan(now):
                returns.append((now + market.dividend[t, i]) * market.split[t, i] / before - 1)
        assert len(returns) == {1: 15, model.JOIN_SESSION: 15, day + 1: 15}.get(t, 16)
        earned = np.mean(returns) - surroundings.FUND_FEE_ANNUAL / model.YEAR
        assert close[t] / close[t - 1] - 1 == pytest.approx(earned, abs=1.1e-4)  # cents


def test_all_symbols_pass_the_default_floors_but_the_illiquid_one() -> None:
    floors = Market()
    bars = told(SimulatedMarket(profile()), BARS, START, dt.date(2016, 12, 30)).with_columns(
        dollars=pl.col("close") * pl.col("volume")
    )
    assert bars["close"].min() > floors.min_price_usd
    adv = bars.sort("symbol", "event_date").with_columns(
        adv=pl.col("dollars").rolling_mean(floors.adv_sessions).over("symbol")
    )
    below = adv.filter(pl.col("adv") < floors.min_adv_usd)
    assert below["symbol"].unique().to_list() == [f"S{model.ILLIQUID:04d}"]
    assert below.height == adv.filter(symbol=f"S{model.ILLIQUID:04d}")["adv"].count()


def test_macro_is_known_at_the_end_of_its_day() -> None:
    rows = everything(MACRO)
    assert rows["series"].unique().sort().to_list() == ["BAA10Y", "DFF", "DGS10", "DGS2", "VIX_CLOSE"]
    assert (rows["event_date"] == rows["session"]).all()
    assert rows["known_at"].to_list() == [end_of_day(day) for day in rows["event_date"]]


# --- properties -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
def test_a_range_is_its_days(dataset: Dataset) -> None:
    days = calendar.between(START, dt.date(2016, 12, 30))
    whole = everything(dataset)
    for day in [days[0], days[1], *days[140:160:3], *days[200:205], *days[296:303:3], *days[417:422], days[-1]]:
        assert_frame_equal(told(two_years(), dataset, day, day), whole.filter(session=day))


@pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
def test_neither_a_later_end_nor_more_symbols_change_what_was_told(dataset: Dataset) -> None:
    cut = dt.date(2016, 9, 7)  # just after the delisting
    rates = {"correction_rate": "0.02", "late_rate": "0.02"}
    whole = everything(dataset).filter(pl.col("session") <= cut)
    shorter = SimulatedMarket(profile(end=str(cut), n_symbols="16", **rates))
    assert_frame_equal(told(shorter, dataset, START, cut), whole)
    more = told(SimulatedMarket(profile(n_symbols="21", **rates)), dataset, START, cut)
    if dataset is not BENCHMARKS:  # the fund holds them all
        assert_frame_equal(more.filter(pl.col("symbol") < "S0016") if "symbol" in dataset.key else more, whole)


@pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
def test_nothing_is_told_before_it_is_known(dataset: Dataset) -> None:
    rows = everything(dataset)
    decided = pl.DataFrame(
        {"session": rows["session"].unique(), "decided_at": [CLOCK.decision_time(d) for d in rows["session"].unique()]}
    )
    assert rows.join(decided, on="session").filter(pl.col("known_at") > pl.col("decided_at")).is_empty()
    assert rows.schema == {"session": pl.Date(), **dataset.schema, "grade": pl.Int8()}


@pytest.mark.parametrize("dataset", [BARS, BENCHMARKS], ids=lambda d: d.name)
def test_bars_are_consistent_and_whole_cents(dataset: Dataset) -> None:
    bars = everything(dataset)
    wrong = bars.filter(
        (pl.col("low") > pl.min_horizontal("open", "close")) | (pl.col("high") < pl.max_horizontal("open", "close"))
    )
    assert wrong.is_empty()
    assert bars.filter((pl.col("close") * 100 - (pl.col("close") * 100).round()).abs() > 1e-6).is_empty()
    assert bars["volume"].min() > 0


def test_corrections_come_within_a_week_and_mend_the_close() -> None:
    bars = everything(BARS).sort("symbol", "event_date", "known_at")
    versions = bars.filter(pl.struct("symbol", "event_date").is_duplicated())
    later = versions.with_columns(
        lag=pl.int_range(pl.len()).over("symbol", "event_date"),
        change=(pl.col("close") / pl.col("close").shift(1) - 1).over("symbol", "event_date"),
    ).filter(pl.col("lag") == 1)
    assert 0.01 < later.height / bars.height < 0.03
    assert later["change"].abs().min() > 0.004
    sessions_late = [
        calendar.index_of(s) - calendar.index_of(e) for s, e in later.select("session", "event_date").iter_rows()
    ]
    assert 1 <= min(sessions_late) <= max(sessions_late) <= 8  # a late bar may be corrected too
    late_firsts = bars.unique(["symbol", "event_date"], keep="first", maintain_order=True).filter(
        pl.col("session") > pl.col("event_date")
    )
    assert 0.01 < late_firsts.height / bars.height < 0.03


def test_planted_volatilities_are_found_within_three_standard_errors() -> None:
    settings = profile().vendor
    regimes = long_truth().regimes
    planted = {False: settings.volatility_calm, True: settings.volatility_turbulent}
    for turbulent, volatility in planted.items():
        r = regimes.filter(turbulent=turbulent)["market_log_return"].to_numpy()
        # the standard error of a deviation is sigma / sqrt(2 n)
        assert abs(r.std(ddof=1) - volatility) < 3 * volatility / np.sqrt(2 * len(r))
        drift = model.MARKET_DRIFT_ANNUAL / model.YEAR - volatility**2 / 2
        assert abs(r.mean() - drift) < 3 * volatility / np.sqrt(len(r))


def test_planted_regimes_have_their_share_and_length() -> None:
    settings = profile().vendor
    turbulent = model.regimes(settings, model.stream(3, 0).random(200_000))
    runs = np.diff(np.flatnonzero(np.diff(turbulent.astype(int)) != 0))
    assert abs(runs.mean() - settings.regime_half_life) < 3 * runs.std() / np.sqrt(len(runs))
    assert abs(turbulent.mean() - settings.turbulent_share) < 0.02
    truth = long_truth()
    state = dict(truth.regimes.select("session", "turbulent").iter_rows())
    assert all(state[day] != state[calendar.shift(day, -1)] for day in truth.switches)
    assert len(truth.switches) == np.diff(truth.regimes["turbulent"].to_numpy()).sum()


def test_the_planted_alpha_is_found_within_three_standard_errors() -> None:
    truth = long_truth()
    panel = truth.alpha.with_columns(
        next=pl.col("idiosyncratic_log_return").shift(-1).over("symbol", order_by="event_date")
    )
    panel = panel.filter(pl.col("momentum") != 0, pl.col("next").is_not_null())
    z, y = panel["momentum"].to_numpy(), panel["next"].to_numpy()
    slope = (z @ y) / (z @ z)
    error = np.sqrt(((y - slope * z) ** 2 * z**2).sum()) / (z @ z)
    planted = truth.momentum_ic / np.sqrt(model.SKIP) * model.IDIOSYNCRATIC_VOLATILITY
    assert abs(slope - planted) < 3 * error
    assert panel.select(pl.col("alpha") - planted * pl.col("momentum")).to_series().abs().max() < 1e-15


def test_planted_betas_are_found_within_three_standard_errors() -> None:
    market = model.simulate(profile(n_symbols="16").vendor, 7)
    held = [i for i in range(16) if i not in (model.DELISTED, model.JOINS_LATE)]
    r = np.log((market.close + market.dividend)[1:] * market.split[1:] / market.close[:-1])
    f = market.factors[1:]
    x = np.column_stack([np.ones_like(f), f])
    for i in held:
        coefficients, *_ = np.linalg.lstsq(x, r[:, i], rcond=None)
        # residuals are calm or turbulent with the market: the error that allows for it
        inverse = np.linalg.inv(x.T @ x)
        e = r[:, i] - x @ coefficients
        error = np.sqrt((inverse @ (x.T * e**2 @ x) @ inverse)[1, 1])
        assert abs(coefficients[1] - market.beta[i]) < 4 * error  # 14 estimates at once


def test_the_market_has_realistic_levels() -> None:
    r = long_truth().regimes["market_log_return"].to_numpy()
    assert 0.14 < r.std() * np.sqrt(252) < 0.40
    close = everything(BARS)["close"]
    assert close.min() > 2
    assert close.max() < 200


def test_the_vix_follows_the_regimes_that_it_has_seen() -> None:
    settings = profile().vendor
    market = model.simulate(settings, 7)
    vix = surroundings.macro(market, settings, 7)["VIX_CLOSE"]
    assert 8 < vix.min() < vix.max() < 90
    target = (
        100
        * surroundings.VIX_PREMIUM
        * np.sqrt(model.YEAR)
        * np.where(market.turbulent, settings.volatility_turbulent, settings.volatility_calm)
    )
    settled = np.array([t for t in range(10, len(vix)) if len(set(market.turbulent[t - 10 : t + 1])) == 1])
    error = np.log(vix[settled] / target[settled])
    # stationary deviation of an autoregression of 1 - speed, and a little left of the approach
    assert error.std() < 1.3 * surroundings.VIX_NOISE / np.sqrt(1 - (1 - surroundings.VIX_SPEED) ** 2)
    assert abs(error.mean()) < 0.05
    flipped = market.turbulent.copy()
    flipped[300:] = ~flipped[300:]
    other = surroundings.macro(replace(market, turbulent=flipped), settings, 7)["VIX_CLOSE"]
    assert (other[:300] == vix[:300]).all()
    assert other[300] != vix[300]


def test_rates_have_plausible_levels() -> None:
    rates = surroundings.macro(model.simulate(profile().vendor, 7), profile().vendor, 7)
    for name, (level, _) in surroundings.RATES.items():
        assert level / 2 < rates[name].min() < rates[name].max() < 2 * level
        assert np.abs(np.diff(rates[name])).max() < 0.15  # percentage points a session


def test_another_seed_is_another_market() -> None:
    other = SimulatedMarket(profile(n_symbols="16").model_copy(update={"seed": 8}))
    assert other.truth().regimes["market_log_return"][0] != two_years().truth().regimes["market_log_return"][0]


# --- refusals -------------------------------------------------------------------------------------------------------


def test_sessions_outside_the_market_are_refused() -> None:
    with pytest.raises(VendorError, match="runs from 2015-01-02 to 2016-12-30"):
        told(two_years(), BARS, dt.date(2017, 1, 3), dt.date(2017, 1, 3))


def test_another_dataset_is_refused() -> None:
    with pytest.raises(VendorError, match="not market/universe"):
        told(two_years(), UNIVERSE, START, START)
