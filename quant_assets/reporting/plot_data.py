"""Plots as data of a page: an array that traces share stands once, and no digits that a screen cannot show."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go

LARGEST = 1e30  # of a number that is written with seven digits: float32 ends at 3e38
SHORT = 64  # characters of an array that is no longer than the reference to it is worth


def plot_data(plots: Iterable[go.Figure]) -> dict[str, Any]:
    """What `page.js` draws.

    Returns:
        arrays: each once; plots: traces and layout of each plot, in which `{"array": i}` stands for the i-th array.
    """
    arrays: dict[str, int] = {}  # place by JSON
    drawn = [_plot(json.loads(plot.to_json()), arrays) for plot in plots]
    return {"arrays": [json.loads(text) for text in arrays], "plots": drawn}


def _plot(spec: dict[str, Any], arrays: dict[str, int]) -> dict[str, Any]:
    traces = [{key: _shared(value, arrays) for key, value in trace.items()} for trace in spec["data"]]
    return {"data": traces, "layout": spec["layout"]}


def _shared(value: object, arrays: dict[str, int]) -> object:
    """A reference to a long array; any other value as it is."""
    is_typed = isinstance(value, dict) and "bdata" in value
    if not is_typed and not isinstance(value, list):
        return value
    text = json.dumps(_single_precision(value) if isinstance(value, dict) else value, separators=(",", ":"))
    if len(text) < SHORT:
        return value
    return {"array": arrays.setdefault(text, len(arrays))}


def _single_precision(typed: dict[str, Any]) -> dict[str, Any]:
    """A typed array of Plotly with seven significant digits, if its numbers are doubles that have them."""
    if typed["dtype"] != "f8":
        return typed
    values = np.frombuffer(base64.b64decode(typed["bdata"]), dtype="<f8")
    if np.abs(values[np.isfinite(values)]).max(initial=0.0) > LARGEST:
        return typed
    return {**typed, "dtype": "f4", "bdata": base64.b64encode(values.astype("<f4").tobytes()).decode()}
