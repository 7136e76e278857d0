"""The drop folder: when a session's files are complete, and its decision time has come, its run starts."""

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import polars as pl
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from configs.settings import FilesVendor
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.errors import StoreError
from feature_store.hashing import digest_of
from feature_store.schemas.market import BARS
from quant_resources.home import Home
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.drop import Sizes, files_of, tables_of
from quant_resources.vendors.ingest import tables
from quant_resources.vendors.registry import make_vendor

DONE = ".done"  # of the marker's name


def drop_sensor(job: UnresolvedAssetJobDefinition, home: Home) -> dg.SensorDefinition:
    """Looks at the drop every minute and requests the run of the first session that is not stored; off by default.

    Two looks must see the same files, so that none is still being written. A run is requested once for the files as
    they are: repaired files are another drop.
    """

    @dg.sensor(
        name="drop",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Starts a session's run when its files are complete (vendor.drop) and it has been decided.",
    )
    def drop(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC)
        session, wanting = next_session(home, now)
        before = json.loads(context.cursor) if context.cursor else {}
        seen = files_of(_vendor(home))
        cursor = json.dumps(seen)
        if session is None or wanting:
            return dg.SensorResult(skip_reason=wanting, cursor=cursor)
        if wanting := still_growing(before, seen) or incomplete(home, session, seen):
            return dg.SensorResult(skip_reason=wanting, cursor=cursor)
        key = f"{session}:{digest_of([cursor])[:16]}"
        request = dg.RunRequest(run_key=key, partition_key=session.isoformat())
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return drop


def next_session(home: Home, now: dt.datetime) -> tuple[dt.date | None, str | None]:
    """The session after the last that is stored, or what has to come first."""
    if not (home.store_folder / "store.json").exists():
        return None, "nothing is stored yet: run `asof backfill` up to the last session, then the sensor goes on"
    stored = home.open_store().sessions(BARS)
    if not stored:
        return None, "no bars are stored yet: run `asof backfill` up to the last session, then the sensor goes on"
    session, end = sessions.shift(stored[-1], 1), home.profile.history.end
    if end is not None and session > end:
        return None, f"{session} lies after history.end {end} of profile {home.profile.name}"
    decided = DecisionClock(home.profile.decision_minutes_before_open).decision_time(session)
    if now < decided:
        return None, f"{session} will be decided at {decided:%Y-%m-%d %H:%M} UTC"
    return session, None


def still_growing(before: Sizes, seen: Sizes) -> str | None:
    """Which files are not as they were at the last look."""
    changed = [name for name, stat in seen.items() if tuple(before.get(name, ())) != stat]
    return f"{', '.join(changed)} changed since the last look; another look follows" if changed else None


def incomplete(home: Home, session: dt.date, seen: Sizes) -> str | None:
    """What the drop lacks for the session, or None: unreadable files, absent ones, unmarked ones, too few names."""
    vendor = _vendor(home)
    folder, drop = _folder(vendor), vendor.drop
    try:
        for field in drop.tables:
            for table in tables_of(vendor, field):
                path = tables.locate(folder, table)
                if path is None:
                    return f"{folder} has no {table.file} yet"
                if drop.marker and not _marked(path, session):
                    return f"{path.name}{DONE} is not there yet, or older than {path.name} or the close of {session}"
        return None if drop.marker else _too_few(home, session)
    except (VendorError, StoreError) as error:
        return f"not readable, or not yet: {error}"


def _marked(path: Path, session: dt.date) -> bool:
    """Whether the marker was written after the file and after the session."""
    marker = path.with_name(path.name + DONE)
    if not marker.exists():
        return False
    written = marker.stat().st_mtime
    return written >= path.stat().st_mtime and written >= sessions.closes_at(session).timestamp()


def _too_few(home: Home, session: dt.date) -> str | None:
    """Why the session is incomplete: too few of the last symbols have a bar (`vendor.drop.min_fraction`); else None."""
    store, profile = home.open_store(), home.profile
    earlier = sessions.shift(session, -1)
    names = store.read(BARS, earlier, first=earlier, last=earlier, columns=["close"])["symbol"]
    decided = DecisionClock(profile.decision_minutes_before_open).decision_time(session)
    vendor = make_vendor(profile, home.folder)
    rows = vendor.parse(BARS, vendor.fetch(BARS, [session], decided), [session]).filter(pl.col("event_date") == session)
    have, share = names.is_in(rows["symbol"].unique().to_list()).sum(), _vendor(home).drop.min_fraction
    if rows.height and have >= share * len(names):
        return None
    return (
        f"{session} has bars of {have} of the {len(names)} names of {earlier}; "
        f"vendor.drop.min_fraction asks for {share:.0%}"
    )


def _vendor(home: Home) -> FilesVendor:
    vendor = home.profile.vendor
    assert isinstance(vendor, FilesVendor)
    return vendor


def _folder(vendor: FilesVendor) -> Path:
    assert vendor.folder is not None
    return vendor.folder
