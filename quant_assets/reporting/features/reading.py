"""What is stored of features over a range: read a month at a time, studied, and why some of it is missing."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from feature_store.dataset import Dataset
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.features import LABELS, STOCK_FEATURES
from feature_store.schemas.fused_regimes import MARKET_REGIME
from feature_store.schemas.market import ADJUSTED_BARS, INDUSTRIES, UNIVERSE
from feature_store.store import Store
from quant_assets.alpha.evidence.feature_study import CrossSection, FeatureStudy
from quant_assets.features.catalogue import DECLARED, OF_STOCKS, catalogue
from quant_assets.features.scores import with_industry
from quant_assets.reporting.evaluation import Span, span_of
from quant_assets.reporting.formats import percent
from quant_resources.home import Home

LOW_COVERAGE = 0.8  # of a feature: below it the page says why
NEARLY = 0.05  # fractions that differ by less are taken as equal


def choose_sessions(home: Home, first: dt.date | None, last: dt.date | None, *, final: bool) -> Span:
    """The stored sessions to study, as far as they may be shown.

    Raises:
        ReportError: nothing is stored, or the hold-out is requested without `final`.
    """
    return span_of(home, STOCK_FEATURES, first, last, final=final)[0]


class StoredFeatures:
    """What is stored of features over a range, read a month at a time."""

    def __init__(self, home: Home, store: Store, span: Span) -> None:
        self.home, self.store, self.span = home, store, span
        self.settings = home.profile.features
        self.catalogue = catalogue(self.settings)
        self.stored = [name for name in DECLARED if self.days(DATASETS[name])]

    def days(self, dataset: Dataset) -> list[dt.date]:
        return [day for day in self.store.sessions(dataset) if self.span.first <= day <= self.span.last]

    def read(self, dataset: Dataset, columns: Sequence[str], first: dt.date, last: dt.date) -> pl.DataFrame:
        """As known at the last session: no label that matured later."""
        return self.store.read(dataset, self.span.last, first, last, columns)

    @cached_property
    def study(self) -> FeatureStudy:
        features = {name: list(OF_STOCKS[name]) for name in OF_STOCKS if name in self.stored}
        every = [feature for declared in features.values() for feature in declared]
        study = FeatureStudy(
            tuple(f.name for f in every),
            [f.lookback for f in every],
            self.settings.horizons,
            self.settings.winsorize_quantiles,
        )
        number: dict[str, int] = {}
        for rows in self._months({name: [f.name for f in declared] for name, declared in features.items()}):
            for (day,), part in rows.group_by(["event_date"], maintain_order=True):
                stocks = [number.setdefault(symbol, len(number)) for symbol in part["symbol"]]
                labels = part.select(f"label_{h}" for h in study.horizons).to_numpy()
                study.add(
                    CrossSection(
                        day,
                        np.array(stocks, dtype=np.int64),
                        part.select(study.names).to_numpy().astype(np.float64),
                        np.ascontiguousarray(labels.T.astype(np.float64)),
                        part["industry"].to_numpy(),
                    )
                )
        return study

    def _months(self, columns: Mapping[str, Sequence[str]]) -> Iterator[pl.DataFrame]:
        """The tradable stocks of each month with their features, labels and industries, sorted by day and symbol."""
        for first, last in months(self.days(STOCK_FEATURES)):
            universe = self.read(UNIVERSE, ["tradable"], first, last).filter("tradable").select("event_date", "symbol")
            rows = with_industry(universe, self.read(INDUSTRIES, ["industry"], first, last))
            for name, features in columns.items():
                values = self.read(DATASETS[name], features, first, last)
                rows = rows.join(values, on=["event_date", "symbol"], how="left", maintain_order="left")
            labels = self.read(LABELS, ["label_log"], first, last)
            for horizon in self.settings.horizons:
                own = labels.filter(horizon_sessions=horizon).select("event_date", "symbol", "label_log")
                rows = rows.join(own, on=["event_date", "symbol"], how="left", maintain_order="left")
                rows = rows.rename({"label_log": f"label_{horizon}"})
            yield rows.sort("event_date", "symbol")

    @cached_property
    def regimes(self) -> dict[str, list[str | None]]:
        """Labels of the market's regime as known on each session of the study."""
        labels = self.read(MARKET_REGIME, ["trend", "volatility"], self.span.first, self.span.last)
        days = pl.DataFrame({"event_date": self.study.sessions}, schema={"event_date": pl.Date})
        aligned = days.join(labels, on="event_date", how="left", maintain_order="left")
        return {name: aligned[name].to_list() for name in ("trend", "volatility")}

    @cached_property
    def others(self) -> dict[str, pl.DataFrame]:
        """Rows of industry and market features, whose few rows are read at once."""
        names = [name for name in self.stored if name not in OF_STOCKS]
        return {
            name: self.read(DATASETS[name], [f.name for f in DECLARED[name]], self.span.first, self.span.last)
            for name in names
        }

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """dataset, feature, coverage, and the reason of a low one."""
        rows = []
        for name in self.stored:
            for feature in DECLARED[name]:
                covered = self._coverage(name, feature.name)
                reason = None
                if covered is not None and covered < LOW_COVERAGE:
                    reason = self._reason(name, feature.name, covered)
                rows.append((name, feature.name, covered, reason))
        schema = {"dataset": pl.String, "feature": pl.String, "coverage": pl.Float64, "reason": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _coverage(self, dataset: str, name: str) -> float | None:
        """Fraction of the tradable stocks, or of the rows, that have a value."""
        if dataset in OF_STOCKS:
            study = self.study
            return 1.0 - float(study.nulls[study.names.index(name)]) / study.rows if study.rows else None
        column = self.others[dataset][name]
        return column.count() / len(column) if len(column) else None

    def _reason(self, dataset: str, name: str, coverage: float) -> str:
        """Why a feature is null so often: what it rests on, and how long."""
        feature = next(f for f in DECLARED[dataset] if f.name == name)
        known = {source: self._known(source, dataset) for source in feature.sources}
        # where the feature is known more often than a source, it can do without
        reasons = [
            f"{source} is known of {percent(fraction)}"
            for source, fraction in known.items()
            if fraction is not None and coverage - NEARLY <= fraction < LOW_COVERAGE
        ]
        explained, young = bool(reasons), self._young(dataset, name, feature.lookback)
        if young > NEARLY:
            reasons.append(f"{percent(young)} of what is missing lies within the first {feature.lookback} sessions")
        if not explained and young < 1 - NEARLY:
            reasons.append("elsewhere its formula has no value, or too little of its window is observed")
        return "; ".join(reasons)

    def _young(self, dataset: str, name: str, lookback: int) -> float:
        """Fraction of the missing values that lie within the first sessions of a stock, or of the range."""
        if dataset in OF_STOCKS:
            f = self.study.names.index(name)
            return float(self.study.young[f] / self.study.nulls[f])
        missing = self.others[dataset].filter(pl.col(name).is_null())
        early = self.study.sessions[: lookback - 1]
        return missing.filter(pl.col("event_date").is_in(early)).height / missing.height

    def _known(self, source: str, dataset: str) -> float | None:
        """Fraction of the tradable stocks (or rows) for which a source has a value; None where it is no column."""
        if source not in self._fractions:
            self._fractions[source] = self._fraction(source, dataset)
        return self._fractions[source]

    @cached_property
    def _fractions(self) -> dict[str, float | None]:
        return {}

    def _fraction(self, source: str, dataset: str) -> float | None:
        table, dot, column = source.rpartition(".")
        of = next((d for d in DATASETS.values() if dot and d.name.endswith(f"/{table}")), None)
        of = of or (ADJUSTED_BARS if dataset == STOCK_FEATURES.name else None)
        if of is None or column not in of.schema or of.key != ADJUSTED_BARS.key:
            return None
        known = 0
        for first, last in months(self.days(STOCK_FEATURES)):
            universe = self.read(UNIVERSE, ["tradable"], first, last).filter("tradable").select("event_date", "symbol")
            rows = self.read(of, [column], first, last).drop_nulls(column)
            known += rows.join(universe, on=["event_date", "symbol"], how="semi").height
        return known / self.study.rows if self.study.rows else None


def months(days: Sequence[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """First and last of the days in each month."""
    by_month: dict[tuple[int, int], list[dt.date]] = {}
    for day in days:
        by_month.setdefault((day.year, day.month), []).append(day)
    return [(some[0], some[-1]) for some in by_month.values()]
