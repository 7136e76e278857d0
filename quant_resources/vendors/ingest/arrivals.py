"""When rows of a source that is read again and again were known: by rule at first, by arrival where it changed. Pure.

A payload covers some days completely, as of its arrival. What a later payload changes about the same days is a late
row, known at its own arrival; the former row is kept; what has not changed adds no row. The result is a function of
the log of payloads alone, so replaying the log reproduces it, and a payload that comes later changes nothing that was
known before it arrived.
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from feature_store.dataset import KNOWN_AT, Grade
from feature_store.decision_time import DecisionClock, end_of_day

LOADS: dict[str, pl.DataType] = {
    "load": pl.Int64(),  # ascending by arrival
    "source": pl.String(),
    "first": pl.Date(),
    "last": pl.Date(),
    "begun": KNOWN_AT,
    "arrived": KNOWN_AT,
    "live": pl.Boolean(),
}
# What `dated_versions` needs of each row beside its key and values.
STAMPS: dict[str, pl.DataType] = {
    "load": pl.Int64(),
    "source": pl.String(),
    "about": pl.Date(),  # day within the load's first and last that the row belongs to
    "rule": KNOWN_AT,  # when it was known by rule, or by its own date
    "grade": pl.Int8(),  # of that date
}


def dated_versions(
    rows: pl.DataFrame,
    loads: pl.DataFrame,
    clock: DecisionClock,
    key: Sequence[str],
    values: Sequence[str],
    *,
    dated: bool = False,
    withdraws: bool = False,
    began: dt.datetime | None = None,
) -> pl.DataFrame:
    """Rows as they became known: with `known_at`, `version` and the grade that follows.

    The first version of a fact is known by its rule. In live operation it is known when it arrived, where that was
    later, unless the rule's moment lies before `began`: that is a history which was loaded, not observed live. A fact
    that an earlier load of the same days should have held and did not, once its session had been decided, is a late
    row. So is another value of a fact published before.

    Args:
        rows: of all loads, with the columns of `STAMPS`; equal rows of one load count once, those that contradict one
            another are all handed on.
        loads: complete loads, with the columns of `LOADS`.
        key: columns that name what a row speaks of, `event_date` among them.
        values: a row whose values are those of the version before it on its key adds nothing.
        dated: a row carries its own date of knowledge, and a key may have several (vintages, filings).
        withdraws: what a later load of the same days no longer has is withdrawn: a row with null values.
        began: when the first payload of the dataset arrived; None where all that is live came by arrival.
    """
    versions = rows.join(loads.select("load", "first", "last", "arrived", "live"), on="load", how="inner")
    versions = versions.unique(maintain_order=True)
    if withdraws:
        versions = pl.concat([versions, _withdrawn(versions, loads, key, values)])
    fact = [*key, "rule"] if dated else [*key]
    versions = versions.sort(*fact, "load", *values, nulls_last=True)
    versions = versions.filter(~(_same(fact) & _same(values)))
    first = pl.col("load") == pl.col("load").min().over(fact)
    return _changes(_stamped(versions.with_columns(is_first=first), loads, clock, began), key, values, dated)


def _same(columns: Sequence[str]) -> pl.Expr:
    """True where the row above has the same values."""
    same = pl.all_horizontal(*(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in columns))
    return same & (pl.int_range(pl.len()) > 0)


def _withdrawn(versions: pl.DataFrame, loads: pl.DataFrame, key: Sequence[str], values: Sequence[str]) -> pl.DataFrame:
    """What a load had about some days and the next one about the same days has not, with null values."""
    before = pl.col("load").shift(1).over("source", "first", "last", order_by="load")
    pairs = loads.select("load", "arrived", "live", before=before).drop_nulls("before")
    gone = versions.join(pairs, left_on="load", right_on="before", how="inner", suffix="_now").join(
        versions.select(*key, load_now="load"), on=[*key, "load_now"], how="anti", nulls_equal=True
    )
    nulls = [pl.lit(None, versions.schema[name]).alias(name) for name in values]
    now = [pl.col(f"{name}_now").alias(name) for name in ("load", "arrived", "live")]
    return gone.with_columns(*nulls, *now).select(versions.columns).unique(maintain_order=True)


def _stamped(
    versions: pl.DataFrame, loads: pl.DataFrame, clock: DecisionClock, began: dt.datetime | None
) -> pl.DataFrame:
    """`versions` with `known_at`, and the grade of who has seen it arrive."""
    rule, arrived = pl.col("rule"), pl.col("arrived")
    observed = pl.col("live") if began is None else pl.col("live") & (rule > pl.lit(began).cast(KNOWN_AT))
    by_rule = pl.col("is_first") & ~pl.col("late") & ~observed
    known_at = pl.when(by_rule).then(rule).otherwise(pl.max_horizontal(rule, arrived))
    out = versions.with_columns(late=_late(versions, loads, clock)).with_columns(known_at=known_at)
    seen = pl.col("known_at") > rule
    return out.with_columns(grade=pl.when(seen).then(pl.lit(int(Grade.OBSERVED), pl.Int8)).otherwise("grade"))


def _late(versions: pl.DataFrame, loads: pl.DataFrame, clock: DecisionClock) -> pl.Series:
    """True where an earlier load of the same days should have held the row, and its session was decided without it."""
    numbered = versions.with_row_index("row")
    opening = loads.group_by("source").agg(opening=pl.col("load").min())
    # most rows stand in the first load of their series, which nothing comes before
    later = numbered.join(opening, on="source", how="inner").filter(pl.col("load") > pl.col("opening"))
    later = later.filter(pl.col("is_first") & pl.col("rule").is_not_null())
    if later.is_empty():
        return pl.repeat(False, versions.height, dtype=pl.Boolean, eager=True)
    decided = _sessions_of(later.get_column("rule"), clock)
    later = later.select("row", "load", "source", "about", "rule", "arrived").join(decided, on="rule", how="inner")
    later = later.filter(pl.col("arrived") > pl.col("decided_at"))
    earlier = loads.select("source", "first", "last", "begun", before="load")
    missed = later.join(earlier, on="source", how="inner").filter(
        pl.col("before") < pl.col("load"),
        pl.col("about").is_between(pl.col("first"), pl.col("last")),
        pl.col("begun") >= pl.col("day_over"),
    )
    return numbered.select(pl.col("row").is_in(missed.get_column("row").unique().to_list())).to_series()


def _sessions_of(moments: pl.Series, clock: DecisionClock) -> pl.DataFrame:
    """Of each moment: when the day of its session was over, and when the session was decided."""
    distinct = moments.unique().to_list()
    sessions = [clock.session_of(moment) for moment in distinct]
    return pl.DataFrame(
        {
            "rule": distinct,
            "day_over": [end_of_day(session) for session in sessions],
            "decided_at": [clock.decision_time(session) for session in sessions],
        },
        schema={"rule": KNOWN_AT, "day_over": KNOWN_AT, "decided_at": KNOWN_AT},
    )


def _changes(versions: pl.DataFrame, key: Sequence[str], values: Sequence[str], dated: bool) -> pl.DataFrame:
    """Rows that change something, at the moment they were known: of one moment the latest version is kept."""
    versions = versions.with_columns(version=pl.struct("load", "rule").rank("dense").cast(pl.Int64))
    versions = versions.sort(*key, "known_at", *(["rule"] if dated else []), "load", nulls_last=True)
    if dated:  # an older vintage that comes late does not take the place of a newer one
        versions = versions.filter((pl.col("rule") >= pl.col("rule").cum_max().over(*key)) | pl.col("rule").is_null())
    last = pl.col("version") == pl.col("version").max().over(*key, "known_at")
    versions = versions.filter(last | pl.col("known_at").is_null())
    return versions.filter(~(_same(key) & _same(values)))
