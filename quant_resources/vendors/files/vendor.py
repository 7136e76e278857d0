"""A drop of Parquet or CSV files; docs/bring_your_own_prices.md gives the schema."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path

import polars as pl

from configs.settings import FilesVendor, Profile, Table
from configs.validation import used_columns
from feature_store import sessions as calendar
from feature_store.code.identity import code_version
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock
from feature_store.errors import HindsightError
from feature_store.hashing import digest_of
from feature_store.schemas.catalogue import EVENTS
from feature_store.schemas.market import BARS, INDUSTRIES, MACRO, MEMBERS, TICKERS
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files import companies as company_files
from quant_resources.vendors.files import members as member_files
from quant_resources.vendors.ingest import moments, tables
from quant_resources.vendors.ingest.canonical import (
    PRICED,
    empty_payload,
    events_left_out,
    parse_events,
    raw_schema,
    reject_later_than,
)
from quant_resources.vendors.ingest.clock import Clock, SystemClock
from quant_resources.vendors.ingest.identities import NOT_NAMED, TICKER_SCHEMA, named, parse_states, payload_of
from quant_resources.vendors.ingest.panics import named_failures
from quant_resources.vendors.ingest.quarantine import fetch_quarantine, parse_quarantine
from quant_resources.vendors.ingest.raw_payloads import RawStore
from quant_resources.vendors.ingest.readings import Readings
from quant_resources.vendors.ingest.rules import UNREADABLE
from quant_resources.vendors.ingest.snapshots import BEFORE_ALL, INDUSTRY_SCHEMA, MEMBER_SCHEMA, parse_members
from quant_resources.vendors.ingest.tables import File

INDUSTRY_COLUMNS: Mapping[str, pl.DataType] = {"industry": pl.String()}


class FileDrop:
    """The files vendor of a profile. Every fetch reads the files again; with `live` what they held before is kept.

    Args:
        raw: where readings of the drop are kept; needed with `vendor.live` only.
        wall: of their arrival.
    """

    def __init__(self, profile: Profile, raw: RawStore | None = None, wall: Clock | None = None) -> None:
        if not isinstance(profile.vendor, FilesVendor) or profile.vendor.folder is None:
            raise VendorError(f"profile {profile.name} names no folder of files; load it with `data`")
        self._profile = profile
        self._vendor = profile.vendor
        self._folder: Path = profile.vendor.folder
        self._clock = DecisionClock(profile.decision_minutes_before_open)
        self._readings: Readings | None = None
        if self._vendor.live:
            if raw is None:
                raise VendorError("vendor.live keeps what the drop held before; it needs the folder of a home")
            parser = code_version((FileDrop, "_all_events"))
            settings = {"vendor": self._vendor.model_dump_json(exclude={"folder"}), **profile.exceptions}
            self._readings = Readings(raw, wall or SystemClock(), digest_of([str(settings), parser]))

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """See `protocol.Vendor`. Snapshots need every fact known by the last session, so they fetch the whole file."""
        if dataset.name == QUARANTINE.name:
            return fetch_quarantine(self.fetch, sessions, until)
        last = min(until, self._clock.decision_time(max(sessions)))
        if dataset.name in EVENTS:
            after = self._clock.decision_time(calendar.shift(min(sessions), -1))
            rows = self._versions(dataset, after, last) if self._readings else self._events(dataset, after, last)
            return reject_later_than(rows, until)
        payloads: dict[str, Callable[[dt.datetime], pl.DataFrame]] = {
            MEMBERS.name: self._members,
            INDUSTRIES.name: self._industries,
            TICKERS.name: self._tickers,
        }
        if dataset.name not in payloads:
            raise VendorError(f"files serve {', '.join((*EVENTS, *payloads))}, not {dataset.name}")
        return reject_later_than(payloads[payload_of(dataset, self._profile.market).name](last), until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name == QUARANTINE.name:
            return parse_quarantine(raw, sessions, self._clock)
        if dataset.name in EVENTS:
            return parse_events(dataset, raw, sessions, self._clock)
        rows = member_files.unexpired(raw) if dataset.name == MEMBERS.name else raw
        return parse_states(dataset, rows, sessions, self._clock, self._profile.market)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """See `protocol.Vendor`."""
        if dataset.name == MEMBERS.name:
            every = parse_members(raw.drop(member_files.EXPIRES), sessions, self._clock)
            return {"older_than_membership_max_age": every.height - self.parse(dataset, raw, sessions).height}
        if dataset.name not in EVENTS:
            return {}
        after, until = (self._clock.decision_time(day) for day in (calendar.shift(min(sessions), -1), max(sessions)))
        counts: dict[str, int] = {}
        for _, rows in self._rows(dataset, after, until):
            out = self._clock.assign_sessions(rows.filter(pl.col(company_files.LEFT_OUT).is_not_null()))
            for rule in out.filter(pl.col("session").is_in(list(sessions)))[company_files.LEFT_OUT]:
                counts[rule] = counts.get(rule, 0) + 1
        return counts | events_left_out(dataset, raw, sessions, self._clock)

    def _open(
        self,
        dataset: Dataset,
        required: Mapping[str, pl.DataType] | Callable[[Table], Mapping[str, pl.DataType]],
        optional: tuple[str, ...] = (),
    ) -> list[File]:
        """The dataset's files that are there; one that the profile names itself must be."""
        field = dataset.name.removeprefix("market/")
        files = []
        for table in getattr(self._vendor, field):
            path = tables.locate(self._folder, table)
            if path is not None:
                columns = required(table) if callable(required) else company_files.required_of(table, required)
                files.append(tables.open_file(path, table, columns, optional))
                self._reject_hindsight(dataset, files[-1])
            elif dataset.name == BARS.name or field in self._vendor.model_fields_set:
                raise VendorError(
                    f"{self._folder} has no {table.file}, {table.file}.parquet or {table.file}.csv for {dataset.name}; "
                    "put it there, or pass --data with the folder that holds it"
                )
        return files

    def _reject_hindsight(self, dataset: Dataset, file: File) -> None:
        used = {*used_columns(file.table), *file.columns.values(), file.knowledge} & set(file.table.hindsight)
        if used and dataset.name not in self._profile.exceptions:
            raise HindsightError(
                f"{file.path}: {', '.join(sorted(map(str, used)))} holds hindsight, not known at the time; map another "
                f"column, or name the reason in the profile under exceptions: {{{dataset.name}: why}}"
            )

    def _grade(self, file: File, by_column: Grade) -> Grade:
        used = {*used_columns(file.table), *file.columns.values()}
        if used & set(file.table.hindsight) or file.table.coverage == "hindsight":
            return Grade.HINDSIGHT
        if file.knowledge is None or file.table.known_at.estimated:
            return Grade.RULED
        return by_column

    def _rows(
        self, dataset: Dataset, after: dt.datetime | None, until: dt.datetime
    ) -> Iterator[tuple[File, pl.DataFrame]]:
        """Of each file, its typed rows known in (after, until], marked by the rule that omits them."""
        optional = tuple(column.name for column in dataset.columns if column.optional)
        stored = dataset.computed_schema
        required = {name: dtype for name, dtype in stored.items() if name not in optional}
        files = self._open(dataset, required, ("version", *optional))
        links = self._links(files, until)
        for file in files:
            company_files.reject_undated(dataset, file)
            if dataset.name == MACRO.name:
                _reject_undated(file)
            with named_failures(str(file.path)):
                rows = _typed(file, stored, after, until)
                marked = company_files.marked(dataset, rows, file.table, dataset.name in self._profile.exceptions)
                named_ = _named(dataset, marked, links, self._clock) if member_files.by_ticker(file) else marked
            yield file, named_

    def read_drop(self, dataset: Dataset) -> bool:
        """With `live`, keep what the dataset's files hold now; True where they hold something new."""
        tabled = [*getattr(self._vendor, dataset.name.removeprefix("market/")), *self._vendor.tickers]
        paths = dict.fromkeys(path for table in tabled if (path := tables.locate(self._folder, table)))
        return self._readings is not None and self._readings.note(dataset, list(paths))

    def _versions(self, dataset: Dataset, after: dt.datetime, until: dt.datetime) -> pl.DataFrame:
        """What became known in (after, until], by what the files held each time that they were read."""
        assert self._readings is not None
        self.read_drop(dataset)
        versions = self._readings.versions(dataset, self._clock, lambda folder: self._all_events(dataset, folder))
        within = (pl.col("known_at") > moments.literal(after)) & (pl.col("known_at") <= moments.literal(until))
        return versions.filter(within | pl.col("known_at").is_null())

    def _all_events(self, dataset: Dataset, folder: Path) -> pl.DataFrame:
        """Every row of the files in another folder, as if they lay in the drop."""
        there = copy(self)
        there._folder = folder
        last = self._clock.decision_time(calendar.all_sessions()[-2])
        rows = there._events(dataset, None, last)
        return rows.with_columns(pl.col("file").str.replace(str(folder), str(self._folder), literal=True))

    def _events(self, dataset: Dataset, after: dt.datetime | None, until: dt.datetime) -> pl.DataFrame:
        by_column = Grade.OBSERVED if dataset.name in PRICED else Grade.DATED
        frames = [empty_payload(dataset)]
        for file, marked in self._rows(dataset, after, until):
            rows = marked.filter(pl.col(company_files.LEFT_OUT).is_null())
            frames.append(
                tables.completed(
                    rows.with_columns(
                        file=pl.lit(str(file.path)),
                        may_be_off_calendar=file.table.off_calendar == "drop",
                        grade=pl.lit(int(self._grade(file, by_column)), pl.Int8),
                    ),
                    {**raw_schema(dataset), UNREADABLE: pl.String()},
                )
            )
        return pl.concat(frames, how="diagonal")

    def _members(self, until: dt.datetime) -> pl.DataFrame:
        files = self._open(MEMBERS, member_files.member_columns, ("ticker",))
        if not files and self._profile.market.universe_source == "members":
            raise VendorError(
                f"{self._folder} has no members file, and market.universe_source is `members`; "
                "add the file, or --set market.universe_source=bars"
            )
        links = self._links(files, until)
        oldest = self._profile.market.membership_max_age_sessions
        empty = pl.DataFrame(schema={**MEMBER_SCHEMA, member_files.EXPIRES: pl.Date()})
        grades = [self._grade(file, Grade.DATED) for file in files]
        graded = zip(files, grades, strict=True)
        return pl.concat(
            [empty, *(member_files.members(file, until, grade, links, self._clock, oldest) for file, grade in graded)]
        )

    def _tickers(self, until: dt.datetime) -> pl.DataFrame:
        files = self._open(TICKERS, member_files.TICKER, tuple(member_files.ISSUER))
        named_ = [member_files.tickers(file, until, self._grade(file, Grade.DATED)) for file in files]
        return pl.concat([pl.DataFrame(schema=TICKER_SCHEMA), *named_])

    def _links(self, files: Sequence[File], until: dt.datetime) -> pl.DataFrame:
        """The drop's tickers, where one of the files is by ticker."""
        by_ticker = next((file for file in files if member_files.by_ticker(file)), None)
        if by_ticker is None:
            return pl.DataFrame(schema=TICKER_SCHEMA)
        links = self._tickers(until)
        if not any(tables.locate(self._folder, table) for table in self._vendor.tickers):
            raise VendorError(
                f"{by_ticker.path} is by ticker, and {self._folder} has no file of tickers and securities; "
                "add it, or use stable ids and drop `by: ticker`"
            )
        return links

    def _industries(self, until: dt.datetime) -> pl.DataFrame:
        files = self._open(INDUSTRIES, INDUSTRY_COLUMNS, ("symbol", "ticker"))
        frames = [pl.DataFrame(schema=INDUSTRY_SCHEMA)]
        for file in files:
            frames += self._sectors_of(file, until)
        if any("symbol" not in file.columns and not member_files.by_ticker(file) for file in files):
            frames.append(member_files.links(member_files.unexpired(self._members(until))))
        frames.append(member_files.links(self._links(files, until)))
        return pl.concat(frames)

    def _sectors_of(self, file: File, until: dt.datetime) -> list[pl.DataFrame]:
        """Publications known by `until`, and the first ones once more where a named exception carries them back."""
        grade = self._grade(file, Grade.DATED)
        known = [member_files.sectors(file, until, grade).with_columns(carried_back=False)]
        if file.table.carry_back and INDUSTRIES.name in self._profile.exceptions:
            whole = member_files.sectors(file, self._clock.decision_time(calendar.all_sessions()[-2]), grade)
            first = whole.filter(pl.col("recorded") == pl.col("recorded").min())
            known.append(
                first.with_columns(
                    carried_back=True,
                    known_at=moments.literal(BEFORE_ALL),
                    grade=pl.lit(int(Grade.HINDSIGHT), pl.Int8),
                )
            )
        return known


