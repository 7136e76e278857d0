"""The page of one feature: its information about labels by horizon, year, industry and regime, decay and turnover."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from quant_assets.alpha.evidence.feature_study import METRICS, FeatureStudy, decay, grouped
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.document import Part
from quant_assets.reporting.plots import BLUE, GREY, HALF, ORANGE, PALETTE, styled

PLOT_STEP = 5  # sessions between points of a plot: a screen has no room for more


def monthly_means(values: Array, days: Sequence[dt.date]) -> Array:
    """Mean of (S,) values in each month of the days, NaN where none is known."""
    return _by_month(values, days, pl.col("value").mean())


def running_sum(values: Array, days: Sequence[dt.date]) -> Array:
    """Sum of (S,) values up to the end of each month of the days; a missing one adds nothing."""
    return _by_month(values, days, pl.col("value").last(), pl.col("value").fill_null(0.0).cum_sum())


def _by_month(values: Array, days: Sequence[dt.date], of_month: pl.Expr, series: pl.Expr | None = None) -> Array:
    months = pl.Series(days, dtype=pl.Date).dt.truncate("1mo")
    frame = pl.DataFrame({"month": months, "value": pl.Series(values.astype(np.float64)).fill_nan(None)})
    prepared = frame if series is None else frame.with_columns(value=series)
    by_month = prepared.group_by("month", maintain_order=True).agg(of_month)["value"]
    return by_month.cast(pl.Float64).fill_null(np.nan).to_numpy()


def sheet(
    study: FeatureStudy, name: str, information: pl.DataFrame, regimes: Mapping[str, Sequence[str | None]]
) -> dict[str, list[Part]]:
    """Sections of a feature's own page.

    Args:
        information: its rows of `feature_study.information`.
        regimes: by name, the label of each session of the study.
    """
    f = study.names.index(name)
    ic = study.values("rank_ic", study.horizons[0])[:, f]
    horizon = study.horizons[0]
    years = grouped(ic, [day.year for day in study.sessions]).rename({"group": "year"})
    sectors = [(who, sums[0, f] / sums[1, f], int(sums[1, f])) for who, sums in sorted(study.by_industry.items())
               if sums[1, f]]  # fmt: skip
    schema = {"industry": pl.String, "rank_ic": pl.Float64, "sessions": pl.Int64}
    return {
        "Information by horizon": [
            "Means over sessions; t by Newey and West with one lag less than the horizon, where there are sessions "
            "of three horizons at least. The spread is the mean label of the highest fifth less that of the lowest. "
            "null_ic is the correlation of the labels with a flag where the feature is null.",
            _by_horizon(information),
        ],
        f"In the stored history, horizon of {horizon} sessions": plots(study, f),
        "Decay": [
            f"Rank IC of the feature as it was so many sessions ago, on the labels of {horizon} sessions.",
            decay(study, f),
        ],
        "Turnover": [turnover(study, f)],
        f"By year, {horizon} sessions": [years],
        f"By industry, {horizon} sessions": [
            "Rank IC among the industry's own stocks.",
            pl.DataFrame(sectors, schema=schema, orient="row"),
        ],
        **{
            f"By regime of the market: {regime}": [grouped(ic, labels).rename({"group": regime})]
            for regime, labels in regimes.items()
        },
    }


def _by_horizon(information: pl.DataFrame) -> pl.DataFrame:
    """A row a horizon and statistic: its mean, t and number of sessions."""
    rows = [
        (row["horizon_sessions"], name, row[name], row[f"{name}_t"], row[f"{name}_n"])
        for row in information.iter_rows(named=True)
        for name in METRICS
    ]
    schema = {"horizon": pl.Int64, "statistic": pl.String, "mean": pl.Float64, "t": pl.Float64, "sessions": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def turnover(study: FeatureStudy, f: int) -> pl.DataFrame:
    """Rank autocorrelation, and how much of the highest fifth is new, over some sessions."""
    rows = []
    for name, of in study.series:
        if name == "autocorrelation":
            same, new = (study.values(statistic, of)[:, f] for statistic in ("autocorrelation", "replaced"))
            rows.append((of, _mean(same), _mean(new)))
    schema = {"sessions": pl.Int64, "rank_autocorrelation": pl.Float64, "highest_fifth_new": pl.Float64}
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")


def _mean(values: Array) -> float | None:
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if len(seen) else None


def plots(study: FeatureStudy, f: int) -> list[go.Figure]:
    """Running sum of rank ICs, mean label by fifth, the feature's quartiles over time, and its coverage.

    Four of half the page's width, so that they stand one under another on a narrow screen.
    """
    figures = {
        "rank IC, running sum": _information(study, f),
        "mean label by fifth, bp": _by_fifth(study, f),
        "quartiles across stocks": _quartiles(study, f),
        "coverage": _coverage(study, f),
    }
    return [
        styled(figure, 300).update_layout(
            title={"text": title, "font": {"size": 13}}, legend={"y": -0.12, "yanchor": "top"}, meta=HALF
        )
        for title, figure in figures.items()
    ]


def _information(study: FeatureStudy, f: int) -> go.Figure:
    figure, days = go.Figure(), study.sessions[::PLOT_STEP]
    for i, horizon in enumerate(study.horizons):
        total = np.cumsum(np.nan_to_num(study.values("rank_ic", horizon)[:, f]))[::PLOT_STEP]
        line = {"color": PALETTE[i], "width": 1.5}
        figure.add_scatter(x=days, y=np.round(total, 3), name=f"{horizon} sessions", line=line)
    return figure


def _by_fifth(study: FeatureStudy, f: int) -> go.Figure:
    total, n = study.quantile_sums[:, f]
    means = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    return go.Figure(go.Bar(x=[str(i + 1) for i in range(len(n))], y=np.round(means * 1e4, 2), marker_color=BLUE))


def _quartiles(study: FeatureStudy, f: int) -> go.Figure:
    figure, days = go.Figure(), study.sessions[::PLOT_STEP]
    for q, width in ((25, 0.8), (50, 1.6), (75, 0.8)):
        values = study.values("quartile", q)[::PLOT_STEP, f]
        figure.add_scatter(x=days, y=values, name=f"{q} %", line={"color": ORANGE, "width": width}, showlegend=False)
    return figure


def _coverage(study: FeatureStudy, f: int) -> go.Figure:
    there = np.round(study.values("coverage")[::PLOT_STEP, f], 3)
    line = go.Scatter(x=study.sessions[::PLOT_STEP], y=there, line={"color": GREY, "width": 1.5})
    return go.Figure(line).update_yaxes(range=[0, 1.02], tickformat=".0%")
