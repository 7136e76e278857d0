import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features, Stationary
from feature_store.schemas.features import STATIONARY_FEATURES, STOCK_FEATURES
from quant_assets.features.stationarity import reach, stationary, stationary_features
from tests.lookahead import assert_causal
from tests.oracles.panels import assert_stored_as, sessions, stored

METHODS = {
    "amihud_21": Stationary(method="difference", sessions=3),
    "log_adv_63": Stationary(method="normalize", sessions=8),
    "cci_20": Stationary(method="rank", sessions=5),
}
CONFIG = Features(stationary=METHODS, min_observations_share=0.7)


def random_features(seed: int, n: int = 20) -> tuple[pl.DataFrame, list[dt.date]]:
    """Rows of STOCK_FEATURES with three of them, some missing."""
    rng = np.random.default_rng(seed)
    days = sessions(n)
    rows = [
        (day, symbol, *(None if rng.random() < 0.1 else float(x) for x in rng.normal(size=3)))
        for symbol in ("A", "B")
        for day in days
        if rng.random() > 0.1
    ]
    schema = {"event_date": pl.Date, "symbol": pl.String, **dict.fromkeys(METHODS, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row"), days


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
        whole = own[list(METHODS)].astype(float).reindex(pd.DatetimeIndex(days))
        six, four = whole["log_adv_63"].rolling(8, min_periods=6), whole["cci_20"].rolling(5, min_periods=4)
        theirs = {
            "amihud_21": whole["amihud_21"] - whole["amihud_21"].shift(3),
            "log_adv_63": (whole["log_adv_63"] - six.mean()) / six.std(),
            "cci_20": four.rank(method="max") / four.count(),
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


# refusals


def test_a_window_of_one_session_is_refused_where_it_has_no_spread():
    with pytest.raises(ValueError, match="at least 2"):
        Stationary(method="rank", sessions=1)
