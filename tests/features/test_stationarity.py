import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn.decomposition import PCA

from configs.settings import Features, Stationary
from feature_store.schemas.features import STATIONARY_FEATURES, STOCK_FEATURES
from quant_assets.features.stationarity import neutralized, reach, read_of, stationary, stationary_features
from tests.engine.market import (
    SESSIONS,
    contents,
    failures,
    forget,
    make_runner,
    needed_for,
    profile,
    run,
    run_and_check,
)
from tests.oracles.panels import assert_stored_as, sessions, stored
from tests.support.lookahead import assert_causal

METHODS = {
    "amihud_21": Stationary(method="difference", sessions=3),
    "log_adv_63": Stationary(method="normalize", sessions=8),
    "cci_20": Stationary(method="rank", sessions=5),
    "rsi_14": Stationary(method="neutralize", sessions=7, against=("cci_20", "volatility_21"), components=2),
}
COLUMNS = (*METHODS, "volatility_21")
CONFIG = Features(stationary=METHODS, min_observations_fraction=0.7)


def random_features(seed: int, n: int = 20) -> tuple[pl.DataFrame, list[dt.date]]:
    """Rows of STOCK_FEATURES with some of them, some missing."""
    rng = np.random.default_rng(seed)
    days = sessions(n)
    rows = [
        (day, symbol, *(None if rng.random() < 0.1 else float(x) for x in rng.normal(size=len(COLUMNS))))
        for symbol in ("A", "B")
        for day in days
        if rng.random() > 0.1
    ]
    schema = {"event_date": pl.Date, "symbol": pl.String, **dict.fromkeys(COLUMNS, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row"), days


def by_scikit_learn(x: pd.DataFrame, window: int, least: int, components: int) -> pd.Series:
    found = pd.Series(np.nan, index=x.index)
    for t in range(len(x)):
        past = x.iloc[max(0, t - window) : t].dropna()
        if len(past) >= least and x.iloc[t].notna().all():
            scaled = (x.iloc[[t]] - past.mean()) / past.std()
            fitted = PCA(components).fit(((past - past.mean()) / past.std()).to_numpy())
            common = fitted.inverse_transform(fitted.transform(scaled.to_numpy()))
            found.iloc[t] = (scaled.to_numpy() - common)[0, 0]
    return found


# known values


def test_each_method_by_hand():
    x = np.array([[1.0], [4.0], [2.0], [3.0]])
    assert stationary(x, Stationary(method="difference", sessions=2), 1.0)[:, 0].tolist()[2:] == [1.0, -1.0]
    assert stationary(x, Stationary(method="rank", sessions=4), 1.0)[-1, 0] == 0.75
    spread = np.std([1, 4, 2, 3], ddof=1)
    assert stationary(x, Stationary(method="normalize", sessions=4), 1.0)[-1, 0] == pytest.approx(0.5 / spread)


def test_what_does_not_differ_has_no_normal_form_and_a_lag_beyond_the_window_nothing():
    x = np.full((6, 1), 0.1)
    assert np.isnan(stationary(x, Stationary(method="normalize", sessions=4), 1.0)).all()
    assert np.isnan(stationary(x, Stationary(method="difference", sessions=9), 1.0)).all()


def test_neutralized_leaves_what_others_do_not_share():
    """Two features that move as one but for the first's own step today; by hand in three lines."""
    trend = np.array([1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1.5, -1.5])
    x = np.stack([np.append(trend, 3.0 + 1.0), np.append(5.0 - 2.0 * trend, 5.0 - 2.0 * 3.0)])[:, :, None]
    of = Stationary(method="neutralize", sessions=8, against=("volatility_21",))
    left = neutralized(x, of, 1.0)
    a, b = (np.array([4.0, 3.0]) - trend.mean()) / trend.std(ddof=1)  # of both features, the second turned around
    assert left[-1, 0] == pytest.approx((a - b) / 2)  # off the axis (1, -1)
    assert np.isnan(left[:-1]).all()
    assert np.isnan(neutralized(np.ones((2, 9, 1)), of, 1.0)).all()


def test_no_feature_named_gives_no_rows_and_reads_one_session():
    frame, days = random_features(1)
    assert_stored_as(stationary_features(frame, days, days[0], Features()), STATIONARY_FEATURES)
    assert stationary_features(frame, days, days[0], Features()).is_empty()
    assert (reach(Features()), reach(CONFIG)) == (1, 9)


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_every_method_is_that_of_pandas(seed: int):
    frame, days = random_features(seed)
    ours = stationary_features(frame, days, days[0], CONFIG)
    assert_stored_as(ours, STATIONARY_FEATURES)
    assert ours.select("event_date", "symbol").equals(frame.select("event_date", "symbol"))
    for symbol in ("A", "B"):
        own = frame.filter(symbol=symbol).to_pandas().set_index("event_date")
        whole = own[list(COLUMNS)].astype(float).reindex(pd.DatetimeIndex(days))
        six, four = whole["log_adv_63"].rolling(8, min_periods=6), whole["cci_20"].rolling(5, min_periods=4)
        theirs = {
            "amihud_21": whole["amihud_21"] - whole["amihud_21"].shift(3),
            "log_adv_63": (whole["log_adv_63"] - six.mean()) / six.std(),
            "cci_20": four.rank(method="max") / four.count(),
            "rsi_14": by_scikit_learn(whole[["rsi_14", "cci_20", "volatility_21"]], 7, 5, 2),
        }
        for name, values in theirs.items():
            expected = values.reindex(own.index).to_numpy(dtype=float)
            found = ours.filter(symbol=symbol)[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)


@given(st.integers(0, 10**6), st.integers(0, 19))
@settings(max_examples=8, deadline=None)
def test_no_value_sees_tomorrow_and_all_are_the_same_bits_wherever_the_window_begins(seed: int, first: int):
    frame, days = random_features(seed)
    assert_causal(lambda f: stationary_features(f, days, days[0], CONFIG), frame)
    begin = max(0, first - reach(CONFIG) + 1)
    assert_frame_equal(
        stationary_features(frame.filter(pl.col("event_date") >= days[begin]), days[begin:], days[first], CONFIG),
        stationary_features(frame, days, days[0], CONFIG).filter(pl.col("event_date") >= days[first]),
        check_exact=True,
    )


def test_what_is_read_are_columns_of_stock_features():
    assert {*STATIONARY_FEATURES.values} <= {*stored(STOCK_FEATURES)}
    assert {*read_of(CONFIG)} == {*COLUMNS} <= {*stored(STOCK_FEATURES)}


def test_days_store_what_a_range_stores_where_the_settings_name_forms(tmp_path: Path):
    forms = {
        "momentum_63": {"method": "neutralize", "sessions": 20, "against": ["reversal_21", "volatility_21"]},
        "volatility_21": {"method": "rank", "sessions": 15},
    }
    runner = make_runner(tmp_path, profile(features__stationary=json.dumps(forms)))
    *before, asset = needed_for(STATIONARY_FEATURES.name)
    for each in before:
        run(runner, each, SESSIONS)
    run(runner, asset, SESSIONS)
    ranged = contents(runner.store, [asset])
    assert runner.store.read(STATIONARY_FEATURES, as_of=SESSIONS[-1])["momentum_63"].count() > 0
    days = SESSIONS[-8:-3]
    forget(runner.store, STATIONARY_FEATURES, days)
    for day in days:
        assert failures(run_and_check(runner, asset, [day])) == []
    assert contents(runner.store, [asset]) == ranged


# refusals


def test_a_window_of_one_session_is_refused_where_it_has_no_spread():
    with pytest.raises(ValueError, match="set `sessions` to 2 or more"):
        Stationary(method="rank", sessions=1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"method": "neutralize"}, "leave no residual"),
        ({"method": "neutralize", "against": ("cci_20",), "components": 2}, "leave no residual"),
        ({"method": "neutralize", "against": ("cci_20", "cci_20")}, "twice"),
        ({"method": "rank", "against": ("cci_20",)}, "are for neutralize; remove them"),
    ],
)
def test_a_form_that_leaves_nothing_or_looks_elsewhere_is_refused(wrong: dict, told: str):
    with pytest.raises(ValueError, match=told):
        Stationary(**wrong)


@pytest.mark.parametrize(("against", "told"), [("nothing", "names .'nothing'"), ("rsi_14", "itself")])
def test_neutralizing_against_what_is_no_other_feature_is_refused(against: str, told: str):
    wrong = Features(stationary={"rsi_14": Stationary(method="neutralize", against=(against,))})
    with pytest.raises(ValueError, match=told):
        read_of(wrong)
