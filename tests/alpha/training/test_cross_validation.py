import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.alpha.training.cross_validation import CombinatorialPurged, PurgedKFold, WalkForward
from tests.oracles.alpha import leaks
from tests.oracles.bundle import SHARED, needs
from tests.oracles.panels import sessions

DAYS = sessions(400)


def reference() -> dict:
    path = SHARED / "reference/cpcv.json"
    return json.loads(path.read_text()) if path.exists() else {"counts": [], "cases": [], "timeseriescv": []}


def panel(n: int, label: int, n_symbols: int = 1) -> tuple[list, list]:
    """Session and label end of each row: every session `n_symbols` times."""
    own = [t for t in range(n) for _ in range(n_symbols)]
    return [DAYS[t] for t in own], [DAYS[t + label] for t in own]


def indices(runs: list[list[int]]) -> list[int]:
    return [i for first, last in runs for i in range(first, last + 1)]


def index_sets(splitter, label: int, n: int, n_symbols: int = 1) -> list[tuple[list[int], list[int]]]:
    return [(train.tolist(), test.tolist()) for train, test in splitter.split(*panel(n, label, n_symbols))]


# known values


@needs("reference/cpcv.json")
@pytest.mark.shared
@pytest.mark.parametrize("n_symbols", [1, 3])
@pytest.mark.parametrize("case", reference()["cases"], ids=lambda case: f"purge {case['purge']}")
def test_combinatorial_splits_are_those_of_skfolio(case: dict, n_symbols: int):
    splitter = CombinatorialPurged(case["n_groups"], case["n_test_groups"], case["embargo"])
    # labels over k sessions overlap within k - 1: that is its purge
    found = index_sets(splitter, case["purge"] + 1, case["n"], n_symbols)
    assert len(found) == case["n_splits"] == splitter.n_splits
    assert splitter.path_ids() == case["path_ids"]
    assert splitter.n_paths == case["n_paths"]
    for (train, test), expected in zip(found, case["splits"], strict=True):
        for rows, runs in ((train, "train_runs"), (test, "test_runs")):
            assert rows == [i * n_symbols + j for i in indices(expected[runs]) for j in range(n_symbols)]


@needs("reference/cpcv.json")
@pytest.mark.shared
@pytest.mark.parametrize("case", reference()["timeseriescv"], ids=lambda case: f"embargo {case['embargo']}")
def test_combinatorial_splits_are_those_of_timeseriescv(case: dict):
    splitter = CombinatorialPurged(case["n_groups"], case["n_test_groups"], case["embargo"])
    # its intervals are closed: a label over 5 sessions also occupies its own
    found = {tuple(test): train for train, test in index_sets(splitter, case["horizon"] + 1, case["n"])}
    assert set(found) == {tuple(indices(split["test_runs"])) for split in case["splits"]}
    # of two test blocks it purges after the first by the labels of the second, unless the first begins the panel
    sound = [s for s in case["splits"] if len(s["test_runs"]) == 1 or s["test_runs"][0][0] == 0]
    assert len(sound) == 7
    for split in sound:
        assert found[tuple(indices(split["test_runs"]))] == indices(split["train_runs"])


@needs("reference/cpcv.json")
@pytest.mark.shared
@pytest.mark.parametrize("case", reference()["counts"], ids=lambda case: f"{case['k']} of {case['N']}")
def test_numbers_of_splits_and_paths(case: dict):
    splitter = CombinatorialPurged(case["N"], case["k"])
    assert (splitter.n_splits, splitter.n_paths) == (case["splits"], case["paths"])
    assert {path for paths in splitter.path_ids() for path in paths} == set(range(case["paths"]))


def test_folds_by_hand():
    found = index_sets(PurgedKFold(3, embargo=1), 2, 11)
    # blocks 0-2, 3-5 and 6-10; a label over 2 sessions overlaps its neighbour's, and one more waits
    assert found == [
        ([5, 6, 7, 8, 9, 10], [0, 1, 2]),
        ([0, 1, 8, 9, 10], [3, 4, 5]),
        ([0, 1, 2, 3, 4], [6, 7, 8, 9, 10]),
    ]


