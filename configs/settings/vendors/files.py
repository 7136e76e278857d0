"""Settings of a drop of the user's own files."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings


class KnownAt(Settings):
    """When a row of a file was known: a column says so, or a rule does.

    A column of `estimated` dates follows a rule of thumb such as "a day later": its rows are graded ruled, and a date
    without trading counts as the next session, because little is published on weekends and holidays.
    """

    column: str | None = None
    rule: Literal["end_of_day", "morning_of_ex_date"] | None = None
    estimated: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "KnownAt":
        if (self.column is None) == (self.rule is None):
            raise ValueError("known_at needs either `column` or `rule`")
        if self.estimated and self.column is None:
            raise ValueError("known_at: `estimated` speaks of the dates in a `column`; a rule is one already")
        return self


class Item(Settings):
    """A column of a wide file of reports, which has one row a company and period.

    `months` is the length of the period: 0 for what stands at its end, or by the values of another column, for example
    {period_focus: {Q1: 3, Q2: 6, Q3: 9, FY: 12}} for figures of the year to date.
    """

    item: str
    months: int | dict[str, dict[str, int]] = 0

    @model_validator(mode="after")
    def _one_column(self) -> "Item":
        if isinstance(self.months, dict) and len(self.months) != 1:
            raise ValueError(f"months of {self.item} go by one column, not by {', '.join(self.months) or 'none'}")
        return self


class Table(Settings):
    """One file of a drop.

    `columns` maps our names to the file's. `where` keeps rows whose file column is one of the values, `drop` leaves
    such rows out, `unlinked` (members) counts them as without a price series. `replace` gives, by our column name,
    values of the file and what they stand for; null means missing. `hindsight` lists file columns that nobody knew
    at the time; using one is refused unless the profile names an exception.

    Of what companies report: `items` maps columns of a wide file to items, one row of ours for each that is not empty;
    `max_lag_days` leaves out what became known later than that after its date; `without_symbol` says what becomes of
    rows that name no security. `coverage: hindsight` says that who is in the file was chosen by what came later, as in
    a file of survivors: none of it is served unless the profile names an exception.
    """

    file: str
    columns: dict[str, str] = Field({})
    where: dict[str, list[str]] = Field({})
    drop: dict[str, list[str]] = Field({})
    unlinked: dict[str, list[str]] = Field({})
    replace: dict[str, dict[str | int, str | int | None]] = Field({})
    known_at: KnownAt = KnownAt(rule="end_of_day")
    off_calendar: Literal["refuse", "drop"] = "refuse"
    hindsight: list[str] = Field([])
    carry_back: bool = Field(False, description="industries: the first snapshot also serves earlier sessions")
    items: dict[str, Item] = Field({})
    max_lag_days: int | None = Field(None, ge=1)
    without_symbol: Literal["refuse", "drop"] = "refuse"
    coverage: Literal["as_known", "hindsight"] = "as_known"
    by: Literal["symbol", "ticker"] = Field("symbol", description="ticker: mapped to the security by the tickers table")
    snapshots: bool = Field(False, description="members: each date lists all of them; no interval is given")


class Drop(Settings):
    """When the sensor on the folder calls the files of a session complete."""

    tables: tuple[str, ...] = Field(("bars",), description="datasets whose files must be there, as the vendor has them")
    min_fraction: float = Field(
        0.9, gt=0, le=1, description="of the symbols of the session before that must have a bar"
    )
    marker: bool = Field(False, description="a file <name>.done, written after <name>, says that it is complete")


class FilesVendor(Settings):
    """A drop of Parquet or CSV files; docs/bring_your_own_prices.md gives the schema."""

    kind: Literal["files"]
    folder: Path | None = Field(None, description="relative to the repository; --data puts another in its place")
    live: bool = Field(False, description="keep what the files held before: a row that changes becomes a late row")
    bars: list[Table] = Field([Table(file="bars")])
    corporate_actions: list[Table] = Field(
        [Table(file="corporate_actions", known_at=KnownAt(rule="morning_of_ex_date"))]
    )
    members: list[Table] = Field([Table(file="members")])
    industries: list[Table] = Field([Table(file="industries")])
    benchmarks: list[Table] = Field([Table(file="benchmarks")])
    macro: list[Table] = Field([Table(file="macro")])
    tickers: list[Table] = Field([Table(file="tickers")])
    fundamentals: list[Table] = Field([Table(file="fundamentals")])
    estimates: list[Table] = Field([Table(file="estimates")])
    earnings_dates: list[Table] = Field([Table(file="earnings_dates")])
    short_interest: list[Table] = Field([Table(file="short_interest")])
    borrow: list[Table] = Field([Table(file="borrow")])
    compared_bars: list[Table] = Field([Table(file="compared_bars")])  # of a second vendor
    drop: Drop = Drop()

    @model_validator(mode="after")
    def _known_kinds(self) -> "FilesVendor":
        if any(table.by == "ticker" for table in (*self.macro, *self.tickers)):
            raise ValueError("`by: ticker` is for files that name securities; macro and tickers have none to look up")
        files = {name: value for name, value in self if isinstance(value, list) and name != "members"}
        if any(table.snapshots for tables in files.values() for table in tables):
            raise ValueError("`snapshots` is for members: each date lists all of them")
        return self
