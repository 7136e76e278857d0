"""The rules of ingestion as expectations of Great Expectations: raw payloads validated by a second library.

What a row must keep is stated here in the library's own expectations wherever it has one; other declared rules are
handed over as flags. The library takes seconds to import and is not part of the plain install: nothing here imports it
before it is needed.
"""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import polars as pl

from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.schemas.market import MACRO
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.canonical import PRICED
from quant_resources.vendors.ingest.rules import UNREADABLE, VWAP_ROOM, rules_of

EXAMPLES = 5
LARGEST = sys.float_info.max  # what lies above is infinite


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation.

    Attributes:
        rule: that it stands for, or a label of what it requires.
        expectation: as text.
        checked: rows that were checked; null ones are not, unless null is required.
        rows: places of those that failed.
        examples: the first of them.
    """

    rule: str
    expectation: str
    checked: int
    rows: tuple[int, ...]
    examples: tuple[str, ...]

    @property
    def failures(self) -> int:
        return len(self.rows)


def is_installed() -> bool:
    """Whether Great Expectations is; `pip install 'asof[quality]'` brings it."""
    return find_spec("great_expectations") is not None


@cache
def _library() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own imports
        return import_module("great_expectations")


def row_suite(dataset: Dataset) -> list[Any]:
    """Expectations of one row of a dataset of events, for rows of `compared`."""
    ex = _library().expectations
    suite = [
        ex.ExpectColumnValuesToBeNull(column=UNREADABLE, meta=_rule(UNREADABLE)),
        ex.ExpectCompoundColumnsToBeUnique(
            column_list=["event_date", *dataset.key, "known_at"],
            ignore_row_if="any_value_is_missing",
            meta=_rule("duplicate"),
        ),
        *(ex.ExpectColumnValuesToNotBeNull(column=c, meta=_rule(f"{c}_missing")) for c in ("event_date", *dataset.key)),
        *(expectation for column in dataset.columns for expectation in _of_column(ex, dataset, column.name)),
    ]
    if dataset.name in PRICED:
        return [*suite, *_of_bars(ex)]
    if dataset.name == MACRO.name:
        return [*suite, _ordered(ex, "known_day", "event_date", "known_before_its_day")]
    flags = [rule.name for rule in rules_of(dataset)]
    return [*suite, *(ex.ExpectColumnValuesToBeInSet(column=f, value_set=[0], meta=_rule(f)) for f in flags)]


def _of_column(ex: ModuleType, dataset: Dataset, name: str) -> list[Any]:
    """What the schema declares of a column."""
    (column,) = (c for c in dataset.columns if c.name == name)
    expectations = []
    if not column.nullable and name not in dataset.key:
        expectations.append(ex.ExpectColumnValuesToNotBeNull(column=name, meta=_rule(f"{name}_missing")))
    lower = column.above if column.above is not None else column.at_least
    if column.dtype.is_numeric():
        expectations.append(
            ex.ExpectColumnValuesToBeBetween(
                column=name,
                min_value=-LARGEST if lower is None else lower,
                strict_min=column.above is not None,
                max_value=LARGEST if column.at_most is None else column.at_most,
                meta=_rule(f"{name}_range"),
            )
        )
    if column.one_of:
        labels = list(column.one_of)
        expectations.append(
            ex.ExpectColumnValuesToBeInSet(column=name, value_set=labels, meta=_rule(f"{name}_unknown"))
        )
    return expectations


def _of_bars(ex: ModuleType) -> list[Any]:
    days = [str(day) for day in calendar.all_sessions()]
    return [
        ex.ExpectColumnValuesToBeInSet(column="day", value_set=days, meta=_rule("off_calendar")),
        _ordered(ex, "session", "event_date", "future_date"),
        _ordered(ex, "high", "low", "high_below_low"),
        *(_ordered(ex, "high", price, f"{price}_outside_range") for price in ("open", "close")),
        *(_ordered(ex, price, "low", f"{price}_outside_range") for price in ("open", "close")),
        _ordered(ex, "vwap", "vwap_floor", "vwap_outside_range"),
        _ordered(ex, "vwap_ceiling", "vwap", "vwap_outside_range"),
    ]


def _ordered(ex: ModuleType, above: str, below: str, rule: str) -> Any:  # noqa: ANN401 -- the library is imported late
    return ex.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=above, column_B=below, or_equal=True, ignore_row_if="either_value_is_missing", meta=_rule(rule)
    )


def _rule(name: str) -> dict[str, str]:
    return {"rule": name}


def between(rule: str, lower: float | None, upper: float | None) -> Any:  # noqa: ANN401
    """The column named as the rule lies within the limits; null is not checked."""
    ex = _library().expectations
    return ex.ExpectColumnValuesToBeBetween(column=rule, min_value=lower, max_value=upper, meta=_rule(rule))


def every_session(days: Sequence[str]) -> Any:  # noqa: ANN401
    """Each of the days has a row."""
    ex = _library().expectations
    return ex.ExpectColumnDistinctValuesToContainSet(column="day", value_set=list(days), meta=_rule("missing_session"))


def compared(dataset: Dataset, candidates: pl.DataFrame) -> pl.DataFrame:
    """Rows of `canonical.candidates` with what the expectations compare."""
    more = [pl.col("event_date").cast(pl.String).alias("day"), moments.day_of(pl.col("known_at")).alias("known_day")]
    if dataset.name in PRICED:
        floor, ceiling = pl.col("low") * (1 - VWAP_ROOM), pl.col("high") * (1 + VWAP_ROOM)
        more += [floor.alias("vwap_floor"), ceiling.alias("vwap_ceiling")]
    elif dataset.name != MACRO.name:
        more += [rule.bad.fill_null(value=False).cast(pl.Int8).alias(rule.name) for rule in rules_of(dataset)]
    blank = [
        pl.when(pl.col(name).str.strip_chars() != "").then(name).alias(name)
        for name in dataset.key
        if dataset.schema[name] == pl.String()
    ]
    return candidates.with_columns(more).with_columns(blank)


def validate(rows: pl.DataFrame, suite: Sequence[Any], named: Sequence[str]) -> list[Outcome]:
    """What becomes of each expectation of the suite.

    Args:
        rows: one row each; a date is compared as a moment.
        named: columns that name a row in the examples.
    """
    if rows.is_empty():
        return []
    gx = _library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    # the library takes NaN for missing: as infinity it stays what it is, a number that is none
    frame = rows.with_columns(pl.selectors.float().fill_nan(float("inf"))).to_pandas()
    asset = context.data_sources.add_pandas("drop").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite_ = gx.ExpectationSuite(name="rules", expectations=list(suite))
    result = batch.validate(suite_, result_format={"result_format": "COMPLETE"})
    return [_outcome(one, rows, named) for one in result.results]


def _outcome(result: Any, rows: pl.DataFrame, named: Sequence[str]) -> Outcome:  # noqa: ANN401
    if result.exception_info.get("raised_exception"):
        raise RuntimeError(f"{result.expectation_config.type}: {result.exception_info['exception_message']}")
    outcome, expectation = result.result, result.expectation_config
    rule = expectation.meta["rule"]
    if "element_count" not in outcome:  # of the whole column, not of its rows
        missing = [str(value) for value in outcome.get("partial_missing_list", [])]
        checked = len(expectation.kwargs["value_set"])
        return Outcome(rule, _text(expectation), checked, tuple(range(-len(missing), 0)), tuple(missing[:EXAMPLES]))
    failed = tuple(sorted(int(place) for place in outcome["unexpected_index_list"]))
    columns = [c for c in (expectation.kwargs.get(k) for k in ("column", "column_A", "column_B")) if c is not None]
    shown = rows[list(failed[:EXAMPLES])].select(*named, *(c for c in columns if c not in named))
    examples = tuple(" ".join(_shown(value) for value in row) for row in shown.iter_rows())
    return Outcome(
        rule, _text(expectation), outcome["element_count"] - outcome.get("missing_count", 0), failed, examples
    )


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _text(expectation: Any) -> str:  # noqa: ANN401
    """The expectation as text: `close: between, min_value 0`."""
    kwargs = expectation.kwargs
    several = kwargs.get("column_list") or [kwargs.get("column_A", ""), kwargs.get("column_B", "")]
    columns = kwargs.get("column") or ", ".join(several)
    what = expectation.type.removeprefix("expect_").replace("_", " ")
    bounds = [
        f"{name} {kwargs[f'{name}_value']:.4g}" for name in ("min", "max") if _is_bound(kwargs.get(f"{name}_value"))
    ]
    return f"{columns}: {', '.join([what, *bounds])}"


def _is_bound(bound: float | None) -> bool:
    return bound is not None and abs(bound) < LARGEST
