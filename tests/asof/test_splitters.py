"""Splitters for scikit-learn: the platform's splits, by its protocol."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

import asof
from asof.models import LightGBM, Ridge
from feature_store import sessions
from quant_assets.alpha.training import cross_validation as rules

HORIZON = 5
DAYS = sessions.between(sessions.at_or_after(sessions.all_sessions()[5000]), sessions.all_sessions()[5059])
SPLITTERS = [
    (asof.PurgedKFold(4, HORIZON, 2), rules.PurgedKFold(4, 2)),
    (asof.CombinatorialPurged(4, 2, HORIZON, 2), rules.CombinatorialPurged(4, 2, 2)),
    (asof.WalkForward(3, 10, 20, HORIZON), rules.WalkForward(10, 3, 20)),
]


def panel(n_symbols: int = 3) -> pl.DataFrame:
    """Each stock on each day, in no order, with a label that the first of two features explains."""
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"event_date": DAYS * n_symbols}).sample(fraction=1.0, shuffle=True, seed=1)
    x = rng.normal(size=(frame.height, 2))
    return frame.with_columns(a=x[:, 0], b=x[:, 1], y=2 * x[:, 0] + rng.normal(0, 0.1, frame.height))


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("splitter", "rule"), SPLITTERS)
def test_splits_are_those_of_the_platform(splitter: asof.PurgedKFold, rule: rules.PurgedKFold) -> None:
    frame = panel()
    ends = [sessions.shift(day, HORIZON) for day in frame["event_date"]]
    expected = list(rule.split(frame["event_date"], ends))
    for groups in (frame["event_date"], frame["event_date"].to_pandas(), frame["event_date"].to_list()):
        parts = list(splitter.split(frame, frame["y"], groups))
        assert len(parts) == splitter.get_n_splits(frame) == rule.n_splits
        for part, other in zip(parts, expected, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(part, other, strict=True))


def test_a_label_end_of_each_row_takes_the_place_of_one_horizon() -> None:
    frame = panel()
    by_horizon = asof.PurgedKFold(4, HORIZON)
    both = frame.select("event_date", end=pl.Series([sessions.shift(d, HORIZON) for d in frame["event_date"]]))
    expected = list(by_horizon.split(frame, groups=frame["event_date"]))
    for groups in (both, both.to_pandas(), np.array(both.rows(), dtype="datetime64[D]")):
        parts = list(asof.PurgedKFold(4).split(frame, groups=groups))
        assert all(np.array_equal(a[0], b[0]) for a, b in zip(parts, expected, strict=True))


@pytest.mark.parametrize(("splitter", "rule"), SPLITTERS)
@pytest.mark.parametrize("model", [Ridge(1.0), LightGBM(20, 4, min_leaf_rows=5), LinearRegression()])
def test_they_work_in_cross_val_score(splitter: asof.PurgedKFold, rule: rules.PurgedKFold, model: object) -> None:
    frame = panel()
    scores = cross_val_score(model, frame[["a", "b"]].to_numpy(), frame["y"], groups=frame["event_date"], cv=splitter)
    assert scores.shape == (rule.n_splits,)
    assert (scores > 0.5).all()


def test_they_work_in_a_grid_search_on_frames_of_pandas() -> None:
    frame = panel().to_pandas()
    search = GridSearchCV(Ridge(), {"penalty": [1e-3, 1e6]}, cv=asof.PurgedKFold(3, HORIZON))
    search.fit(frame[["a", "b"]], frame["y"], groups=frame["event_date"])
    assert search.best_params_ == {"penalty": 1e-3}


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("splitter", "rule"), SPLITTERS)
def test_no_training_label_reaches_into_the_test(splitter: asof.PurgedKFold, rule: rules.PurgedKFold) -> None:
    own = np.array(panel()["event_date"], dtype="datetime64[D]")
    end = np.array([sessions.shift(d, HORIZON) for d in own.tolist()], dtype="datetime64[D]")
    for train, test in splitter.split(groups=own):
        for block in np.unique(own[test]):
            row = test[own[test] == block][0]
            overlap = (own[train] < end[row]) & (end[train] > own[row])
            assert not overlap.any()


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_groups_that_do_not_fit_are_rejected() -> None:
    frame, splitter = panel(), asof.PurgedKFold(4, HORIZON)
    with pytest.raises(ValueError, match="groups are missing: pass the session of each row"):
        splitter.split(frame)
    with pytest.raises(ValueError, match=r"groups has 2 rows, expected 180, as of X"):
        splitter.split(frame, groups=DAYS[:2])
    with pytest.raises(ValueError, match="2010-01-02 is not a trading session of XNYS"):
        splitter.split(groups=["2010-01-02"])
    with pytest.raises(ValueError, match=r"groups has shape \(180,\), expected \(n, 2\)"):
        asof.PurgedKFold(4).split(frame, groups=frame["event_date"].to_numpy())
    with pytest.raises(ValueError, match=r"groups has the columns \['event_date'\], expected two"):
        asof.PurgedKFold(4).split(groups=pd.DataFrame({"event_date": DAYS}))
    with pytest.raises(ValueError, match="the panel has 60 sessions; this split needs at least 61"):
        next(asof.PurgedKFold(61, HORIZON).split(groups=DAYS))


def test_a_model_rejects_arrays_that_do_not_fit() -> None:
    for model in (Ridge(), LightGBM(min_leaf_rows=2)):
        with pytest.raises(ValueError, match=r"y has shape \(2,\), expected \(n,\) with n = 3, as of X"):
            model.fit(np.ones((3, 2)), [1.0, 2.0])
        model.fit(np.arange(60.0).reshape(30, 2), np.arange(30.0))
        with pytest.raises(ValueError, match=r"has shape .* expected"):
            model.predict(np.ones((3, 5)))
