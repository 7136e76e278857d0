"""Performance in numbers: one row a metric, with its unit, and tables of limits, statuses, exposures and regimes."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from quant_assets.alpha.evidence.significance import hac_t
from quant_assets.backtest import metrics
from quant_assets.numerics.arrays import Array
from quant_assets.portfolio.problem import TOLERANCE
from quant_assets.reporting.formats import Format, basis_points, count, percent, ratio
from quant_assets.reporting.tables import Column, Table

FRACTION, RATIO, BP, COUNT = "fraction", "ratio", "bp", "count"
FORMATS: Mapping[str, Format] = {FRACTION: percent, RATIO: ratio, BP: basis_points, COUNT: count}  # by unit
BINDING = 1e-9  # a smaller dual is what an interior point method leaves where it means none
MARKET_NAME = "Market"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def performance(
    returns: Mapping[str, Array], risk_free: Array, sessions: Sequence[dt.date], benchmarks: Sequence[str]
) -> pl.DataFrame:
    """Metrics of each series, and of each relative to others.

    Args:
        returns: (T,) simple and net, by name; NaN where missing.
        risk_free: (T,) simple.
        sessions: T of them, ascending.
        benchmarks: names of the series that all others are compared with.

    Returns:
        metric, unit, and one column of floats a series.
    """
    of = {name: metrics.performance(series, risk_free, sessions) for name, series in returns.items()}
    depth = {name: series.drawdown.depth if series.drawdown else None for name, series in of.items()}
    rows = [
        _row("total return", FRACTION, {name: one.total_return for name, one in of.items()}),
        _row("annual return", FRACTION, {name: one.annual_return for name, one in of.items()}),
        _row("annual volatility", FRACTION, {name: one.annual_volatility for name, one in of.items()}),
        _row("Sharpe ratio", RATIO, {name: one.sharpe for name, one in of.items()}),
        _row("Sortino ratio", RATIO, {name: one.sortino for name, one in of.items()}),
        _row("maximum drawdown", FRACTION, depth),
        _row("Calmar ratio", RATIO, {name: one.calmar for name, one in of.items()}),
        _row("sessions with a gain", FRACTION, {name: one.hit_rate for name, one in of.items()}),
    ]
    for benchmark in benchmarks:
        rows += _relative(benchmark, returns, risk_free)
    return pl.DataFrame(rows, schema={"metric": pl.String, "unit": pl.String} | dict.fromkeys(returns, pl.Float64))


def _relative(benchmark: str, returns: Mapping[str, Array], risk_free: Array) -> list[dict[str, object]]:
    of = {
        name: metrics.relative(series, returns[benchmark], risk_free)
        for name, series in returns.items()
        if name != benchmark
    }
    return [
        _row(f"active return over {benchmark}", FRACTION, {name: one.active_return for name, one in of.items()}),
        _row(f"tracking error to {benchmark}", FRACTION, {name: one.tracking_error for name, one in of.items()}),
        _row(f"information ratio over {benchmark}", RATIO, {name: one.information_ratio for name, one in of.items()}),
        _row(f"beta to {benchmark}", RATIO, {name: one.beta for name, one in of.items()}),
    ]


def trading(pnl: pl.DataFrame) -> pl.DataFrame:
    """What trading cost each book, in the form of `performance`.

    Args:
        pnl: rows of PNL; the first session of each book is left out, as nothing stands before it.
    """
    books = {str(name): rows for (name,), rows in pnl.sort("event_date").group_by(["book"], maintain_order=True)}
    of = {name: metrics.trading(*_columns(rows, "turnover", "cost_usd", "borrow_usd", "nav_usd"))
          for name, rows in books.items()}  # fmt: skip
    mean = {
        column: {name: float(_columns(rows, column)[0][1:].mean()) for name, rows in books.items() if rows.height > 1}
        for column in ("gross_weight", "cash_weight", "n_positions")
    }
    at_end = {name: float(rows["nav_usd"][-1]) for name, rows in books.items()}
    rows = [
        _row("NAV at the end, USD", COUNT, at_end),
        _row("turnover a year", FRACTION, {name: one.turnover for name, one in of.items()}),
        _row("costs a year", BP, {name: one.cost_bp for name, one in of.items()}),
        _row("borrow fees a year", BP, {name: one.borrow_bp for name, one in of.items()}),
        _row("gross weight, mean", FRACTION, mean["gross_weight"]),
        _row("cash, mean", FRACTION, mean["cash_weight"]),
        _row("positions, mean", COUNT, mean["n_positions"]),
    ]
    return pl.DataFrame(rows, schema={"metric": pl.String, "unit": pl.String} | dict.fromkeys(books, pl.Float64))


def by_year(returns: Mapping[str, Array], sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Total return of each calendar year, in the form of `performance`; the first and last year may be parts."""
    year = np.array([day.year for day in sessions])
    rows = [
        _row(str(y), FRACTION, {name: metrics.total_return(series[year == y]) for name, series in returns.items()})
        for y in sorted(set(year.tolist()))
    ]
    return pl.DataFrame(rows, schema={"metric": pl.String, "unit": pl.String} | dict.fromkeys(returns, pl.Float64))


