"""What counts in the identity of code, and what does not."""

import pytest

from feature_store.code import identity, libraries
from feature_store.code.identity import CodeIdentity, code_identity, differences
from feature_store.code.sources import CodeIdentityError
from tests.feature_store.code.modules import EVEN, FILES, HALF, MODEL, ODD, REGISTRY, SHIFT, changed, everywhere
from tests.feature_store.code.package import NAME, Files, Identify

# -- known values ------------------------------------------------------------------------------------------------------


def test_what_is_reached_is_what_is_used(identify: Identify) -> None:
    reached = {name.removeprefix(f"{NAME}.") for name in identify(FILES).definitions}
    assert reached == {
        "model.predict",
        "model.WEIGHTS",
        "model.LIMIT",
        "numbers.ZERO",
        "inner.scale.by",
        "inner.scale.Factor",
        "registry.RULES",
        "registry.double",
        "registry.rule",
        "shapes.Cube",
        "shapes.Shape",
        "late.shift",
        "late.even",
        "late.odd",
    }


def test_a_method_of_a_class_brings_what_it_calls_on_itself_and_nothing_beside_it(identify: Identify) -> None:
    text = (
        "class Above:\n    def shared(self):\n        return ONE\n\n    def beside(self):\n        return TWO\n\n\n"
        "class Engine(Above):\n    step: int = 3\n\n    def __init__(self, a):\n        self._a = a + THREE\n\n"
        "    def run(self):\n        return self._walk() + super().shared()\n\n"
        "    def _walk(self):\n        return [self.step for _ in range(self._a)]\n\n"
        "    def other(self):\n        return FOUR\n\n\nONE, TWO, THREE, FOUR = 1, 2, 3, 4\n"
    )
    found = identify({"model.py": text}, "model.Engine", at="run").definitions
    reached = {name.removeprefix(f"{NAME}.model.").removesuffix(" of Engine") for name in found}
    assert reached == {"Engine.run", "Engine._walk", "Engine.step", "Engine.__init__", "Above.shared", "ONE", "THREE"}


def test_libraries_are_those_that_are_used_and_what_is_compiled_beneath_them(identify: Identify) -> None:
    text = "import polars as pl\nfrom scipy import stats\n\n\ndef predict(x):\n    return stats.norm.cdf(x)\n"
    assert {*identify({"model.py": text}).libraries} == {"python", "scipy", "numpy"}
    assert {*libraries.library_versions(["numba"])} == {"python", "numba", "llvmlite", "numpy"}
    assert {"polars", "polars-runtime-32"} <= {*libraries.library_versions(["polars"])}
    assert "scikit-learn" in libraries.library_versions(["sklearn"])
    assert {*libraries.library_versions(["json", "ast"])} == {"python"}


def test_the_text_says_all_of_it(identify: Identify) -> None:
    found = identify(FILES)
    assert CodeIdentity.from_text(found.as_text()) == found


