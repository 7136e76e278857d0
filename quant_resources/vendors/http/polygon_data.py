"""Bars, corporate actions and tickers of Polygon's stocks API: fetched where missing, dated by when known."""

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence

import polars as pl

from configs.settings import PolygonSource
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS
from quant_resources.vendors.http import polygon
from quant_resources.vendors.http.downloads import Downloads, Resource, uncovered
from quant_resources.vendors.http.identity import LOOKUPS, changes, named_by, securities, to_look_up
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.arrivals import dated_versions
from quant_resources.vendors.ingest.raw_payloads import RawStore
from quant_resources.vendors.ingest.reading import loads_of, rows_of

RULED = pl.lit(int(Grade.RULED), pl.Int8)
BAR_SERIES = ("polygon/grouped/", "polygon/bars/")
ACTION_SERIES = ("polygon/splits/", "polygon/dividends/")


class Polygon:
    """
    Args:
        start: first session of the history; nothing earlier is requested.
    """

    def __init__(self, source: PolygonSource, raw: RawStore, clock: DecisionClock, start: dt.date) -> None:
        self._source, self._raw, self._clock, self._start = source, raw, clock, start

    # -- fetching ----------------------------------------------------------------------------------------------------

    def complete(self, dataset: Dataset, sessions: Sequence[dt.date], downloads: Downloads) -> None:
        """Fetch what is missing for the sessions: bars first, since they name the tickers to look up."""
        downloads.complete(list(self._bars_missing(sessions)))
        downloads.complete(self._lookups_missing(sessions))
        if dataset.name == CORPORATE_ACTIONS.name:
            downloads.complete(polygon.actions_of(sessions, self._source))

    def _bars_missing(self, sessions: Sequence[dt.date]) -> Iterator[Resource]:
        back = calendar.shift(sessions[0], -self._source.recheck_sessions)
        days_ = calendar.between(max(back, self._start), sessions[0])[:-1] + list(sessions)
        if self._source.tickers is None:
            yield from (polygon.market_on(day, days_[-1], self._source) for day in days_)
            return
        settled = polygon.settled_days(days_, self._source)
        for ticker in dict.fromkeys((*self._source.tickers, *self._source.benchmarks)):
            series = polygon.bars_series(ticker)
            days = uncovered([x for x in self._raw.loads(series) if x.series == series], settled)
            for first, last in _stretches(days):
                moment = max(settled[day] for day in days if first <= day <= last)
                yield polygon.bars_of(ticker, first, last, moment)

    def _lookups_missing(self, sessions: Sequence[dt.date]) -> list[Resource]:
        gap = self._source.gap_sessions
        window = calendar.between(calendar.shift(sessions[0], -gap), sessions[-1])
        seen = self._seen(window)
        lookups_ = [(load.series.split("/")[-1], load.first) for load in self._raw.loads("polygon/ticker/")]
        lists = {load.first for load in self._raw.loads("polygon/tickers/")}
        known = pl.DataFrame(lookups_, schema={"ticker": pl.String, "day": pl.Date}, orient="row")
        listed = seen.filter(pl.col("event_date").is_in(list(lists))).rename({"event_date": "day"})
        missing = to_look_up(seen, pl.concat([known, listed]), gap, sessions[0])
        resources: list[Resource] = []
        for (day,), tickers in missing.group_by("day", maintain_order=True):
            assert isinstance(day, dt.date)
            if tickers.height > polygon.ASK_WHOLE_LIST:
                resources.append(polygon.all_tickers_on(day))
            else:
                resources += [polygon.ticker_on(ticker, day) for ticker in tickers.get_column("ticker")]
        return resources

    # -- rows ---------------------------------------------------------------------------------------------------------

    def bars(
        self, dataset: Dataset, sessions: Sequence[dt.date], after: dt.datetime, until: dt.datetime
    ) -> pl.DataFrame:
        """Bars of securities or of benchmarks that became known in (after, until], with columns of `dated_versions`."""
        every = [load for prefix in BAR_SERIES for load in self._raw.loads(prefix)]
        series = {
            load.series
            for load in every
            if (load.first <= sessions[-1] and load.last >= sessions[0]) or after < load.arrived <= until
        }
        loads = [load for load in every if load.series in series]
        rows = rows_of(self._raw, loads, polygon.parse_bars)
        mine = pl.col("ticker").is_in(list(self._source.benchmarks))
        if dataset.name == BENCHMARKS.name:
            rows = rows.filter(mine).with_columns(symbol="ticker")
        else:
            rows = self._of_profile(named_by(rows.filter(~mine), self.securities(until), "event_date"))
        rule = moments.end_of_day(pl.col("event_date"))
        rows = rows.select(
            "event_date", "symbol", *BARS.values, "load", "source", about="event_date", rule=rule, grade=RULED
        )  # fmt: skip
        began = min((load.arrived for load in every), default=None)
        return dated_versions(rows, loads_of(loads), self._clock, ["event_date", "symbol"], BARS.values, began=began)

    def actions(self, until: dt.datetime) -> pl.DataFrame:
        """Splits, dividends and changes of ticker, with columns of `dated_versions`."""
        loads = [load for prefix in ACTION_SERIES for load in self._raw.loads(prefix)]
        lookups = self.securities(until)
        parsed = [
            rows_of(self._raw, [load for load in loads if load.series.startswith(prefix)], parse)
            for prefix, parse in zip(ACTION_SERIES, (polygon.parse_splits, polygon.parse_dividends), strict=True)
        ]
        rows = self._linked(polygon.action_rows(pl.concat(parsed), self._source), lookups)
        rows = rows.with_columns(about="event_date", other_symbol=pl.lit(None, pl.String))
        renamed = self._of_profile(changes(lookups)).select(
            "symbol", "load", event_date="from", action=pl.lit("symbol_change"), value=1.0, about="from",
            rule=moments.end_of_day(pl.col("from")), other_symbol="ticker", source=pl.lit("polygon/ticker/"),
        )  # fmt: skip
        columns = ["event_date", "symbol", "action", "value", "other_symbol", "about", "rule", "load", "source"]
        rows = pl.concat([rows.select(columns), renamed.select(columns)]).with_columns(grade=RULED)
        began = min((load.arrived for load in loads), default=None)
        every = loads_of([*loads, *self._raw.loads("polygon/ticker/"), *self._raw.loads("polygon/tickers/")])
        key = ["event_date", "symbol", "action"]
        return dated_versions(rows, every, self._clock, key, ["value", "other_symbol"], withdraws=True, began=began)

    def securities(self, until: dt.datetime) -> pl.DataFrame:
        """Lookups of days that had ended by then, in `identity.LOOKUPS`."""
        last = self._clock.session_of(until)
        one, all_ = (
            [load for load in self._raw.loads(prefix) if load.first <= last]
            for prefix in ("polygon/ticker/", "polygon/tickers/")
        )
        if not one and not all_:
            return pl.DataFrame(schema=LOOKUPS)
        days = pl.DataFrame(
            [(x.number, x.first, x.series.split("/")[-1]) for x in (*one, *all_)],
            schema={"load": pl.Int64, "day": pl.Date, "requested": pl.String}, orient="row",
        )  # fmt: skip
        parsed = rows_of(self._raw, [*one, *all_], polygon.parse_tickers).join(days, on="load", how="inner")
        bare = parsed.filter(pl.col("composite_figi").is_null() & pl.col("share_class_figi").is_null())
        seen = self._seen(sorted({load.first for load in all_} | set(bare.get_column("day"))))
        numbers = pl.DataFrame(
            [(x.first, x.number) for x in all_], schema={"day": pl.Date, "load": pl.Int64}, orient="row"
        )
        # a list counts for those who had a bar on its day, a lookup for the ticker that it names
        listed = seen.rename({"event_date": "day"}).join(numbers, on="day", how="inner")
        single = days.filter(pl.col("load").is_in([load.number for load in one])).rename({"requested": "ticker"})
        columns = ["ticker", "day", "load"]
        requests = pl.concat([single.select(columns), listed.select(columns)])
        answers = requests.join(parsed.drop("source", "requested"), on=columns, how="left", maintain_order="left")
        return securities(answers, seen)

    def served(self, until: dt.datetime) -> pl.DataFrame:
        """The securities that the profile wants."""
        return self._of_profile(self.securities(until))

    def _linked(self, rows: pl.DataFrame, lookups: pl.DataFrame) -> pl.DataFrame:
        """Actions of the securities that are served; one of a ticker that was seen only later is known from then."""
        mine = pl.col("ticker").is_in(list(self._source.benchmarks))
        benchmarks = rows.filter(mine).with_columns(symbol="ticker")
        # a lookup is known at the end of its day
        whole_day = pl.duration(hours=23, minutes=59, seconds=59)
        others = rows.filter(~mine).with_columns(day=moments.day_of(pl.col("rule") - whole_day))
        named = named_by(others, lookups, "day").drop("from")
        later = named.filter(pl.col("symbol").is_null()).select(others.columns).sort("day")
        first = later.join_asof(
            lookups.drop("load").sort("from"), left_on="day", right_on="from", by="ticker", strategy="forward",
            check_sortedness=False,
        ).filter(pl.col("from") <= pl.col("event_date"))  # fmt: skip
        first = first.with_columns(rule=pl.max_horizontal("rule", moments.end_of_day(pl.col("from")))).drop("from")
        linked = self._of_profile(pl.concat([named.filter(pl.col("symbol").is_not_null()), first]))
        return pl.concat([benchmarks, linked], how="diagonal")

    def _of_profile(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of named securities those of the profile: its tickers, or its types of the whole market."""
        if self._source.tickers is not None:
            return rows.filter(pl.col("symbol").is_not_null())
        return rows.filter(pl.col("type").is_in(list(self._source.types)))

    def _seen(self, days: Sequence[dt.date]) -> pl.DataFrame:
        """(ticker, event_date) of bars on the days, without benchmarks."""
        days_ = set(days)
        loads = [
            load
            for prefix in BAR_SERIES
            for load in self._raw.loads(prefix)
            if days_ and load.first <= max(days_) and load.last >= min(days_)
        ]
        rows = rows_of(self._raw, loads, polygon.parse_bars).select("ticker", "event_date").unique()
        here = pl.col("event_date").is_in(list(days_)) & ~pl.col("ticker").is_in(list(self._source.benchmarks))
        return rows.filter(here).sort("ticker", "event_date")


def _stretches(days: Sequence[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """First and last of each run of consecutive sessions."""
    grouped = itertools.groupby(enumerate(sorted(days)), key=lambda pair: calendar.index_of(pair[1]) - pair[0])
    runs = [[day for _, day in run] for _, run in grouped]
    return [(run[0], run[-1]) for run in runs]
