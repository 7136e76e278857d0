"""Settings of a drop of the user's own files."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings
from configs.settings.units import Days, Fraction, Unit


class KnownAt(Settings):
    """When a row of a file became known: by a column or by a rule.

    A column of `estimated` dates follows a rule of thumb such as "a day later": its rows are graded ruled, and a date
    without trading counts as the next session, because little is published on weekends and holidays.
    """

    column: str | None = Field(None, description="column of the file that holds the date or time")
    rule: Literal["end_of_day", "morning_of_ex_date"] | None = Field(
        None, description="rule that dates a row: after the close of its date, or on the morning of its ex-date"
    )
    estimated: bool = Field(False, description="whether the dates in `column` follow a rule of thumb themselves")

    @model_validator(mode="after")
    def _one_of_both(self) -> "KnownAt":
        if (self.column is None) == (self.rule is None):
            raise ValueError("known_at takes exactly one of `column` and `rule`; write one of them")
        if self.estimated and self.column is None:
            raise ValueError("known_at: `estimated` is for the dates in a `column`; remove it beside a rule")
        return self


class Item(Settings):
    """A column of a wide file of reports, which has one row a company and period.

    `months` is the length of the period: 0 for what stands at its end, or by the values of another column, for example
    {period_focus: {Q1: 3, Q2: 6, Q3: 9, FY: 12}} for values of the year to date.
    """

    item: str = Field(description="name of the reported item")
    months: Annotated[int | dict[str, dict[str, int]], Unit("months")] = Field(
        0, description="length of the period; 0: a value at its end; or column to its values to their length"
    )

    @model_validator(mode="after")
    def _one_column(self) -> "Item":
        if isinstance(self.months, dict) and len(self.months) != 1:
            raise ValueError(
                f"months of {self.item} depend on one column, not on {', '.join(self.months) or 'none'}; name one"
            )
        return self


class Table(Settings):
    """One file of a drop.

    `coverage: hindsight` says that the companies in the file were selected by later events, as in a file of survivors:
    none of it is served unless the profile names an exception. So is the use of a `hindsight` column.
    """

    file: str = Field(description="name of the file, without its ending")
    columns: dict[str, str] = Field({}, description="our column to the file's, where the names differ")
    where: dict[str, list[str]] = Field({}, description="column of the file to the values whose rows are kept")
    drop: dict[str, list[str]] = Field({}, description="column of the file to the values whose rows are left out")
    unlinked: dict[str, list[str]] = Field(
        {}, description="members: column of the file to the values whose rows count as members without a price series"
    )
    replace: dict[str, dict[str | int, str | int | None]] = Field(
        {}, description="our column to values of the file and what they stand for; null: missing"
    )
    known_at: KnownAt = Field(KnownAt(rule="end_of_day"), description="when a row became known")
    off_calendar: Literal["reject", "drop"] = Field(
        "reject", description="rows of dates without trading: rejected to market/quarantine, or left out"
    )
    hindsight: list[str] = Field(
        [], description="columns of the file whose values nobody knew at the time; using one needs an exception"
    )
    carry_back: bool = Field(False, description="industries: whether the first snapshot also serves earlier sessions")
    items: dict[str, Item] = Field({}, description="column of a wide file of reports to the item that it holds")
    max_lag_days: Days | None = Field(
        None, ge=1, description="longest delay of a report; rows known later after their date are left out; null: any"
    )
    without_symbol: Literal["reject", "drop"] = Field(
        "reject", description="rows that name no security: rejected to market/quarantine, or left out"
    )
    coverage: Literal["as_known", "hindsight"] = Field(
        "as_known", description="whether the file covers companies as known at the time, or as selected by later events"
    )
    by: Literal["symbol", "ticker"] = Field(
        "symbol", description="key of the rows: the stable symbol, or a ticker that the tickers table maps to it"
    )
    snapshots: bool = Field(
        False, description="members: whether each date lists all members, in place of intervals of membership"
    )


class Drop(Settings):
    """When the sensor on the folder takes the files of a session for complete."""

    tables: tuple[str, ...] = Field(
        ("bars",), description="datasets whose files must be there, by the names of the vendor's settings"
    )
    min_fraction: Fraction = Field(
        0.9, gt=0, le=1, description="part of the previous session's symbols that must have a bar"
    )
    marker: bool = Field(False, description="whether a file <name>.done, written after <name>, marks it as complete")


class FilesVendor(Settings):
    """A drop of Parquet or CSV files; docs/bring_your_own_prices.md gives the schema."""

    kind: Literal["files"] = Field(description="a drop of the user's own files")
    folder: Path | None = Field(
        None, description="folder of the files, relative to the repository; --data takes its place"
    )
    live: bool = Field(
        False,
        description="whether a row that changes in the files becomes a late row, and what they held before is kept",
    )
    bars: list[Table] = Field([Table(file="bars")], description="files of raw daily bars")
    corporate_actions: list[Table] = Field(
        [Table(file="corporate_actions", known_at=KnownAt(rule="morning_of_ex_date"))],
        description="files of splits, dividends and what else changes a share",
    )
    members: list[Table] = Field([Table(file="members")], description="files of index members with their dates")
    industries: list[Table] = Field([Table(file="industries")], description="files of industries of companies")
    benchmarks: list[Table] = Field(
        [Table(file="benchmarks")], description="files of bars of funds and indices to compare with"
    )
    macro: list[Table] = Field([Table(file="macro")], description="files of macro series")
    tickers: list[Table] = Field(
        [Table(file="tickers")], description="files of tickers and names beside the stable symbol"
    )
    fundamentals: list[Table] = Field([Table(file="fundamentals")], description="files of reported items of companies")
    estimates: list[Table] = Field([Table(file="estimates")], description="files of analysts' estimates")
    earnings_dates: list[Table] = Field(
        [Table(file="earnings_dates")], description="files of dates of earnings announcements"
    )
    short_interest: list[Table] = Field([Table(file="short_interest")], description="files of short interest")
    borrow: list[Table] = Field([Table(file="borrow")], description="files of quotes to borrow")
    compared_bars: list[Table] = Field(
        [Table(file="compared_bars")], description="files of bars of a second vendor, which data quality compares"
    )
    drop: Drop = Field(Drop(), description="when the sensor on the folder takes a session for complete")

    @model_validator(mode="after")
    def _known_kinds(self) -> "FilesVendor":
        if any(table.by == "ticker" for table in (*self.macro, *self.tickers)):
            raise ValueError("`by: ticker` is for files with a row a security; remove it from macro and tickers")
        files = {name: value for name, value in self if isinstance(value, list) and name != "members"}
        if any(table.snapshots for tables in files.values() for table in tables):
            raise ValueError("`snapshots` is for members alone; remove it from the other tables")
        return self
