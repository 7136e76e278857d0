"""What was planted in the simulated market is recovered from it, within three standard errors."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from configs.settings import Market as MarketSettings
from feature_store import sessions as calendar
from feature_store.schemas.companies import SHORT_INTEREST
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from quant_assets.market.adjustment import adjusted_bars
from quant_resources.vendors.simulated import macro
from quant_resources.vendors.simulated.factors import SECTORS, STYLES
from quant_resources.vendors.simulated.regimes import chain
from quant_resources.vendors.simulated.streams import stream
from quant_resources.vendors.simulated.truth import Truth, truth_of
from quant_resources.vendors.simulated.vendor import SimulatedMarket
from tests.support.simulated import ALPHAS, END, START, eventful, market_of, parsed, profile

# Nothing but returns: no life_, and what is planted does not depend on the day.
PLAIN = {
    "company_events__listed_later": 0,
    "company_events__failures": 0,
    "company_events__mergers": 0,
    "company_events__spin_offs": 0,
    "company_events__reclassifications": 0,
    "start": "2008-01-02",
    "n_symbols": 60,
}
STEADY = {"turbulent_fraction": 0.0001, "coupled_variance": 1, "earnings_move": 0}


@lru_cache
def eight_years() -> Truth:
    return truth_of(profile(calendar.at_or_before(END), **PLAIN, beta_volatility=0, momentum_ic=0.3))


@lru_cache
def with_alphas() -> Truth:
    return truth_of(profile(**PLAIN, **STEADY, momentum_ic=0.1, alphas=str(ALPHAS).replace("'", '"')))


def within(estimate: float, planted: float, error: float) -> None:
    assert abs(estimate - planted) < 3 * error, f"{estimate} against {planted}, standard error {error}"


def regressed(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their standard errors, whatever the variance of each observation."""
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    e = y - x @ b
    return b, np.sqrt(np.diag(inverse @ (x.T * e**2 @ x) @ inverse))


def throughout(truth: Truth) -> list[int]:
    """Positions of those with a bar from the first session to the last, of one sector."""
    lifecycles, T = truth._market.lifecycles, len(truth._market.sessions)
    return [
        int(i) for i in np.flatnonzero((lifecycles.listed == 0) & (lifecycles.gone > T) & (lifecycles.reclassified > T))
    ]


def wide(frame: pl.DataFrame, value: str, truth: Truth) -> np.ndarray:
    """(T, N) of the symbols with a bar throughout."""
    alive = [truth._market.symbols[i] for i in throughout(truth)]
    rows = frame.filter(pl.col("symbol").is_in(alive)).sort("event_date", "symbol")
    return rows[value].to_numpy().reshape(-1, len(alive))


# --- known values: regimes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "length"), [(0.2, 60.0), (0.25, 120.0), (0.5, 10.0)])
def test_regimes_have_their_fraction_and_length(fraction: float, length: float) -> None:
    states = chain(stream(3, 0).random(400_000), fraction, length)
    stays = np.diff(np.flatnonzero(np.diff(states.astype(int)) != 0))
    within(stays.mean(), length, stays.std() / np.sqrt(len(stays)))
    second = stays[states[np.flatnonzero(np.diff(states.astype(int)) != 0)[:-1] + 1]]
    within(second.mean(), 2 * length * fraction, second.std() / np.sqrt(len(second)))


@pytest.mark.parametrize("name", ["turbulent", "falling", "coupled"])
def test_switches_are_the_first_sessions_of_another_state(name: str) -> None:
    truth = eight_years()
    state = dict(truth.regimes.select("session", name).iter_rows())
    switches = truth.switches.filter(regime=name)["session"].to_list()
    assert len(switches) > 5
    assert switches == [day for before, day in pairwise(state) if state[day] != state[before]]


def test_volatility_and_drift_are_those_of_the_regime() -> None:
    truth = eight_years()
    both = truth.regimes.with_columns(r=truth.factor_returns["market"])
    for turbulent, planted in ((False, truth.settings.volatility_calm), (True, truth.settings.volatility_turbulent)):
        r = both.filter(turbulent=turbulent)["r"].to_numpy()
        within(r.std(ddof=1), planted, planted / np.sqrt(2 * len(r)))
    for falling, planted in ((False, truth.settings.drift_rising), (True, truth.settings.drift_falling)):
        rows = both.filter(falling=falling)
        centred = rows["r"] + rows["market_volatility"] ** 2 / 2  # of the exponential
        within(centred.mean(), planted / 252, centred.std() / np.sqrt(rows.height))