def test_what_differs_is_described(identify: Identify, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identify(FILES)
    assert differences(before, identify(FILES)) == []
    assert differences(before, identify(changed("numbers.py", "ZERO = 0.0", "ZERO = 1.0"))) == [
        f"definition {NAME}.numbers.ZERO changed"
    ]
    assert differences(before, identify(changed("model.py", "by(weight)", "weight"))) == [
        f"definition {NAME}.inner.scale.Factor removed",
        f"definition {NAME}.inner.scale.by removed",
        f"definition {NAME}.model.predict changed",
    ]
    assert differences(before, identify(everywhere("shift", "moved"))) == []
    monkeypatch.setattr(identity, "library_versions", lambda _: {"python": "3.12", "numpy": "9"})
    assert differences(before, identify(FILES)) == ["library numpy none -> 9", "library python 3.11 -> 3.12"]


def test_that_two_definitions_change_places_is_reported(identify: Identify) -> None:
    text = "def predict(x):\n    return a(x) - b(x)\n\n\ndef a(x):\n    return x + 1\n\n\ndef b(x):\n    return x + 2\n"
    before, after = identify({"model.py": text}), identify({"model.py": text.replace("a(x) - b(x)", "b(x) - a(x)")})
    assert before.digest != after.digest
    (said,) = differences(before, after)
    assert said.startswith(f"definition {NAME}.model.predict refers to other definitions: ")


# -- properties --------------------------------------------------------------------------------------------------------

FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from models_of_test import late\n"
SAME = {
    "a comment": changed("model.py", "# so far", "# up to now"),
    "a docstring": changed("model.py", '"""A prediction."""', '"""Something else."""'),
    "no docstring": changed("model.py", '    """A prediction."""\n', ""),
    "a module's docstring": changed("model.py", '"""A model."""\n', ""),
    "a class's docstring": changed("inner/scale.py", "    'Of two.'\n", ""),
    "annotations": changed("model.py", "(x: float, power: int = 2) -> float:", "(x, power=2):"),
    "a local's annotation": changed("model.py", "total = 0.0", "total: float = 0.0"),
    "a field's annotation": changed("shapes.py", "scale: float", "scale: 'int | None'"),
    "a local's name": {**FILES, "model.py": MODEL.replace("total", "sum_of_all").replace("weight", "w")},
    "an import's alias": {**FILES, "model.py": MODEL.replace("math as m", "math").replace("m.pi", "math.pi")},
    "another way to import": {
        **FILES, "model.py": MODEL.replace("import math as m", "from math import pi").replace("m.pi", "pi"),
    },
    "an import by another module": changed("model.py", "inner.scale import by", "inner import by_name as by"),
    "an unused import": changed("model.py", "import math as m\n", "import math as m\nimport decimal\n"),
    "an unused import of ours": changed("numbers.py", "ZERO", "from models_of_test import late\n\nZERO"),
    "an import for types": changed("numbers.py", "ZERO", FOR_TYPES + "ZERO"),
    "an unrelated function beside": changed("model.py", "return x + numbers.OTHER", "return x - numbers.OTHER"),
    "an unrelated constant beside": changed("numbers.py", "OTHER = 3", "OTHER = 4"),
    "an unrelated class beside": changed("shapes.py", "class Ball(Shape):\n    pass", "class Ball(Shape):\n    x = 1"),
    "a function's name": everywhere("shift", "moved"),
    "a class's name": everywhere("Factor", "Multiple"),
    "a constant's name": everywhere("WEIGHTS", "COEFFICIENTS"),
    "a name in a cycle": everywhere("even", "is_even"),
    "a script": {**FILES, "model.py": MODEL + "\n\nif __name__ == '__main__':\n    WEIGHTS['c'] = predict(1.0)\n"},
    "order of functions": {**FILES, "late.py": ODD + EVEN + SHIFT},
    "order of methods": changed(
        "shapes.py",
        "    def side(self):\n        return self.length * self.scale\n\n    def zero(self):\n        return 0.0\n",
        "    def zero(self):\n        return 0.0\n\n    def side(self):\n        return self.length * self.scale\n",
    ),
    "a module's place": {
        **{name: text for name, text in FILES.items() if name != "late.py"},
        "model.py": MODEL.replace("models_of_test.late", "models_of_test.inner.moved"),
        "inner/moved.py": FILES["late.py"],
    },
    "a module in two": {
        **FILES, "late.py": "from models_of_test.cycle import even\n" + SHIFT, "cycle.py": EVEN + ODD,
    },
    "layout": changed("model.py", "return shift(sum(", "return shift(\n        sum("),
}  # fmt: skip


@pytest.mark.parametrize("files", SAME.values(), ids=SAME)
def test_what_does_nothing_does_not_count(identify: Identify, files: Files) -> None:
    before, after = identify(FILES), identify(files)
    assert differences(before, after) == []
    assert after.digest == before.digest


OTHER = {
    "a constant": changed("numbers.py", "ZERO = 0.0", "ZERO = 0.5"),
    "a constant's type": changed("numbers.py", "ZERO = 0.0", "ZERO = 0"),
    "a sign": changed("model.py", "+ m.pi", "- m.pi"),
    "a condition in a comprehension": changed("model.py", "y > LIMIT", "y >= LIMIT"),
    "another function of a library": changed("model.py", "m.pi", "m.e"),
    "a default": changed("model.py", "power: int = 2", "power: int = 3"),
    "a parameter's name": changed("model.py", "power: int", "exponent: int"),
    "a decorator": changed("inner/scale.py", "@functools.lru_cache(maxsize=2)\n", ""),
    "a decorator's argument": changed("inner/scale.py", "maxsize=2", "maxsize=3"),
    "a class's constant": changed("inner/scale.py", "TWO = 2", "TWO = 3"),
    "another constant of a class": changed("inner/scale.py", "    TWO = 2", "    TWO = 2\n    ONE = 1"),
    "a field's default": changed("shapes.py", "scale: float = 1.0", "scale: float = 2.0"),
    "a field's name": everywhere("length", "edge"),
    "a class's decorator": changed("shapes.py", "@dataclass(frozen=True)", "@dataclass"),
    "a method": changed("shapes.py", "self.length * self.scale", "self.length / self.scale"),
    "an inherited method": changed("shapes.py", "** 3", "** 2"),
    "a base": changed("shapes.py", "class Cube(Shape):", "class Cube:"),
    "an item that is set": changed("model.py", 'WEIGHTS["b"] = 2.0', 'WEIGHTS["b"] = 3.0'),
    "another item that is set": changed("model.py", 'WEIGHTS["b"] = 2.0', 'WEIGHTS["b"] = 2.0\nWEIGHTS.update(c=1)'),
    "an addition": changed("model.py", "LIMIT += 1", "LIMIT += 2"),
    "a loop over a table": changed("model.py", 'WEIGHTS["b"] = 2.0', 'for k in "b":\n    WEIGHTS[k] = 2.0'),
    "a condition": changed("model.py", "LIMIT += 1", "if m.pi > 3:\n    LIMIT += 1"),
    "an attempt": changed("model.py", "LIMIT += 1", "try:\n    LIMIT += 1\nexcept TypeError:\n    LIMIT = 1"),
    "what is registered": changed("registry.py", "return 2 * x", "return 3 * x"),
    "under which name": changed("registry.py", "@rule('double')", "@rule('twice')"),
    "what else is registered": {**FILES, "registry.py": REGISTRY + HALF},
    "what another module registers": {
        **FILES,
        "model.py": MODEL.replace("import numbers, registry", "import numbers, plugin, registry"),
        "plugin.py": "from models_of_test.registry import rule\n" + HALF,
    },
    "what is imported inside": changed("late.py", "return x + even(3)", "return x + even(5)"),
    "one of a cycle": changed("late.py", "n != 0", "n > 0"),
    "a library's setting": changed("late.py", "def shift", "fractions.VALUE = 3\n\n\ndef shift"),
}  # fmt: skip


@pytest.mark.parametrize("files", OTHER.values(), ids=OTHER)
def test_what_may_do_something_counts(identify: Identify, files: Files) -> None:
    before, after = identify(FILES), identify(files)
    assert after.digest != before.digest
    assert differences(before, after)


def test_definitions_that_differ_in_a_constant_are_distinguished_within_a_cycle(identify: Identify) -> None:
    text = "def predict(n):\n    return {0}\ndef a(n):\n    return b(n) + 1\ndef b(n):\n    return a(n) + {1}\n"
    found = [identify({"model.py": text.format(call, one)}).digest for call in ("a(n)", "b(n)") for one in (1, 2)]
    assert found[0] == found[1 + 1]  # with equal halves it does not matter where one enters
    assert len({*found}) == 3


def test_names_that_one_statement_binds_are_distinguished(identify: Identify) -> None:
    text = "A, B = range(2)\nfor C in (1, 2):\n    D = C\n\n\ndef predict(x):\n    return x + {}\n"
    assert len({identify({"model.py": text.format(name)}).digest for name in "ABCD"}) == 4


@pytest.mark.parametrize(
    "used", ["getattr(numbers, name)", "vars(numbers)", "[m for m in (numbers,)]", "numbers.__dict__[name]"]
)
def test_a_module_that_is_used_as_a_value_counts_with_all_its_definitions(identify: Identify, used: str) -> None:
    files = {**FILES, "model.py": f"from models_of_test import numbers\n\n\ndef predict(name):\n    return {used}\n"}
    assert identify(files).digest != identify({**files, "numbers.py": "ZERO = 0.0\nOTHER = 4\n"}).digest


def test_globals_count_as_the_whole_module(identify: Identify) -> None:
    text = "def predict(name):\n    return globals()[name]()\n\n\ndef hidden():\n    return {}\n"
    assert identify({"model.py": text.format(1)}).digest != identify({"model.py": text.format(2)}).digest


def test_names_of_locals_count_where_the_program_reads_them(identify: Identify) -> None:
    text = "def predict(x):\n    {0} = x + 1\n    return str({1})\n"
    assert len({identify({"model.py": text.format(name, "locals()")}).digest for name in "yz"}) == 2
    assert len({identify({"model.py": text.format(name, name)}).digest for name in "yz"}) == 1


def test_a_module_of_a_constant_name_is_followed(identify: Identify) -> None:
    text = "import importlib\n\n\ndef predict(x):\n    return importlib.import_module('models_of_test.numbers').OTHER\n"
    files = {**FILES, "model.py": text}
    assert identify(files).digest != identify({**files, "numbers.py": "ZERO = 0.0\nOTHER = 4\n"}).digest


def test_a_packaged_file_counts_for_code_that_names_its_own_place(identify: Identify) -> None:
    text = (
        "from pathlib import Path\n\n\ndef predict(x):\n    return Path(__file__).with_name('table.csv').read_text()\n"
    )
    found = [identify({"model.py": text, "table.csv": content}).digest for content in ("1\n", "2\n")]
    assert found[0] != found[1]
    other = [identify({"model.py": "def predict(x):\n    return x\n", "table.csv": c}).digest for c in ("1\n", "2\n")]
    assert other[0] == other[1]


def test_a_dataset_counts_by_its_schema_and_not_by_its_words(identify: Identify) -> None:
    text = (
        "from feature_store.dataset import Dataset, key, number\n\n"
        "D = Dataset('a/b', ('symbol',), (key('symbol', 'id'), number('x', 'USD', 'a price')), 'A table.')\n"
        "ALL = {d.name: d for d in (D,)}\n\n\ndef predict(x):\n    return ALL[x].empty()\n"
    )
    before = identify({"model.py": text}).digest
    assert identify({"model.py": text.replace("a price", "its price").replace("A table", "T")}).digest == before
    assert identify({"model.py": text.replace("USD", "EUR")}).digest != before
    assert identify({"model.py": text.replace("d.name: d for", "str(d.name): d for")}).digest == before


def test_settings_count_by_their_methods_since_their_values_count_elsewhere(identify: Identify) -> None:
    text = (
        "from configs.settings import Settings\n\n\nclass Inner(Settings):\n    days: int = 3\n\n"
        "    def twice(self):\n        return 2 * self.days\n\n\nclass Outer(Settings):\n    inner: Inner = Inner()\n"
        "    x: float = 1.0\n\n    @property\n    def y(self):\n        return self.x + 1\n"
    )
    before = identify({"model.py": text}, "model.Outer").digest
    assert identify({"model.py": text.replace("x: float = 1.0", "x: float = 2.0")}, "model.Outer").digest == before
    for old, new in (("self.x + 1", "self.x - 1"), ("2 * self.days", "3 * self.days")):
        assert identify({"model.py": text.replace(old, new)}, "model.Outer").digest != before


def test_a_library_of_another_version_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_identity(differences)
    identity.forget()
    monkeypatch.setattr(identity, "library_versions", lambda _: before.libraries | {"python": "3.12"})
    assert code_identity(differences).digest != before.digest
    identity.forget()


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exec(x)", "exec of what is only known at run time"),
        ("eval(x)", "eval of what"),
        ("__import__(x)", "__import__ of what"),
        ("importlib.import_module(x)", "importlib.import_module of what"),
        ("x.__subclasses__()", "list the classes"),
        ("nowhere + x", "what nowhere stands for is decided at run time"),
    ],
)
def test_what_only_a_run_can_tell_is_rejected_with_its_place(identify: Identify, body: str, said: str) -> None:
    with pytest.raises(CodeIdentityError, match=r"model\.py:5") as caught:
        identify({"model.py": f"import importlib\n\n\ndef predict(x):\n    return {body}\n"})
    assert said in str(caught.value)


