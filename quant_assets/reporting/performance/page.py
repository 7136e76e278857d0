"""The performance page: what the books earned and why. What is missing is said where it would stand."""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from quant_assets.execution.book.forecast import UNKNOWN
from quant_assets.reporting.document import Document, Part
from quant_assets.reporting.formats import coefficient, percent, ratio, significant
from quant_assets.reporting.performance import plots, summaries
from quant_assets.reporting.performance.comparison import Comparison
from quant_assets.reporting.performance.study import MAP_STEP, Performance, Regimes, study
from quant_assets.reporting.performance.survivorship import Survivorship
from quant_assets.reporting.performance.terminal import show
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.tables import Table
from quant_resources.home import Home


def document(performance: Performance) -> Document:
    sections = {
        "Performance": _performance(performance),
        "Equity and drawdown": _equity(performance),
        "Exposures": _exposures(performance),
        "Turnover and costs": [plots.turnover_and_costs(performance.account[1:])],
        "Limits": _limits(performance),
        "Information coefficients": _information(performance),
        "Attribution": _attribution(performance),
        **_regimes(performance.regimes),
        "Survivorship": _survivorship(performance.survivorship),
    }
    if performance.comparison:
        sections["Two configurations side by side"] = _comparison(performance.comparison)
    span = performance.span
    return Document(f"Performance of {performance.profile}", performance.facts, sections, (span.first, span.last))


def _performance(performance: Performance) -> list[Part]:
    return [
        "Net of costs and fees, interest included; Sharpe and Sortino ratios are of what exceeds the interest on cash.",
        summaries.metric_table(performance.metrics),
        "Return by calendar year, as far as the range goes.",
        summaries.metric_table(performance.by_year, "year"),
        "Maximum drawdown.",
        Table.of(performance.drawdowns, {"depth": percent}),
    ]


def _equity(performance: Performance) -> list[Part]:
    parts: list[Part] = [plots.equity(performance.levels)]
    if performance.missing_benchmarks:
        parts.append(
            f"Not shown: {', '.join(performance.missing_benchmarks)}. market/benchmarks holds no bars of that name in "
            "this range; bring them, or name others in backtest.benchmarks."
        )
    return parts


def _exposures(performance: Performance) -> list[Part]:
    active = performance.active_weights
    text = (
        f"Industries: the target weight less the benchmark's, every {MAP_STEP}th session."
        if active.height
        else "Industries: none, as no optimization problem was solved in this range."
    )
    parts: list[Part] = [plots.exposures(performance.account, active), text]
    if performance.factor_exposures.height:
        parts += [
            "Exposure to the risk model's factors at the previous close, fraction of NAV.",
            Table.of(performance.factor_exposures, dict.fromkeys(("mean", "min", "max"), ratio)),
        ]
    return parts


def _limits(performance: Performance) -> list[Part]:
    parts: list[Part] = ["Status of each session's optimization problem.", performance.statuses]
    if performance.limits.is_empty():
        return [*parts, "Limits: none, as no optimization problem was solved in this range."]
    return [
        *parts,
        "Every limit as configured, re-evaluated outside the solver: on how many sessions it was binding, on how many "
        "it was relaxed, and its largest violation. What is infeasible is relaxed along the ladder; the volatility "
        "target may be exceeded at a price, and that counts as relaxed. The rows lower and upper are of the worst "
        "name.",
        Table.of(performance.limits, {"worst_violation": lambda value: significant(value, 2)}),
    ]


def _information(performance: Performance) -> list[Part]:
    if performance.information.is_empty():
        reason = "no label has matured" if performance.n_predictions else "nothing was predicted"
        return [f"None: {reason} within this range."]
    return [
        "Spearman rank correlation across stocks of prediction and outcome, on every session; only labels known by "
        f"{performance.span.last} are used. t by Newey and West with one lag less than the horizon.",
        Table.of(performance.information, {"mean_ic": coefficient, "t_hac": ratio, "positive": percent}),
        plots.information_by_month(performance.coefficients),
    ]


def _attribution(performance: Performance) -> list[Part]:
    if performance.attribution.is_empty():
        return ["None: backtest/attribution is not stored in this range; run `asof backfill`."]
    return [plots.cumulative_attribution(performance.attribution)]


def _regimes(regimes: tuple[Regimes, ...]) -> dict[str, list[Part]]:
    """As they were known on each session: of the market by thresholds, of the largest industries fused."""
    market, *industries = regimes
    sections: dict[str, list[Part]] = {
        "Regime of the market": [
            "By thresholds, as known on each session, over the index of all members. The table has the state of most "
            "sessions of each month.",
            *_regime(market),
        ]
    }
    sections |= {f"Regime of {industry.name}": _regime(industry) for industry in industries}
    if not industries:
        sections["Regimes of industries"] = ["None: no industry has states in this range."]
    if [industry.name for industry in industries] == [UNKNOWN]:
        sections[f"Regime of {UNKNOWN}"].insert(0, "No industries were published: every stock is in this one.")
    return sections


def _regime(of: Regimes) -> list[Part]:
    return [plots.regimes(of.states, of.returns, of.name), summaries.states_by_month(of.states, of.name)]


def _survivorship(survivorship: Survivorship) -> list[Part]:
    if survivorship.gain_annual is None:
        return ["None: market/universe and market/adjusted_bars of this range have too few returns."]
    levels = pl.concat(
        pl.DataFrame(
            {"event_date": survivorship.sessions, "name": name, "level": np.cumprod(1 + np.nan_to_num(series))}
        )
        for name, series in survivorship.returns.items()
    )
    return [
        "Every name at equal weight each session, before costs: those of the universe as it was on the session before, "
        "and those of its last session, held from the beginning wherever they had prices. The second is hindsight: it "
        "knows who will be in the universe, and is shown to tell what that is worth. Nothing uses it.",
        plots.equity(levels),
        summaries.metric_table(survivorship.by_year, "year"),
        "The gain is a lower bound: members without a price series, many of which failed, are in neither list, and a "
        "name whose prices end is held to its last price.",
    ]


def _comparison(comparison: Comparison) -> list[Part]:
    return [
        f"{comparison.folder} over the {comparison.n_sessions} sessions that both have.",
        plots.comparison(*comparison.accounts, comparison.names),
        summaries.metric_table(comparison.metrics),
        "Settings that differ.",
        comparison.settings,
    ]


def page_against(other: Home | None) -> Page[Performance]:
    """The page, with another home beside this one."""
    return replace(PAGE, study=partial(study, against=other))


PAGE = Page("performance", "What the books earned, why, and what they were exposed to.", study, document, show)
