"""Segments of a range, for time series: between two corrections of an entity, its past is one version.

A correction that was learned inside the range splits the calculation, for the entities that it touches. Each segment is
one version of one entity, as known at the segment's end, under a synthetic name; all go through the function side by
side, and each answers for its own sessions only.
"""

import datetime as dt
from collections.abc import Mapping

import polars as pl

from configs.settings import Profile
from feature_store import sessions
from feature_store.readers import last_of_each
from quant_assets.engine.asset import TimeSeries

SEPARATOR = "\x1f"  # between an entity and the first session of one of its segments


def segments_of(asset: TimeSeries, read: Mapping[str, pl.DataFrame], first: dt.date, last: dt.date) -> pl.DataFrame:
    """(entity, segment, start, as_of): spans in which nothing late was learned about an entity.

    A correction learned in session s starts a new segment at s; the segment before it knows nothing of it. A restating
    asset also gets the segment that ends just before `first`, to see what changed on `first`.
    """
    entity = asset.entity
    everyone = pl.concat([f.select(entity) for f in read.values() if entity in f.columns]).unique()
    earliest = sessions.shift(first, -1) if asset.dataset.restates else first
    late = _late(asset, read, earliest, everyone)
    starts = pl.concat([
        everyone.with_columns(start=pl.lit(first, pl.Date)),
        *(frame.select(entity, start="session") for frame in late),
    ]).unique()  # fmt: skip
    if asset.dataset.restates:
        changed = starts.join(pl.concat(late).filter(pl.col("session") == first).select(entity).unique(), on=entity)
        starts = pl.concat([starts, changed.select(entity, start=pl.lit(earliest, pl.Date))]).unique()
    starts = starts.sort(entity, "start").with_columns(following=pl.col("start").shift(-1).over(entity))
    before = {s: sessions.shift(s, -1) for s in starts.get_column("following").drop_nulls().unique()}
    ends = pl.DataFrame(
        {"following": list(before), "as_of": list(before.values())},
        schema={"following": pl.Date, "as_of": pl.Date},
    )
    return (
        starts.join(ends, on="following", how="left", maintain_order="left")
        .with_columns(pl.col("as_of").fill_null(pl.lit(last, pl.Date)))
        .with_columns(segment=pl.concat_str(entity, pl.lit(SEPARATOR), pl.col("start").cast(pl.String)))
        .select(entity, "segment", "start", "as_of")
    )


def _late(
    asset: TimeSeries, read: Mapping[str, pl.DataFrame], earliest: dt.date, everyone: pl.DataFrame
) -> list[pl.DataFrame]:
    """Of each input that restates: (entity, session) of what was learned late, after `earliest`."""
    entity, late = asset.entity, []
    for name, window in asset.inputs.items():
        if window.dataset.restates:
            rows = read[name].filter((pl.col("session") > pl.col("event_date")) & (pl.col("session") > earliest))
            some = rows.select(entity, "session") if entity in rows.columns else everyone.join(
                rows.select("session"), how="cross")  # fmt: skip
            late.append(some)
    return late


def stacked(
    asset: TimeSeries, read: Mapping[str, pl.DataFrame], segments: pl.DataFrame, profile: Profile
) -> dict[str, pl.DataFrame]:
    """Each input once per segment, as known at the segment's end, under the segment's name."""
    frames = {}
    for name, window in asset.inputs.items():
        dataset, frame = window.dataset, read[name]
        if asset.entity not in frame.columns:
            raise ValueError(f"{asset.name}: input {name} has no column {asset.entity}; a time series needs it")
        rows = (
            frame.join(segments, on=asset.entity, how="inner", maintain_order="left")
            .filter(pl.col("session") <= pl.col("as_of"))
            .with_columns(pl.col("segment").alias(asset.entity))
        )
        if dataset.restates:
            rows = last_of_each(rows, dataset)
        keys = [asset.entity, *(k for k in dataset.key if k != asset.entity), "event_date"]
        frames[name] = rows.select(["event_date", *dataset.key, *window.values(profile)]).sort(keys)
    return frames


def own_rows(asset: TimeSeries, rows: pl.DataFrame, segments: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The rows that belong to each segment's own sessions, under the entity's real name."""
    entity = asset.entity
    named = rows.rename({entity: "segment"}).join(segments, on="segment", how="inner", maintain_order="left")
    own = named.filter(pl.col("session").is_between(pl.col("start"), pl.col("as_of")))
    if asset.dataset.restates and asset.restate_sessions:
        own = pl.concat([own, _restated(asset, named, segments, profile)], how="diagonal")
    return own.drop("segment", "start", "as_of")


def _restated(asset: TimeSeries, named: pl.DataFrame, segments: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """Rows of earlier dates that read differently from one segment to the next: learned where the next starts."""
    reach = asset.restated(profile)
    keys = ["event_date", *asset.dataset.key]
    order = segments.sort(asset.entity, "start").with_columns(before=pl.col("segment").shift(1).over(asset.entity))
    later = order.filter(pl.col("before").is_not_null()).select("segment", "before")
    floors = {s: sessions.shift(s, -reach) for s in segments.get_column("start").unique()}
    floor = pl.DataFrame(
        {"start": list(floors), "floor": list(floors.values())}, schema={"start": pl.Date, "floor": pl.Date}
    )
    now = (
        named.join(later, on="segment", how="inner", maintain_order="left")
        .join(floor, on="start", how="left", maintain_order="left")
        .filter((pl.col("event_date") < pl.col("start")) & (pl.col("event_date") >= pl.col("floor")))
    )
    then = named.select(pl.col("segment").alias("before"), *keys, *asset.dataset.values)
    both = now.join(then, on=["before", *keys], how="left", suffix="_then", maintain_order="left")
    known = named.select(pl.col("segment").alias("before"), *keys).with_columns(was_known=pl.lit(True))
    both = both.join(known, on=["before", *keys], how="left", maintain_order="left")
    differs = pl.any_horizontal(*(pl.col(v).ne_missing(pl.col(f"{v}_then")) for v in asset.dataset.values))
    changed = both.filter(differs | pl.col("was_known").is_null())
    return changed.with_columns(session=pl.col("start")).select(named.columns)