def drawdowns(returns: Mapping[str, Array], sessions: Sequence[dt.date]) -> pl.DataFrame:
    """The maximum drawdown of each series: series, depth, peak, trough, recovered (null where that has not come)."""
    rows = [
        {"series": name, "depth": worst.depth, "peak": worst.peak, "trough": worst.trough, "recovered": worst.recovered}
        for name, series in returns.items()
        if (worst := metrics.maximum_drawdown(series, sessions))
    ]
    schema = pl.Schema({"series": pl.String, "depth": pl.Float64, "peak": pl.Date, "trough": pl.Date})
    return pl.DataFrame(rows, schema={**schema, "recovered": pl.Date})


def information(coefficients: pl.DataFrame) -> pl.DataFrame:
    """Of each model and horizon: sessions with a rank IC, their mean, its HAC t, and the fraction above 0.

    Args:
        coefficients: event_date, model, horizon_sessions, rank_ic of every session, so that labels over k sessions
            overlap with k − 1 neighbours, which is how many lags the t allows for.
    """
    known = coefficients.drop_nulls("rank_ic").sort("model", "horizon_sessions", "event_date")
    rows = [
        {
            "model": model,
            "horizon": horizon,
            "sessions": part.height,
            "mean_ic": float(part["rank_ic"].to_numpy().mean()),
            "t_hac": None if np.isnan(t := hac_t(part["rank_ic"], int(horizon) - 1)) else t,
            "positive": float((part["rank_ic"].to_numpy() > 0).mean()),
        }
        for (model, horizon), part in known.group_by(["model", "horizon_sessions"], maintain_order=True)
    ]
    schema = {"model": pl.String, "horizon": pl.Int32, "sessions": pl.Int64}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(("mean_ic", "t_hac", "positive"), pl.Float64))


def limits(diagnostics: pl.DataFrame) -> pl.DataFrame:
    """Of each limit: sessions with an optimization, those on which it bound and was relaxed, and its worst violation.

    Args:
        diagnostics: rows of DIAGNOSTICS.

    Returns:
        limit, sessions, binding, relaxed, worst_violation, on: null where the worst is what a solver leaves of none.
    """
    binding = (pl.col("dual").abs() > BINDING).fill_null(value=False)
    violation = pl.col("violation").fill_null(0.0)
    return (
        diagnostics.sort("limit", "event_date")
        .group_by("limit", maintain_order=True)
        .agg(
            sessions=pl.len(),
            binding=binding.sum(),
            relaxed=pl.col("relaxed").sum(),
            worst_violation=violation.max(),
            on=pl.when(violation.max() > TOLERANCE).then(pl.col("event_date").get(violation.arg_max())),
        )
    )


def statuses(pnl: pl.DataFrame) -> pl.DataFrame:
    """What became of the optimization problem: status, sessions, orders, first, last; the most frequent first.

    Args:
        pnl: rows of PNL of one book.
    """
    return (
        pnl.group_by("status")
        .agg(
            sessions=pl.len(),
            orders=pl.col("n_orders").sum(),
            first=pl.col("event_date").min(),
            last=pl.col("event_date").max(),
        )
        .sort("sessions", "status", descending=[True, False])
    )


