"""One-step total returns from bars as traded and corporate actions."""

import datetime as dt

import polars as pl

from configs.settings import Market
from quant_assets.market.chain import chain, total_return
from quant_assets.market.suspects import suspected


def adjusted_bars(bars: pl.DataFrame, actions: pl.DataFrame, sessions: list[dt.date], settings: Market) -> pl.DataFrame:
    """Returns since each symbol's previous bar, with splits and distributions, along time.

    The holder of one share at the previous close holds `split_ratio` shares now, worth `close` each, and was paid
    `dividend_usd` for each of them:

        log_return = log(split_ratio * (close + dividend_usd) / previous close)

    How actions between two bars add up, and which act here: `chain.chain`. A spin-off pays its `cash_usd`; a merger, a
    delisting and a change of the ticker do nothing, since the last bar is before them.

    Args:
        bars: rows of BARS (or BENCHMARKS), no more than one a symbol and session.
        actions: rows of CORPORATE_ACTIONS; a null value withdraws the action, and ex-dates after the last session are
            not looked at.
        sessions: the window, ascending; counts the sessions between two bars.
        settings: `max_gap_sessions`, and `suspected_actions` with what it needs.

    Returns:
        Rows of ADJUSTED_BARS (or ADJUSTED_BENCHMARKS), one a bar. The two returns since the previous bar, `split_ratio`
        and `dividend_usd` are null where nothing is known of a holder: there is no previous bar, or it is more than
        `max_gap_sessions` sessions back, the worth of a spin-off was not published, or an action that nobody recorded
        is suspected and the settings exclude it (see `suspects`). A value depends on the last `max_gap_sessions` + 1
        sessions only, wherever the window begins.

    Raises:
        ValueError: a bar outside `sessions`, a split that is not positive or a distribution that is negative.
    """
    chained = chain(bars, actions, sessions)
    known = (pl.col("gap") <= settings.max_gap_sessions) & ~pl.col("unknown")
    if settings.suspected_actions == "exclude":
        known &= ~suspected(chained, settings)
    return chained.select(
        "event_date",
        "symbol",
        log_return=pl.when(known).then(total_return("close")),
        overnight_log_return=pl.when(known).then(total_return("open")),
        intraday_log_return=(pl.col("close") / pl.col("open")).log(),
        split_ratio=pl.when(known).then("split_ratio"),
        dividend_usd=pl.when(known).then("dividend_usd"),
        open="open",
        high="high",
        low="low",
        close="close",
        dollar_volume_usd=pl.col("close") * pl.col("volume"),
        vwap="vwap",
    )
