"""What must hold of every stored session of the account and its attribution."""

import polars as pl

from feature_store.decision_time import DecisionClock

TOLERANCE = 1e-10  # of net asset value


def account_closes(
    pnl: pl.DataFrame, bars: pl.DataFrame, clock: DecisionClock, before: pl.DataFrame | None = None
) -> str | None:
    """None when each book's net asset value changed by what it earned less costs and fees; else what is wrong.

    Args:
        pnl: rows of one session of PNL.
        before: rows of PNL of the session before; without them there is nothing to compare with.
    """
    if before is None or before.is_empty():
        return None
    change = pl.col("nav_usd") - pl.col("nav_before")
    accounts = pnl.join(before.select("book", nav_before="nav_usd"), on="book", how="left").with_columns(
        gap=change - (pl.col("pnl_usd") - pl.col("cost_usd") - pl.col("borrow_usd"))
    )
    wrong = accounts.filter(~(pl.col("gap").abs() <= TOLERANCE * pl.col("nav_usd")).fill_null(False))
    if wrong.is_empty():
        return None
    return f"NAV did not change by pnl − cost − borrow: {wrong.select('event_date', 'book', 'gap').to_dicts()}"


def attribution_closes(
    attribution: pl.DataFrame, bars: pl.DataFrame, clock: DecisionClock, before: pl.DataFrame | None = None
) -> str | None:
    """None when the sources add up to the change of net asset value since the session before; else what is wrong.

    The sources are added from each row's own profit, fees and fills, never taken as what is left of the change.

    Args:
        attribution: rows of one session of ATTRIBUTION.
        before: rows of ATTRIBUTION of the session before; without them there is nothing to compare with.
    """
    if before is None or before.is_empty():
        return None
    nav, earlier = float(attribution["nav_usd"][0]), float(before["nav_usd"][0])
    gap = nav - earlier - float(attribution["pnl_usd"].sum())
    if abs(gap) <= TOLERANCE * nav:
        return None
    return f"{attribution['event_date'][0]}: NAV changed by {nav - earlier} USD, the sources by {gap} USD less"
