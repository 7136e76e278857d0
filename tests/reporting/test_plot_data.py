"""Plots as data of a page."""

import base64
import datetime as dt

import numpy as np
import plotly.graph_objects as go

from quant_assets.reporting.plot_data import plot_data

DAYS = [dt.date(2016, 1, 4) + dt.timedelta(i) for i in range(40)]
RNG = np.random.default_rng(1)


def typed(array: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype=f"<{array['dtype']}")


# --- known values ----------------------------------------------------------------------------------------------------


def test_an_array_that_several_traces_share_stands_once() -> None:
    first = go.Figure([go.Scatter(x=DAYS, y=RNG.normal(size=40)), go.Scatter(x=DAYS, y=RNG.normal(size=40))])
    second = go.Figure(go.Bar(x=DAYS, y=first.data[0].y))
    data = plot_data([first, second])
    places = [[trace["x"]["array"], trace["y"]["array"]] for plot in data["plots"] for trace in plot["data"]]
    assert places == [[0, 1], [0, 2], [0, 1]]
    assert data["arrays"][0] == [str(day) for day in DAYS]


def test_short_arrays_and_all_else_stay_where_they_are() -> None:
    figure = go.Figure(go.Bar(x=["a", "b"], y=[1, 2], name="n"), layout={"height": 300})
    (plot,) = plot_data([figure])["plots"]
    assert plot["data"] == [{"type": "bar", "x": ["a", "b"], "y": [1, 2], "name": "n"}]
    assert plot["layout"]["height"] == 300


# --- properties ------------------------------------------------------------------------------------------------------


def test_seven_digits_are_kept_of_doubles_and_gaps_stay_gaps() -> None:
    values = np.exp(RNG.normal(0, 9, 500))
    values[7] = np.nan
    arrays = plot_data([go.Figure(go.Scatter(y=values))])["arrays"]
    np.testing.assert_allclose(typed(arrays[0]), values, rtol=1e-7)
    assert arrays[0]["dtype"] == "f4"


def test_numbers_that_single_precision_cannot_hold_stay_doubles() -> None:
    values = np.full(40, 1e39)
    arrays = plot_data([go.Figure(go.Scatter(y=values))])["arrays"]
    assert typed(arrays[0]).tolist() == values.tolist()


def test_whole_numbers_stay_whole() -> None:
    values = np.arange(2**31 - 50, 2**31 - 10)
    (array,) = plot_data([go.Figure(go.Scatter(y=values))])["arrays"]
    assert np.array_equal(typed(array), values)