def test_walking_forward_by_hand():
    assert index_sets(WalkForward(2, n_splits=2), 3, 10) == [
        ([0, 1, 2, 3], [6, 7]),  # 3 ends on 6, whose own label begins on 7
        ([0, 1, 2, 3, 4, 5], [8, 9]),
    ]
    assert index_sets(WalkForward(2, train_sessions=5), 3, 10) == [([3, 4, 5], [8, 9])]


def test_dates_may_come_as_series_or_arrays():
    own, end = panel(12, 2)
    expected = [(a.tolist(), b.tolist()) for a, b in PurgedKFold(3).split(own, end)]
    for kind in (pl.Series, lambda days: np.array(days, dtype="datetime64[D]")):
        assert [(a.tolist(), b.tolist()) for a, b in PurgedKFold(3).split(kind(own), kind(end))] == expected


# properties


@given(
    st.integers(0, 10**6),
    st.sampled_from([PurgedKFold(3, 2), PurgedKFold(4), CombinatorialPurged(5, 2, 1), CombinatorialPurged(4, 2)]),
)
@settings(max_examples=40, deadline=None)
def test_training_rows_are_those_that_share_no_session_with_a_test_label(
    seed: int, splitter: PurgedKFold | CombinatorialPurged
):
    rng = np.random.default_rng(seed)
    own = np.sort(rng.choice(15, 40))
    own[:15] = np.arange(15)  # every session has a row
    rng.shuffle(own)
    end = own + rng.integers(1, 5, len(own))
    n_groups = splitter.n_groups if isinstance(splitter, CombinatorialPurged) else splitter.n_splits
    group = np.minimum(own // (15 // n_groups), n_groups - 1)
    for train, test in splitter.split([DAYS[t] for t in own], [DAYS[t] for t in end]):
        blocks = [np.flatnonzero(group == g) for g in np.unique(group[test])]
        assert sorted(test) == sorted(np.concatenate(blocks))
        # a block's labels are taken to cover all sessions from its first to its last end
        spans = [(int(own[b].min()), int(end[b].max())) for b in blocks]
        kept = [
            i
            for i in range(len(own))
            if i not in test and not any(leaks(own[i], end[i], [span], splitter.embargo) for span in spans)
        ]
        assert train.tolist() == kept


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))
def test_walking_forward_never_trains_on_what_a_test_label_speaks_of(test_sessions: int, n_splits: int, label: int):
    own, _ = panel(30, label, 2)
    tested = []
    for train, test in WalkForward(test_sessions, n_splits).split(*panel(30, label, 2)):
        first = own[test[0]]
        assert all(DAYS[DAYS.index(own[i]) + label] <= first for i in train)
        assert len(train) == 2 * max(0, DAYS.index(first) - label + 1)
        tested += test.tolist()
    assert tested == list(range(60 - 2 * test_sessions * n_splits, 60))


# refusals


def test_a_label_that_ends_by_its_own_session_is_refused():
    own, end = panel(12, 1)
    with pytest.raises(ValueError, match=r"row 3 .* a label ends after its session"):
        list(PurgedKFold(3).split(own, [*end[:3], own[3], *end[4:]]))
    with pytest.raises(ValueError, match="row 0"):
        list(PurgedKFold(3).split(pl.Series(own), pl.Series([None, *end[1:]])))


def test_lengths_that_differ_and_too_few_sessions_are_refused():
    own, end = panel(12, 1)
    with pytest.raises(ValueError, match="12 sessions and 11 label ends"):
        list(PurgedKFold(3).split(own, end[:-1]))
    with pytest.raises(ValueError, match="has 12 sessions; this split needs at least 13"):
        list(PurgedKFold(13).split(own, end))
    with pytest.raises(ValueError, match="at least 13"):
        list(WalkForward(6, 2).split(own, end))


def test_groups_that_leave_nothing_to_train_are_refused():
    for wrong in ((3, 3, 0), (3, 0, 0), (3, 1, -1)):
        with pytest.raises(ValueError, match="leave at least one to train"):
            CombinatorialPurged(*wrong)
