"""Rules that a row of an event must keep, by dataset: one list for validation and for the quarantine. Pure."""

import polars as pl

from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, MACRO
from feature_store.schemas.quality import COMPARED_BARS
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.action_rules import ACTION_RULES
from quant_resources.vendors.ingest.company_rules import COMPANY_RULES
from quant_resources.vendors.ingest.rule import Rule

PRICES = ("open", "high", "low", "close")


UNREADABLE = "unreadable"

# Which rows break these two is seen among rows, not in one.
CONFLICT = Rule(
    "duplicate_conflicting",
    pl.lit(value=False),
    pl.format("contradicts another row with the same known_at {}: which one is true is unknown", "known_at"),
    "keep one, date the later one later, or order them by a column `version`",
)
DUPLICATE = Rule(
    "duplicate",
    pl.lit(value=False),
    pl.format("stands more than once with known_at {}: one was stored", "known_at"),
    "keep one of each",
)


def row_rules(dataset: Dataset) -> tuple[Rule, ...]:
    """Of every dataset: a row has a key and a date, and can be read. What breaks one of them is not checked further."""
    named = [
        Rule(f"{name}_missing", pl.col(name).is_null(), pl.lit(f"has no {name}"), "fill it, or delete the row")
        for name in ("event_date", *dataset.key)
    ]
    blank = [
        Rule(f"{name}_blank", pl.col(name).str.strip_chars() == "", pl.lit(f"has an empty {name}"), "fill it")
        for name in dataset.key
        if dataset.schema[name] == pl.String()
    ]
    whole = Rule(
        UNREADABLE,
        pl.col(UNREADABLE).is_not_null(),
        pl.format("cannot be read: column {}", UNREADABLE),
        "fix it, or leave it empty where nothing is known",
    )
    return (*named, *blank, whole)


def contract_rules(dataset: Dataset) -> tuple[Rule, ...]:
    """What the store rejects of a column, for rows that pass the dataset's own rules."""
    rules = []
    for column in dataset.columns:
        x, bad = pl.col(column.name), []
        if not column.nullable:
            bad.append(x.is_null())
        if column.dtype.is_float():
            bad.append(~x.is_finite())
        if column.above is not None:
            bad.append(x <= column.above)
        if column.at_least is not None:
            bad.append(x < column.at_least)
        if column.at_most is not None:
            bad.append(x > column.at_most)
        if column.one_of:
            bad.append(~x.is_in(column.one_of))
        shown = pl.format(f"has {column.name} {{}}", x.cast(pl.String).fill_null("None"))
        if bad:
            wrong = pl.any_horizontal(bad).fill_null(value=False)
            rules.append(Rule(f"{column.name}_not_allowed", wrong, shown, f"{column.description} [{column.unit}]"))
    return tuple(rules)


def rules_of(dataset: Dataset) -> tuple[Rule, ...]:
    """Rules for parsed rows of a dataset of events, with the columns of `canonical.raw_schema` and `session`.

    None for a source of which the bounds of its columns say all.
    """
    return _RULES.get(dataset.name, ())


def on_calendar() -> pl.Expr:
    return pl.col("event_date").is_in(list(calendar.all_sessions()))


_price = {name: pl.col(name) for name in (*PRICES, "vwap")}
_sound = pl.all_horizontal((_price[name].is_finite() & (_price[name] > 0)).fill_null(value=False) for name in PRICES)
# Volume-weighted prices count trades that the range does not, such as odd lots.
VWAP_ROOM = 0.01


def _prices(*names: str) -> pl.Expr:
    return pl.format("has " + ", ".join(f"{name} {{}}" for name in names), *names)


BAR_RULES = (
    Rule(
        "off_calendar",
        ~on_calendar(),
        pl.lit(f"is no trading session of {calendar.EXCHANGE}"),
        "delete them, or set `off_calendar: drop` for the table",
    ),
    Rule(
        "future_date",
        on_calendar() & (pl.col("event_date") > pl.col("session")),
        pl.format("is declared known at {}, in session {}: a future date", "known_at", "session"),
        "fix the date or known_at",
    ),
    *(
        Rule(
            f"{price}_not_positive",
            ~(pl.col(price).is_finite() & (pl.col(price) > 0)).fill_null(False),
            pl.format(f"has {price} {{}}", pl.col(price).cast(pl.String).fill_null("None")),
            "a price is finite and above zero: fix it, or delete the row (a missing bar is no row)",
        )
        for price in PRICES
    ),
    Rule(
        "high_below_low",
        _sound & (_price["high"] < _price["low"]),
        _prices("high", "low"),
        "fix it, or delete the row",
    ),
    *(
        Rule(
            f"{price}_outside_range",
            _sound & (_price["high"] >= _price["low"]) & ~_price[price].is_between("low", "high"),
            _prices(price, "low", "high"),
            f"low <= {price} <= high: fix it, or delete the row",
        )
        for price in ("open", "close")
    ),
    Rule(
        "vwap_outside_range",
        _sound & ~_price["vwap"].is_between(_price["low"] * (1 - VWAP_ROOM), _price["high"] * (1 + VWAP_ROOM)),
        _prices("vwap", "low", "high"),
        "leave it empty where it is not known",
    ),
    *(
        Rule(
            f"{count}_negative",
            pl.col(count) < 0,
            pl.format(f"has {count} {{}}", count),
            "leave it empty where it is not known",
        )
        for count in ("volume", "transactions")
    ),
)

OBSERVATION_RULES = (
    Rule(
        "value_not_finite",
        ~pl.col("value").is_finite(),
        pl.format("has value {}", "value"),
        "leave it empty where nothing was observed",
    ),
    Rule(
        "known_before_its_day",
        pl.col("event_date") > moments.day_of(pl.col("known_at")),
        pl.format("is declared known at {}, before the day it observes", "known_at"),
        "fix the date or known_at",
    ),
)

_RULES: dict[str, tuple[Rule, ...]] = {
    BARS.name: BAR_RULES,
    BENCHMARKS.name: BAR_RULES,
    COMPARED_BARS.name: BAR_RULES,
    MACRO.name: OBSERVATION_RULES,
    CORPORATE_ACTIONS.name: ACTION_RULES,
    **COMPANY_RULES,
}