def test_a_change_of_what_another_module_binds_is_rejected(identify: Identify) -> None:
    text = (
        "from models_of_test.numbers import TABLE\n\nTABLE['a'] = 1\nHERE = 2\n\n\ndef predict(x):\n    return HERE\n"
    )
    with pytest.raises(CodeIdentityError, match=r"model\.py:3 changes TABLE, which models_of_test\.numbers binds"):
        identify({"model.py": text, "numbers.py": "TABLE = {}\n"})


def test_a_change_of_another_module_itself_is_rejected(identify: Identify) -> None:
    text = "from models_of_test import numbers\n\nnumbers.ZERO = 1\nHERE = 2\n\n\ndef predict(x):\n    return HERE\n"
    with pytest.raises(CodeIdentityError, match=r"model\.py:3 changes numbers"):
        identify({**FILES, "model.py": text})


def test_a_value_whose_content_cannot_be_known_is_rejected(identify: Identify) -> None:
    text = "def make(x):\n    def inner(y):\n        return x\n    return inner\n\n\npredict = make(object())\n"
    with pytest.raises(CodeIdentityError, match="whose content cannot be identified; give it plain values"):
        identify({"model.py": text})


def test_what_is_no_definition_is_rejected() -> None:
    with pytest.raises(CodeIdentityError, match="a method of an instance"):
        code_identity(CodeIdentity("", {}, {}, {}).as_text)
    with pytest.raises(CodeIdentityError, match="neither a function nor a class"):
        code_identity(3)
    with pytest.raises(CodeIdentityError, match="has no nothing in its text"):
        code_identity((CodeIdentity, "nothing"))
