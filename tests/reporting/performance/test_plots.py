"""What the plots of the performance page draw."""

import datetime as dt
import math

import plotly.graph_objects as go
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quant_assets.reporting.performance import plots
from tests.backtest.books import DAYS
from tests.reporting.performance.samples import all_plots

D = DAYS[:4]


def trace(figure: go.Figure, name: str, of: int = 0) -> go.Scatter | go.Bar:
    """The n-th trace of that name."""
    return [t for t in figure.data if t.name == name and t.x[0] is not None][of]


def y(figure: go.Figure, name: str, of: int = 0) -> list[float]:
    return [float(v) for v in trace(figure, name, of).y]


def levels(**paths: list[float | None]) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {"event_date": DAYS[: len(path)], "name": name, "level": path}, schema_overrides={"level": pl.Float64}
        )
        for name, path in paths.items()
    ]
    return pl.concat(parts)


# --- known values ----------------------------------------------------------------------------------------------------


def test_equity_begins_at_one_and_falls_from_its_highest() -> None:
    figure = plots.equity(levels(main=[200.0, 220.0, 110.0, 231.0]))
    assert y(figure, "main") == pytest.approx([1.0, 1.1, 0.55, 1.155])
    assert y(figure, "main", 1) == pytest.approx([0.0, 0.0, -0.5, 0.0])
    assert figure.layout.yaxis.type == "log"


def test_equity_meets_a_late_benchmark_where_it_begins() -> None:
    figure = plots.equity(levels(main=[50.0, 100.0, 110.0], SPY=[None, 7.0, 14.0]))
    assert y(figure, "main") == pytest.approx([0.5, 1.0, 1.1])
    assert y(figure, "SPY") == pytest.approx([1.0, 2.0])


def test_series_that_never_meet_begin_at_one_each() -> None:
    figure = plots.equity(levels(main=[50.0, 100.0, None, None], SPY=[None, None, 7.0, 14.0]))
    assert (y(figure, "main"), y(figure, "SPY")) == ([1.0, 2.0], [1.0, 2.0])


def test_exposures_put_each_industry_on_its_line_and_leave_holes() -> None:
    weights = pl.DataFrame({"event_date": D[:2], "gross_weight": [0.9, 0.95], "cash_weight": [0.1, 0.05]})
    active = pl.DataFrame(
        {"event_date": [D[0], D[1], D[0]], "industry": ["Tech", "Tech", "Energy"], "active_weight": [0.01, 0.02, -0.04]}
    )
    figure = plots.exposures(weights, active)
    assert y(figure, "cash") == [0.1, 0.05]
    heat = figure.data[-1]
    assert list(heat.y) == ["Tech", "Energy"]  # from below: alphabetical from the top
    assert [[None if math.isnan(v) else v for v in row] for row in heat.z] == [[0.01, 0.02], [-0.04, None]]
    assert (heat.zmin, heat.zmax) == (-0.04, 0.04)


def test_exposures_without_industries_are_gross_and_cash() -> None:
    weights = pl.DataFrame({"event_date": D, "gross_weight": [0.9] * 4, "cash_weight": [0.1] * 4})
    none = pl.DataFrame(schema={"event_date": pl.Date, "industry": pl.String, "active_weight": pl.Float64})
    assert [t.name for t in plots.exposures(weights, none).data] == ["gross", "cash"]


def test_turnover_and_costs_are_summed_by_month_over_the_value_before() -> None:
    days = [dt.date(2016, 1, 28), dt.date(2016, 1, 29), dt.date(2016, 2, 1)]
    pnl = pl.DataFrame(
        {
            "event_date": days,
            "turnover": [0.0, 0.1, 0.3],
            "cost_usd": [0.0, 5.0, 4.0],
            "borrow_usd": [0.0, 0.0, 2.0],
            "nav_usd": [1e4, 2e4, 3e4],
        }
    )
    figure = plots.turnover_and_costs(pnl)
    assert list(trace(figure, "turnover").x) == [dt.date(2016, 1, 1), dt.date(2016, 2, 1)]
    assert y(figure, "turnover") == pytest.approx([0.1, 0.3])
    assert y(figure, "cost") == pytest.approx([5.0, 2.0])
    assert y(figure, "borrow") == pytest.approx([0.0, 1.0])


