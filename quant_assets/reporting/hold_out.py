"""The hold-out, guarded wherever results are read: by commands, SQL and the library alike. Each look at it is counted.

What shows how a choice would have fared is guarded: accounts, books, attributions and labels. What is decided or
observed from day to day (orders, weights, predictions, prices) is not: assets are computed through the hold-out, and a
person may look at today's orders. From prices anyone can compute returns; the guard keeps from looking unawares, and
counts the looks.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.hashing import digest_of
from feature_store.schemas.backtest import ATTRIBUTION, PNL
from feature_store.schemas.execution import BOOK_COLUMNS
from feature_store.schemas.features import FORWARD_RETURNS, LABELS
from feature_store.store import Store
from quant_assets.reporting.errors import ReportError
from quant_resources.home import Home
from quant_resources.ledgers.trials import Trial, record


def is_guarded(dataset: Dataset) -> bool:
    """Whether the dataset shows results; a book of a plugin has the columns of the platform's."""
    of_results = dataset.name in (FORWARD_RETURNS.name, LABELS.name, ATTRIBUTION.name)
    return of_results or dataset.columns in (PNL.columns, BOOK_COLUMNS)


@dataclass(frozen=True)
class HoldOut:
    """
    Attributes:
        begin: its first session.
    """

    home: Home
    store: Store
    begin: dt.date

    @property
    def before(self) -> dt.date:
        """The last session that may be shown."""
        return calendar.shift(self.begin, -1)

    @property
    def cutoff(self) -> dt.datetime:
        """The last moment that may be shown: what is known later may rest on the hold-out."""
        return self.store.clock.decision_time(self.before)

    def holds(self, dataset: Dataset) -> bool:
        """Whether sessions of the dataset are stored that it guards."""
        stored = self.store.sessions(dataset)
        return is_guarded(dataset) and bool(stored) and stored[-1] >= self.begin

    def moment(
        self, datasets: Sequence[Dataset], as_of: dt.date | dt.datetime, last: dt.date | None, *, final: bool
    ) -> dt.date | dt.datetime:
        """As of when rows up to `last` may be read: what is asked, or the end of what is not held out.

        Args:
            last: last day that the rows speak of; None for all.
            final: the hold-out may be read, which the trial ledger counts.

        Raises:
            ReportError: the rows reach into the hold-out, without `final`.
            TrialLedgerError: the look cannot be counted.
        """
        guarded = [dataset for dataset in datasets if self.holds(dataset)]
        asked = as_of if isinstance(as_of, dt.datetime) else self.store.clock.decision_time(as_of)
        if not guarded or asked <= self.cutoff:
            return as_of
        if final:
            self.count(guarded)
            return as_of
        if last is not None and last < self.begin:
            return self.cutoff
        names = ", ".join(dataset.name for dataset in guarded)
        raise ReportError(
            f"{names} from {self.begin} on is the hold-out; end before it (--to {self.before}, or last={self.before}), "
            "or pass --final (final=True), which the trial ledger counts"
        )

    def count(self, datasets: Sequence[Dataset]) -> None:
        """Count a look at the hold-out: nothing was earned, but something was learned."""
        parts = [p.parts for d in datasets for p in self.store.partitions(d, self._last(d), self._last(d))]
        settings = [f"{key}={value}" for of in parts for key, value in sorted(of.items()) if key.startswith("config:")]
        code, last = [str(of.get("code")) for of in parts], max(self._last(dataset) for dataset in datasets)
        name = self.home.profile.name
        look = Trial(digest_of(settings), digest_of(code), name, self.begin, last, None, 0, None, None, final=True)
        record(self.home.trial_ledger, look)

    def _last(self, dataset: Dataset) -> dt.date:
        return self.store.sessions(dataset)[-1]


def hold_out_of(home: Home, store: Store) -> HoldOut | None:
    """The hold-out of the home's profile; None where it has none."""
    begin = home.profile.history.hold_out
    return None if begin is None else HoldOut(home, store, calendar.at_or_after(begin))


def readable_moment(
    home: Home,
    store: Store,
    datasets: Sequence[Dataset],
    as_of: dt.date | dt.datetime,
    last: dt.date | None,
    *,
    final: bool,
) -> dt.date | dt.datetime:
    """`HoldOut.moment` of the home; what is asked where there is no hold-out."""
    hold_out = hold_out_of(home, store)
    return hold_out.moment(datasets, as_of, last, final=final) if hold_out else as_of
