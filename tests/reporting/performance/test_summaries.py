"""Performance in numbers."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from feature_store import sessions
from quant_assets.backtest import metrics
from quant_assets.reporting.performance import summaries
from tests.backtest.books import DAYS

N = 60
ON = DAYS[:N]
RNG = np.random.default_rng(5)
BOOK, FUND = RNG.normal(0.001, 0.01, N), RNG.normal(0.0005, 0.01, N)
BOOK[0] = FUND[0] = np.nan
NONE = np.zeros(N)


def metric(table: pl.DataFrame, name: str) -> dict[str, float | None]:
    return table.filter(metric=name).drop("metric", "unit").row(0, named=True)


def diagnostics(rows: list[tuple[int, str, float, float | None, float | None, float, float, bool]]) -> pl.DataFrame:
    names = ["day", "limit", "value", "lower", "upper", "dual", "violation", "relaxed"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(event_date=pl.Series([ON[i] for i in frame["day"]])).drop("day")


# -- known values ------------------------------------------------------------------------------------------------------


def test_performance_is_that_of_each_series_and_relative_to_the_others() -> None:
    table = summaries.performance({"main": BOOK, "FUND": FUND}, NONE, ON, ["FUND"])
    own, relative = metrics.performance(BOOK, NONE, ON), metrics.relative(BOOK, FUND, NONE)
    assert metric(table, "Sharpe ratio")["main"] == own.sharpe
    assert metric(table, "maximum drawdown")["main"] == own.drawdown.depth
    assert metric(table, "information ratio over FUND") == {"main": relative.information_ratio, "FUND": None}
    assert metric(table, "beta to FUND") == {"main": relative.beta, "FUND": None}


def test_trading_leaves_the_first_session_out() -> None:
    pnl = pl.DataFrame({
        "event_date": ON, "book": ["main"] * N, "turnover": [9.0] + [0.01] * (N - 1),
        "cost_usd": [0.0] + [100.0] * (N - 1), "borrow_usd": [0.0] * N,
        "nav_usd": [1e6] * N, "gross_weight": [0.0] + [0.9] * (N - 1),
        "cash_weight": [1.0] + [0.1] * (N - 1), "n_positions": [0] + [10] * (N - 1),
    })  # fmt: skip
    table = summaries.trading(pnl)
    assert metric(table, "NAV at the end, USD")["main"] == 1e6
    assert metric(table, "turnover a year")["main"] == pytest.approx(2.52)
    assert metric(table, "costs a year")["main"] == pytest.approx(252.0)  # 1 bp a session
    assert metric(table, "cash, mean")["main"] == pytest.approx(0.1)
    assert metric(table, "positions, mean")["main"] == 10


def test_years_are_those_of_the_calendar() -> None:
    on = [dt.date(2015, 12, 30), dt.date(2015, 12, 31), dt.date(2016, 1, 4), dt.date(2016, 1, 5)]
    table = summaries.by_year({"main": np.array([np.nan, 0.1, 0.2, -0.5])}, on)
    assert table["metric"].to_list() == ["2015", "2016"]
    assert table["main"].to_list() == pytest.approx([0.1, -0.4])


def test_drawdowns_say_when_they_were() -> None:
    table = summaries.drawdowns({"up": np.array([np.nan, 0.1, 0.1]), "down": np.array([np.nan, -0.1, 0.5])}, ON[:3])
    assert table.rows() == [("down", pytest.approx(-0.1), ON[0], ON[1], ON[2])]


def test_limits_count_what_bound_what_was_relaxed_and_the_worst() -> None:
    table = summaries.limits(diagnostics([
        (0, "turnover", 0.3, None, 0.25, 0.0, 0.05, True),
        (1, "turnover", 0.4, None, 0.25, 0.2, 0.15, True),
        (2, "turnover", 0.25, None, 0.25, 0.1, 0.0, False),
        (0, "gross", 0.9, None, None, 1e-12, 0.0, False),
    ]))  # fmt: skip
    assert table.rows() == [("gross", 1, 0, 0, 0.0, None), ("turnover", 3, 2, 2, 0.15, ON[1])]


def test_active_weights_are_measured_from_the_middle_of_the_band() -> None:
    table = summaries.active_weights(diagnostics([
        (0, "industry:Tech", 0.30, 0.15, 0.25, 0.0, 0.05, True),
        (0, "gross", 0.9, None, None, 0.0, 0.0, False),
    ]))  # fmt: skip
    assert table.rows() == [(ON[0], "Tech", pytest.approx(0.10))]


def test_information_has_a_line_for_each_model_and_horizon() -> None:
    on = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 3, 31))
    series = RNG.normal(0.05, 0.1, len(on))
    rows = pl.DataFrame({"event_date": on, "rank_ic": series}).with_columns(
        model=pl.lit("ridge"), horizon_sessions=pl.lit(21, pl.Int32)
    )
    unknown = rows.head(3).with_columns(rank_ic=None, model=pl.lit("lightgbm"))
    (row,) = summaries.information(pl.concat([rows, unknown], how="vertical_relaxed")).to_dicts()
    assert row["sessions"] == len(on)
    assert row["mean_ic"] == pytest.approx(series.mean())
    assert row["positive"] == pytest.approx((series > 0).mean())


def test_the_market_has_labels_and_a_month_its_most_frequent_one() -> None:
    on = [dt.date(2016, 1, 28), dt.date(2016, 1, 29), dt.date(2016, 2, 1), dt.date(2016, 2, 2)]
    regime = pl.DataFrame({
        "event_date": on, "trend": ["bear", "bull", "bull", None], "volatility": [None, "crisis", "calm", "calm"],
    })  # fmt: skip
    states = summaries.market_states(regime)
    assert states["p_bear"].to_list() == [1.0, 0.0, 0.0, None]
    table = summaries.states_by_month(states, summaries.MARKET_NAME)
    assert table.select("year", "of", "Jan", "Feb", "Mar").rows() == [
        (2016, "trend", "bear", "bull", None),  # of equals the first in the schema's order
        (2016, "volatility", "cris", "calm", None),
    ]


def test_coverage_counts_members_without_a_price_series() -> None:
    members = pl.DataFrame({"event_date": [ON[0]] * 4 + [ON[1]] * 2, "symbol": list("ABCDAB")})
    universe = pl.DataFrame({"event_date": [ON[0]] * 3, "symbol": list("ABC"), "has_bar": [True, True, False]})
    assert summaries.coverage(members, universe).rows() == [(ON[0], 4, 0.5), (ON[1], 2, 0.0)]


def test_exposures_are_summed_up_by_factor() -> None:
    rows = pl.DataFrame({
        "event_date": [ON[0], ON[1], ON[0]], "source": ["beta", "beta", "specific"], "exposure": [0.1, 0.3, None],
    })  # fmt: skip
    assert summaries.factor_exposures(rows).rows() == [("beta", pytest.approx(0.2), 0.1, 0.3)]


# -- properties --------------------------------------------------------------------------------------------------------


def test_too_few_returns_leave_dashes() -> None:
    short = {"main": BOOK[:3], "FUND": FUND[:3]}
    table = summaries.metric_table(summaries.performance(short, NONE[:3], ON[:3], ["FUND"]))
    assert [column.label for column in table.columns] == ["metric", "main", "FUND"]
    assert {row[0]: row[1] for row in table.texts()}["Sharpe ratio"] == "–"