def test_stocks_are_as_correlated_as_the_regime_says() -> None:
    truth = truth_of(profile(**PLAIN, style_volatility=0, beta_volatility=0, sector_volatility=0, n_sectors=11))
    market = truth._market
    kept = throughout(truth)
    beta, sigma = market.companies.beta[0, kept], market.companies.volatility[kept]
    r = wide(truth.returns, "total", truth)
    states = truth.regimes.select("turbulent", "coupled", "market_volatility", "other_volatility")
    rng = np.random.default_rng(5)
    for turbulent in (False, True):
        for coupled in (False, True):
            here = ((states["turbulent"] == turbulent) & (states["coupled"] == coupled)).to_numpy()
            row = states.filter(pl.Series(here)).row(0, named=True)
            volatility = np.sqrt((beta * row["market_volatility"]) ** 2 + (sigma * row["other_volatility"]) ** 2)
            planted = pairs(np.outer(beta, beta) * row["market_volatility"] ** 2 / np.outer(volatility, volatility))
            days = r[here]
            drawn = [pairs(np.corrcoef(days[rng.integers(len(days), size=len(days))].T)) for _ in range(60)]
            within(pairs(np.corrcoef(days.T)), planted, np.std(drawn))


def pairs(matrix: np.ndarray) -> float:
    """Mean off the diagonal."""
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))


def test_the_vix_follows_the_regimes_that_it_has_seen() -> None:
    market, settings = market_of(eventful()), eventful().vendor
    vix = macro.volatility(market)["VIX_CLOSE"]
    assert 8 < vix.min() < vix.max() < 90
    target = 100 * macro.VIX_PREMIUM * np.sqrt(252) * market.regimes.volatility
    turbulent = market.regimes.turbulent
    settled = np.array([t for t in range(10, len(vix)) if len(set(turbulent[t - 10 : t + 1])) == 1])
    error = np.log(vix[settled] / target[settled])
    # stationary standard deviation of an autoregression of 1 - speed, and a little left of the approach
    assert error.std() < 1.3 * macro.VIX_NOISE / np.sqrt(1 - (1 - macro.VIX_SPEED) ** 2)
    assert abs(error.mean()) < 0.05
    assert settings.volatility_calm < settings.volatility_turbulent


def test_credit_spreads_widen_in_turbulence_and_rates_have_plausible_levels() -> None:
    market = market_of(profile(**PLAIN))
    series, turbulent = macro.rates(market), market.regimes.turbulent
    late = turbulent & np.roll(turbulent, 15)
    calm = ~turbulent & ~np.roll(turbulent, 60)
    assert series["HY_OAS"][late].mean() > 1.15 * series["HY_OAS"][calm].mean()
    for name, (level, *_) in macro.RATES.items():
        assert level / 2.5 < series[name].min() < series[name].max() < 2.5 * level
        assert np.abs(np.diff(series[name])).max() < 0.3  # percentage points a session


# --- known values: factors ------------------------------------------------------------------------------------------


def test_betas_and_loads_are_found() -> None:
    truth, market = eight_years(), eight_years()._market
    factor = truth.factor_returns
    f = factor["market"].to_numpy()
    scores = []
    for i in throughout(truth):
        own = truth.returns.filter(symbol=market.symbols[i])["total"].to_numpy()
        exposed = truth.exposures.filter(symbol=market.symbols[i])
        styles = np.column_stack([factor[name].to_numpy()[1:] * exposed[name].to_numpy()[:-1] for name in STYLES])
        sector = factor[SECTORS[market.companies.sector[i]]].to_numpy()
        b, error = regressed(own[1:], np.column_stack([np.ones(len(f) - 1), f[1:], sector[1:], styles]))
        planted = [market.companies.beta[0, i], market.companies.load[i], 1, 1, 1, 1]
        scores.append((b[1:] - planted) / error[1:])
    scores = np.array(scores)
    assert scores.shape[0] > 45
    assert (np.abs(scores) < 3).mean() > 0.985  # 0.997 of so many estimates
    assert np.abs(scores).max() < 4.5
    within((scores**2).mean(), 1, np.sqrt(2 / scores.size))


