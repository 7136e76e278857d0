"""Plots of what the books did, from frames that say which columns they need.

A frame without rows gives a plot that says so.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from feature_store.schemas.risk import MARKET, STYLES
from quant_assets.reporting.plots import BLUE, DIVERGING, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, line_style, styled

STATE_COLOURS = {
    "bear": VERMILION, "sideways": GREY, "bull": BLUE, "calm": SKY, "turbulent": ORANGE, "crisis": VERMILION,
}  # fmt: skip
GROUPS = {
    MARKET: "market",
    **dict.fromkeys(STYLES, "styles"),
    "specific": "specific",
    "trading": "trading",
    "interest": "interest",
    "cost": "costs and fees",
    "borrow": "costs and fees",
    "unexplained": "not modelled",
    "unmodelled": "not modelled",
}  # any other source is an industry
GROUPS_IN_ORDER = (
    MARKET, "industries", "styles", "specific", "trading", "interest", "costs and fees", "not modelled",
)  # fmt: skip


def equity(levels: pl.DataFrame) -> go.Figure:
    """Growth of 1 on a log scale, and the drawdown below.

    Args:
        levels: event_date, name, level (above 0, null where missing); each name's rows ascending. Books by their net
            asset value, benchmarks by their total return index. The first name is drawn boldest.
    """
    if levels.is_empty():
        return _nothing("no levels")
    rebased = _rebased(levels)
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05)
    for i, (name, rows) in enumerate(_each(rebased, "name")):
        line = line_style(i, 2.4 if i == 0 else 1.4)
        below = rows["level"] / rows["level"].cum_max() - 1
        figure.add_scatter(x=rows["event_date"], y=rows["level"], name=name, line=line, legendgroup=name, row=1, col=1)
        figure.add_scatter(
            x=rows["event_date"], y=below, name=name, line=line, legendgroup=name, showlegend=False, row=2, col=1
        )
    figure.update_yaxes(type="log", title_text="growth of 1, log scale", tickformat=".3~g", row=1, col=1)
    figure.update_yaxes(title_text="drawdown", tickformat=".0%", row=2, col=1)
    return styled(figure, 560)


def exposures(weights: pl.DataFrame, industries: pl.DataFrame) -> go.Figure:
    """Gross exposure and cash over time, and below the active weight of each industry.

    Args:
        weights: event_date, gross_weight, cash_weight (fractions of NAV), ascending; one book of PNL.
        industries: event_date, industry, active_weight (fraction of NAV over the benchmark's; any other weight by
            industry may be passed). Without rows only the first part is drawn.
    """
    if weights.is_empty():
        return _nothing("no weights")
    names = industries["industry"].unique().sort(descending=True).to_list()
    heights = [0.35, 0.65] if names else [1.0]
    figure = make_subplots(rows=len(heights), shared_xaxes=True, row_heights=heights, vertical_spacing=0.05)
    for i, (column, label) in enumerate({"gross_weight": "gross", "cash_weight": "cash"}.items()):
        figure.add_scatter(x=weights["event_date"], y=weights[column], name=label, line=line_style(i), row=1, col=1)
    figure.update_yaxes(title_text="fraction of NAV", tickformat=".0%", row=1, col=1)
    if names:
        wide = industries.pivot("event_date", index="industry", values="active_weight").sort(
            "industry", descending=True
        )
        z = wide.drop("industry")
        largest = float(np.nanmax(np.abs(z.to_numpy()), initial=1e-9))
        figure.add_heatmap(
            x=z.columns, y=names, z=z.to_numpy(), zmin=-largest, zmax=largest, colorscale=DIVERGING, row=2, col=1,
            hovertemplate="%{y} %{x}: %{z:.2%}<extra></extra>",
            colorbar={"title": "active", "tickformat": ".0%", "len": 0.6, "y": 0.3, "thickness": 12, "outlinewidth": 0},
        )  # fmt: skip
    return styled(figure, 240 + 24 * len(names) + (60 if names else 0))


def turnover_and_costs(pnl: pl.DataFrame) -> go.Figure:
    """Turnover by month, and below what trading and borrowing cost.

    Args:
        pnl: event_date, turnover, cost_usd, borrow_usd, nav_usd, ascending; one book of PNL. The first and last month
            count the sessions that are there.
    """
    if pnl.is_empty():
        return _nothing("no sessions")
    before = pl.col("nav_usd").shift().fill_null(pl.col("nav_usd"))
    daily = pnl.select(
        "event_date", "turnover", cost=pl.col("cost_usd") / before * 1e4, borrow=pl.col("borrow_usd") / before * 1e4
    )
    months = _by_month(daily, [], pl.col("turnover", "cost", "borrow").sum())
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    figure.add_bar(x=months["month"], y=months["turnover"], name="turnover", marker_color=BLUE, row=1, col=1)
    for column, colour in {"cost": ORANGE, "borrow": PURPLE}.items():
        figure.add_bar(x=months["month"], y=months[column], name=column, marker_color=colour, row=2, col=1)
    figure.update_yaxes(title_text="of NAV, a month", tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title_text="bp of NAV, a month", row=2, col=1)
    figure.update_layout(barmode="stack")
    return styled(figure, 440)


def regimes(states: pl.DataFrame, returns: pl.DataFrame, industry: str, height: int = 560) -> go.Figure:
    """An industry's return index, over bands of its most probable trend and volatility as known on each session.

    Args:
        states: event_date, industry, p_bear, p_sideways, p_bull, p_calm, p_turbulent, p_crisis: STATES.
        returns: event_date, industry, log_return: INDUSTRY_RETURNS; a missing return leaves the index where it was.
        industry: the one to draw.
        height: pixels.
    """
    index = returns.filter(pl.col("industry") == industry).sort("event_date")
    own = states.filter(pl.col("industry") == industry).sort("event_date")
    if index.is_empty() or own.is_empty():
        return _nothing(f"no returns or states of {industry}")
    level = index["log_return"].fill_null(0.0).cum_sum().exp()
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06, specs=[[{"secondary_y": True}]] * 2)
    for row, ordered in enumerate((TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER), start=1):
        _bands(figure, own, ordered, row)
        line = {"color": INK, "width": 1.4}
        figure.add_scatter(
            x=index["event_date"], y=level, name=industry, line=line, showlegend=row == 1, row=row, col=1,
            secondary_y=True, legendgroup="index", meta=INK,
        )  # fmt: skip
        figure.update_yaxes(visible=False, range=[0, 1], fixedrange=True, row=row, col=1, secondary_y=False)
        figure.update_yaxes(
            type="log", side="left", tickformat=".3~g", title_text="growth of 1", row=row, col=1, secondary_y=True
        )
    figure.update_xaxes(domain=[0, 1])  # no second scale on the right
    return styled(figure, height)


def information_by_month(coefficients: pl.DataFrame) -> go.Figure:
    """Mean rank information coefficient of each month, one part for each model and horizon, with the mean of all.

    Args:
        coefficients: event_date, model, horizon_sessions, rank_ic (null where there is none).
    """
    group = ["model", "horizon_sessions"]
    known = coefficients.drop_nulls("rank_ic").sort(*group, "event_date")
    if known.is_empty():
        return _nothing("no label has matured")
    parts = list(known.group_by(group, maintain_order=True))
    means = [float(rows["rank_ic"].to_numpy().mean()) for _, rows in parts]
    titles = [f"{of[0]}, {of[1]} sessions: mean {mean:.4f}" for (of, _), mean in zip(parts, means, strict=True)]
    figure = make_subplots(
        rows=len(parts), shared_xaxes=True, shared_yaxes="all", subplot_titles=titles, vertical_spacing=0.3 / len(parts)
    )
    for i, (_, rows) in enumerate(parts):
        months = _by_month(rows, [], pl.col("rank_ic").mean())
        colours = [VERMILION if value < 0 else BLUE for value in months["rank_ic"]]
        figure.add_bar(
            x=months["month"], y=months["rank_ic"], marker_color=colours, showlegend=False, name="IC", row=i + 1, col=1
        )
        figure.add_hline(y=means[i], line={"color": ORANGE, "width": 2, "dash": "dash"}, row=i + 1, col=1)
    figure.update_yaxes(title_text="rank IC")
    return styled(figure, 60 + 170 * len(parts))


def cumulative_attribution(rows: pl.DataFrame) -> go.Figure:
    """Return by source, added up over the sessions, and below the whole period's sum for each style and industry.

    Args:
        rows: event_date, source, pnl_usd, nav_usd: ATTRIBUTION. Each session's profit is divided by the net asset value
            before it, which is what the sources leave of the one after.
    """
    if rows.is_empty():
        return _nothing("no sessions")
    before = pl.col("nav_usd") - pl.col("pnl_usd").sum().over("event_date")
    returns = rows.sort("event_date", "source").select("event_date", "source", earned=pl.col("pnl_usd") / before)
    group = pl.col("source").replace_strict(GROUPS, default="industries", return_dtype=pl.String)
    grouped = _summed(returns.with_columns(source=group.cast(pl.Enum(GROUPS_IN_ORDER))), ["event_date", "source"])
    total = _summed(returns.with_columns(source=pl.lit("total")), ["event_date", "source"])
    factors = _summed(returns.filter(group.is_in(["styles", "industries"])), ["source"]).sort("earned")
    figure = make_subplots(
        rows=2, row_heights=[0.6, 0.4], vertical_spacing=0.1, subplot_titles=["", "sum by style and industry"]
    )
    for i, (name, part) in enumerate(_each(grouped.sort("source", "event_date"), "source")):
        figure.add_scatter(
            x=part["event_date"], y=part["earned"].cum_sum(), name=name, line=line_style(i), row=1, col=1
        )
    figure.add_scatter(
        x=total["event_date"],
        y=total["earned"].cum_sum(),
        name="total",
        line={"color": INK, "width": 2.8},
        meta=INK,
        row=1,
        col=1,
    )
    labels = factors["source"].str.strip_prefix("industry:")
    colours = [VERMILION if value < 0 else BLUE for value in factors["earned"]]
    figure.add_bar(x=labels, y=factors["earned"], marker_color=colours, showlegend=False, name="sum", row=2, col=1)
    figure.update_yaxes(tickformat=".1%", title_text="of NAV")
    return styled(figure, 640)


def comparison(first: pl.DataFrame, second: pl.DataFrame, names: tuple[str, str]) -> go.Figure:
    """Two configurations side by side, and below the one's value over the other's.

    Args:
        first, second: event_date, nav_usd of each, ascending; only the sessions that both have are drawn.
        names: what to call them.
    """
    both = first.select("event_date", "nav_usd").join(second.select("event_date", other="nav_usd"), on="event_date")
    if both.is_empty():
        return _nothing("no session that both configurations have")
    both = both.sort("event_date").select("event_date", *(pl.col(c) / pl.col(c).first() for c in ("nav_usd", "other")))
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.65, 0.35], vertical_spacing=0.06)
    for i, (name, column) in enumerate(zip(names, ("nav_usd", "other"), strict=True)):
        figure.add_scatter(x=both["event_date"], y=both[column], name=name, line=line_style(i, 2.0), row=1, col=1)
    ratio = both["nav_usd"] / both["other"] - 1
    figure.add_scatter(
        x=both["event_date"], y=ratio, name=f"{names[0]} over {names[1]}", line=line_style(2, 1.8), row=2, col=1
    )
    figure.update_yaxes(type="log", title_text="growth of 1, log scale", tickformat=".3~g", row=1, col=1)
    figure.update_yaxes(title_text="ahead by", tickformat=".1%", row=2, col=1)
    return styled(figure, 520)


def _rebased(levels: pl.DataFrame) -> pl.DataFrame:
    """Levels over their value on the first session that all have; over each one's first where there is none."""
    known = levels.drop_nulls("level")
    n_names = known["name"].n_unique()
    shared = known.filter((pl.len() == n_names).over("event_date"))["event_date"].min()
    start = known if shared is None else known.filter(pl.col("event_date") >= shared)
    base = start.group_by("name", maintain_order=True).agg(base=pl.col("level").first())
    return known.join(base, on="name", how="left", maintain_order="left").with_columns(
        level=pl.col("level") / pl.col("base")
    )


