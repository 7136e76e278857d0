"""Raw payloads of events become canonical rows; rows that break a rule are kept apart, with the reason. Pure."""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.errors import LookaheadError
from feature_store.schemas.catalogue import EVENT_DATASETS
from feature_store.schemas.market import BAR_COLUMNS
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest.panics import checked
from quant_resources.vendors.ingest.rule import Rule
from quant_resources.vendors.ingest.rules import (
    CONFLICT,
    DUPLICATE,
    UNREADABLE,
    contract_rules,
    on_calendar,
    row_rules,
    rules_of,
)

PRICED = tuple(name for name, dataset in EVENT_DATASETS.items() if dataset.columns == BAR_COLUMNS)


def raw_schema(dataset: Dataset) -> dict[str, pl.DataType]:
    """Columns of a raw payload of events.

    `file` names where the row came from; `version` orders rows of one `known_at` (the greatest stands; null where the
    source has no such order); `may_be_off_calendar` lets the parser drop a bar off the exchange calendar. A payload may
    also have `unreadable`, what of a row could not be read, and is null where all could.
    """
    return {
        **dataset.schema,
        "file": pl.String(),
        "version": pl.Int64(),
        "may_be_off_calendar": pl.Boolean(),
        "grade": pl.Int8(),
    }


def empty_payload(dataset: Dataset) -> pl.DataFrame:
    return pl.DataFrame(schema=raw_schema(dataset))


def parse_events(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> pl.DataFrame:
    """Good rows whose `known_at` falls into one of the sessions: session, the dataset's columns, grade.

    Bars speak of sessions. Actions and macro observations may speak of any day: an observation of the first of a month
    or of a Saturday stays dated so, in the session that first knew it. What was known before the first session of a
    history is not in it: a daily series begins with the first value learned from then on, a monthly one within a month.
    """
    good, _ = checked_events(dataset, raw, sessions, clock)
    return good.select("session", *dataset.schema, "grade").sort("session", *dataset.sort_key)


def checked_events(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that may be stored, and those that may not, once for each rule that they break.

    Of equal rows the first is kept; of rows that contradict one another none does, because the true one is unknown.

    Returns:
        Both with the payload's columns, `session` and `row` (its place); the second also with `rule` and `reason`.
    """
    return checked(raw, lambda rows: _checked_events(dataset, rows, sessions, clock))


def _checked_events(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> tuple[pl.DataFrame, pl.DataFrame]:
    good, bad = candidates(dataset, raw, sessions, clock), []
    for rules in (row_rules(dataset), rules_of(dataset), contract_rules(dataset)):
        good, rejected = _split_by_rules(dataset, good, rules)
        bad.append(rejected)
    good, rejected = _without_duplicates(dataset, good)
    return good, pl.concat([*bad, rejected])


def candidates(dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock) -> pl.DataFrame:
    """Rows of the sessions to be checked, with `session`, `row` and `unreadable`."""
    rows = _of_sessions(dataset, raw, sessions, clock).filter(~_off_calendar(dataset))
    if UNREADABLE not in rows.columns:
        rows = rows.with_columns(pl.lit(None, pl.String).alias(UNREADABLE))
    return last_version(dataset, rows.with_row_index("row"))


def events_left_out(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> dict[str, int]:
    """Rows that `parse_events` omits."""
    rows = _of_sessions(dataset, raw, sessions, clock)
    on = rows.filter(~_off_calendar(dataset))
    return {
        "off_calendar": rows.height - on.height,
        "superseded_at_the_same_moment": on.height - last_version(dataset, on).height,
        "in_quarantine": checked_events(dataset, raw, sessions, clock)[1].get_column("row").n_unique(),
    }


def _of_sessions(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> pl.DataFrame:
    _reject_undated(dataset, raw)
    assigned = clock.assign_sessions(raw)
    return assigned.filter(pl.col("session").is_in(list(sessions)))


def _off_calendar(dataset: Dataset) -> pl.Expr:
    if dataset.name not in PRICED:
        return pl.lit(False)
    return pl.col("may_be_off_calendar") & ~on_calendar().fill_null(True)


def last_version(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Of rows captured at one moment the last version is kept; rows without a key cannot be versions of one."""
    key = ["event_date", *dataset.key]
    latest = pl.col("version").max().over(*key, "known_at")
    nameless = pl.any_horizontal(pl.col(key).is_null())
    return rows.filter(pl.col("version").is_null() | (pl.col("version") == latest) | nameless)


def _split_by_rules(dataset: Dataset, rows: pl.DataFrame, rules: Sequence[Rule]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that keep all the rules, and once for each rule those that break it."""
    broken = rows.select(rule.bad.fill_null(value=False).alias(rule.name) for rule in rules)
    bad = [_with_reason(dataset, rows.filter(broken[rule.name]), rule) for rule in rules if broken[rule.name].any()]
    none = _with_reason(dataset, rows.clear(), CONFLICT)
    if not bad:
        return rows, none
    return rows.filter(~broken.select(pl.any_horizontal(pl.all())).to_series()), pl.concat([none, *bad])


def _without_duplicates(dataset: Dataset, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that are alone with their key and `known_at`, and of equal ones the first; and the others."""
    key = ["event_date", *dataset.key, "known_at"]
    if rows.select(key).is_unique().all():
        return rows, _with_reason(dataset, rows.clear(), CONFLICT)
    twice = rows.filter(pl.struct(key).is_duplicated()).sort(*key, "file", "row")
    equal = twice.select(pl.struct(dataset.values).n_unique().over(key) == 1).to_series()
    first = twice.select(pl.int_range(pl.len()).over(key) == 0).to_series()
    bad = pl.concat(
        [
            _with_reason(dataset, twice.filter(~equal), CONFLICT),
            _with_reason(dataset, twice.filter(equal & ~first), DUPLICATE),
        ]
    )
    return rows.join(bad.select("row"), on="row", how="anti", maintain_order="left"), bad


def _with_reason(dataset: Dataset, rows: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """The rows with `rule` and `reason`: which row, what is wrong with it, and the fix."""
    name = pl.concat_str(*dataset.key, "event_date", separator=" ", ignore_nulls=True)
    what = pl.concat_str(name, pl.lit(" "), rule.reason.fill_null("is wrong"), pl.lit(f"; {rule.fix}"))
    return rows.with_columns(rule=pl.lit(rule.name), reason=what)


def _reject_undated(dataset: Dataset, raw: pl.DataFrame) -> None:
    """A row without a date of knowledge belongs to no session."""
    bad = raw.filter(pl.col("known_at").is_null())
    if bad.height:
        column = "event_date" if bad.item(0, "event_date") is None else "known_at"
        named = " ".join(str(bad.item(0, name)) for name in (*dataset.key, "event_date"))
        raise VendorError(
            f"{bad.item(0, 'file')}: {bad.height} rows have no {column}, first {named}; fill it, or delete them"
        )


def reject_later_than(raw: pl.DataFrame, until: dt.datetime) -> pl.DataFrame:
    """`raw` itself, once no row is known after `until`."""
    late = raw.filter(pl.col("known_at") > until)
    if late.height:
        raise LookaheadError(
            f"internal error: the vendor returned {late.height} rows with known_at after {until}; please report it"
        )
    return raw
