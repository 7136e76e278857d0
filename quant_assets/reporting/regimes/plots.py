"""Plots of regimes: risk appetite, correlations, a calendar of breaks, reliability curves."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from feature_store.schemas.fused_regimes import RISK_LABELS_IN_ORDER
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.plots import BLUE, DIVERGING, GREY, HALF, INK, VERMILION, line_style, styled
from quant_assets.reporting.regimes.outcomes import Curve

RISK_COLOURS = (VERMILION, GREY, BLUE)  # of RISK_LABELS_IN_ORDER
WHITE_TO_RED = [[0.0, "rgba(247,247,247,0)"], [1.0, VERMILION]]


def risk_appetite(market: pl.DataFrame) -> go.Figure:
    """The score of risk over bands of the confirmed label; sessions on which E1 stood in for E2 are marked.

    Args:
        market: rows of MARKET_REGIME, ascending.
    """
    n = len(RISK_LABELS_IN_ORDER)
    places = market["risk"].replace_strict(list(RISK_LABELS_IN_ORDER), range(n), default=None, return_dtype=pl.Float64)
    steps = [[(i + edge) / n, colour] for i, colour in enumerate(RISK_COLOURS) for edge in (0, 1)]
    figure = go.Figure()
    figure.add_heatmap(
        x=market["event_date"], y=[0.5], z=[places.to_list()], zmin=-0.5, zmax=n - 0.5, colorscale=steps,
        showscale=False, opacity=0.35, hoverinfo="skip", yaxis="y2",
    )  # fmt: skip
    line = {"color": INK, "width": 1.4}
    figure.add_scatter(x=market["event_date"], y=market["risk_score"], name="score", line=line, meta=INK)
    stood_in = market.filter(pl.col("risk_fallback").is_not_null())
    if stood_in.height:
        marker = {"color": VERMILION, "size": 4}
        figure.add_scatter(
            x=stood_in["event_date"],
            y=stood_in["risk_score"],
            name="E1 in the place of E2",
            mode="markers",
            marker=marker,
        )
    for name, colour in zip(RISK_LABELS_IN_ORDER, RISK_COLOURS, strict=True):
        marker = {"symbol": "square", "size": 12, "color": colour, "opacity": 0.5}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name)
    figure.update_layout(
        yaxis={"range": [0, 1], "title": {"text": "score of risk"}},
        yaxis2={"range": [0, 1], "visible": False, "overlaying": None, "fixedrange": True},
    )
    figure.update_layout(yaxis={"overlaying": "y2", "side": "left"})
    return styled(figure, 300)


def correlation_map(correlations: Array, industries: Sequence[str]) -> go.Figure:
    """(N, N) correlations as a map, the first industry on top."""
    figure = go.Figure()
    figure.add_heatmap(
        x=list(industries), y=list(industries), z=correlations, zmin=-1, zmax=1, colorscale=DIVERGING,
        text=np.where(np.isnan(correlations), "", np.char.mod("%.2f", np.nan_to_num(correlations))),
        texttemplate="%{text}" if len(industries) <= 12 else None,
        hovertemplate="%{y}, %{x}: %{z:.2f}<extra></extra>",
        colorbar={"thickness": 12, "outlinewidth": 0},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(tickangle=-40, automargin=True)
    return styled(figure, 180 + 28 * len(industries))


def correlation_over_time(features: pl.DataFrame, dcc: pl.DataFrame) -> go.Figure:
    """The mean correlation of industries as known on each session, and how likely they were systemic.

    Args:
        features: event_date, mean_correlation_63, ascending.
        dcc: rows of CORRELATIONS, ascending; may have none.
    """
    figure = go.Figure()
    lines = {
        "mean over 63 sessions": (features, "mean_correlation_63"),
        "mean by DCC": (dcc, "mean_correlation"),
        "probability of systemic": (dcc, "p_systemic"),
    }
    for i, (name, (rows, column)) in enumerate(lines.items()):
        if rows.height:
            figure.add_scatter(x=rows["event_date"], y=rows[column], name=name, line=line_style(i), mode="lines")
    return styled(figure, 260)


def calendar_of_breaks(breaks: pl.DataFrame) -> go.Figure:
    """Of each industry and week the highest probability of a break, one map a stream.

    Args:
        breaks: rows of BREAKS.
    """
    streams = breaks["stream"].unique().sort().to_list()
    industries = breaks["industry"].unique().sort(descending=True).to_list()
    figure = make_subplots(rows=len(streams), shared_xaxes=True, subplot_titles=streams, vertical_spacing=0.1)
    for row, stream in enumerate(streams, start=1):
        weeks = _by_week(breaks.filter(stream=stream), industries)
        figure.add_heatmap(
            x=weeks["week"], y=industries, z=weeks.drop("week").to_numpy().T, zmin=0, zmax=1, colorscale=WHITE_TO_RED,
            hovertemplate="%{y}, week of %{x}: %{z:.0%}<extra></extra>", showscale=row == 1,
            colorbar={"thickness": 12, "outlinewidth": 0, "tickformat": ".0%"}, row=row, col=1,
        )  # fmt: skip
    return styled(figure, 120 + len(streams) * (60 + 20 * len(industries)))


def _by_week(breaks: pl.DataFrame, industries: Sequence[str]) -> pl.DataFrame:
    """week, and a column an industry."""
    highest = (
        breaks.with_columns(week=pl.col("event_date").dt.truncate("1w"))
        .group_by("week", "industry")
        .agg(pl.col("break_probability").max())
    )
    wide = highest.pivot("industry", index="week", values="break_probability").sort("week")
    empty = [pl.lit(None, pl.Float64).alias(name) for name in industries if name not in wide.columns]
    return wide.with_columns(empty).select("week", *industries)


def reliability(curve: Curve) -> go.Figure:
    """Frequencies over probabilities, with the diagonal of a calibrated forecast; area by count."""
    points, seen = curve.points, curve.points.count > 0
    size = 6 + 24 * np.sqrt(points.count[seen] / points.count.max())
    figure = go.Figure()
    dashes = {"color": GREY, "dash": "dash", "width": 1.2}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=dashes, name="calibrated", hoverinfo="skip")
    figure.add_scatter(
        x=points.probability[seen], y=points.frequency[seen], mode="lines+markers", name="seen",
        marker={"size": size, "color": BLUE}, line={"color": BLUE, "width": 1.2}, customdata=points.count[seen],
        hovertemplate="stated %{x:.0%}, came %{y:.0%} of %{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="probability stated", range=[-0.03, 1.03], tickformat=".0%")
    figure.update_yaxes(title_text="fraction that came", range=[-0.03, 1.03], tickformat=".0%")
    figure.update_layout(title={"text": curve.forecast, "font": {"size": 13}}, hovermode="closest", showlegend=False)
    styled(figure, 340)
    return figure.update_layout(margin={"t": 44}, meta=HALF)
