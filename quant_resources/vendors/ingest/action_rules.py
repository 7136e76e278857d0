"""Rules that a corporate action must keep. A null value withdraws the action, and the rest is not checked then."""

import polars as pl

from feature_store.schemas.market import ACTIONS
from quant_resources.vendors.ingest.rule import Rule

_value, _cash, _action, _other = pl.col("value"), pl.col("cash_usd"), pl.col("action"), pl.col("other_symbol")
_exchange = _action.is_in(["spin_off", "merger"])
_not_below_0 = _exchange | _action.is_in(["cash_dividend", "special_dividend"])
_above_0 = _action.is_in(["split", "symbol_change"])
_out_of_bounds = (_above_0 & (_value <= 0)) | (_not_below_0 & (_value < 0)) | (_value < -1)
_unnamed = _other.is_null() | (_other.str.strip_chars() == "")

ACTION_RULES = (
    Rule(
        "action_unknown",
        ~_action.is_in(ACTIONS),
        pl.format("has action '{}'", "action"),
        f"it is none of {', '.join(ACTIONS)}; rename it",
    ),
    Rule(
        "value_out_of_bounds",
        _out_of_bounds | ~_value.is_finite(),
        pl.format("has {} {}", "action", "value"),
        "a split is new shares per old one (above 0), a dividend USD per share (not below 0), a spin-off or a merger "
        "shares of the other per share (not below 0), a symbol_change 1, a delisting a simple return (not below -1)",
    ),
    Rule(
        "cash_out_of_bounds",
        (_cash < 0) | ~_cash.is_finite(),
        pl.format("has cash_usd {}", "cash_usd"),
        "it is USD per share, not below 0; leave it empty where it is not known",
    ),
    Rule(
        "cash_misplaced",
        _cash.is_not_null() & ~_exchange,
        pl.format("has cash_usd {} beside a {}", "cash_usd", "action"),
        "only spin_off and merger have cash_usd; a dividend has its amount in value",
    ),
    Rule(
        "other_symbol_missing",
        ((_exchange & (_value > 0)) | ((_action == "symbol_change") & _value.is_not_null())) & _unnamed,
        pl.format("is a {} without other_symbol", "action"),
        "name the new company of a spin_off, the acquirer of a merger, the new ticker of a symbol_change; "
        "where the shares cannot be named, set value 0 and what they are worth as cash_usd",
    ),
    Rule(
        "other_symbol_is_its_own",
        _exchange & (_value > 0) & (_other == pl.col("symbol")),
        pl.format("is a {} with itself", "action"),
        "other_symbol is the new company of a spin_off, or the acquirer of a merger",
    ),
    Rule(
        "merger_for_nothing",
        (_action == "merger") & (_value == 0) & (_cash == 0),
        pl.lit("is a merger that pays neither shares nor cash"),
        "leave cash_usd empty where the terms are not known; shares that became worthless are a delisting of -1",
    ),
)