def factor_exposures(attribution: pl.DataFrame) -> pl.DataFrame:
    """Exposure to each factor, fraction of NAV: factor, mean, min, max.

    Args:
        attribution: rows of ATTRIBUTION; sources without exposures are left out.
    """
    known = attribution.drop_nulls("exposure").sort("source", "event_date")
    rows = [
        (source, float(values.mean()), float(values.min()), float(values.max()))
        for (source,), part in known.group_by(["source"], maintain_order=True)
        for values in [part["exposure"].to_numpy()]
    ]
    schema = {"factor": pl.String} | dict.fromkeys(("mean", "min", "max"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def active_weights(diagnostics: pl.DataFrame) -> pl.DataFrame:
    """event_date, industry, active_weight: what was decided over the middle of the industry's band.

    Long only, the middle is the benchmark's weight; dollar neutral, it is 0.

    Args:
        diagnostics: rows of DIAGNOSTICS.
    """
    prefix = "industry:"
    middle = (pl.col("lower") + pl.col("upper")) / 2
    return diagnostics.filter(pl.col("limit").str.starts_with(prefix)).select(
        "event_date", industry=pl.col("limit").str.strip_prefix(prefix), active_weight=pl.col("value") - middle
    )


def market_states(market_regime: pl.DataFrame) -> pl.DataFrame:
    """The market's labels as rows of STATES, of the industry "Market": the state that it is called has probability 1.

    Args:
        market_regime: rows of MARKET_REGIME; nulls stay null.
    """
    states = {"trend": TREND_STATES_IN_ORDER, "volatility": VOLATILITY_STATES_IN_ORDER}
    return market_regime.select(
        "event_date",
        pl.lit(MARKET_NAME).alias("industry"),
        *(
            (pl.col(column) == state).cast(pl.Float64).alias(f"p_{state}")
            for column in states
            for state in states[column]
        ),
    )


def states_by_month(states: pl.DataFrame, industry: str) -> pl.DataFrame:
    """The state that was most probable on most sessions of each month: year, `of` (trend or volatility), Jan to Dec.

    Labels are cut to four letters; of equals the one that stands first in the schema's order counts, and a month whose
    sessions have no states is null.

    Args:
        states: rows of STATES, or those of `market_states`.
    """
    own = states.filter(industry=industry)
    rows: dict[tuple[int, str], dict[str, object]] = {}
    for of, labels in {"trend": TREND_STATES_IN_ORDER, "volatility": VOLATILITY_STATES_IN_ORDER}.items():
        known = own.drop_nulls([f"p_{state}" for state in labels])
        most = known.select(f"p_{state}" for state in labels).to_numpy().argmax(axis=1)
        months = known["event_date"].dt.truncate("1mo").to_list()
        for month in sorted(set(months)):
            counts = np.bincount(most[[m == month for m in months]], minlength=len(labels))
            row = rows.setdefault((month.year, of), {"year": month.year, "of": of})
            row[MONTHS[month.month - 1]] = labels[int(counts.argmax())][:4]
    schema = {"year": pl.Int32, "of": pl.String} | dict.fromkeys(MONTHS, pl.String)
    return pl.DataFrame([rows[key] for key in sorted(rows)], schema=schema)


def coverage(members: pl.DataFrame, universe: pl.DataFrame) -> pl.DataFrame:
    """event_date, n_members, fraction: of the session's members, linked to a price series or not, those with a bar.

    Args:
        members: rows of MEMBERS; universe: rows of UNIVERSE.
    """
    priced = universe.group_by("event_date").agg(priced=pl.col("has_bar").sum())
    counted = members.group_by("event_date").agg(n_members=pl.len())
    return (
        counted.join(priced, on="event_date", how="left")
        .sort("event_date")
        .select("event_date", "n_members", fraction=pl.col("priced").fill_null(0) / pl.col("n_members"))
    )


def metric_table(frame: pl.DataFrame, label: str = "metric", title: str = "") -> Table:
    """A frame in the form of `performance`, each row shown in its unit."""
    names = [name for name in frame.columns if name not in ("metric", "unit")]
    columns = (Column(label), *(Column(name, is_numeric=True) for name in names))
    rows = tuple(
        (row["metric"], *(FORMATS[row["unit"]](row[name]) for name in names)) for row in frame.iter_rows(named=True)
    )
    return Table(columns, rows, title)


def _row(metric: str, unit: str, values: Mapping[str, float | None]) -> dict[str, object]:
    return {"metric": metric, "unit": unit, **values}


def _columns(rows: pl.DataFrame, *names: str) -> list[Array]:
    return [rows[name].cast(pl.Float64).to_numpy() for name in names]
