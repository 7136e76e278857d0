"""Splits of a panel for scikit-learn: purged of labels that reach into the test, with an embargo.

`groups` says which session each row speaks of, and each splitter how many sessions its labels look ahead:

    cross_val_score(model, x, y, groups=sessions, cv=PurgedKFold(5, horizon_sessions=21))

Rows may come in any order, and may be of many stocks: all rows of a session are on the same side.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asof.dates import days
from feature_store import sessions as calendar
from quant_assets.alpha.training import cross_validation as rules

Split = rules.Split
Groups = Any  # a column of days, or two


class _Splitter(ABC):
    """What scikit-learn asks of a splitter."""

    horizon_sessions: int | None

    @abstractmethod
    def _rule(self) -> rules.PurgedKFold | rules.CombinatorialPurged | rules.WalkForward:
        """The platform's splitter."""

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Number of splits, whatever the rows are."""
        return self._rule().n_splits

    def split(self, X: Sized | None = None, y: object = None, groups: Groups = None) -> Iterator[Split]:
        """(train, test) row indices, ascending.

        Args:
            groups: (n,) session of each row; or, without `horizon_sessions`, a frame or pair of columns (session,
                label_end), the second being the session in which the row's label matures.

        Raises:
            ValueError: no groups, a row of `X` without one, a day that is not a session, or too few sessions.
        """
        if groups is None:
            raise ValueError("groups are missing: pass the session of each row, as groups=frame['event_date']")
        own, label_end = self._intervals(groups)
        if X is not None and len(X) != len(own):
            raise ValueError(f"groups has {len(own)} rows, expected {len(X)}, as of X")
        return self._rule().split(own, label_end)

    def _intervals(self, groups: Groups) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
        if self.horizon_sessions is None:
            own, end = _two_columns(groups)
            return days(own, "groups, first column"), days(end, "groups, second column")
        own = days(groups, "groups")
        distinct, place = np.unique(own, return_inverse=True)
        ends = [calendar.shift(day, self.horizon_sessions) for day in distinct.tolist()]
        return own, np.array(ends, dtype="datetime64[D]")[place]


@dataclass(frozen=True)
class PurgedKFold(_Splitter):
    """Each of `n_splits` blocks of sessions is the test once; the others train, before and after it.

    Attributes:
        n_splits: blocks of equally many sessions; the last one also takes the rest.
        horizon_sessions: sessions that a label looks ahead; None: `groups` has two columns.
        embargo: sessions that do not train after the end of the test's labels.
    """

    n_splits: int = 5
    horizon_sessions: int | None = None
    embargo: int = 0

    def _rule(self) -> rules.CombinatorialPurged:
        return rules.CombinatorialPurged(self.n_splits, 1, self.embargo)


@dataclass(frozen=True)
class CombinatorialPurged(_Splitter):
    """Every choice of `n_test_groups` of `n_groups` blocks of sessions is the test once; the others train.

    Attributes:
        n_groups: blocks of equally many sessions; the last one also takes the rest.
        n_test_groups: of each split.
        horizon_sessions, embargo: as of `PurgedKFold`.

    Source: López de Prado (2018), Advances in Financial Machine Learning, chapter 12.
    """

    n_groups: int = 6
    n_test_groups: int = 2
    horizon_sessions: int | None = None
    embargo: int = 0

    def _rule(self) -> rules.CombinatorialPurged:
        return rules.CombinatorialPurged(self.n_groups, self.n_test_groups, self.embargo)

    def path_ids(self) -> list[list[int]]:
        """Of each split, the path that each of its test blocks belongs to."""
        return self._rule().path_ids()


@dataclass(frozen=True)
class WalkForward(_Splitter):
    """The latest sessions in blocks, each tested by what was learned from labels that had ended as it began.

    Attributes:
        n_splits: blocks.
        test_sessions: of each block; the blocks end with the panel.
        train_sessions: only so many sessions right before the block train; None: all.
        horizon_sessions: as of `PurgedKFold`.
    """

    n_splits: int = 5
    test_sessions: int = 21
    train_sessions: int | None = None
    horizon_sessions: int | None = None

    def _rule(self) -> rules.WalkForward:
        return rules.WalkForward(self.test_sessions, self.n_splits, self.train_sessions)


def _two_columns(groups: Groups) -> tuple[Any, Any]:
    if hasattr(groups, "columns"):
        names = list(groups.columns)
        if len(names) == 2:
            return groups[names[0]], groups[names[1]]
        raise ValueError(f"groups has the columns {names}, expected two: the session and the label's end")
    array = np.asarray(groups)
    if array.ndim == 2 and array.shape[1] == 2:
        return array[:, 0], array[:, 1]
    raise ValueError(
        f"groups has shape {array.shape}, expected (n, 2): the session and the label's end of each row; or give the "
        "splitter horizon_sessions, and pass the sessions alone"
    )
