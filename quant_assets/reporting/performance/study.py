"""What the books earned and why, over the sessions of a request; each look counts in the trial ledger."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from feature_store.schemas.alpha import PREDICTIONS
from feature_store.schemas.backtest import ATTRIBUTION
from feature_store.schemas.execution import BOOKS
from feature_store.schemas.features import INDUSTRY_RETURNS, MARKET_FEATURES
from feature_store.schemas.fused_regimes import MARKET_REGIME, STATES
from feature_store.schemas.portfolio import DIAGNOSTICS
from quant_assets.reporting.evaluation import EQUAL_WEIGHT, Evaluation, Span, choose_span, shared_span
from quant_assets.reporting.performance import summaries
from quant_assets.reporting.performance.comparison import Comparison, compare
from quant_assets.reporting.performance.facts import facts_of
from quant_assets.reporting.performance.survivorship import Survivorship, survivorship
from quant_assets.reporting.protocol import Request
from quant_assets.reporting.trials import deflated_sharpe, ledger_of, trials_of
from quant_resources.home import Home
from quant_resources.ledgers.trials import record

SHOWN_INDUSTRIES = 4  # the largest by members; their regimes are drawn besides the market's
MAP_STEP = 5  # sessions between columns of the map of active weights: a screen has no room for more


@dataclass(frozen=True)
class Regimes:
    """Of the market (`summaries.MARKET_NAME`) or an industry.

    Attributes:
        name: of it.
        states: its rows of STATES, or of `summaries.market_states`.
        returns: event_date, industry, log_return.
    """

    name: str
    states: pl.DataFrame
    returns: pl.DataFrame


@dataclass(frozen=True)
class Performance:
    """
    Attributes:
        facts: what must be known first.
        metrics, by_year: metric, unit and a column a series: `summaries.performance` and `trading`, `by_year`.
        levels: event_date, name, level of books and benchmarks; missing_benchmarks have none.
        account: rows of PNL of the main book.
        active_weights: of industries, on every MAP_STEP-th session.
        coefficients: rank ICs of each session; n_predictions were stored, whether or not their labels have matured.
        attribution: rows of ATTRIBUTION after the first session.
        regimes: of the market first, then of the largest industries.
        comparison: with another home.
    """

    profile: str
    span: Span
    facts: dict[str, str]
    metrics: pl.DataFrame
    by_year: pl.DataFrame
    drawdowns: pl.DataFrame
    levels: pl.DataFrame
    missing_benchmarks: tuple[str, ...]
    account: pl.DataFrame
    active_weights: pl.DataFrame
    factor_exposures: pl.DataFrame
    statuses: pl.DataFrame
    limits: pl.DataFrame
    coefficients: pl.DataFrame
    n_predictions: int
    attribution: pl.DataFrame
    regimes: tuple[Regimes, ...]
    survivorship: Survivorship
    comparison: Comparison | None
    deflated_sharpe: float | None
    n_trials: int

    @cached_property
    def information(self) -> pl.DataFrame:
        return summaries.information(self.coefficients)

    def as_json(self) -> dict[str, Any]:
        frames = {
            "metrics": self.metrics,
            "by_year": self.by_year,
            "information": self.information,
            "statuses": self.statuses,
            "limits": self.limits,
            "survivorship": self.survivorship.by_year,
        }
        return {
            "facts": self.facts,
            **{name: frame.to_dicts() for name, frame in frames.items()},
            "deflated_sharpe": self.deflated_sharpe,
            "n_trials": self.n_trials,
        }


def study(home: Home, request: Request, against: Home | None = None) -> Performance:
    """Read what is stored, and count the evaluation.

    Args:
        request: it begins with the main book's first orders and ends with the last session stored, or the last before
            the hold-out, unless it says otherwise.
        against: another home to compare with; its hold-out is kept as well, and it counts as a trial too.

    Raises:
        ReportError: there is nothing to report, or it reaches into the hold-out without `final`.
        TrialLedgerError: the evaluation cannot be counted.
    """
    homes = [home, *([against] if against else [])]
    span = choose_span(
        home.open_store(), [one.profile for one in homes], request.first, request.last, final=request.final
    )
    own = Evaluation(home, span)
    other = Evaluation(against, shared_span(span, against)) if against else None
    for evaluation in (own, other) if other else (own,):
        record(ledger_of(home), evaluation.trial)
    counted = trials_of(homes)
    deflated, survived = deflated_sharpe(own.trial, counted), survivorship(own)
    diagnostics, attribution = own.read(DIAGNOSTICS), own.read(ATTRIBUTION)
    return Performance(
        profile=own.profile.name,
        span=span,
        facts=facts_of(own, counted, deflated, survived),
        metrics=_metrics(own),
        by_year=summaries.by_year(own.returns, own.sessions),
        drawdowns=summaries.drawdowns(own.returns, own.sessions),
        levels=own.levels,
        missing_benchmarks=tuple(own.missing_benchmarks),
        account=own.main,
        active_weights=_thinned(summaries.active_weights(diagnostics), own),
        factor_exposures=summaries.factor_exposures(attribution),
        statuses=summaries.statuses(own.main),
        limits=summaries.limits(diagnostics),
        coefficients=own.coefficients,
        n_predictions=own.read(PREDICTIONS, "score")["score"].count(),
        attribution=attribution.filter(pl.col("event_date") > span.first),
        regimes=(_market(own), *_industries(own)),
        survivorship=survived,
        comparison=compare(own, other) if other else None,
        deflated_sharpe=deflated,
        n_trials=len(counted),
    )


def _metrics(home: Evaluation) -> pl.DataFrame:
    benchmarks = [name for name in home.returns if name not in BOOKS] + [EQUAL_WEIGHT]
    earned = summaries.performance(home.returns, home.risk_free, home.sessions, benchmarks)
    return pl.concat([earned, summaries.trading(home.pnl)], how="diagonal").select(earned.columns)


def _thinned(weights: pl.DataFrame, home: Evaluation) -> pl.DataFrame:
    """Active weights on every MAP_STEP-th session, counted from the last."""
    return weights.filter(pl.col("event_date").is_in(home.sessions[::-MAP_STEP]))


def _market(home: Evaluation) -> Regimes:
    index = home.read(MARKET_FEATURES, "return_1").select(
        "event_date", industry=pl.lit(summaries.MARKET_NAME), log_return="return_1"
    )
    return Regimes(summaries.MARKET_NAME, summaries.market_states(home.read(MARKET_REGIME)), index)


def _industries(home: Evaluation) -> list[Regimes]:
    """Industries with states, those with the most members first."""
    returns, states = home.read(INDUSTRY_RETURNS, "log_return", "n_members"), home.read(STATES)
    sizes = returns.join(states.select("industry").unique(), on="industry", how="semi")
    counted = sizes.group_by("industry").agg(pl.col("n_members").sum())
    largest = counted.sort("n_members", "industry", descending=[True, False])["industry"][:SHOWN_INDUSTRIES]
    return [Regimes(name, states.filter(industry=name), returns.filter(industry=name)) for name in largest]
