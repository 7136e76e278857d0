"""A small market, stored, and sources of it that change."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from configs.settings import Profile
from feature_store.decision_time import DecisionClock
from feature_store.schemas.execution import EQUAL_WEIGHT_BOOK
from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.store import Store
from quant_assets.engine.asset import CrossSection, ModelFit, SessionAsset, same, trailing
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_assets.operations.impact import Impact, impact
from quant_resources.vendors.protocol import Vendor
from tests.engine.assets import ASSETS
from tests.engine.market import SESSIONS, make_runner, profile, valued
from tests.support.arrivals import Amended, Arrival, Arrivals, Cells, rebuild

DAYS = SESSIONS[30:50]  # 2015-12-15 to 2016-01-13: a split and the year's edge
DAY = DAYS[8]


def market(**overrides: str) -> Profile:
    return profile(history__start=str(DAYS[0]), history__end=str(DAYS[-1]), **overrides)


def level(returns: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Mean return of each industry."""
    means = returns.group_by("industry").agg(value=pl.col("log_return").mean()).sort("industry")
    return means.select(pl.lit(session, pl.Date).alias("event_date"), "industry", "value")


def above(returns: pl.DataFrame, fits: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Return of each industry over the level in force."""
    today = returns.filter(event_date=session).join(fits.select("industry", "value"), on="industry")
    return today.select("event_date", "industry", value=pl.col("log_return") - pl.col("value")).sort("industry")


RETURNS = trailing(INDUSTRY_RETURNS, 10, ("log_return",))
LEVEL = ModelFit(valued("laws/level", key="industry"), level, {"returns": RETURNS}, entity="industry")
ABOVE = CrossSection(
    valued("laws/above", key="industry"), above, {"returns": RETURNS, "fits": same(LEVEL.dataset)}, entity="industry"
)
# every kind of asset: sources, time series (restating, anchored, per industry), cross sections, model fits (chained,
# and independent per industry), a recursive one, and its orders
WANTED = ("features/industry_features", "execution/equal_weight_book")


def graph() -> list[SessionAsset]:
    every = core_assets()
    wanted = set(WANTED)
    for asset in reversed(every):
        if asset.name in wanted:
            wanted |= {window.dataset.name for window in asset.inputs.values()}
    by_name = {asset.name: asset for asset in every}
    of_equal_weights = replace(by_name["execution/orders"], inputs={"book": same(EQUAL_WEIGHT_BOOK)})
    return [*(asset for asset in every if asset.name in wanted), *ASSETS, LEVEL, ABOVE, of_equal_weights]


GRAPH = graph()


@dataclass(frozen=True)
class Stored:
    """The small market, stored once; never written to."""

    folder: Path
    profile: Profile
    vendor: Vendor
    arrivals: Arrivals

    def runner(self, arrival: Arrival | None = None, folder: Path | None = None) -> Runner:
        return make_runner(
            folder or self.folder, self.profile, self.amended(arrival), datasets=[a.dataset for a in GRAPH]
        )

    def amended(self, arrival: Arrival | None) -> Vendor:
        clock = DecisionClock(self.profile.decision_minutes_before_open)
        return Amended(self.vendor, arrival, clock) if arrival else self.vendor

    def rebuilt(self, arrival: Arrival, folder: Path) -> Store:
        return rebuild(folder, self.profile, self.amended(arrival), GRAPH, DAYS).store

    def impact(self, arrival: Arrival, **bounds: dt.date) -> Impact:
        return impact(self.runner(arrival), assets=GRAPH, **bounds)

    def learned(self, arrival: Arrival) -> dt.date:
        """The session that knows the row."""
        return self.runner().store.clock.session_of(arrival.added.item(0, "known_at"))

    def what_if(self, rows: pl.DataFrame | Path, dataset: str = "market/bars") -> Impact:
        return impact(self.runner(), rows, dataset, assets=GRAPH)

    def bar(self, day: dt.date = DAY, by: float = 1.05) -> pl.DataFrame:
        """The stored bar of one symbol with other prices."""
        rows = self.runner().store.versions("market/bars", day, day).filter(pl.col("event_date") == day)
        return (
            rows.sort("symbol")
            .head(1)
            .drop("session")
            .with_columns(pl.col("open", "high", "low", "close", "vwap") * by)
        )


def cells(found: Impact) -> Cells:
    return {(d.dataset, d.session): (d.stored, d.instead) for d in found.differences}