def test_betas_move_slowly_about_their_level() -> None:
    truth = truth_of(profile(**PLAIN, beta_volatility=0.2))
    beta = wide(truth.exposures, "beta", truth)
    assert 0.1 < beta.std(axis=0).mean() < 0.3
    assert np.abs(np.diff(beta, axis=0)).max() < 0.1
    x = (beta * truth.factor_returns["market"].to_numpy()[:, None])[1:].ravel()
    total = wide(truth.returns, "total", truth)[1:].ravel()
    b, error = regressed(total, np.column_stack([np.ones_like(x), x]))
    within(b[1], 1, 4 * error[1])  # sectors and styles make errors alike on a day: a wider error


def test_tails_are_those_of_students_t() -> None:
    truth, settings = with_alphas(), with_alphas().settings
    own = wide(truth.returns, "idiosyncratic", truth) - np.vstack(
        [np.zeros((1, wide(truth.alpha, "alpha", truth).shape[1])), wide(truth.alpha, "alpha", truth)[:-1]]
    )
    sigma = wide(truth.exposures.join(truth.companies.select("symbol", vol="volatility"), on="symbol"), "vol", truth)
    z = (own / sigma).ravel()
    within(z.std(), 1, 3 / np.sqrt(len(z)))
    rng, fraction = np.random.default_rng(11), settings.overnight_fraction
    scale = np.sqrt((settings.tail_degrees - 2) / settings.tail_degrees)
    drawn = scale * rng.standard_t(settings.tail_degrees, (2, 2_000_000))
    sum_of_both = np.sqrt(fraction) * drawn[0] + np.sqrt(1 - fraction) * drawn[1]
    for far in (3, 5):
        planted = (np.abs(sum_of_both) > far).mean()
        within((np.abs(z) > far).mean(), planted, np.sqrt(planted / len(z) + planted / 2e6))


def test_overnight_and_intraday_moves_have_their_shares_of_variance() -> None:
    truth = with_alphas()
    paths = truth._market.paths
    night = np.log((paths.open[1:] + paths.paid[1:]) * paths.split[1:] / paths.close[:-1])
    day = paths.total[1:] - night
    keep = throughout(truth)
    ratio = night[:, keep].var(axis=0) / (night[:, keep].var(axis=0) + day[:, keep].var(axis=0))
    within(ratio.mean(), truth.settings.overnight_fraction, ratio.std() / np.sqrt(len(keep)))


def test_ranges_are_those_of_brownian_motion() -> None:
    """Parkinson's estimator finds the intraday variance: ranges are neither padded nor cut."""
    truth = truth_of(profile(**PLAIN, **STEADY, half_spread=0, tail_degrees=100))
    bars = truth._market.bars
    range_ = np.log(bars.high / bars.low) ** 2 / (4 * np.log(2))
    move = np.log(bars.close / bars.open) ** 2
    keep = np.isfinite(range_)
    assert range_[keep].mean() / move[keep].mean() == pytest.approx(1, abs=0.03)
    assert ((bars.vwap >= bars.low) & (bars.vwap <= bars.high))[keep].all()
    assert ((bars.transactions >= 1) & (bars.transactions <= bars.volume))[keep].all()


def test_volume_lasts_and_rises_with_the_size_of_moves() -> None:
    truth = with_alphas()
    bars, paths = truth._market.bars, truth._market.paths
    turnover = np.log(bars.volume / paths.shares)
    keep = np.flatnonzero(np.isfinite(turnover).all(axis=0))
    for i in keep:
        assert np.corrcoef(turnover[1:, i], turnover[:-1, i])[0, 1] > 0.3
        assert np.corrcoef(turnover[:, i], np.abs(paths.total[:, i]))[0, 1] > 0.3


# --- known values: alphas -------------------------------------------------------------------------------------------


def test_momentum_pays_what_it_promised() -> None:
    truth = with_alphas()
    z, y = (
        wide(truth.alpha, "momentum", truth)[252:-1].ravel(),
        wide(truth.returns, "idiosyncratic", truth)[253:].ravel(),
    )
    sigma = wide(truth.exposures.join(truth.companies.select("symbol", vol="volatility"), on="symbol"), "vol", truth)
    y = y / sigma[253:].ravel()
    others = [wide(truth.alpha, a["name"], truth)[252:-1].ravel() for a in ALPHAS]
    b, error = regressed(y, np.column_stack([z, *others]))
    for estimate, e, planted in zip(b, error, truth.alphas["strength"], strict=True):
        within(estimate, planted, e)


