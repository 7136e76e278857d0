"""What must hold of what came in, session by session."""

import polars as pl

from configs.settings import Quality

SHOWN = 3  # rows that a message quotes


def within_tolerance(quarantine: pl.DataFrame, settings: Quality) -> str | None:
    """None when validation at ingest rejected no more rows than `quarantine_tolerance`; else which, why, and the fix.

    Args:
        quarantine: rows of one session of QUARANTINE; a row that breaks two rules counts once.
    """
    rows = quarantine.select("source", "row").n_unique()
    if rows <= settings.quarantine_tolerance:
        return None
    first = quarantine.unique(["source", "row"], keep="first", maintain_order=True).head(SHOWN)
    reasons = "; ".join(f"{file}: {reason}" for file, reason in first.select("file", "reason").iter_rows())
    more = f"; and {rows - SHOWN} more in market/quarantine" if rows > SHOWN else ""
    return (
        f"{rows} rows rejected, more than quality.quarantine_tolerance {settings.quarantine_tolerance}: {reasons}"
        f"{more}. The other rows were stored; run again once the file is fixed"
    )


def bars_arrived(data_quality: pl.DataFrame, bars: pl.DataFrame, settings: Quality) -> str | None:
    """None when no more than `missing_tolerance` of the names that should have a bar have none; else how many.

    Args:
        data_quality: rows of one session of DATA_QUALITY.
        bars: BARS of that session, as known at it.
    """
    missing = data_quality.filter(rule="missing_bar")
    fraction = missing.height / max(missing.height + bars.height, 1)
    if fraction <= settings.missing_tolerance:
        return None
    names = ", ".join(missing["symbol"].head(SHOWN))
    return (
        f"{missing.height} of {missing.height + bars.height} names have no bar, more than quality.missing_tolerance "
        f"{settings.missing_tolerance}: {names}, ...; the file is not complete"
    )
