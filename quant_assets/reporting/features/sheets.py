"""What stands on the pages of `asof features`: tables, plots and small plots, from a study of features."""

import datetime as dt
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from quant_assets.alpha.evidence.feature_study import METRICS, FeatureStudy, decay, grouped
from quant_assets.numerics.arrays import Array
from quant_assets.reporting import tables
from quant_assets.reporting.html import Markup, Part
from quant_assets.reporting.plots import BLUE, GREY, ORANGE, PALETTE, styled

WIDTH, HEIGHT = 150, 26  # of a small plot, pixels
DRAWN_EVERY = 5  # sessions between points of a plot: a screen has no room for more


@dataclass(frozen=True)
class Small:
    """A line of one value a month, and the range it is drawn in; its own where that is None."""

    values: Array
    within: tuple[float, float] | None = None

    def markup(self) -> str:
        seen = self.values[~np.isnan(self.values)]
        if not len(seen):
            return ""
        low, high = self.within or (min(0.0, float(seen.min())), max(0.0, float(seen.max())))
        spread = high - low or 1.0
        x = np.linspace(1, WIDTH - 1, len(self.values)) if len(self.values) > 1 else np.array([WIDTH / 2])
        y = HEIGHT - 2 - (HEIGHT - 4) * (self.values - low) / spread
        lines = "".join(f'<polyline points="{points}"/>' for points in _runs(x, y))
        zero = HEIGHT - 2 - (HEIGHT - 4) * (0.0 - low) / spread
        return (
            f'<svg width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="{BLUE}" stroke-width="1.3">'
            f'<path d="M0 {zero:.1f}H{WIDTH}" stroke="{GREY}" stroke-width="0.6"/>{lines}</svg>'
        )


def _runs(x: Array, y: Array) -> list[str]:
    """Points of each stretch without a gap; a lone one is drawn as a dash."""
    found: list[list[str]] = [[]]
    for a, b in zip(x, y, strict=True):
        if np.isnan(b):
            found.append([])
        else:
            found[-1].append(f"{a:.1f},{b:.1f}")
    return [" ".join(run if len(run) > 1 else [run[0], f"{float(run[0].split(',')[0]) + 1:.1f},{run[0].split(',')[1]}"])
            for run in found if run]  # fmt: skip


def by_month(values: Array, days: Sequence[dt.date], added: bool = False) -> Array:
    """Mean of (S,) values in each month of the days; their running sum at its end with `added`."""
    frame = pl.DataFrame(
        {"month": pl.Series(days, dtype=pl.Date).dt.truncate("1mo"), "value": values.astype(np.float64)}
    )
    frame = frame.with_columns(pl.col("value").fill_nan(None))
    if added:
        frame = frame.with_columns(pl.col("value").fill_null(0.0).cum_sum())
    figure = pl.col("value").last() if added else pl.col("value").mean()
    means = frame.group_by("month", maintain_order=True).agg(figure)["value"]
    return means.cast(pl.Float64).fill_null(np.nan).to_numpy()


def listing(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    """A table whose cells may hold small plots and links (`Markup`); all else is escaped."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "\n".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return Markup(f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>')


def _cell(value: object) -> str:
    if isinstance(value, Small):
        return f"<td>{value.markup()}</td>"
    if isinstance(value, Markup):
        return f"<td>{value}</td>"
    number = isinstance(value, int | float) or value is None
    return f"<td{' class=' + chr(34) + 'number' + chr(34) if number else ''}>{html.escape(said(value))}</td>"


def said(value: object) -> str:
    """As a table shows it."""
    if value is None:
        return "–"
    return f"{value:.3g}".replace("-", "−") if isinstance(value, float) else str(value)


def wide(text: str) -> Markup:
    """A cell that is not squeezed by its neighbours."""
    return Markup(f'<div style="min-width: 17rem">{html.escape(text)}</div>')


def link(name: str) -> Markup:
    return Markup(f'<a href="{html.escape(name)}.html">{html.escape(name)}</a>')


# -- the sheet of one feature ------------------------------------------------------------------------------------------


def sheet(
    study: FeatureStudy, name: str, figures: pl.DataFrame, regimes: Mapping[str, Sequence[str | None]]
) -> dict[str, list[Part]]:
    """Sections of a feature's own page.

    Args:
        figures: its rows of `feature_study.information`.
        regimes: by name, the word of each session of the study.
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
            _long(figures),
        ],
        f"On real data, horizon of {horizon} sessions": [drawn(study, f)],
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
            f"By regime of the market: {regime}": [grouped(ic, words).rename({"group": regime})]
            for regime, words in regimes.items()
        },
    }


def _long(figures: pl.DataFrame) -> pl.DataFrame:
    """A row a horizon and figure: its mean, t and number of sessions."""
    rows = [
        (row["horizon_sessions"], name, row[name], row[f"{name}_t"], row[f"{name}_n"])
        for row in figures.iter_rows(named=True)
        for name in METRICS
    ]
    schema = {"horizon": pl.Int64, "figure": pl.String, "mean": pl.Float64, "t": pl.Float64, "sessions": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def turnover(study: FeatureStudy, f: int) -> pl.DataFrame:
    """Rank autocorrelation, and how much of the highest fifth is new, over some sessions."""
    rows = []
    for name, of in study.series:
        if name == "autocorrelation":
            same, new = (study.values(figure, of)[:, f] for figure in ("autocorrelation", "replaced"))
            rows.append((of, _mean(same), _mean(new)))
    schema = {"sessions": pl.Int64, "rank_autocorrelation": pl.Float64, "highest_fifth_new": pl.Float64}
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")


def _mean(values: Array) -> float | None:
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if len(seen) else None


def drawn(study: FeatureStudy, f: int) -> go.Figure:
    """Running sum of rank ICs, mean label by fifth, the feature's quartiles over time, and its coverage."""
    titles = ("rank IC, running sum", "mean label by fifth, bp", "quartiles across stocks", "coverage")
    figure = make_subplots(rows=2, cols=2, subplot_titles=titles, vertical_spacing=0.14, horizontal_spacing=0.09)
    days = study.sessions[::DRAWN_EVERY]
    for i, horizon in enumerate(study.horizons):
        total = np.cumsum(np.nan_to_num(study.values("rank_ic", horizon)[:, f]))[::DRAWN_EVERY]
        figure.add_scatter(
            x=days,
            y=np.round(total, 3),
            name=f"{horizon} sessions",
            line={"color": PALETTE[i], "width": 1.5},
            row=1,
            col=1,
        )
    total, n = study.quantile_sums[:, f]
    means = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    names = [str(i + 1) for i in range(len(n))]
    figure.add_bar(x=names, y=np.round(means * 1e4, 2), marker_color=BLUE, showlegend=False, row=1, col=2)
    for q, width in ((25, 0.8), (50, 1.6), (75, 0.8)):
        values = study.values("quartile", q)[::DRAWN_EVERY, f]
        line = {"color": ORANGE, "width": width}
        figure.add_scatter(x=days, y=values, name=f"{q} %", line=line, showlegend=False, row=2, col=1)
    there = np.round(study.values("coverage")[::DRAWN_EVERY, f], 3)
    figure.add_scatter(x=days, y=there, line={"color": GREY, "width": 1.5}, showlegend=False, row=2, col=2)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", row=2, col=2)
    return styled(figure, 560).update_layout(legend={"y": -0.08, "yanchor": "top"})  # the titles stand above


def text(value: float | None) -> str:
    """A share as people read it."""
    return tables.text(value, tables.SHARE)
