"""A book replayed with alphas or settings of one's own, through the platform's account, costs, fills and optimizer."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from threadpoolctl import threadpool_limits

from asof.dates import Day, day
from asof.frames import DATE, Frame, rows_of
from asof.stores import Store
from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Dataset
from feature_store.schemas.alpha import COMBINED
from feature_store.schemas.execution import BOOK
from feature_store.store import Store as FeatureStore
from quant_assets.engine.asset import Recursive
from quant_assets.engine.opening import open_runner
from quant_assets.engine.stored_versions import StoredVersions
from quant_assets.graph import all_assets

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """A book that was stepped from session to session.

    Attributes:
        book: rows of `execution/book`: what was held, filled, earned, targeted and ordered; cash is the row USD.
        limits: rows of `portfolio/diagnostics`: each limit with its value and dual.
        optimization: rows of `portfolio/optimization`: terms of the objective and the solver's report.
    """

    book: pl.DataFrame
    limits: pl.DataFrame
    optimization: pl.DataFrame

    def account(self) -> pl.DataFrame:
        """One row a session: nav_usd, return_net (null on the first), pnl_usd, cost_usd, borrow_usd and turnover."""
        traded = (pl.col("fill_shares") * pl.col("fill_price_usd")).abs()
        daily = self.book.group_by(DATE, maintain_order=True).agg(
            nav_usd=pl.col("value_usd").sum(),
            pnl_usd=pl.col("pnl_usd").sum(),
            cost_usd=pl.col("cost_usd").sum(),
            borrow_usd=pl.col("borrow_usd").sum(),
            traded_usd=traded.sum(),
        )
        before = pl.col("nav_usd").shift()
        return daily.select(
            DATE,
            "nav_usd",
            "pnl_usd",
            "cost_usd",
            "borrow_usd",
            return_net=pl.col("nav_usd") / before - 1,
            turnover=(pl.col("traded_usd") / before).fill_null(0.0),
        )


def replay(
    store: Store,
    first: Day,
    last: Day,
    alphas: Frame | None = None,
    settings: Mapping[str, object] | None = None,
) -> Replay:
    """The main book over [first, last], begun with the initial cash on `first`; nothing is stored.

    Bars, corporate actions, costs, risk and views are read as they were known at each session. With neither alphas nor
    settings of one's own and from the start of history on, it is the stored book to the bit.

    Args:
        store: opened with its home, and with everything stored that the book reads.
        first, last: sessions.
        alphas: event_date, symbol and alpha: the expected relative return over `portfolio.horizon_sessions`, simple, as
            decided at the close of event_date; a stock without one keeps its weight. By default the stored ones.
        settings: changes of the home's settings by dotted key, for example `{"portfolio.weight_cap": 0.03}`.

    Raises:
        StoreError: a session that the book reads is not stored.
        ConfigError: a setting that is unknown or out of bounds.
        ValueError: days that are no sessions, or alphas of another shape.
    """
    targets = _targets(day(first, "first"), day(last, "last"))
    profile = store.profile_with(settings or {})
    rows = None if alphas is None else _alphas(alphas)
    (asset,) = (a for a in all_assets(profile) if isinstance(a, Recursive) and a.name == BOOK.name)
    for window in asset.inputs.values():
        if rows is None or window.dataset.name != COMBINED.name:
            store.store.require(window.dataset, targets)
    calculation = open_runner(store.require_home(), store.store, profile).calculation
    with threadpool_limits(1):  # as where books are stored: sums of several threads differ in their last digits
        steps = [frames for _, frames in calculation.steps(asset, targets, _Versions(store.store, rows))]
    return Replay(*(pl.concat([step[i] for step in steps]) for i in range(3)))


class _Versions(StoredVersions):
    """Stored rows, with alphas in the place of the stored ones; no book comes before the first session."""

    def __init__(self, store: FeatureStore, alphas: pl.DataFrame | None) -> None:
        super().__init__(store)
        self._alphas = alphas

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        if self._alphas is None or dataset.name != COMBINED.name:
            return super().versions(dataset, first, last, columns)
        return self._alphas.filter(pl.col(DATE).is_between(first, last)).select(*columns, "session")

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return None


def _alphas(alphas: Frame) -> pl.DataFrame:
    rows = rows_of(COMBINED, alphas, "alphas", ("alpha",))
    if (wrong := rows.filter(pl.col("alpha").is_infinite())).height:
        row = wrong.row(0, named=True)
        raise ValueError(f"alphas: {row['symbol']} has {row['alpha']} on {row[DATE]}, expected a finite number or null")
    return rows.with_columns(pl.col("alpha").fill_nan(None), known_at=pl.lit(None, KNOWN_AT), session=pl.col(DATE))


def _targets(first: dt.date, last: dt.date) -> list[dt.date]:
    for one in (first, last):
        sessions.index_of(one)
    if last < first:
        raise ValueError(f"last is {last}, before first, {first}; pass them in order")
    return sessions.between(first, last)