def test_alphas_have_their_strength_over_a_month_and_their_half_life() -> None:
    truth = with_alphas()
    own = wide(truth.returns, "idiosyncratic", truth)
    for planted in truth.alphas.filter(pl.col("half_life").is_not_null()).rows(named=True):
        z = wide(truth.alpha, planted["name"], truth)
        starts = np.arange(0, len(own) - 22, 21)
        month = np.array([own[t + 1 : t + 22].sum(axis=0) for t in starts])
        month = month / month.std(axis=0)
        n = month.size
        within(np.corrcoef(z[starts].ravel(), month.ravel())[0, 1], planted["ic"], 1 / np.sqrt(n))
        lag = round(planted["half_life"])
        kept = [np.corrcoef(x[:-lag], x[lag:])[0, 1] for x in z.T]
        # a correlation over T sessions is a little too low by nature
        assert abs(np.mean(kept) - 0.5) < 3 * np.std(kept) / np.sqrt(len(kept)) + 2 * lag / len(z)


def test_alphas_that_are_shown_can_be_seen() -> None:
    plain = profile(**PLAIN, **STEADY, momentum_ic=0.1, alphas=str(ALPHAS).replace("'", '"'))
    market = SimulatedMarket(plain)
    days = calendar.between(END.replace(year=2014), END)
    truth = with_alphas().alpha.filter(pl.col("event_date") >= days[0])
    bars = parsed(market, BARS, days[0], days[-1]).unique(["event_date", "symbol"], keep="last")
    seen = bars.join(truth, on=["event_date", "symbol"]).with_columns(
        abnormal=(pl.col("volume").log() - pl.col("volume").log().mean()).over("symbol")
    )
    assert seen.select(pl.corr("abnormal", "fast")).item() > 0.3
    short = parsed(market, SHORT_INTEREST, days[0], days[-1]).join(truth, on=["event_date", "symbol"])
    ratio = short.with_columns(log=(pl.col("shares_short").log() - pl.col("shares_short").log().mean()).over("symbol"))
    assert ratio.select(pl.corr("log", "slow")).item() < -0.2


def test_the_alpha_of_momentum_is_its_strength_times_the_signal() -> None:
    truth = eight_years()
    planted = truth.alpha.join(truth.companies.select("symbol", "volatility"), on="symbol").select(
        pl.col("alpha") - truth.alphas.item(0, "strength") * pl.col("momentum") * pl.col("volatility")
    )
    assert planted.to_series().abs().max() < 1e-15


# --- properties -----------------------------------------------------------------------------------------------------


def test_returns_of_bars_and_actions_are_the_planted_ones() -> None:
    """Up to the rounding to cents, through every split, dividend, spin-off and deal."""
    truth = truth_of(eventful(late_rate=0, correction_rate=0))
    market = SimulatedMarket(eventful(late_rate=0, correction_rate=0))
    bars = parsed(market, BARS, START, END).drop("session", "known_at", "grade")
    actions = known_last(market)
    days = calendar.between(START, END)
    rows = adjusted_bars(bars, actions, days, MarketSettings(suspected_actions="keep"))
    planted = truth.returns.with_columns(
        noise=(pl.col("bounce") - pl.col("bounce").shift(1)).over("symbol", order_by="event_date"),
        planted=pl.col("total"),
    )
    both = rows.join(planted, on=["event_date", "symbol"]).drop_nulls("log_return")
    assert both.height > 15_000
    paid = pl.col("dividend_usd") / pl.col("close")  # the bounce is of the price that is left
    room = 0.0052 / pl.col("close") * (1 + 1.3 * pl.col("split_ratio")) + paid * 0.006 + 1e-6
    wrong = both.filter((pl.col("log_return") - pl.col("planted") - pl.col("noise")).abs() > room)
    assert wrong.is_empty(), wrong
    assert both.filter(pl.col("split_ratio") != 1).height >= 8
    assert both.filter(pl.col("dividend_usd") > 0.05 * pl.col("close")).height > 3  # spin-offs


def known_last(market: SimulatedMarket) -> pl.DataFrame:
    """Corporate actions as known at the end."""
    rows = parsed(market, CORPORATE_ACTIONS, START, END).sort("known_at")
    return rows.unique(["event_date", "symbol", "action"], keep="last").drop("session", "known_at", "grade")


def test_the_seed_chooses_the_market() -> None:
    other = truth_of(eventful().model_copy(update={"seed": 8}))
    assert other.factor_returns["market"][0] != truth_of(eventful()).factor_returns["market"][0]
