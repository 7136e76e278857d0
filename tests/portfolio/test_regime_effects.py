"""What regimes may do to a portfolio: nothing by default, as much as matured outcomes bear out."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from configs.settings import EstimatedEffects, FixedEffects, Portfolio
from feature_store import sessions
from feature_store.schemas.portfolio import EFFECTS, REGIME_EFFECTS
from quant_assets.portfolio.regime_effects import (
    Panel,
    band_slope,
    estimated,
    panel,
    regime_effects,
    sharpe_slope,
    tilt_slope,
)

HORIZON, T, N = 5, 600, 8
DAYS = sessions.between(dt.date(2012, 1, 3), dt.date(2014, 12, 31))[:T]
SETTINGS = Portfolio(horizon_sessions=HORIZON)


def regimes(rng: np.random.Generator, chance: float = 0.02) -> np.ndarray:
    """(T, N) zeros and ones that stay for a while."""
    switches = rng.random((T, N)) < chance
    return (np.cumsum(switches, axis=0) + rng.integers(0, 2, N)) % 2 * 1.0


def planted(seed: int, tilt: float = 0.0, volatility: float = 1.0, premium: float = 0.0, crash: float = 0.0) -> Panel:
    """Industries that bulls lift by `tilt` a session, that are `volatility` times as volatile in a crisis.

    All of them have the premium, and lose the crash as far as they are in a crisis.
    """
    rng = np.random.default_rng(seed)
    trend, crisis = regimes(rng), regimes(rng) if volatility != 1.0 else np.repeat(regimes(rng)[:, :1], N, axis=1)
    noise = rng.normal(size=(T, N)) * 0.01 * np.where(crisis > 0, volatility, 1.0)
    returns = noise + premium - crash * crisis.mean(axis=1, keepdims=True)
    returns[1:] += tilt * trend[:-1]
    return Panel(trend, crisis, returns)


def frames(data: Panel) -> tuple[pl.DataFrame, pl.DataFrame]:
    index = {
        "event_date": [t for t in DAYS for _ in range(N)],
        "industry": [f"I{i}" for _ in DAYS for i in range(N)],
    }
    trend, crisis = data.trend.ravel(), data.crisis.ravel()
    states = pl.DataFrame(
        {**index, "p_bull": np.maximum(trend, 0), "p_bear": np.maximum(-trend, 0), "p_crisis": crisis}
    )
    return states, pl.DataFrame({**index, "log_return": data.returns.ravel()})


def values(rows: pl.DataFrame) -> dict[str, float]:
    return dict(rows.select("effect", "value").iter_rows())


# -- known values ------------------------------------------------------------------------------------------------------


def test_slopes_are_those_of_loops() -> None:
    data = planted(1, tilt=0.002, volatility=1.5)
    top = bottom = 0.0
    rows = []
    for t in range(T - HORIZON):
        ahead = data.returns[t + 1 : t + 1 + HORIZON].sum(axis=0)
        x = data.trend[t] - data.trend[t].mean()
        top, bottom = top + x @ (ahead - ahead.mean()), bottom + x @ x
        relative = data.returns[t + 1 : t + 1 + HORIZON]
        relative = relative - relative.mean(axis=1, keepdims=True)
        rows.append(0.5 * np.log((relative**2).mean(axis=0)))
    assert tilt_slope(data, HORIZON).slope == pytest.approx(top / bottom)
    y, x = np.array(rows), data.crisis[: T - HORIZON]
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    assert band_slope(data, HORIZON).slope == pytest.approx((x * y).sum() / (x * x).sum())


def test_planted_effects_are_found() -> None:
    found = estimated(planted(2, tilt=0.004, volatility=2.0), HORIZON, EstimatedEffects(max_tilt_bp=200))
    # a bull that lasts 50 sessions on average lifts most of the horizon
    assert 0.6 * HORIZON * 0.004 < found["trend_tilt"].value <= 200e-4
    assert (
        0.5 < found["crisis_band"].value < 0.65
    )  # returns about the mean of eight, some in a crisis, vary by less than 2
    crash = estimated(planted(3, premium=0.004, crash=0.005), HORIZON, EstimatedEffects())
    assert crash["crisis_volatility"].value == 0.5  # it would be below nothing
    assert crash["crisis_band"].value == 1.0


def test_the_multiple_of_volatility_is_the_ratio_of_sharpe_ratios() -> None:
    data = planted(4, premium=0.004, crash=0.0024)
    slope, without = sharpe_slope(data, HORIZON)
    effect = estimated(data, HORIZON, EstimatedEffects(lowest_multiple=0.01))["crisis_volatility"]
    assert abs(slope.t) > slope.needed_t(0.05)
    assert effect.value == pytest.approx(1 + slope.slope * (1 - 1 / slope.t**2) / without)
    assert 0.2 < effect.value < 0.7  # 0.4 is planted


def test_stated_effects_are_the_settings() -> None:
    states, returns = frames(planted(5))
    stated = Portfolio(regime_effects=FixedEffects(trend_tilt_bp=10, crisis_band_multiple=0.4))
    rows = regime_effects(states, returns, DAYS[-1], stated)
    assert values(rows) == pytest.approx({"trend_tilt": 10e-4, "crisis_band": 0.4, "crisis_volatility": 0.67})
    assert rows["slope"].null_count() == rows["needed_t"].null_count() == len(EFFECTS)
    assert dict(rows.schema) == REGIME_EFFECTS.computed_schema


# -- properties --------------------------------------------------------------------------------------------------------


def test_on_noise_nothing_is_earned_oftener_than_the_level_says() -> None:
    earned = dict.fromkeys(EFFECTS, 0)
    for seed in range(40):
        found = estimated(planted(seed), HORIZON, EstimatedEffects())
        earned = {
            name: earned[name] + (found[name].value != (0.0 if name == "trend_tilt" else 1.0)) for name in EFFECTS
        }
    assert max(earned.values()) <= 6  # 2 of 40 are to be expected; 6 and more come by chance once in 70 times


def test_outcomes_that_have_not_matured_do_not_count() -> None:
    data = planted(6, tilt=0.004, volatility=2.0)
    whole = estimated(data, HORIZON, EstimatedEffects())
    states = [np.vstack([values[:-HORIZON], np.full((HORIZON, N), np.nan)]) for values in (data.trend, data.crisis)]
    assert estimated(Panel(*states, data.returns), HORIZON, EstimatedEffects()) == whole


def test_a_short_history_earns_nothing() -> None:
    states, returns = frames(planted(7, tilt=0.01, volatility=3.0))
    few = EstimatedEffects().min_blocks * HORIZON
    rows = regime_effects(states.head(few * N), returns.head(few * N), DAYS[few - 1], SETTINGS)
    assert values(rows) == {"trend_tilt": 0.0, "crisis_band": 1.0, "crisis_volatility": 1.0}
    none = regime_effects(states.clear(), returns.clear(), DAYS[0], SETTINGS)
    assert values(none) == values(rows)


def test_an_industry_without_states_or_returns_is_left_out() -> None:
    data = planted(8, tilt=0.004)
    states, returns = frames(data)
    less = states.filter(pl.col("industry") != "I3")
    gap = np.array([i != 3 for i in range(N)])
    known = panel(less, returns)
    assert np.isnan(known.trend[:, 3]).all()
    assert tilt_slope(known, HORIZON).slope == pytest.approx(
        tilt_slope(Panel(data.trend[:, gap], data.crisis[:, gap], data.returns[:, gap]), HORIZON).slope
    )