def test_regimes_colour_the_most_probable_state_under_the_index() -> None:
    columns = ("p_bear", "p_sideways", "p_bull", "p_calm", "p_turbulent", "p_crisis")
    rows = [(0.6, 0.3, 0.1, 0.2, 0.5, 0.3), (0.1, 0.2, 0.7, 0.1, 0.1, 0.8), (None,) * 6]
    states = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.Float64), orient="row").with_columns(
        event_date=pl.Series(D[:3]), industry=pl.lit("Energy")
    )
    returns = pl.DataFrame({"event_date": D[:3], "industry": "Energy", "log_return": [0.0, math.log(2), None]})
    figure = plots.regimes(states, returns, "Energy")
    trend, volatility = (t for t in figure.data if t.type == "heatmap")
    assert (list(trend.z[0]), list(volatility.z[0])) == ([0, 2], [1, 2])
    assert list(trend.x) == D[:2]  # the last session has no state, and no colour
    assert trend.colorscale[0][1] == trend.colorscale[1][1] == plots.STATE_COLOURS["bear"]
    assert volatility.colorscale[-1][1] == plots.STATE_COLOURS["crisis"]
    assert y(figure, "Energy") == pytest.approx([1.0, 2.0, 2.0])


def test_information_is_averaged_by_month_with_the_mean_of_all_sessions() -> None:
    days = [dt.date(2016, 1, 28), dt.date(2016, 1, 29), dt.date(2016, 2, 1)]
    coefficients = pl.DataFrame(
        {"event_date": days, "model": "ridge", "horizon_sessions": 21, "rank_ic": [0.02, 0.04, -0.09]}
    )
    figure = plots.information_by_month(coefficients)
    (bars,) = figure.data
    assert list(bars.y) == pytest.approx([0.03, -0.09])
    assert figure.layout.annotations[0].text == "ridge, 21 sessions: mean -0.0100"
    assert figure.layout.shapes[0].y0 == pytest.approx(-0.01)


def test_attribution_adds_up_to_the_sum_of_returns() -> None:
    rows = pl.DataFrame(
        {
            "event_date": [D[0]] * 3 + [D[1]] * 5,
            "source": ["cost", "interest", "unmodelled", "market", "industry:Energy", "beta", "cost", "borrow"],
            "pnl_usd": [0.0, 0.0, 0.0, 4.0, -1.0, 3.0, -1.0, -1.0],
            "nav_usd": [100.0] * 3 + [104.0] * 5,
        }
    )
    figure = plots.cumulative_attribution(rows)
    assert y(figure, "total") == pytest.approx([0.0, 0.04])
    assert y(figure, "market") == pytest.approx([0.04])
    assert y(figure, "costs and fees") == pytest.approx([0.0, -0.02])
    assert (y(figure, "industries"), y(figure, "styles")) == ([-0.01], [0.03])
    assert list(trace(figure, "sum").x) == ["Energy", "beta"]


def test_two_configurations_are_compared_on_the_sessions_of_both() -> None:
    first = pl.DataFrame({"event_date": D[:3], "nav_usd": [50.0, 100.0, 120.0]})
    second = pl.DataFrame({"event_date": D[1:], "nav_usd": [10.0, 10.0, 99.0]})
    figure = plots.comparison(first, second, ("a", "b"))
    assert list(trace(figure, "a").x) == D[1:3]
    assert (y(figure, "a"), y(figure, "b")) == ([1.0, 1.2], [1.0, 1.0])
    assert y(figure, "a over b") == pytest.approx([0.0, 0.2])


# --- properties ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn() -> dict[str, go.Figure]:
    return all_plots(1, DAYS[:80])


def test_figures_lie_on_the_ground_of_their_page(drawn: dict) -> None:
    for figure in drawn.values():
        assert (
            figure.layout.template.layout.paper_bgcolor == figure.layout.template.layout.plot_bgcolor == "rgba(0,0,0,0)"
        )
        assert figure.layout.height >= 200


def test_series_are_told_apart_by_colour_and_dash(drawn: dict) -> None:
    for figure in drawn.values():
        lines = {
            t.name: (t.line.color, t.line.dash) for t in figure.data if t.type == "scatter" and t.mode != "markers"
        }
        assert len(set(lines.values())) == len(lines)


def test_frames_are_left_as_they_were() -> None:
    before = levels(main=[1.0, 2.0])
    plots.equity(before)
    assert_frame_equal(before, levels(main=[1.0, 2.0]))


def test_without_rows_a_figure_says_so() -> None:
    rows = {"event_date": pl.Date, "industry": pl.String, "log_return": pl.Float64, "rank_ic": pl.Float64}
    rows |= {"model": pl.String, "horizon_sessions": pl.Int32, "nav_usd": pl.Float64}
    nothing = pl.DataFrame(schema=rows)
    for figure in (
        plots.equity(nothing),
        plots.exposures(nothing, nothing),
        plots.turnover_and_costs(nothing),
        plots.regimes(nothing, nothing, "Energy"),
        plots.information_by_month(nothing),
        plots.cumulative_attribution(nothing),
        plots.comparison(nothing, nothing, ("a", "b")),
    ):
        assert figure.layout.annotations[0].text.startswith("Nothing to show: no ")
