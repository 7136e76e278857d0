"""Compiled functions are kept on disk until their own file changes: what they call must be in it."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest
from numba.core.dispatcher import Dispatcher

import quant_assets

MODULES = [name for _, name, _ in pkgutil.walk_packages(quant_assets.__path__, "quant_assets.")]


def compiled(module: ModuleType) -> Iterator[Dispatcher]:
    for value in vars(module).values():
        if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
            yield value


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith((".assets", ".definitions"))])
def test_no_compiled_function_calls_one_of_another_file(name: str):
    module = importlib.import_module(name)
    for kernel in compiled(module):
        called = (vars(module).get(used) for used in kernel.py_func.__code__.co_names)
        strangers = {c.py_func.__name__ for c in called if isinstance(c, Dispatcher)} - {
            own.py_func.__name__ for own in compiled(module)
        }
        assert not strangers, f"{name}.{kernel.py_func.__name__} calls {strangers}"
