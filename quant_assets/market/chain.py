"""Consecutive bars of a symbol, and what a holder gets between them."""

import datetime as dt

import polars as pl

# An action in force acts on the first bar at or after its ex-date, so it may also fall on a day without trading.
_BAR = ["symbol", "event_date"]
_DIVIDENDS = ("cash_dividend", "special_dividend")
_PAYING = ("split", *_DIVIDENDS, "spin_off")


def chain(bars: pl.DataFrame, actions: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """Each bar with the close before it and what a holder of that got, along time.

    Shares multiply at each ex-date in order, and a distribution pays on the shares held then. When a split and a
    distribution share an ex-date the amount is per new share: on that day the share trades after the split, and an
    amount "per share" of that day is quoted as its price is. A spin-off counts as its `cash_usd`, since nothing here
    knows the price of another symbol.

    Args:
        bars: rows of BARS (or BENCHMARKS), no more than one a symbol and session.
        actions: rows of CORPORATE_ACTIONS; a null value withdraws the action, and ex-dates after the last session are
            not looked at. Mergers, delistings and changes of the ticker do not act here.
        sessions: the window, ascending; counts the sessions between two bars.

    Returns:
        The bars, sorted by symbol and event_date, with `previous_close` (USD), `gap` (sessions since the previous bar),
        both null on a symbol's first bar; `split_ratio` (new per old share) and `dividend_usd` (per share held now) of
        all actions since the previous bar, 1 and 0 where none; `unknown`, where the worth of a spin-off was not
        published.

    Raises:
        ValueError: a bar outside `sessions`, a split that is not positive or a distribution that is negative.
    """
    _require_sessions(bars, sessions)
    held = _holdings(_effects(actions, sessions), bars)
    return (
        bars.sort(_BAR)
        .join(_positions(sessions), on="event_date", how="left", maintain_order="left")
        .join(held, on=_BAR, how="left", maintain_order="left")
        .with_columns(
            pl.col("split_ratio").fill_null(1.0),
            pl.col("dividend_usd").fill_null(0.0),
            pl.col("unknown").fill_null(value=False),
        )
        .with_columns(
            previous_close=pl.col("close").shift().over("symbol"), gap=pl.col("position").diff().over("symbol")
        )
    )


def total_return(price: str) -> pl.Expr:
    """Log total return from the previous close to `price`; null where what was distributed is not known."""
    worth = pl.col("split_ratio") * (pl.col(price) + pl.col("dividend_usd"))
    return pl.when(~pl.col("unknown")).then((worth / pl.col("previous_close")).log())


def _effects(actions: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """symbol, ex_date, split, dividend and unknown of each action in force up to the last session; splits come first.

    One row an action: 1 and 0 where it is none.
    """
    last = sessions[-1] if sessions else dt.date.min
    in_force = actions.filter(
        pl.col("value").is_not_null(), pl.col("action").is_in(_PAYING), pl.col("event_date") <= last
    )
    _require_sane(in_force)
    is_split, is_spin_off = pl.col("action") == "split", pl.col("action") == "spin_off"
    is_dividend = pl.col("action").is_in(_DIVIDENDS)
    return in_force.sort("symbol", "event_date", ~is_split, "action").select(
        "symbol",
        ex_date="event_date",
        split=pl.when(is_split).then("value").otherwise(1.0),
        dividend=pl.when(is_dividend)
        .then("value")
        .when(is_spin_off)
        .then(pl.col("cash_usd").fill_null(0.0))
        .otherwise(0.0),
        unknown=is_spin_off & pl.col("cash_usd").is_null(),
    )


def _holdings(effects: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """symbol, event_date of the bar, and split_ratio, dividend_usd and unknown of all effects since the one before."""
    days = bars.select("symbol", "event_date", ex_date="event_date").sort("symbol", "ex_date")
    return (
        effects.join_asof(days, on="ex_date", by="symbol", strategy="forward", check_sortedness=False)
        .drop_nulls("event_date")
        .with_columns(shares=pl.col("split").cum_prod().over(_BAR))
        .with_columns(
            cash=(pl.col("shares") * pl.col("dividend")).cum_sum().over(_BAR),
            unknown=pl.col("unknown").any().over(_BAR),
        )
        .unique(_BAR, keep="last", maintain_order=True)
        .select("symbol", "event_date", "unknown", split_ratio="shares", dividend_usd=pl.col("cash") / pl.col("shares"))
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
    is_split, is_spin_off = pl.col("action") == "split", pl.col("action") == "spin_off"
    amount = pl.when(is_spin_off).then("cash_usd").otherwise("value")
    wrong = effects.filter((is_split & ~(pl.col("value") > 0)) | (~is_split & ~(amount >= 0).fill_null(value=True)))
    if len(wrong):
        row = wrong.row(0, named=True)
        amount_ = row["cash_usd"] if row["action"] == "spin_off" else row["value"]
        raise ValueError(
            f"{row['action']} of {row['symbol']} on {row['event_date']} is {amount_}; splits are new per old share"
            " (above 0), dividends and what a spin-off is worth USD per share (0 or more); correct it at the vendor, or"
            " withdraw it with a null"
        )
