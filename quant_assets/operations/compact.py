"""Months that are over become one file a dataset."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from quant_assets.graph import all_assets
from quant_assets.operations.backfill import selected_names
from quant_resources.home import Home


def compact_rows(home: Home, select: Sequence[str], before: dt.date | None) -> list[dict[str, Any]]:
    """Per dataset: sessions that moved, and its files before and after.

    Args:
        before: months that ended before this day; by default, before the month of the dataset's last session.
    """
    store = home.open_store()
    rows = []
    for name in selected_names(all_assets(home.profile), select):
        files = store.count_files(name)
        moved = store.compact(name, before)
        rows.append({"dataset": name, "moved": moved, "files": files, "files_after": store.count_files(name)})
    return rows
