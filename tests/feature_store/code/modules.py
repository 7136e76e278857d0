"""A small package of modules, as texts, that the tests of identities change."""

from pathlib import Path

from tests.feature_store.code.package import Files

ROOT = Path(__file__).parents[3]
MODEL = '''"""A model."""

import math as m
from dataclasses import dataclass

from models_of_test import numbers, registry
from models_of_test.inner.scale import by
from models_of_test.shapes import Cube as Solid

WEIGHTS = {"a": 1.0}
WEIGHTS["b"] = 2.0
LIMIT = numbers.ZERO
LIMIT += 1


def predict(x: float, power: int = 2) -> float:
    """A prediction."""
    from models_of_test.late import shift

    total = 0.0  # so far
    for i, weight in enumerate(WEIGHTS.values()):
        total += by(weight) * x**i
    found = [registry.RULES[name](total) for name in sorted(registry.RULES)]
    return shift(sum(y for y in found if y > LIMIT) + Solid(x).volume() + m.pi)


def unrelated(x):
    return x + numbers.OTHER
'''
SCALE = """import functools


class Factor:
    'Of two.'
    TWO = 2


@functools.lru_cache(maxsize=2)
def by(x):
    return Factor.TWO * x
"""
SHAPES = """from dataclasses import dataclass


class Shape:
    def volume(self):
        return self.side() ** 3


@dataclass(frozen=True)
class Cube(Shape):
    length: float
    scale: float = 1.0

    def side(self):
        return self.length * self.scale

    def zero(self):
        return 0.0


class Ball(Shape):
    pass
"""
REGISTRY = """RULES = {}


def rule(name):
    def enter(function):
        RULES[name] = function
        return function
    return enter


@rule('double')
def double(x):
    return 2 * x
"""
SHIFT = "def shift(x):\n    return x + even(3)\n"
EVEN = "def even(n):\n    return n == 0 or odd(n - 1)\n"
ODD = "def odd(n):\n    return n != 0 and even(n - 1)\n"
HALF = "@rule('half')\ndef half(x):\n    return x / 2\n"
FILES: Files = {
    "model.py": MODEL,
    "numbers.py": "ZERO = 0.0\nOTHER = 3\n",
    "inner/__init__.py": "from models_of_test.inner.scale import by as by_name\n",
    "inner/scale.py": SCALE,
    "shapes.py": SHAPES,
    "registry.py": REGISTRY,
    "late.py": "import fractions\n" + SHIFT + EVEN + ODD,
}


def changed(name: str, old: str, new: str) -> Files:
    """The files with one passage replaced."""
    assert old in FILES[name]
    return {**FILES, name: FILES[name].replace(old, new)}


def everywhere(old: str, new: str) -> Files:
    assert any(old in text for text in FILES.values())
    return {name: text.replace(old, new) for name, text in FILES.items()}
