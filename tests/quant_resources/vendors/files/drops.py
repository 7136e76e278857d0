"""Small drops of files, and what the vendor makes of them."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from configs.settings import FilesVendor, History, Market, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.files.vendor import FileDrop

CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
HEADER = "symbol,date,open,high,low,close,volume"
GOOD = "GOOD,2017-03-06,1,1,1,1,5"


def drop_of(folder: Path, source: str = "bars", exceptions: dict[str, str] | None = None, **tables: object) -> FileDrop:
    vendor = FilesVendor.model_validate({"kind": "files", "folder": folder, **tables})
    market = Market(universe_source=source)
    history = History(start=dt.date(2017, 1, 3))
    named = exceptions or {}
    return FileDrop(Profile(name="own", history=history, vendor=vendor, market=market, exceptions=named))


def parsed(vendor: FileDrop, dataset: Dataset, days: Iterable[dt.date]) -> pl.DataFrame:
    days = list(days)
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(max(days))), days)


def quarantined(vendor: FileDrop, days: Iterable[dt.date]) -> list[tuple[str, str]]:
    """Rule and `file: reason` of each row of the sessions that is in quarantine."""
    rows = parsed(vendor, QUARANTINE, days)
    return [(row["rule"], f"{row['file']}: {row['reason']}") for row in rows.sort("reason").iter_rows(named=True)]


def write(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def macro_of(folder: Path, known_at: dict[str, object], *lines: str) -> FileDrop:
    write(folder, "macro.csv", *lines)
    return drop_of(folder, macro=[{"file": "macro", "known_at": known_at}])


def members_of(folder: Path, **changes: object) -> FileDrop:
    write(folder, "bars.csv", HEADER)
    write(
        folder,
        "members.csv",
        "symbol,ticker,from,until,recorded,link",
        "A,AA,2017-03-06,2017-03-09,2017-03-06,good",
        "B,BB,2017-03-06,,2017-03-08,good",  # recorded after it began
        "C,CC,2017-03-08,,2017-03-06,good",  # recorded ahead
        "C,CX,2017-03-09,,2017-03-09,good",  # the same security by a second ticker
        ",ZZ,2017-03-06,,2017-03-06,none",
        "Y,YY,2017-03-06,,2017-03-06,splice",
    )
    table = {"file": "members", "unlinked": {"link": ["splice"]}, **changes}
    return drop_of(folder, source="members", members=[table])
