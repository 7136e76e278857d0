"""Sums of regression trees, read from LightGBM's text and evaluated here.

LightGBM trusts the text of a model: one that was cut or changed ends the process. Here a text is taken apart and
checked against its own sizes first, and the prediction is a loop over arrays whose every index is known to be inside.
Its values are LightGBM's, bit for bit (`Tree::Predict` and `NumericalDecision` of its include/LightGBM/tree.h, version
4).
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.compiled import njit

END = "\nend of trees\n"  # what follows in LightGBM's text counts splits and repeats parameters
VERSION = "v4"
CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of a decision type; the two above them say what is missing
MISSING_ZERO, MISSING_NAN = 1, 2
LARGEST = 2**31 - 1  # LightGBM's own counts have 32 bits
ZERO = float(np.float32(1e-35))  # LightGBM takes what is not larger for 0


@dataclass(frozen=True)
class Trees:
    """Trees one after another: nodes and leaves of all of them in arrays of their own.

    Attributes:
        names: P, of the features.
        roots: (trees,) first node of each, or -1 - leaf of a tree without a split.
        feature, threshold, decision: (nodes,) x[feature] <= threshold goes left; the decision type says where a
            missing value goes.
        left, right: (nodes,) the next node, or -1 - leaf.
        leaf: (leaves,) values.
    """

    names: tuple[str, ...]
    roots: Index
    feature: Index
    threshold: Array
    decision: Index
    left: Index
    right: Index
    leaf: Array


def trees_of(text: str) -> Trees:
    """The trees of LightGBM's text, up to `END`.

    Raises:
        ValueError: the text is not whole, or says of itself what it does not hold.
    """
    head, blank, body = text.partition("\n\n")
    if not blank or not text.endswith(END):
        raise ValueError("the text of the trees does not reach from its head to `end of trees`")
    fields = _fields(head)
    names = tuple(fields.get("feature_names", "").split())
    plain = {"version": VERSION, "num_class": "1", "num_tree_per_iteration": "1"}
    for name, value in plain.items():
        if fields.get(name) != value:
            raise ValueError(f"the trees have {name}={fields.get(name)!r}, expected {value}")
    if "average_output" in fields or _integers(fields, "max_feature_idx", 1)[0] != len(names) - 1:
        raise ValueError("the trees are averaged, or their features are not as many as their names")
    return _joined(names, [_tree(part, i, len(names)) for i, part in enumerate(_parts(fields, body))])


def predict(trees: Trees, features: Array) -> Array:
    """(n,) sum of the leaves that each row falls into, in the order of the trees.

    Args:
        features: (n, P), NaN where missing.

    Raises:
        ValueError: another number of features.
    """
    if features.shape[1] != len(trees.names):
        raise ValueError(f"{features.shape[1]} features where the trees have {len(trees.names)}")
    rows = np.ascontiguousarray(features, dtype=np.float64)
    t = trees
    return np.asarray(_predicted(rows, t.roots, t.feature, t.threshold, t.decision, t.left, t.right, t.leaf))


def _parts(fields: Mapping[str, str], body: str) -> list[str]:
    """The text of each tree, as long as the head says."""
    sizes = _integers(fields, "tree_sizes", len(fields.get("tree_sizes", "").split()))
    body = body.removesuffix(END.removeprefix("\n"))
    edges = np.concatenate([[0], np.cumsum(sizes)])
    if (sizes <= 0).any() or edges[-1] != len(body):
        raise ValueError(f"the trees are {len(body)} characters long where the head counts {edges[-1]}")
    return [body[a:b] for a, b in itertools.pairwise(edges)]


def _fields(text: str) -> dict[str, str]:
    """Lines of `name=value`; the first one of a head is `tree`."""
    lines = [line.partition("=") for line in text.splitlines() if line]
    names = [name for name, _, _ in lines]
    if len(set(names)) < len(names):
        raise ValueError("a line of the text of the trees stands twice")
    return {name: value for name, _, value in lines}


def _integers(fields: Mapping[str, str], name: str, count: int) -> Index:
    values = _numbers(fields, name, count)
    if (np.abs(values) > LARGEST).any() or (values != np.trunc(values)).any():
        raise ValueError(f"{name} of the trees holds numbers that count nothing")
    return values.astype(np.int64)


def _numbers(fields: Mapping[str, str], name: str, count: int) -> Array:
    """`count` numbers of a line."""
    try:
        values = np.array(fields.get(name, "").split(), dtype=np.float64)
    except ValueError:
        raise ValueError(f"{name} of the trees holds no numbers: {fields[name][:40]!r}") from None
    # a split of missing values from all others has an infinite threshold
    if len(values) != count or (np.isnan(values) if name == "threshold" else ~np.isfinite(values)).any():
        raise ValueError(f"{name} of the trees holds {len(values)} numbers, expected {count}, all finite")
    return values


@dataclass(frozen=True)
class _Tree:
    feature: Index
    threshold: Array
    decision: Index
    left: Index
    right: Index
    leaf: Array


def _tree(text: str, place: int, n_features: int) -> _Tree:
    fields = _fields(text)
    if fields.get("Tree") != str(place) or fields.get("num_cat") != "0" or fields.get("is_linear", "0") != "0":
        raise ValueError(f"tree {place} is not there, is categorical or linear")
    n = int(_integers(fields, "num_leaves", 1)[0])
    if not 1 <= n <= len(text):
        raise ValueError(f"tree {place} has {n} leaves")
    whole = ("split_feature", "decision_type", "left_child", "right_child")
    feature, decision, left, right = (_integers(fields, name, n - 1) for name in whole)
    tree = _Tree(feature, _numbers(fields, "threshold", n - 1), decision, left, right,
                 _numbers(fields, "leaf_value", n))  # fmt: skip
    if not (_reaches_each_once(left, right) and _decides(feature, decision, n_features)):
        raise ValueError(f"tree {place} has a node that leads to no node, or asks for a feature that is none")
    return tree


def _reaches_each_once(left: Index, right: Index) -> bool:
    """Every node but the root and every leaf is the child of one node before it, so that every path ends."""
    n = len(left)
    expected = np.concatenate([np.arange(-n - 1, 0), np.arange(1, n)]) if n else np.zeros(0, dtype=np.int64)
    children = np.concatenate([left, right])
    later = (children < 0) | (children > np.tile(np.arange(n), 2))
    return bool(np.array_equal(np.sort(children), expected) and later.all())


def _decides(feature: Index, decision: Index, n_features: int) -> bool:
    known: Mask = (decision & CATEGORICAL == 0) & (decision >> 2 <= MISSING_NAN) & (decision >= 0)
    return bool((known & (feature >= 0) & (feature < n_features)).all())


def _joined(names: tuple[str, ...], trees: list[_Tree]) -> Trees:
    nodes = np.concatenate([[0], np.cumsum([len(tree.feature) for tree in trees])]).astype(np.int64)
    leaves = np.concatenate([[0], np.cumsum([len(tree.leaf) for tree in trees])]).astype(np.int64)
    placed = [(tree, nodes[i], leaves[i]) for i, tree in enumerate(trees)]
    return Trees(
        names,
        roots=_indices([np.array([n if len(tree.feature) else -1 - m]) for tree, n, m in placed]),
        feature=_indices([tree.feature for tree in trees]),
        threshold=np.concatenate([np.zeros(0), *(tree.threshold for tree in trees)]),
        decision=_indices([tree.decision for tree in trees]),
        left=_indices([np.where(tree.left >= 0, tree.left + n, tree.left - m) for tree, n, m in placed]),
        right=_indices([np.where(tree.right >= 0, tree.right + n, tree.right - m) for tree, n, m in placed]),
        leaf=np.concatenate([np.zeros(0), *(tree.leaf for tree in trees)]),
    )


def _indices(arrays: list[Index]) -> Index:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays]).astype(np.int64)


@njit()
def _predicted(
    features: Array, roots: Index, feature: Index, threshold: Array, decision: Index, left: Index, right: Index,
    leaf: Array,
) -> Array:  # fmt: skip
    total = np.zeros(len(features))
    for row in range(len(features)):
        for root in roots:
            node = root
            while node >= 0:
                x = features[row, feature[node]]
                if abs(x) <= ZERO:
                    x = 0.0
                missing = decision[node] >> 2
                if np.isnan(x) and missing != MISSING_NAN:
                    x = 0.0
                if (missing == MISSING_NAN and np.isnan(x)) or (missing == MISSING_ZERO and x == 0.0):
                    goes_left = decision[node] & DEFAULT_LEFT != 0
                else:
                    goes_left = x <= threshold[node]
                node = left[node] if goes_left else right[node]
            total[row] += leaf[-1 - node]
    return total
