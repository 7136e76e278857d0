"""What is strange in stored prices: measurements of each bar, and findings where one is beyond its limit."""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from configs.settings import Market, Quality
from quant_assets.market.chain import chain, total_return
from quant_assets.market.suspects import suspected_actions

_BAR = ["symbol", "event_date"]
_FINDING = ["event_date", "symbol", "rule", "value", "limit", "detail"]
_PRICES = ("open", "high", "low", "close")
_ENDS = ("delisting", "merger")
FINDINGS = (
    "jump_without_action",
    "suspected_action",
    "split_not_matched_by_price",
    "large_distribution",
    "missing_bar",
    "member_without_bars",
    "stale_price",
    "volume_missing",
    "volume",
    "wide_range",
    "vwap_outside",
    "vendors_disagree",
    "vendors_disagree_on_volume",
)


@dataclass(frozen=True)
class Limit:
    """A rule on a measurement of a bar.

    Attributes:
        measurement: column of `measurements` that the rule limits.
        lower, upper: bounds, none on a side without one; null passes.
        applies: bars that are checked; null is not.
        detail: what was seen, as text.
    """

    measurement: str
    lower: float | None
    upper: float | None
    applies: pl.Expr
    detail: pl.Expr

    @property
    def checked(self) -> pl.Expr:
        """The measurement where it is checked."""
        return pl.when(self.applies).then(pl.col(self.measurement).cast(pl.Float64))

    @property
    def broken(self) -> pl.Expr:
        """The bound that a measurement broke; null where it broke none."""
        x, none = self.checked, pl.lit(None, pl.Float64)
        lower = none if self.lower is None else pl.when(x < self.lower).then(pl.lit(self.lower))
        upper = none if self.upper is None else pl.when(x > self.upper).then(pl.lit(self.upper))
        return pl.coalesce(lower, upper)


def data_quality(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    members: pl.DataFrame,
    compared: pl.DataFrame,
    sessions: list[dt.date],
    quality: Quality,
    market: Market,
) -> pl.DataFrame:
    """Findings on each session's bars, along time, by what was known at it.

    Args:
        bars: rows of BARS, no more than one a symbol and session.
        actions: rows of CORPORATE_ACTIONS; a null value withdraws the action.
        members: rows of MEMBERS; those linked to a price series should have a bar on their session.
        compared: rows of COMPARED_BARS; without a row nothing is compared.
        sessions: the window, ascending.
        quality: limits of the rules.
        market: when an action is suspected, and `max_gap_sessions`, after which two bars are not compared.

    Returns:
        Rows of DATA_QUALITY. Each depends on the last `sessions_needed` sessions only, wherever the window begins.
    """
    measured = measurements(bars, actions, compared, sessions, quality, market)
    findings = [
        *(_beyond(measured, name, limit) for name, limit in limits(quality).items()),
        _suspected(bars, actions, sessions, market),
        missing_bars(bars, actions, members, sessions, quality),
    ]
    return pl.concat(findings).select(_FINDING).sort("event_date", "symbol", "rule")


def sessions_needed(quality: Quality, market: Market) -> int:
    """Sessions that a finding reaches back at most, its own included."""
    return max(market.max_gap_sessions, quality.volume_sessions, quality.stale_sessions, quality.missing_sessions) + 1


def measurements(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    compared: pl.DataFrame,
    sessions: list[dt.date],
    quality: Quality,
    market: Market,
) -> pl.DataFrame:
    """The bars with what the rules limit, null where it is not known; arguments as of `data_quality`.

    Returns:
        The columns of `chain.chain` and: `move`, log total return since the previous close; `raw_move`, log of close
        over previous close; `split_log`, log of the splits since; `missed_split`, by how much the return is farther off
        zero than the raw move, as a fraction of the split: 1 where nothing of it shows, -1 where all does;
        `distribution`,
        the dividends since over the previous close; `unchanged_sessions`, how many of the last `stale_sessions` bars,
        this one included, equal the bar of the session before; `traded`, 1 where the bar has a volume above 0, else 0;
        `usual`, median dollar volume of the `volume_sessions` sessions before; `volume_multiple` of it; `range`, log of
        high over low; `vwap_off`, log by which the vwap lies outside it; `close_difference` and `volume_difference`,
        logs over the second vendor's.
    """
    second = compared.select(*_BAR, second_close="close", second_volume="volume")
    chained = chain(bars, actions, sessions).join(second, on=_BAR, how="left", maintain_order="left")
    return _measured(_with_the_bar_before(chained, market), quality)


