import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store import versioning
from feature_store.dataset import Grade
from feature_store.versioning import code_version, fingerprint, import_closure, schema_version
from tests.feature_store.examples import DERIVED, FACTS

MODEL = '''"""A model."""

from models_of_test import numbers
from models_of_test.inner import scale  # a module's name, not an attribute


def predict(x: float) -> float:
    """Twice."""
    return scale.by(x) + numbers.ZERO
'''
FILES = {
    "__init__.py": "",
    "model.py": MODEL,
    "numbers.py": "ZERO = 0.0\n",
    "inner/__init__.py": "",
    "inner/scale.py": "class Factor:\n    '''Of two.'''\n    TWO = 2\n\n\ndef by(x):\n    return Factor.TWO * x\n",
    "unrelated.py": "x = 1\n",
}

Versions = Callable[..., str]


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Versions]:
    """Code version of a package's model after some of its files were replaced."""
    package = tmp_path / "models_of_test"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(versioning, "FIRST_PARTY", ("models_of_test",))

    def of(module: str = "models_of_test.model", **replaced: str) -> str:
        for name, text in FILES.items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(replaced.get(path.stem if path.stem != "__init__" else "", text))
        forget()
        return code_version(module)

    yield of
    forget()


def forget() -> None:
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.startswith("models_of_test")]:
        del sys.modules[name]
    for cached in vars(versioning).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


# known values


def test_the_closure_follows_first_party_imports_only(version: Versions):
    version()
    assert import_closure("models_of_test.model") == {
        "models_of_test",
        "models_of_test.inner",
        "models_of_test.inner.scale",
        "models_of_test.model",
        "models_of_test.numbers",
    }


def test_schemas_and_settings_stand_apart():
    closure = import_closure("feature_store.store")
    assert {"feature_store.store", "feature_store.writers", "feature_store.hashing"} <= closure
    assert not {name for name in closure if name.startswith(("feature_store.schemas", "configs.settings", "polars"))}


# properties


@pytest.mark.parametrize(
    "changed",
    [
        {"model": MODEL.replace("+ numbers", "- numbers")},
        {"numbers": "ZERO = 0\n"},
        {"numbers": "ZERO = 0.0\nONE = 1.0\n"},
        {"scale": FILES["inner/scale.py"].replace("TWO = 2", "TWO = 3")},
        {
            "model": MODEL.replace(
                "from models_of_test import numbers", "from models_of_test import unrelated as numbers"
            )
        },
        {"model": MODEL.replace("    return", "    from models_of_test import unrelated\n    return")},
    ],
)
def test_a_change_of_code_anywhere_in_the_closure_is_another_version(version: Versions, changed: dict[str, str]):
    assert version(**changed) != version()


@pytest.mark.parametrize(
    "changed",
    [
        {"model": MODEL.replace('"""Twice."""', '"""Two times."""')},
        {"model": MODEL.replace('    """Twice."""\n', "")},
        {"model": MODEL.replace('"""A model."""\n', "")},
        {"model": MODEL.replace("  # a module's name, not an attribute", "  # fmt: skip")},
        {"model": MODEL.replace("x: float", "\n    x : float,\n")},
        {"numbers": "# nothing\nZERO = (0.0)\n"},
        {"scale": FILES["inner/scale.py"].replace("Of two.", "Of 2.")},
        {"unrelated": "x = 2\n"},
    ],
)
def test_comments_docstrings_layout_and_other_modules_do_not_count(version: Versions, changed: dict[str, str]):
    assert version(**changed) == version()


def test_what_only_another_module_imports_does_not_count(version: Versions):
    assert version("models_of_test.numbers", model="x = 1\n", scale="y = 2\n") == version("models_of_test.numbers")


def test_a_numeric_library_of_another_version_is_another_version(version: Versions, monkeypatch: pytest.MonkeyPatch):
    before = version()
    monkeypatch.setattr(versioning, "version", lambda name: "0.0" if name == "numpy" else "1.0")
    assert version() != before


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_its_parts_does_not_count_in_a_fingerprint(parts: dict[str, str], random: object):
    items = list(parts.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert fingerprint(dict(items)) == fingerprint(parts)


def test_every_part_counts_in_a_fingerprint():
    parts = {"schema": "1", "code": "2", "config": "3"}
    others = [{**parts, name: "x"} for name in parts] + [{"schema": "1", "code": "2"}, {**parts, "input": "4"}]
    assert len({fingerprint(p) for p in [parts, *others]}) == 6


def test_whatever_changes_a_dataset_changes_its_schema_version_and_its_words_do_not():
    value = FACTS.columns[1]
    changed = [
        replace(FACTS, name="examples/other"),
        replace(FACTS, version=2),
        replace(FACTS, restates=False),
        replace(FACTS, key=("symbol", "value")),
        *(
            replace(FACTS, columns=(FACTS.columns[0], replace(value, **change)))
            for change in (
                {"unit": "USD"},
                {"nullable": False},
                {"at_least": -99},
                {"above": 0},
                {"at_most": 0},
                {"one_of": ("a",)},
                {"grade": Grade.RULED},
                {"name": "other"},
            )
        ),
    ]
    assert len({schema_version(dataset) for dataset in [FACTS, DERIVED, *changed]}) == len(changed) + 2
    told = replace(FACTS, description="Else.", columns=(FACTS.columns[0], replace(value, description="else")))
    assert schema_version(told) == schema_version(FACTS)


# refusals


def test_a_module_that_is_not_ours_has_no_source():
    with pytest.raises(ValueError, match="polars has no source"):
        versioning._parsed("polars")
