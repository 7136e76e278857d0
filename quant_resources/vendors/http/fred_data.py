"""Macro series of FRED with their vintages: fetched from the last one on, dated by the day of publication."""

import datetime as dt

import polars as pl

from configs.settings import FredSource
from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock
from quant_resources.vendors.http import fred
from quant_resources.vendors.http.downloads import Downloads
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.arrivals import dated_versions
from quant_resources.vendors.ingest.raw_payloads import Load, RawStore
from quant_resources.vendors.ingest.reading import loads_of, rows_of

KEY = ["event_date", "series"]


class Fred:
    def __init__(self, source: FredSource, raw: RawStore, clock: DecisionClock) -> None:
        self._source, self._raw, self._clock = source, raw, clock

    def complete(self, last: dt.date, downloads: Downloads) -> None:
        """Fetch the vintages up to `last` that are missing."""
        for name in dict.fromkeys(self._source.series.values()):
            downloads.complete(fred.vintages(name, self._loads(name), last))

    def observations(self) -> pl.DataFrame:
        """Observations by our names, with columns of `dated_versions`; known at the end of the day of their vintage.

        Before its vintages begin, a series with a lag in the profile was known so many days after what it observes.
        """
        loads = {name: self._loads(name) for name in self._source.series.values()}
        frames = [self._vintages(ours, loads[name]) for ours, name in self._source.series.items()]
        every = list({load.number: load for own in loads.values() for load in own}.values())
        began = min((load.arrived for load in every), default=None)
        return dated_versions(pl.concat(frames), loads_of(every), self._clock, KEY, ["value"], dated=True, began=began)

    def _vintages(self, ours: str, loads: list[Load]) -> pl.DataFrame:
        rows = rows_of(self._raw, loads, fred.parse_observations)
        begins = pl.DataFrame(
            [(load.number, load.first) for load in loads], schema={"load": pl.Int64, "begin": pl.Date}, orient="row"
        )
        # what is dated by the first day of a period was published then or before
        new = rows.join(begins, on="load", how="inner").filter(pl.col("published") > pl.col("begin"))
        published = moments.end_of_day(pl.col("published"))
        lag = self._source.first_vintage_lag_days.get(ours)
        by_lag = moments.end_of_day(pl.col("event_date") + pl.duration(days=lag or 0))
        ruled = (pl.col("published") == pl.col("published").min()) & (by_lag < published) & pl.lit(lag is not None)
        return new.select(
            "event_date",
            "value",
            "load",
            "source",
            series=pl.lit(ours),
            about="published",
            rule=pl.when(ruled).then(by_lag).otherwise(published),
            grade=pl.when(ruled).then(pl.lit(int(Grade.RULED), pl.Int8)).otherwise(pl.lit(int(Grade.DATED), pl.Int8)),
        )

    def _loads(self, name: str) -> list[Load]:
        series = fred.series_name(name)
        return [load for load in self._raw.loads(series) if load.series == series]
