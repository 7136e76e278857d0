"""No-lookahead properties for any transform over sessions."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal


def assert_causal(
    transform: Callable[[pl.DataFrame], pl.DataFrame],
    frame: pl.DataFrame,
    date: str = "event_date",
    learned: str | None = None,
) -> None:
    """Fail if any row of `transform(frame)` changes, by a single bit, when later dates are removed.

    `learned` names the output's column that says when a row was known, where that is not `date`.
    """
    whole = transform(frame)
    when = learned or date
    for cut in frame[date].unique().sort():
        past = transform(frame.filter(pl.col(date) <= cut)).filter(pl.col(when) <= cut)
        assert_frame_equal(past, whole.filter(pl.col(when) <= cut), check_row_order=False, check_exact=True)


def assert_stream_equals_batch(
    step: Callable[[Any, Any], tuple[Any, Any]], run: Callable[[Any], Any], xs: Iterable[Any], atol: float = 1e-12
) -> None:
    """Fail if feeding one observation at a time with carried state differs from the batch answer.

    `step(state, x)` returns the new state and the value; the first state is None.
    """
    observations = list(xs)
    state, values = None, []
    for x in observations:
        state, value = step(state, x)
        values.append(value)
    np.testing.assert_allclose(np.array(values), run(np.array(observations)), rtol=0, atol=atol)