def _with_the_bar_before(chained: pl.DataFrame, market: Market) -> pl.DataFrame:
    """`previous_close` where it is near enough, and whether the bar of the session before equals this one."""
    before = {name: pl.col(name).shift().over("symbol") for name in (*_PRICES, "volume")}
    same = pl.all_horizontal(pl.col(name) == before[name] for name in _PRICES)
    traded = (pl.col("volume") > 0).fill_null(value=False)
    return chained.with_columns(
        previous_close=pl.when(pl.col("gap") <= market.max_gap_sessions).then("previous_close"),
        # a volume of its own is a trade at the same price; the same volume too is the same bar again
        unchanged=((pl.col("gap") == 1) & same & (~traded | (pl.col("volume") == before["volume"]))).fill_null(
            value=False
        ),
        traded=traded.cast(pl.Int64),
        dollars=pl.when(traded).then(pl.col("close") * pl.col("volume")),
    )


def _measured(rows: pl.DataFrame, quality: Quality) -> pl.DataFrame:
    days, stale = quality.volume_sessions, quality.stale_sessions
    # by place and not by row: a name with gaps must not look further back in a longer window
    usual = pl.col("dollars").rolling_median_by("position", f"{days}i", min_samples=days // 2, closed="left")
    run = pl.col("unchanged").cast(pl.Int64).rolling_sum_by("position", f"{stale}i")
    vwap, missed = pl.col("vwap"), pl.col("move").abs() - pl.col("raw_move").abs()
    return rows.with_columns(
        move=total_return("close"),
        raw_move=(pl.col("close") / pl.col("previous_close")).log(),
        split_log=pl.col("split_ratio").log(),
        distribution=pl.col("split_ratio") * pl.col("dividend_usd") / pl.col("previous_close"),
        unchanged_sessions=run.over("symbol"),
        usual=usual.over("symbol"),
        range=(pl.col("high") / pl.col("low")).log(),
        vwap_off=pl.max_horizontal((vwap / pl.col("high")).log(), (pl.col("low") / vwap).log(), pl.lit(0.0)),
        close_difference=(pl.col("close") / pl.col("second_close")).log(),
        volume_difference=_log_ratio("volume", "second_volume"),
    ).with_columns(
        volume_multiple=pl.col("dollars") / pl.col("usual"),
        missed_split=pl.when(pl.col("split_log") != 0).then(missed / pl.col("split_log").abs()),
    )


def _log_ratio(a: str, b: str) -> pl.Expr:
    return pl.when((pl.col(a) > 0) & (pl.col(b) > 0)).then((pl.col(a) / pl.col(b)).log())


def limits(quality: Quality) -> dict[str, Limit]:
    """The rules on measurements of a bar, by name."""
    always, split = pl.lit(value=True), pl.col("split_log") != 0
    # a share f of the split missed: the return is f of it and the raw move 1 - f
    missed = 2 * quality.split_missed - 1
    whole = float(quality.stale_sessions)
    return {
        "jump_without_action": Limit(
            "move",
            -quality.large_move,
            quality.large_move,
            ~split | (pl.col("missed_split") <= missed),
            pl.format("close {} after {}", "close", "previous_close"),
        ),
        "split_not_matched_by_price": Limit(
            "missed_split",
            None,
            missed,
            split,
            pl.format("split of {}, close {} after {}", "split_ratio", "close", "previous_close"),
        ),
        "large_distribution": Limit(
            "distribution",
            None,
            quality.large_distribution,
            always,
            # as vendors write a spin-off, or a split paid in shares of another class
            pl.format("{} USD paid after a close of {}", "dividend_usd", "previous_close"),
        ),
        "stale_price": Limit(
            "unchanged_sessions",
            None,
            whole - 1,
            always,
            pl.format("close {}: the same bar again for {} sessions", "close", "unchanged_sessions"),
        ),
        "volume_missing": Limit(
            "traded",
            1.0,
            None,
            pl.col("usual").is_not_null(),
            pl.format("usually {} USD a session", pl.col("usual").round(0)),
        ),
        "volume": Limit(
            "volume_multiple",
            None,
            quality.volume_multiple,
            always,
            pl.format("{} shares; usually {} USD a session", "volume", pl.col("usual").round(0)),
        ),
        "wide_range": Limit("range", None, quality.range_limit, always, pl.format("high {}, low {}", "high", "low")),
        "vwap_outside": Limit(
            "vwap_off", None, 0.0, always, pl.format("vwap {}, low {}, high {}", "vwap", "low", "high")
        ),
        "vendors_disagree": Limit(
            "close_difference",
            -quality.close_tolerance,
            quality.close_tolerance,
            always,
            pl.format("close {}, the second vendor's {}", "close", "second_close"),
        ),
        "vendors_disagree_on_volume": Limit(
            "volume_difference",
            -quality.volume_tolerance,
            quality.volume_tolerance,
            always,
            pl.format("volume {}, the second vendor's {}", "volume", "second_volume"),
        ),
    }


def _beyond(measured: pl.DataFrame, name: str, limit: Limit) -> pl.DataFrame:
    broken = measured.with_columns(limit=limit.broken).filter(pl.col("limit").is_not_null())
    return broken.select(*_BAR, rule=pl.lit(name), value=limit.checked, limit="limit", detail=limit.detail)


def _suspected(bars: pl.DataFrame, actions: pl.DataFrame, sessions: list[dt.date], market: Market) -> pl.DataFrame:
    suspects = suspected_actions(bars, actions, sessions, market)
    limit = pl.lit(market.suspect_ratio)
    return suspects.select(*_BAR, rule=pl.lit("suspected_action"), value="ratio", limit=limit, detail="detail")


def missing_bars(
    bars: pl.DataFrame, actions: pl.DataFrame, members: pl.DataFrame, sessions: list[dt.date], quality: Quality
) -> pl.DataFrame:
    """Sessions on which a member, or a name with a bar in one of the last `missing_sessions`, has none.

    A name that was merged or delisted in those sessions should have none. `value` is the number of sessions since the
    last bar, null where it is longer ago, which is a rule of its own.
    """
    places, reach = _positions(sessions), quality.missing_sessions
    had = bars.select(*_BAR).join(places, on="event_date", how="left").sort("symbol", "position")
    following = pl.col("position").shift(-1).over("symbol").fill_null(len(sessions))
    hole = pl.int_ranges(pl.col("position") + 1, pl.min_horizontal(following, pl.col("position") + 1 + reach))
    holes = had.select("symbol", position=hole).explode("position", empty_as_null=False)
    absent = holes.join(places, on="position", how="inner").select(*_BAR, "position")
    linked = members.filter("linked").select("symbol", "event_date").join(bars, on=_BAR, how="anti")
    named = linked.join(places, on="event_date", how="inner").select(*_BAR, "position")
    ends = actions.filter(pl.col("action").is_in(_ENDS), pl.col("value").is_not_null())
    ended = ends.sort("event_date").join_asof(places, on="event_date", strategy="forward").drop_nulls("position")
    since_bar = pl.col("position") - pl.col("last_bar")
    since_end = pl.col("position") - pl.col("end")
    near = pl.when(since_bar <= reach).then(since_bar)
    return (
        _latest(_latest(pl.concat([absent, named]).unique(), had, "last_bar"), ended, "end")
        .filter(~((since_end <= reach) & (since_end < near.fill_null(reach + 1))).fill_null(value=False))
        .select(
            *_BAR,
            rule=pl.when(near.is_null()).then(pl.lit("member_without_bars")).otherwise(pl.lit("missing_bar")),
            value=near.cast(pl.Float64),
            limit=pl.lit(None, pl.Float64),
            detail=pl.when(near.is_null())
            .then(pl.lit(f"a member that has had no bar for more than {reach} sessions"))
            .otherwise(pl.format("the last bar is {} sessions old", near)),
        )
    )


def _latest(rows: pl.DataFrame, marks: pl.DataFrame, name: str) -> pl.DataFrame:
    """`rows` with the last position of the symbol's marks up to each row's."""
    marked = marks.select("symbol", "position", pl.col("position").alias(name)).unique().sort("symbol", "position")
    ordered = rows.sort("symbol", "position")
    return ordered.join_asof(marked, on="position", by="symbol", strategy="backward", check_sortedness=False)


def _positions(sessions: list[dt.date]) -> pl.DataFrame:
    return pl.DataFrame(
        {"event_date": sessions, "position": range(len(sessions))}, schema={"event_date": pl.Date, "position": pl.Int64}
    )