def _bands(figure: go.Figure, states: pl.DataFrame, ordered: Sequence[str], row: int) -> None:
    """The most probable state of each session as coloured ground, and its legend."""
    columns = [f"p_{state}" for state in ordered]
    known = states.drop_nulls(columns)
    position = known.select(pl.concat_list(columns).list.arg_max())
    n = len(ordered)
    steps = [[(i + edge) / n, STATE_COLOURS[state]] for i, state in enumerate(ordered) for edge in (0, 1)]
    figure.add_heatmap(
        x=known["event_date"], y=[0.5], z=[position.to_series().to_list()], zmin=-0.5, zmax=n - 0.5, colorscale=steps,
        showscale=False, opacity=0.35, hoverinfo="skip", row=row, col=1, secondary_y=False,
    )  # fmt: skip
    for state in ordered:
        marker = {"symbol": "square", "size": 12, "color": STATE_COLOURS[state], "opacity": 0.5}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=state, row=row, col=1)


def _by_month(frame: pl.DataFrame, keys: list[str], *metrics: pl.Expr) -> pl.DataFrame:
    month = [*keys, "month"]
    return (
        frame.with_columns(month=pl.col("event_date").dt.truncate("1mo"))
        .select(*month, *(metric.over(month) for metric in metrics))
        .unique(month, keep="first", maintain_order=True)
    )


def _summed(returns: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """`earned` summed within the keys, in the order in which they first come."""
    return returns.select(*keys, pl.col("earned").sum().over(keys)).unique(keys, keep="first", maintain_order=True)


def _each(frame: pl.DataFrame, column: str) -> list[tuple[str, pl.DataFrame]]:
    return [(str(name), rows) for (name,), rows in frame.group_by([column], maintain_order=True)]


def _nothing(why: str) -> go.Figure:
    figure = go.Figure()
    figure.add_annotation(text=f"Nothing to show: {why}.", showarrow=False, font={"size": 14})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return styled(figure, 120)
