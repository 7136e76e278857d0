"""A drop of Parquet or CSV files; docs/bring_your_own_prices.md gives the schema."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from configs.load import used_columns
from configs.settings import FilesVendor, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock
from feature_store.errors import HindsightError
from feature_store.schemas.market import BARS, INDUSTRIES, MACRO, MEMBERS
from quant_resources.vendors import moments, tables
from quant_resources.vendors.canonical import (
    EVENTS,
    PRICED,
    empty_payload,
    events_left_out,
    parse_events,
    raw_schema,
    refuse_later_than,
)
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.snapshots import (
    BEFORE_ALL,
    INDUSTRY_SCHEMA,
    MEMBER_SCHEMA,
    parse_industries,
    parse_members,
)
from quant_resources.vendors.tables import File

MEMBER_COLUMNS: Mapping[str, pl.DataType] = {"symbol": pl.String(), "from": pl.Date(), "until": pl.Date()}
INDUSTRY_COLUMNS: Mapping[str, pl.DataType] = {"industry": pl.String()}


class FileDrop:
    """The files vendor of a profile. Nothing is kept between calls: every fetch reads the files again."""

    def __init__(self, profile: Profile) -> None:
        if not isinstance(profile.vendor, FilesVendor) or profile.vendor.folder is None:
            raise VendorError(f"profile {profile.name} names no folder of files; load it with `data`")
        self._profile = profile
        self._vendor = profile.vendor
        self._folder: Path = profile.vendor.folder
        self._clock = DecisionClock(profile.decision_minutes_before_open)

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """See `protocol.Vendor`. Snapshots need every fact known by the last session, so they fetch the whole file."""
        last = min(until, self._clock.decision_time(max(sessions)))
        if dataset.name in EVENTS:
            after = self._clock.decision_time(calendar.shift(min(sessions), -1))
            return refuse_later_than(self._events(dataset, after, last), until)
        payloads: dict[str, Callable[[dt.datetime], pl.DataFrame]] = {
            MEMBERS.name: self._members,
            INDUSTRIES.name: self._industries,
        }
        if dataset.name not in payloads:
            raise VendorError(f"files serve {', '.join((*EVENTS, *payloads))}, not {dataset.name}")
        return refuse_later_than(payloads[dataset.name](last), until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name in EVENTS:
            return parse_events(dataset, raw, sessions, self._clock)
        parse = parse_members if dataset.name == MEMBERS.name else parse_industries
        return parse(raw, sessions, self._clock)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """See `protocol.Vendor`."""
        return events_left_out(dataset, raw, sessions, self._clock) if dataset.name in EVENTS else {}

    def _open(
        self, dataset: Dataset, required: Mapping[str, pl.DataType], optional: tuple[str, ...] = ()
    ) -> list[File]:
        """The dataset's files that are there; one that the profile names itself must be."""
        field = dataset.name.removeprefix("market/")
        files = []
        for table in getattr(self._vendor, field):
            path = tables.locate(self._folder, table)
            if path is not None:
                files.append(tables.open_file(path, table, required, optional))
                self._refuse_hindsight(dataset, files[-1])
            elif dataset.name == BARS.name or field in self._vendor.model_fields_set:
                raise VendorError(
                    f"{self._folder} has no {table.file}, {table.file}.parquet or {table.file}.csv for {dataset.name}; "
                    "put it there, or pass --data with the folder that holds it"
                )
        return files

    def _refuse_hindsight(self, dataset: Dataset, file: File) -> None:
        used = {*used_columns(file.table), *file.columns.values(), file.knowledge} & set(file.table.hindsight)
        if used and dataset.name not in self._profile.exceptions:
            raise HindsightError(
                f"{file.path}: {', '.join(sorted(map(str, used)))} holds what nobody knew at the time; map another "
                f"column, or name the reason in the profile under exceptions: {{{dataset.name}: why}}"
            )

    def _grade(self, file: File, by_column: Grade) -> Grade:
        if {*used_columns(file.table), *file.columns.values()} & set(file.table.hindsight):
            return Grade.HINDSIGHT
        if file.knowledge is None or file.table.known_at.estimated:
            return Grade.RULED
        return by_column

    def _events(self, dataset: Dataset, after: dt.datetime, until: dt.datetime) -> pl.DataFrame:
        required = {name: dtype for name, dtype in dataset.schema.items() if name != "known_at"}
        by_column = Grade.OBSERVED if dataset.name in PRICED else Grade.DATED
        frames = [empty_payload(dataset)]
        for file in self._open(dataset, required, ("version",)):
            if dataset.name == MACRO.name:
                _refuse_undated(file)
            rows = _typed(tables.read(file, after, until), {**required, "version": pl.Int64()}, file)
            frames.append(
                _completed(
                    rows.with_columns(
                        file=pl.lit(str(file.path)),
                        may_be_off_calendar=file.table.off_calendar == "drop",
                        grade=pl.lit(int(self._grade(file, by_column)), pl.Int8),
                    ),
                    raw_schema(dataset),
                )
            )
        return pl.concat(frames)

    def _members(self, until: dt.datetime) -> pl.DataFrame:
        """Membership rows known by `until`; an end that had not come by then is not known."""
        files = self._open(MEMBERS, MEMBER_COLUMNS, ("ticker",))
        if not files and self._profile.market.universe_source == "members":
            raise VendorError(
                f"{self._folder} has no members file, and market.universe_source is `members`; "
                "add the file, or --set market.universe_source=bars"
            )
        return pl.concat([pl.DataFrame(schema=MEMBER_SCHEMA), *(self._members_of(file, until) for file in files)])

    def _members_of(self, file: File, until: dt.datetime) -> pl.DataFrame:
        rows = tables.read(_dated_by(file, "from"), None, until)
        rows = _typed(rows, {**MEMBER_COLUMNS, "ticker": pl.String()}, file)
        recorded = moments.day_of(pl.col("known_at")) if file.knowledge is not None else pl.col("from")
        unlinked = pl.col("unlinked") if "unlinked" in rows.columns else pl.lit(False)
        ticker = pl.col("ticker") if "ticker" in rows.columns else pl.col("symbol")
        rows = rows.with_columns(
            pl.when(moments.end_of_day(pl.col("until")) <= moments.literal(until)).then("until").alias("until"),
            recorded=recorded,
            ticker=pl.coalesce(ticker, "symbol"),
            linked=pl.col("symbol").is_not_null() & ~unlinked,
            known_at=pl.max_horizontal("known_at", moments.end_of_day(pl.col("from"))),
            grade=pl.lit(int(self._grade(file, Grade.DATED)), pl.Int8),
            file=pl.lit(str(file.path)),
        )
        return _completed(rows.filter(pl.col("known_at") <= moments.literal(until)), MEMBER_SCHEMA)

    def _industries(self, until: dt.datetime) -> pl.DataFrame:
        files = self._open(INDUSTRIES, INDUSTRY_COLUMNS, ("symbol", "ticker"))
        frames = [pl.DataFrame(schema=INDUSTRY_SCHEMA)]
        for file in files:
            if file.knowledge is None:
                raise VendorError(
                    f"{file.path} does not say when each industry was published; add a column `recorded` "
                    "(a sector of today, used for yesterday, is hindsight)"
                )
            frames += self._sectors_of(file, until)
        if any("symbol" not in file.columns for file in files):
            links = self._members(until).with_columns(kind=pl.lit("link"))
            frames.append(_completed(links, INDUSTRY_SCHEMA))
        return pl.concat(frames)

    def _sectors_of(self, file: File, until: dt.datetime) -> list[pl.DataFrame]:
        """Publications known by `until`, and the first ones once more where a named exception carries them back."""
        if not {"symbol", "ticker"} & set(file.columns):
            raise VendorError(f"{file.path} has neither `symbol` nor `ticker`; it has {', '.join(file.header)}")
        known = [self._sectors(file, until).with_columns(carried_back=False)]
        if file.table.carry_back and INDUSTRIES.name in self._profile.exceptions:
            whole = self._sectors(file, self._clock.decision_time(calendar.all_sessions()[-2]))
            first = whole.filter(pl.col("recorded") == pl.col("recorded").min())
            known.append(
                first.with_columns(
                    carried_back=True,
                    known_at=moments.literal(BEFORE_ALL),
                    grade=pl.lit(int(Grade.HINDSIGHT), pl.Int8),
                )
            )
        return [_completed(rows, INDUSTRY_SCHEMA) for rows in known]

    def _sectors(self, file: File, until: dt.datetime) -> pl.DataFrame:
        rows = tables.read(file, None, until)
        wanted: dict[str, pl.DataType] = {"symbol": pl.String(), "ticker": pl.String(), "industry": pl.String()}
        stripped = [pl.col(name).cast(pl.String).str.strip_chars() for name in wanted if name in rows.columns]
        rows = _typed(rows.with_columns(stripped), wanted, file)
        return rows.with_columns(
            recorded=moments.day_of(pl.col("known_at")),
            kind=pl.lit("sector"),
            file=pl.lit(str(file.path)),
            grade=pl.lit(int(self._grade(file, Grade.DATED)), pl.Int8),
        )


def _dated_by(file: File, column: str) -> File:
    """The file, dated by one of our columns where neither a column nor event_date says when a row was known."""
    return replace(file, columns={**file.columns, "event_date": file.columns[column]})


def _refuse_undated(file: File) -> None:
    """Nobody can tell a daily quote from a month's figure, which is dated by its first day and comes weeks later."""
    if file.knowledge is None and "known_at" not in file.table.model_fields_set:
        raise VendorError(
            f"{file.path} does not say when each value was published; add a column `known_at`, or, where all are "
            "known on their day, put `known_at: {rule: end_of_day}` under macro in the profile"
        )


def _typed(rows: pl.DataFrame, wanted: Mapping[str, pl.DataType], file: File) -> pl.DataFrame:
    present = [name for name in wanted if name in rows.columns]
    return rows.with_columns(tables.typed(rows.get_column(name), wanted[name], file) for name in present)


def _completed(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """`rows` with the columns of the schema in its order; those it lacks are null."""
    lacking = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in rows.columns]
    return rows.with_columns(lacking).select(schema.keys())
