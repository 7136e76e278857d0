"""What is stored of features over a range: coverage, information about labels, and null flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from feature_store.hashing import digest_of
from feature_store.schemas.features import LABELS, STOCK_FEATURES
from feature_store.store import Store
from quant_assets.alpha.evidence.feature_study import FeatureStudy, information
from quant_assets.features.catalogue import OF_STOCKS
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.evaluation import Span
from quant_assets.reporting.features.reading import LOW_COVERAGE, StoredFeatures, choose_sessions
from quant_assets.reporting.protocol import Request
from quant_assets.reporting.trials import ledger_of
from quant_resources.home import Home
from quant_resources.ledgers.trials import Trial, record

SIGNIFICANT = 3.0  # t of a null flag that is informative about labels


@dataclass(frozen=True)
class FeatureEvidence:
    """
    Attributes:
        statistics: of features of stocks and companies, by session.
        information: as `feature_study.information` gives it.
        coverage: dataset, feature, coverage and, below LOW_COVERAGE, the reason; a row a feature.
        catalogue: of all features.
        aggregates: rows of industry and market features, by dataset.
        regimes: labels of the market's regime on each session of the statistics, by trend and volatility.
        stored: datasets with sessions in the range.
        selected: features that get a page.
    """

    profile: str
    span: Span
    statistics: FeatureStudy
    information: pl.DataFrame
    coverage: pl.DataFrame
    catalogue: pl.DataFrame
    aggregates: Mapping[str, pl.DataFrame]
    regimes: Mapping[str, list[str | None]]
    stored: tuple[str, ...]
    selected: tuple[str, ...]

    @cached_property
    def null_flags(self) -> pl.DataFrame:
        """Rows of `information` whose null flag has a t beyond SIGNIFICANT."""
        columns = ("feature", "horizon_sessions", "null_ic", "null_ic_t", "null_ic_n")
        return self.information.filter(pl.col("null_ic_t").abs() > SIGNIFICANT).select(columns)

    @cached_property
    def low_coverage(self) -> pl.DataFrame:
        return self.coverage.filter(pl.col("coverage") < LOW_COVERAGE).sort("coverage", "dataset", "feature")

    def as_json(self) -> dict[str, Any]:
        return {
            "first": self.span.first,
            "last": self.span.last,
            "information": self.information.to_dicts(),
            "coverage": self.coverage.to_dicts(),
            "null_flags": self.null_flags.to_dicts(),
        }


def study(home: Home, request: Request) -> FeatureEvidence:
    """The stored features as known at the last session.

    Args:
        request: all that is stored, up to the hold-out, unless it says otherwise; its items are features that get a
            page, all of stocks and companies where it names none.

    Raises:
        ReportError: there is nothing to study, a feature is not declared, or the range reaches into the hold-out.
        TrialLedgerError: a look at the hold-out cannot be counted.
    """
    store = home.open_store()
    span = choose_sessions(home, request.first, request.last, final=request.final)
    _require_declared(request.items)
    if span.shows_hold_out:
        record(ledger_of(home), _trial(home, store, span))
    stored = StoredFeatures(home, store, span)
    statistics = stored.study
    return FeatureEvidence(
        profile=home.profile.name,
        span=span,
        statistics=statistics,
        information=information(statistics),
        coverage=stored.coverage,
        catalogue=stored.catalogue,
        aggregates=stored.others,
        regimes=stored.regimes,
        stored=tuple(stored.stored),
        selected=tuple(name for name in statistics.names if not request.items or name in request.items),
    )


def _require_declared(names: tuple[str, ...]) -> None:
    declared = {feature.name for features in OF_STOCKS.values() for feature in features}
    if unknown := [name for name in names if name not in declared]:
        raise ReportError(f"no feature of stocks is named {', '.join(unknown)}; `asof features` lists those that are")


def _trial(home: Home, store: Store, span: Span) -> Trial:
    """A look at the hold-out: nothing was earned, but something was learned."""
    parts = [p.parts for name in (STOCK_FEATURES, LABELS) for p in store.partitions(name, span.last, span.last)]
    settings = [f"{key}={value}" for of in parts for key, value in sorted(of.items()) if key.startswith("config:")]
    code = [str(of.get("code")) for of in parts]
    name = home.profile.name
    return Trial(digest_of(settings), digest_of(code), name, span.first, span.last, None, 0, None, None, final=True)
