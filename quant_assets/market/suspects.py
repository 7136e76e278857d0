"""Splits that the prices show and no action records, by a rule on what was known by then.

A split moves the price over night by a simple ratio and nothing else: the day goes on quietly at the new level, and as
many dollars change hands as before. A crash or a takeover is loud: the price swings within the day, and the dollars
traded are a multiple. So all of this must hold of a bar and the one before it, recorded actions taken into account:

- the total return from the previous close to the open is at least `suspect_ratio`, up or down;
- it lies within `suspect_tolerance` of a simple split: 3 for 2, N for 1, or their reverse;
- the bar's high is no more than `suspect_range` above its low, and not equal to it;
- its dollar volume is known, and no more than `suspect_volume` times the one before;
- a tick is less than the tolerance: of a share at two cents every move is a simple ratio.

Where the bar before is of a single price it is a placeholder, which may hide the real day: the dollars of both are held
against the bar before it then.

A split that was recorded and that the price does not show breaks the same rule, and so does a price that is wrong by a
factor. What a spin-off leaves unrecorded does not, unless the child happens to be worth a simple part of the whole.
`docs/adjustment.md` has the derivation of the thresholds, their hits and their misses.
"""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Market
from quant_assets.market.chain import chain, total_return

# New per old share; what companies choose. 4 for 3 and 5 for 4 are moves that news make as well.
_FORWARD = (1.5, *map(float, (*range(2, 11), 12, 15, 20, 25, 30, 40, 50, 100)))
SPLITS = tuple(sorted((*_FORWARD, *(1 / ratio for ratio in _FORWARD))))
_TICK_USD = 0.01
_DOLLARS = pl.col("close") * pl.col("volume")


def suspected_actions(
    bars: pl.DataFrame, actions: pl.DataFrame, sessions: list[dt.date], settings: Market
) -> pl.DataFrame:
    """The bars at which an action that nobody recorded is suspected, whatever the settings do about it.

    Args:
        bars: rows of BARS (or BENCHMARKS), no more than one a symbol and session.
        actions: rows of CORPORATE_ACTIONS.
        sessions: the window, ascending.
        settings: the thresholds, and `max_gap_sessions`.

    Returns:
        event_date, symbol, `ratio` (1 + total return from the previous close to the open, after recorded actions),
        `split` (new per old share that would explain it) and `detail` (what was seen), sorted by event_date and
        symbol. A row depends on its bar and the two before.
    """
    chained = chain(bars, actions, sessions)
    suspects = chained.filter(suspected(chained, settings)).with_columns(ratio=total_return("open").exp())
    return (
        suspects.with_columns(split=_nearest(-suspects["ratio"].log()))
        .sort("event_date", "symbol")
        .select("event_date", "symbol", "ratio", "split", detail=_detail())
    )


def suspected(chained: pl.DataFrame, settings: Market) -> pl.Series:
    """A flag for each row of `chain`; false where a bar before is missing or too long ago, or one is not known."""
    jumped = (
        chained.lazy()
        .select(*_seen(), move=total_return("open"), dollars=_DOLLARS)
        .with_row_index("row")
        .filter(pl.col("gap") <= settings.max_gap_sessions, pl.col("move").abs() >= np.log(settings.suspect_ratio))
        .collect()
    )
    placeholder = pl.col("high_1") == pl.col("low_1")
    usual = pl.when(placeholder).then("dollars_2").otherwise("dollars_1")
    since = pl.when(placeholder).then(pl.col("dollars") + pl.col("dollars_1")).otherwise("dollars")
    a_bar_before = (pl.col("gap") + pl.col("gap_1") <= settings.max_gap_sessions) & (pl.col("high_2") > pl.col("low_2"))
    quiet = jumped.filter(
        pl.col("high") <= pl.col("low") * (1 + settings.suspect_range),
        pl.col("high") > pl.col("low"),
        ~placeholder | a_bar_before,
        usual > 0,
        since <= usual * settings.suspect_volume,
        pl.min_horizontal("previous_close", "open") * settings.suspect_tolerance > _TICK_USD,
    )
    off = (quiet["move"] + _nearest(-quiet["move"]).log()).abs()
    flags = np.zeros(chained.height, dtype=bool)
    flags[quiet["row"].filter(off <= settings.suspect_tolerance).to_numpy()] = True
    return pl.Series("suspected", flags)


def _seen() -> list[pl.Expr]:
    """Of a bar, of the one before (_1) and of the one before that (_2): rows stand by symbol and date, and those with a
    `gap` follow one of their own symbol.
    """
    back = [pl.col("high", "low").shift(n).name.suffix(f"_{n}") for n in (1, 2)]
    dollars = [_DOLLARS.shift(n).alias(f"dollars_{n}") for n in (1, 2)]
    gap = pl.col("gap").shift().alias("gap_1")
    return [pl.col("gap", "previous_close", "open", "high", "low"), gap, *back, *dollars]


def _nearest(log_split: pl.Series) -> pl.Series:
    """The simple split nearest to each, in logs."""
    simple = np.array(SPLITS)
    distance = np.abs(log_split.to_numpy()[:, None] - np.log(simple)[None, :])
    return pl.Series(simple[distance.argmin(axis=1)], dtype=pl.Float64)


def _detail() -> pl.Expr:
    recorded = (pl.col("split_ratio") != 1) | (pl.col("dividend_usd") != 0)
    beside = pl.format(", beside a recorded split of {} and {} USD paid", "split_ratio", "dividend_usd")
    return pl.format(
        "opened at {} after a close of {}, as after a split of {} new per old share{}",
        "open",
        "previous_close",
        pl.col("split").round(4),
        pl.when(recorded).then(beside).otherwise(pl.lit("")),
    )
