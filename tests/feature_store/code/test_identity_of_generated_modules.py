"""Modules made by chance: whatever changes nothing leaves the digest, whatever changes a constant moves it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.feature_store.code.package import NAME, Files, Identify, packages

WORDS = ("alpha", "beta", "gamma", "delta", "kappa", "sigma", "theta", "omega")


@dataclass(frozen=True)
class Made:
    """Definitions that refer to one another, also in circles.

    Attributes:
        constants: one number a definition.
        calls: to which definitions each refers.
        kinds: function, constant or class.
        modules: the module of each.
    """

    constants: tuple[int, ...]
    calls: tuple[tuple[int, ...], ...]
    kinds: tuple[str, ...]
    modules: tuple[int, ...]

    def reachable(self) -> set[int]:
        found, waiting = set(), [0]
        while waiting:
            i = waiting.pop()
            if i not in found:
                found.add(i)
                waiting.extend(self.calls[i])
        return found


@st.composite
def made(draw: st.DrawFn) -> Made:
    size = draw(st.integers(2, 8))
    kinds = (
        "function",
        *draw(st.lists(st.sampled_from(["function", "constant", "class"]), min_size=size - 1, max_size=size - 1)),
    )
    calls = []
    for i in range(size):
        # what runs on import can only refer to what stands before it
        first = i + 1 if kinds[i] == "constant" else 0
        calls.append(tuple(draw(st.lists(st.integers(first, size - 1), max_size=3)) if first < size else ()))
    constants = tuple(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    modules = tuple(draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)))
    return Made(constants, tuple(calls), kinds, (0, *modules[1:]))


def written(what: Made, rng: random.Random | None = None, docstrings: bool = False) -> Files:
    """As modules; with `rng`, under other names, in another order, with other locals."""
    names = [f"{WORDS[i]}_{rng.randrange(1000) if rng else 0}" for i in range(len(what.kinds))]
    names[0] = "predict"
    texts: dict[int, list[tuple[int, str]]] = {0: [], 1: [], 2: []}
    for i in range(len(what.kinds)):
        texts[what.modules[i]].append((i, definition(what, i, names, rng, docstrings)))
    files = {}
    for module, found in texts.items():
        # constants run on import: those that others name come first
        late = sorted((part for part in found if what.kinds[part[0]] == "constant"), reverse=True)
        early = [part for part in found if what.kinds[part[0]] != "constant"]
        if rng:
            rng.shuffle(early)
        body = "\n\n\n".join(text for _, text in [*late, *early])
        files[f"part{module}.py"] = ('"""Part of it."""\n' if docstrings else "") + body + "\n"
    return files


def definition(what: Made, i: int, names: list[str], rng: random.Random | None, docstrings: bool) -> str:
    local = rng.choice(["x", "y", "value"]) if rng else "z"
    said = '    """Says something."""\n' if docstrings else ""
    others = [(names[j], what.modules[j]) for j in what.calls[i]]
    imports = "".join(
        f"    from {NAME}.part{module} import {name}\n" for name, module in others if module != what.modules[i]
    )
    used = ", ".join(name for name, _ in others)
    if what.kinds[i] == "constant":
        lazy = ", ".join(f"lambda: {name}" for name, module in others if module == what.modules[i])
        return f"{names[i]} = [{what.constants[i]}, {lazy}]"
    if what.kinds[i] == "function":
        return f"def {names[i]}(n):\n{said}{imports}    {local} = {what.constants[i]}\n    return [{local}, {used}]"
    indented = imports.replace("    from", "        from")
    return (
        f"class {names[i]}:\n{said}    def run(self):\n{indented}        {local} = {what.constants[i]}\n"
        f"        return [{local}, {used}]"
    )


def of(identify: Identify, files: Files) -> str:
    return identify(files, "part0.predict").digest


@pytest.fixture(scope="module")
def identify(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identify]:
    with packages(tmp_path_factory.mktemp("generated")) as found:
        yield found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(what=made(), seed=st.integers(0, 2**32), docstrings=st.booleans())
def test_order_names_locals_and_docstrings_never_count(
    identify: Identify, what: Made, seed: int, docstrings: bool
) -> None:
    assert of(identify, written(what, random.Random(seed), docstrings)) == of(identify, written(what))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(what=made(), data=st.data())
def test_a_constant_of_what_is_reached_always_counts_and_no_other(
    identify: Identify, what: Made, data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(what.kinds) - 1))
    constants = tuple(c + 10 * (j == i) for j, c in enumerate(what.constants))
    moved = of(identify, written(replace(what, constants=constants))) != of(identify, written(what))
    assert moved == (i in reached(what))


def reached(what: Made) -> set[int]:
    """As `reachable`, without what a constant cannot name: one of another module."""
    calls = tuple(
        tuple(j for j in found if what.kinds[i] != "constant" or what.modules[j] == what.modules[i])
        for i, found in enumerate(what.calls)
    )
    return replace(what, calls=calls).reachable()
