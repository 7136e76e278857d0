"""One-step total returns from bars as traded and corporate actions."""

import datetime as dt

import polars as pl

from configs.settings import Market

# An action in force acts on the first bar at or after its ex-date, so it may also fall on a day without trading.
_BAR = ["symbol", "event_date"]


def adjusted_bars(bars: pl.DataFrame, actions: pl.DataFrame, sessions: list[dt.date], settings: Market) -> pl.DataFrame:
    """Returns since each symbol's previous bar, with splits and dividends, along time.

    The holder of one share at the previous close holds `split_ratio` shares now, worth `close` each, and was paid
    `dividend_usd` for each of them:

        log_return = log(split_ratio * (close + dividend_usd) / previous close)

    Shares multiply at each ex-date in order and a dividend pays on the shares held then. When a split and a dividend
    share an ex-date the dividend is per new share: on that day the share trades after the split, and an amount "per
    share" of that day is quoted as its price is.

    Args:
        bars: rows of BARS (or BENCHMARKS), no more than one a symbol and session.
        actions: rows of CORPORATE_ACTIONS; a null value withdraws the action, delistings do not act here, and
            ex-dates after the last session are not looked at.
        sessions: the window, ascending; counts the sessions between two bars.
        settings: `max_gap_sessions`.

    Returns:
        Rows of ADJUSTED_BARS (or ADJUSTED_BENCHMARKS), one a bar. Where the previous bar is more than
        `max_gap_sessions` sessions back, or there is none, the two returns since it, `split_ratio` and `dividend_usd`
        are null: nothing is known of a holder. A value depends on the last `max_gap_sessions` + 1 sessions only,
        wherever the window begins.

    Raises:
        ValueError: a bar outside `sessions`, a split that is not positive or a dividend that is negative.
    """
    _require_sessions(bars, sessions)
    held = _holdings(_effects(actions, sessions), bars)
    chained = (
        bars.sort(_BAR)
        .join(_positions(sessions), on="event_date", how="left", maintain_order="left")
        .join(held, on=_BAR, how="left", maintain_order="left")
        .with_columns(pl.col("split_ratio").fill_null(1.0), pl.col("dividend_usd").fill_null(0.0))
        .with_columns(
            previous_close=pl.col("close").shift().over("symbol"), gap=pl.col("position").diff().over("symbol")
        )
    )
    follows = pl.col("gap") <= settings.max_gap_sessions
    return chained.select(
        "event_date",
        "symbol",
        log_return=pl.when(follows).then(_total("close")),
        overnight_log_return=pl.when(follows).then(_total("open")),
        intraday_log_return=(pl.col("close") / pl.col("open")).log(),
        split_ratio=pl.when(follows).then("split_ratio"),
        dividend_usd=pl.when(follows).then("dividend_usd"),
        open="open",
        high="high",
        low="low",
        close="close",
        dollar_volume_usd=pl.col("close") * pl.col("volume"),
    )


def _total(price: str) -> pl.Expr:
    """Log total return from the previous close to `price`."""
    return (pl.col("split_ratio") * (pl.col(price) + pl.col("dividend_usd")) / pl.col("previous_close")).log()


def _effects(actions: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """symbol, ex_date, split, dividend of the actions in force up to the last session; 1 and 0 where only the other."""
    last = sessions[-1] if sessions else dt.date.min
    in_force = actions.filter(
        pl.col("value").is_not_null(), pl.col("action").is_in(["split", "cash_dividend"]), pl.col("event_date") <= last
    )
    _require_sane(in_force)
    keyed = in_force.select("symbol", "action", "value", ex_date="event_date")
    splits = keyed.filter(action="split").select("symbol", "ex_date", split="value")
    dividends = keyed.filter(action="cash_dividend").select("symbol", "ex_date", dividend="value")
    return splits.join(dividends, on=["symbol", "ex_date"], how="full", coalesce=True).with_columns(
        pl.col("split").fill_null(1.0), pl.col("dividend").fill_null(0.0)
    )


def _holdings(effects: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """symbol, event_date of the bar, split_ratio and dividend_usd per share held then, of all effects since."""
    days = bars.select("symbol", "event_date", ex_date="event_date").sort("symbol", "ex_date")
    return (
        effects.sort("symbol", "ex_date")
        .join_asof(days, on="ex_date", by="symbol", strategy="forward", check_sortedness=False)
        .drop_nulls("event_date")
        .with_columns(shares=pl.col("split").cum_prod().over(_BAR))
        .with_columns(cash=(pl.col("shares") * pl.col("dividend")).cum_sum().over(_BAR))
        .unique(_BAR, keep="last", maintain_order=True)
        .select("symbol", "event_date", split_ratio="shares", dividend_usd=pl.col("cash") / pl.col("shares"))
    )


def _positions(sessions: list[dt.date]) -> pl.DataFrame:
    return pl.DataFrame(
        {"event_date": sessions, "position": range(len(sessions))}, schema={"event_date": pl.Date, "position": pl.Int64}
    )


def _require_sessions(bars: pl.DataFrame, sessions: list[dt.date]) -> None:
    strange = set(bars["event_date"].unique()) - set(sessions)
    if strange:
        raise ValueError(f"bars on {min(strange)} lie outside the window of sessions; pass only sessions of the window")


def _require_sane(effects: pl.DataFrame) -> None:
    wrong = effects.filter(
        ((pl.col("action") == "split") & ~(pl.col("value") > 0))
        | ((pl.col("action") == "cash_dividend") & ~(pl.col("value") >= 0))
    )
    if len(wrong):
        row = wrong.row(0, named=True)
        raise ValueError(
            f"{row['action']} of {row['symbol']} on {row['event_date']} is {row['value']}; splits are new per old share"
            " (above 0), dividends USD per share (0 or more); correct it at the vendor, or withdraw it with a null"
        )
