"""The sections of a report, in the order of reading. What is missing is said where it would stand."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Profile
from feature_store.schemas.alpha import PREDICTIONS
from feature_store.schemas.backtest import ATTRIBUTION
from feature_store.schemas.features import INDUSTRY_RETURNS, MARKET_FEATURES
from feature_store.schemas.portfolio import DIAGNOSTICS
from feature_store.schemas.regimes import MARKET_REGIME, STATES
from quant_assets.backtest import metrics
from quant_assets.execution.book.forecast import UNKNOWN
from quant_assets.numerics.arrays import Array
from quant_assets.reporting import plots as figures
from quant_assets.reporting import tables
from quant_assets.reporting.evaluation import Evaluation
from quant_assets.reporting.html import Part

DRAWN_INDUSTRIES = 4  # the largest by members; their regimes are drawn beside the market's
DRAWN_EVERY = 5  # sessions between columns of the map of active weights: a screen has no room for more

Sections = dict[str, list[Part]]


def sections(found: Evaluation) -> Sections:
    """By heading, what stands below it."""
    return {
        "Performance": _performance(found),
        "Equity and drawdown": _equity(found),
        "Exposures": _exposures(found),
        "Turnover and costs": [figures.turnover_and_costs(found.main[1:])],
        "Limits": _limits(found),
        "Information coefficients": _information(found),
        "Attribution": _attribution(found),
        **_regimes(found),
    }


def _performance(found: Evaluation) -> list[Part]:
    fallen = tables.drawdowns(found.returns, found.sessions)
    return [
        "Net of costs and fees, interest included; Sharpe and Sortino ratios are of what exceeds the interest on cash.",
        tables.shown(found.performance),
        "Return by calendar year, as far as the range goes.",
        tables.shown(tables.by_year(found.returns, found.sessions)).rename({"figure": "year"}),
        "Deepest drawdown.",
        fallen.with_columns(depth=_texts(fallen["depth"], tables.SHARE)),
    ]


def _equity(found: Evaluation) -> list[Part]:
    parts: list[Part] = [figures.equity(found.levels)]
    if missing := found.missing_benchmarks:
        parts.append(
            f"Not shown: {', '.join(missing)}. market/benchmarks holds no bars of that name in this range; bring them, "
            "or name others in backtest.benchmarks."
        )
    return parts


def _exposures(found: Evaluation) -> list[Part]:
    active = tables.active_weights(found.read(DIAGNOSTICS))
    few = active.filter(pl.col("event_date").is_in(found.sessions[::-DRAWN_EVERY]))
    said = (
        f"Industries: the weight decided less the benchmark's, every {DRAWN_EVERY}th session."
        if active.height
        else "Industries: none, as no programme was solved in this range."
    )
    parts: list[Part] = [figures.exposures(found.main, few), said]
    of_factors = tables.factor_exposures(found.read(ATTRIBUTION))
    if of_factors.height:
        columns = ("mean", "least", "largest")
        shown = of_factors.with_columns(_texts(of_factors[name], tables.RATIO) for name in columns)
        parts += ["Exposure to the risk model's factors at the previous close, fraction of NAV.", shown]
    return parts


def _limits(found: Evaluation) -> list[Part]:
    table = tables.limits(found.read(DIAGNOSTICS))
    parts: list[Part] = ["What became of the programme of each session.", tables.statuses(found.main)]
    if table.is_empty():
        return [*parts, "Limits: none, as no programme was solved in this range."]
    return [
        *parts,
        "Every limit as it was asked for, re-evaluated outside the solver: on how many sessions it bound, on how many "
        "it was relaxed, and how far it was exceeded at worst. What is infeasible is relaxed along the ladder; the "
        "volatility target may be exceeded at a price, and that counts as relaxed. The rows lower and upper speak of "
        "the worst name.",
        table.with_columns(worst_violation=_figures(table["worst_violation"])),
    ]


def _information(found: Evaluation) -> list[Part]:
    table = tables.information(found.coefficients)
    if table.is_empty():
        predicted = found.read(PREDICTIONS, "score")["score"].count()
        return [f"None: {'no label has matured' if predicted else 'nothing was predicted'} within this range."]
    shown = table.with_columns(
        pl.Series("mean_ic", [f"{value:.4f}".replace("-", "−") for value in table["mean_ic"]]),
        _texts(table["t_hac"], tables.RATIO),
        _texts(table["positive"], tables.SHARE),
    )
    return [
        "Spearman rank correlation across stocks of what was predicted and what came, on every session; only labels "
        f"learned by {found.span.last} are known. t by Newey and West with one lag less than the horizon.",
        shown,
        figures.information_by_month(found.coefficients),
    ]


def _attribution(found: Evaluation) -> list[Part]:
    rows = found.read(ATTRIBUTION).filter(pl.col("event_date") > found.span.first)
    if rows.is_empty():
        return ["None: backtest/attribution is not stored in this range; run `asof backfill`."]
    return [figures.cumulative_attribution(rows)]


def _regimes(found: Evaluation) -> Sections:
    """As they were known on each session: of the market by thresholds, of the largest industries fused."""
    returns = found.read(INDUSTRY_RETURNS, "log_return", "n_members")
    states = found.read(STATES)
    words = tables.market_states(found.read(MARKET_REGIME))
    index = found.read(MARKET_FEATURES, "return_1").select(
        "event_date", industry=pl.lit(tables.MARKET_NAME), log_return="return_1"
    )
    drawn: Sections = {
        "Regime of the market": [
            "By thresholds, as known on each session, over the index of all members. The table has the state of most "
            "sessions of each month.",
            figures.regimes(words, index, tables.MARKET_NAME),
            tables.states_by_month(words, tables.MARKET_NAME),
        ]
    }
    largest = _largest(returns, states)
    for name in largest[:DRAWN_INDUSTRIES]:
        figure, table = figures.regimes(states, returns, name), tables.states_by_month(states, name)
        drawn[f"Regime of {name}"] = [figure, table]
    if not largest:
        drawn["Regimes of industries"] = ["None: no industry has states in this range."]
    if largest == [UNKNOWN]:
        drawn[f"Regime of {UNKNOWN}"].insert(0, "No industries were published: every stock is in this one.")
    return drawn


def _largest(returns: pl.DataFrame, states: pl.DataFrame) -> list[str]:
    """Industries with states, those with the most members first."""
    sizes = returns.join(states.select("industry").unique(), on="industry", how="semi")
    counted = sizes.group_by("industry").agg(pl.col("n_members").sum())
    return counted.sort("n_members", "industry", descending=[True, False])["industry"].to_list()


def comparison(found: Evaluation, other: Evaluation) -> Sections:
    """Two homes side by side, over the sessions that both have, and the settings that differ."""
    names = (f"this ({found.profile.name})", f"other ({other.profile.name})")
    both = sorted({*found.sessions} & {*other.sessions})
    mine, theirs = (one.main.filter(pl.col("event_date").is_in(both)) for one in (found, other))
    accounts = dict(zip(names, (mine, theirs), strict=True))
    returns = {name: metrics.simple_returns(rows["nav_usd"].to_numpy()) for name, rows in accounts.items()}
    earned = tables.performance(returns, _on(both, found), both, [names[1]])
    traded = tables.trading(pl.concat(rows.with_columns(book=pl.lit(name)) for name, rows in accounts.items()))
    changed = [(key, _said(a), _said(b)) for key, a, b in settings_that_differ(found.profile, other.profile)]
    return {
        "Two configurations side by side": [
            f"{other.home.folder} over the {len(both)} sessions that both have.",
            figures.comparison(mine, theirs, names),
            tables.shown(pl.concat([earned, traded])),
            "Settings that differ.",
            pl.DataFrame(changed, schema=dict.fromkeys(["setting", *names], pl.String), orient="row"),
        ]
    }


def _on(days: list[dt.date], found: Evaluation) -> Array:
    kept = set(days)
    risk_free: Array = found.risk_free[np.array([day in kept for day in found.sessions])]
    return risk_free


def settings_that_differ(a: Profile, b: Profile) -> list[tuple[str, object, object]]:
    """Dotted key and both values; None where a profile has no such setting."""
    flat_a, flat_b = (_flat(p.model_dump(mode="json", exclude={"name": True})) for p in (a, b))
    keys = dict.fromkeys([*flat_a, *flat_b])
    return [(key, flat_a.get(key), flat_b.get(key)) for key in keys if flat_a.get(key) != flat_b.get(key)]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _said(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(values: pl.Series, unit: str) -> pl.Series:
    return pl.Series(values.name, [tables.text(value, unit) for value in values], pl.String)


def _figures(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [f"{value:.2g}" for value in values], pl.String)
