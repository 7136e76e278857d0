"""Names are the field's: words of the private vocabulary that docs/glossary.md replaces are in no public name.

Checked are the names of modules, classes, functions, parameters, declared fields (of settings and records) and columns
of datasets. Locals inside a function are not: their scope explains them.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from feature_store.schemas.catalogue import DATASETS

ROOT = Path(__file__).parent.parent
PACKAGES = ("configs", "feature_store", "quant_resources", "quant_assets", "asof")

INSTEAD = {
    "told said asked found wanted given chosen": "name the thing itself: rows, versions, requested, eligible",
    "word words": "latest version; labels; text",
    "mend mends mended mending": "fix, repair",
    "refuse refuses refused refusing refusal": "reject",
    "door doors": "ingestion, validation at ingest",
    "least": "min_count, min_observations",
    "share": "fraction, ratio",
    "deviation deviations": "standard_deviation, volatility, distance",
    "programme programmes": "optimization problem, convex program",
    "figures": "metadata, metrics, plots, values",
    "piece pieces epoch epochs": "segment",
    "tape tapes standing standings outlook outlooks": "market snapshot, tradability, risk forecast",
    "leaves stays": "must_exit, locked",
    "judge judges judged verdict verdicts spoilt spoil": "checker, checked, check result, perturbed",
    "lives life fates fate walk walks weather happening happenings": "lifecycles, outcomes, simulation, events",
    "twin twins": "reference implementation, counterpart",
}
"""Words that a name does not hold, to what the field says."""

BANNED = {word: instead for words, instead in INSTEAD.items() for word in words.split()}

# Parts of snake_case names in which a banned word has its meaning in the field.
ALLOWED = {
    "half_life": "time in which a weight halves",
    "half_lives": "its plural",
    "walk_forward": "the validation scheme",
    "random_walk": "the process",
    "least_squares": "the estimator",
    "at_least": "a lower bound, in a sentence",
    "standard_deviation": "a moment, said in full",
    "standard_deviations": "its plural",
    "absolute_deviation": "mean or median absolute deviation, a statistic",
    "per_share": "per share of stock",
    "share_class": "class of a stock",
    "share_count": "number of shares of stock",
    "tree_leaves": "leaves of a regression tree",
    "training_epochs": "passes over a training set",
}


def snake_case(name: str) -> str:
    """`WalkForward` is walk_forward, `HTTPClient` http_client."""
    parts: list[str] = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return "_".join(part.lower() for part in parts)


def banned_words(name: str) -> list[str]:
    """Words of a name that the field does not use so."""
    rest = f"_{snake_case(name)}_"
    for phrase in ALLOWED:
        rest = rest.replace(f"_{phrase}_", "__")
    private = [word for word in rest.split("_") if word in BANNED]
    return (
        [*private, "names"] if name == "Names" else private
    )  # a plural of names is English; a class of them says nothing


def declared_names(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each class, function, parameter and declared field of a module."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        if isinstance(node, ast.ClassDef):
            yield from ((field.lineno, field.target.id) for field in node.body if is_field(field))


def is_field(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)


def names_of_file(path: Path) -> Iterator[tuple[str, str]]:
    """Place and name, the module's own first."""
    place = path.relative_to(ROOT).as_posix()
    yield place, path.stem
    for line, name in declared_names(ast.parse(path.read_text())):
        yield f"{place}:{line}", name


def names_of_columns() -> Iterator[tuple[str, str]]:
    for name, dataset in DATASETS.items():
        yield from ((f"feature_store/schemas: {name}", column) for column in dataset.schema)


def all_names() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield from names_of_file(path)
    yield from names_of_columns()


def offences() -> Iterator[str]:
    """Place of each name with a banned word, and what to write instead."""
    for place, name in all_names():
        for word in banned_words(name):
            yield f"{place} {name}: {word!r} -> {BANNED.get(word, 'say names of what')}"


# Known values


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("_refuse_gaps", ["refuse"]),
        ("LastWords", ["words"]),
        ("max_adv_share", ["share"]),
        ("_annual_deviation", ["deviation"]),
        ("Names", ["names"]),
        ("column_names", []),
        ("shares_outstanding", []),
        ("WalkForward", []),
        ("Walk", ["walk"]),
        ("earnings_per_share", []),
        ("annual_standard_deviation", []),
        ("foundation", []),
    ],
)
def test_a_banned_word_is_seen_whole_and_outside_the_fields_phrases(name: str, words: list[str]) -> None:
    assert banned_words(name) == words


def test_every_kind_of_declaration_is_looked_at() -> None:
    module = ast.parse("class A:\n    b: int\n    def c(self, d, *e, f=1, **g): h = 1\nk = lambda i: i\n")
    assert {name for _, name in declared_names(module)} == {*"Abcdefgi", "self"}


# Properties


def test_names_are_the_fields() -> None:
    wrong = list(offences())
    assert not wrong, "docs/glossary.md has the field's word:\n" + "\n".join(wrong)