def _reject_undated(file: File) -> None:
    """A daily quote cannot be distinguished from a monthly value, dated by its first day and published weeks later."""
    if file.knowledge is None and "known_at" not in file.table.model_fields_set:
        raise VendorError(
            f"{file.path} has no date of publication of its values; add a column `known_at`, or, where all are "
            "known on their day, put `known_at: {rule: end_of_day}` under macro in the profile"
        )


def _typed(
    file: File, stored: Mapping[str, pl.DataType], after: dt.datetime | None, until: dt.datetime
) -> pl.DataFrame:
    if file.table.items:
        wide = company_files.widened(file)
        return company_files.long(tables.read(wide, after, until), wide)
    return _readable(tables.read(file, after, until), {**stored, "version": pl.Int64()}, file)


def _readable(rows: pl.DataFrame, types: Mapping[str, pl.DataType], file: File) -> pl.DataFrame:
    """`rows` typed, with a column `unreadable` for what could not be read; an unreadable date is rejected."""
    dates = {name: dtype for name, dtype in types.items() if dtype == pl.Date()}
    others = {name: dtype for name, dtype in types.items() if name in rows.columns and name not in dates}
    parsed = {name: tables.readable(rows.get_column(name), dtype, file) for name, dtype in others.items()}
    complaints = pl.DataFrame([pl.Series(name, complaint) for name, (_, complaint) in parsed.items()])
    joined = complaints.select(pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).replace("", None))
    values = [values for values, _ in parsed.values()]
    return tables.typed_columns(rows, dates, file).with_columns(*values, joined.to_series().alias(UNREADABLE))


def _named(dataset: Dataset, rows: pl.DataFrame, links: pl.DataFrame, clock: DecisionClock) -> pl.DataFrame:
    """Rows by ticker under their security; one whose ticker names two cannot be read, one with none is omitted."""
    securities = named(dataset, rows, links, clock)
    unnamed = securities["symbol"].is_null() & rows["symbol"].is_not_null()
    return rows.with_columns(
        securities["symbol"].zip_with(~unnamed, rows["symbol"]),
        securities["known_at"],
        pl.concat_str(UNREADABLE, securities["complaint"], separator="; ", ignore_nulls=True).replace("", None),
        pl.coalesce(company_files.LEFT_OUT, pl.when(unnamed).then(pl.lit(NOT_NAMED))),
    )
