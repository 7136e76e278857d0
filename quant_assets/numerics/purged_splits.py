"""Splits of a panel that keep training labels apart from test labels.

A row's label covers the sessions after its own up to `label_end`: its interval is (session, label_end]. Two rows
leak when their intervals share a session. All rows of a session are on the same side. Sessions are counted in the
panel's own.

Source: López de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12.
"""

import datetime as dt
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quant_assets.numerics.arrays import Index, Mask

Dates = Sequence[dt.date] | pl.Series | NDArray[np.datetime64]
Split = tuple[Index, Index]


@dataclass(frozen=True)
class PurgedKFold:
    """Each of `n_splits` blocks of sessions is the test once; the others train, before and after it.

    Attributes:
        n_splits: blocks of equally many sessions; the last one also takes the rest.
        embargo: sessions that do not train after the last test label's end, because what is learned from them is still
            like it.
    """

    n_splits: int
    embargo: int = 0

    def split(self, sessions: Dates, label_end: Dates) -> Iterator[Split]:
        """(train, test) row indices, ascending, in the order of the blocks.

        Args:
            sessions: of each row, in any order.
            label_end: of each row, the session in which its label matures, after its own.

        Raises:
            ValueError: lengths differ, a date is missing, a label ends by its own session, or too few sessions.
        """
        return CombinatorialPurged(self.n_splits, 1, self.embargo).split(sessions, label_end)


@dataclass(frozen=True)
class CombinatorialPurged:
    """Every choice of `n_test_groups` of `n_groups` blocks of sessions is the test once; the others train.

    Attributes:
        n_groups: blocks of equally many sessions; the last one also takes the rest.
        n_test_groups: of each split.
        embargo: sessions that do not train after the end of each test block's labels.
    """

    n_groups: int
    n_test_groups: int
    embargo: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.n_test_groups < self.n_groups or self.embargo < 0:
            raise ValueError(
                f"{self.n_test_groups} of {self.n_groups} groups with an embargo of {self.embargo}; take at least one "
                "group for the test, leave at least one to train, and an embargo of at least 0 sessions"
            )

    @property
    def n_splits(self) -> int:
        return math.comb(self.n_groups, self.n_test_groups)

    @property
    def n_paths(self) -> int:
        """How often each block is tested: as many whole histories can be put together from the tests."""
        return self.n_splits * self.n_test_groups // self.n_groups

    def test_groups(self) -> list[tuple[int, ...]]:
        """The test blocks of each split, in lexicographic order."""
        return list(itertools.combinations(range(self.n_groups), self.n_test_groups))

    def path_ids(self) -> list[list[int]]:
        """The path that each test block of each split belongs to: the how-manieth test of that block it is."""
        seen = [0] * self.n_groups
        paths = []
        for groups in self.test_groups():
            paths.append([seen[group] for group in groups])
            for group in groups:
                seen[group] += 1
        return paths

    def split(self, sessions: Dates, label_end: Dates) -> Iterator[Split]:
        """(train, test) row indices, ascending, in the order of `test_groups`; see `PurgedKFold.split`."""
        panel = _panel(sessions, label_end)
        _require_sessions(panel, self.n_groups)
        size = len(panel.days) // self.n_groups
        group = np.minimum(panel.position // size, self.n_groups - 1)
        for selected in self.test_groups():
            blocks = [group == g for g in selected]
            test = np.logical_or.reduce(blocks)
            train = np.logical_and.reduce([~test, *(_apart(panel, block, self.embargo) for block in blocks)])
            yield np.flatnonzero(train), np.flatnonzero(test)


@dataclass(frozen=True)
class WalkForward:
    """The latest sessions in blocks, each tested by what was learned from labels that had ended as it began.

    The gap between the last training session and the block is the label's own length: no embargo is needed, since
    nothing after a block trains for it.

    Attributes:
        test_sessions: of each block; the blocks end with the panel.
        n_splits: blocks.
        train_sessions: only so many sessions right before the block train; None: all.
    """

    test_sessions: int
    n_splits: int = 1
    train_sessions: int | None = None

    def split(self, sessions: Dates, label_end: Dates) -> Iterator[Split]:
        """(train, test) row indices, ascending, the earliest block first; see `PurgedKFold.split`."""
        panel = _panel(sessions, label_end)
        _require_sessions(panel, self.test_sessions * self.n_splits + 1)
        for left in range(self.n_splits, 0, -1):
            start = len(panel.days) - left * self.test_sessions
            test = (panel.position >= start) & (panel.position < start + self.test_sessions)
            earliest = 0 if self.train_sessions is None else start - self.train_sessions
            train = (panel.label_end <= panel.days[start]) & (panel.position >= earliest)
            yield np.flatnonzero(train), np.flatnonzero(test)


@dataclass(frozen=True)
class _Panel:
    """days: the S different sessions, ascending; position: of each row among them; label_end: of each row."""

    days: NDArray[np.datetime64]
    position: Index
    label_end: NDArray[np.datetime64]


def _panel(sessions: Dates, label_end: Dates) -> _Panel:
    own, end = np.asarray(sessions, dtype="datetime64[D]"), np.asarray(label_end, dtype="datetime64[D]")
    if own.shape != end.shape:
        raise ValueError(f"{len(own)} sessions and {len(end)} label ends; pass one of each a row")
    if not (end > own).all():  # a missing date compares as false
        row = int(np.argmin(end > own))
        raise ValueError(f"row {row} of {own[row]} has a label that ends on {end[row]}; a label ends after its session")
    days, position = np.unique(own, return_inverse=True)
    return _Panel(days, position.astype(np.int64), end)


def _apart(panel: _Panel, block: Mask, embargo: int) -> Mask:
    """Rows whose label ends as the block begins, or that begin once its labels have ended and the embargo is over."""
    ended = int(np.searchsorted(panel.days, panel.label_end[block].max()))
    before = panel.label_end <= panel.days[panel.position[block].min()]
    apart: Mask = before | (panel.position >= ended + embargo)
    return apart


def _require_sessions(panel: _Panel, min_sessions: int) -> None:
    if len(panel.days) < min_sessions:
        raise ValueError(f"the panel has {len(panel.days)} sessions; this split needs at least {min_sessions}")
