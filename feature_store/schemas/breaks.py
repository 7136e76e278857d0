"""When the volatility and the trend of an industry last changed."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

STREAMS = ("trend", "volatility")
MEASURES = ("proxy_range", "member_range")

BREAKS = Dataset(
    name="regimes/breaks",
    key=("industry", "stream"),
    description="Of each industry's volatility and trend: whether, how far and how long ago they last changed.",
    columns=(
        key("industry", "name as published by the session"),
        key("stream", "volatility: log of the session's range variance; trend: return over the root of that"),
        Column(
            "measure", pl.String(), "name", "whose range it is: of the fund, or the members'", one_of=MEASURES
        ),
        number(
            "break_probability", "probability", "of a break within the last `within_sessions`", at_least=0, at_most=1
        ),
        Column("run_length", pl.Int32(), "sessions", "since the last break, the likeliest", at_least=0),
        number("expected_run_length", "sessions", "since the last break, the mean", at_least=0),
        number("level", "units of the stream", "mean of the segment under the likeliest run length"),
        number(
            "shift", "scales of the predictive t", "level less that of `within_sessions` before"
        ),
        number(
            "severity", "probability", "of an observation nearer to the level before than the level is now",
            at_least=0, at_most=1,
        ),
    ),
)  # fmt: skip
