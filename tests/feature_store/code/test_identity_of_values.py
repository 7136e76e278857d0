"""What functions hold and are given, and tables that they look into, count by content."""

import os
import subprocess
import sys
from pathlib import Path

from tests.feature_store.code.modules import ROOT
from tests.feature_store.code.package import NAME, Identify

# -- properties --------------------------------------------------------------------------------------------------------


def test_what_a_function_made_inside_another_was_given_counts(identify: Identify) -> None:
    text = (
        "import polars as pl\n\n\ndef make(x, f):\n    def inner(y):\n        return f(y, x)\n    return inner\n\n\n"
        "def add(a, b):\n    return a + b\n\n\npredict = make({}, {})\n"
    )
    given = [("1", "add"), ("2", "add"), ("1", "lambda a, b: a"), ("pl.col('a')", "add"), ("pl.col('b')", "add")]
    assert len({identify({"model.py": text.format(*values)}).digest for values in given}) == len(given)
    assert len({identify({"model.py": text.format("1", "add")}).digest for _ in range(2)}) == 1


OF_A_SET = """
import sys
sys.path.insert(0, sys.argv[1])
from feature_store.code.identity import code_identity
from models_of_a_set import predict
print(code_identity(predict).digest)
"""


def test_a_set_that_a_function_was_given_is_the_same_in_every_process(tmp_path: Path) -> None:
    text = "def make(x):\n    def inner(y):\n        return y in x\n    return inner\n\n\npredict = make({})\n"
    digests = []
    for names in ("{'a', 'b', 'c', 'd', 'e'}", "{'a', 'b', 'c', 'd', 'f'}"):
        (tmp_path / "models_of_a_set.py").write_text(text.replace("{}", names))
        for seed in ("1", "2", "3"):
            environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
            command = [sys.executable, "-c", OF_A_SET, str(tmp_path)]
            run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
            digests.append(run.stdout.strip())
    assert len(set(digests[:3])) == len(set(digests[3:])) == 1
    assert digests[0] != digests[3]


def test_arrays_frames_and_dataclasses_that_a_function_was_given_count(identify: Identify) -> None:
    text = (
        "from dataclasses import dataclass\nimport numpy as np\nimport polars as pl\n\n\n"
        "@dataclass\nclass Given:\n    x: object\n\n\n"
        "def make(x):\n    def inner(y):\n        return x\n    return inner\n\n\npredict = make({})\n"
    )
    given = ["Given(1)", "Given(2)", "np.ones(2)", "np.ones(3)", "Given(np.ones(2))"]
    given += ["pl.DataFrame({'a': [1, None]})", "pl.DataFrame({'a': [1, 2]})"]
    given += ["pl.Series('a', [1, 2], pl.Int8)", "pl.Series('a', [1, 2])"]
    assert len({identify({"model.py": text.format(value)}).digest for value in given}) == len(given)
    assert len({identify({"model.py": text.format("Given(np.ones(2))")}).digest for _ in range(2)}) == 1


OF_A_TABLE = """def one(x):
    return x + {one}


def two(x):
    return x + {two}


TABLE = {{"a": one, "b": lambda x: two(x) * {factor}}}


def predict(name, x):
    return TABLE[name](x)
"""


def test_of_a_table_that_is_requested_by_key_that_entry_counts(identify: Identify) -> None:
    def digests(one: int = 1, two: int = 2, factor: int = 3) -> list[str]:
        files = {"model.py": OF_A_TABLE.format(one=one, two=two, factor=factor)}
        return [identify(files, entry=key).digest for key in ("a", "b", "")]

    a, b, whole = digests()
    assert len({a, b, whole}) == 3
    assert digests(one=5)[1] == b
    assert digests(two=5)[0] == digests(factor=5)[0] == a
    assert digests(one=5)[0] != a
    assert b not in (digests(two=5)[1], digests(factor=5)[1])
    assert whole not in (digests(one=5)[2], digests(two=5)[2], digests(factor=5)[2])


def test_of_several_entries_those_count_and_their_order_in_the_question_does_not(identify: Identify) -> None:
    def digest(keys: str, one: int = 1, two: int = 2) -> str:
        return identify({"model.py": OF_A_TABLE.format(one=one, two=two, factor=3)}, entry=keys).digest

    assert digest("a b") == digest("b a") == digest("a b unknown")
    assert len({digest("a b"), digest("a b", one=5), digest("a b", two=5), digest("a")}) == 4


def test_what_another_module_puts_into_a_table_counts_under_its_own_key(identify: Identify) -> None:
    def digest(key: str, value: int = 7) -> str:
        extension = f"from {NAME}.model import TABLE\n\n\ndef third(x):\n    return x + {value}\n\n\n"
        put = "def install():\n    TABLE['c'] = third\n\n\ninstall()\n"
        files = {"model.py": OF_A_TABLE.format(one=1, two=2, factor=3), "extension.py": extension + put}
        return identify(files, entry=key, also=("extension",)).digest

    alone = identify({"model.py": OF_A_TABLE.format(one=1, two=2, factor=3)}, entry="a").digest
    assert digest("a") == digest("a", value=8) == alone
    assert len({digest("c"), digest("c", value=8), digest("a c"), alone}) == 4


def test_a_table_that_is_not_written_out_counts_whole(identify: Identify) -> None:
    changed = OF_A_TABLE + "\n\nTABLE['c'] = one\n"
    files = [{"model.py": changed.format(one=1, two=two, factor=3)} for two in (2, 5)]
    assert len({identify(file, entry="a").digest for file in files}) == 2


def test_arguments_of_a_partial_application_count(identify: Identify) -> None:
    text = "import functools\n\n\ndef add(a, b):\n    return a + b\n\n\npredict = functools.partial(add, {})\n"
    assert len({identify({"model.py": text.format(given)}).digest for given in ("1", "2", "b=1")}) == 3


def test_lambdas_of_one_module_are_distinguished_wherever_they_stand(identify: Identify) -> None:
    text = "{}\n\npredict = lambda x: x + 1\nother = lambda x: x + 2\n"
    found = [
        identify({"model.py": text.format(c)}, f"model.{n}").digest
        for c in ("", "# one\n")
        for n in ("predict", "other")
    ]
    assert found[:2] == found[2:]
    assert found[0] != found[1]
