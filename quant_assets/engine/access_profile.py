"""While a function is checked, each call that it makes out of the project's code is looked at.

This sees what neither the text nor an audit event shows: functions that are reached by a name put together at run time,
native readers of Polars, pyarrow, DuckDB and pandas, clocks, paths that are handed to any library. It costs a Python
call for each call that the function makes, so that it is done in checks and not in runs. With it, the values of modules
that outlive the call are compared before and after.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FrameType
from typing import TypeVar, cast

import polars as pl

from feature_store.code import access_rules as rules
from feature_store.code.access import AccessError
from feature_store.code.libraries import distributions_of
from feature_store.code.sources import is_first_party
from feature_store.code.state import outliving
from quant_assets.engine.access_guard import guarded, is_importing, name_of, under_way, unheard
from quant_assets.engine.asset import SessionAsset, Source

NATIVE = ("polars.", "pyarrow.", "duckdb.", "pandas.")  # their compiled parts open files by themselves
READER = re.compile(r"(read|scan|write|sink)_(?!only)\w+")
READERS_KNOWN = frozenset({"polars", "numpy", "numba", "pandas", "scipy", "pydantic", *sys.stdlib_module_names})
DRAWING = frozenset({"sample", "shuffle"})  # of Polars, by chance where `seed` is not given
OPENING_BUILTINS = frozenset({"builtins.open", "builtins.input", "builtins.exec", "builtins.eval"})
IN_MEMORY = ("_io.BytesIO", "_io.StringIO", "_io.TextIOWrapper", "io.BytesIO", "io.StringIO")
ENVIRONMENT = ("os", "_Environ.")

Result = pl.DataFrame | tuple[pl.DataFrame, ...]
AnAsset = TypeVar("AnAsset", bound=SessionAsset)
_is_strict: ContextVar[bool] = ContextVar("is_strict", default=False)


@contextmanager
def strictly(asset: SessionAsset) -> Iterator[None]:
    """While it is open, functions are called under the closest look; values that outlive their calls must not change.

    Raises:
        AccessError: at its end, where one of those values differs.
    """
    before = outliving(asset.function) if asset.function else {}
    token = _is_strict.set(True)
    try:
        yield
    finally:
        _is_strict.reset(token)
    after = outliving(asset.function) if asset.function else {}
    if changed := [name for name, digest in after.items() if before.get(name, digest) != digest]:
        raise AccessError(
            f"asset {asset.name}: a call of {name_of(asset.function)} changes {', '.join(changed[:3])}, which outlives "
            f"it; {rules.STATE}"
        )


@dataclass(frozen=True)
class Bounded:
    """An asset's function that reaches nothing but its arguments; to whoever looks, it is the function itself."""

    asset: str
    function: Callable[..., Result]

    @property
    def __wrapped__(self) -> Callable[..., Result]:
        return self.function

    def __call__(self, **arguments: object) -> Result:
        """
        Raises:
            AccessError: it reached beyond them.
        """
        with profiled():
            return cast(Result, guarded(self.asset, self.function, arguments))


def bounded(asset: AnAsset) -> AnAsset:
    """The asset with its function bounded."""
    if isinstance(asset, Source) or isinstance(asset.function, Bounded):
        return asset
    return replace(asset, function=Bounded(asset.name, asset.function))


@contextmanager
def profiled() -> Iterator[None]:
    """Looks at the calls of this thread, where `strictly` is open."""
    if not _is_strict.get():
        yield
        return
    before = sys.getprofile()
    sys.setprofile(_look)
    try:
        yield
    finally:
        sys.setprofile(before)


@dataclass(frozen=True)
class Called:
    """What is known of a piece of code.

    Attributes:
        ours: of the project, a plugin or a module that just lies there.
        from_ours: what to do instead, where code of ours may not call it.
        always: the same, whoever calls it.
        draws: it takes its seed from a parameter.
        is_plain: whoever calls it, nothing is rejected.
        takes: parameters that may name a file; none where the readers of a library are known.
    """

    path: str
    ours: bool
    from_ours: str | None
    always: str | None
    draws: bool
    takes: tuple[str, ...]
    is_plain: bool


_known: dict[CodeType, Called] = {}
_builtin: dict[str, str | None] = {}
_ours: dict[str, bool] = {}


def _look(frame: FrameType, event: str, called: object) -> None:
    if event == "call":
        _python(frame)
    elif event == "c_call" and _of(frame).ours and isinstance(called, BuiltinFunctionType):
        path = _path_of(called)
        if path not in _builtin:
            _builtin[path] = _rejected(path)
        if (advice := _builtin[path]) and not path.startswith(IN_MEMORY):
            _reject(path, advice)


def _python(frame: FrameType) -> None:
    code = _known.get(frame.f_code) or _of(frame)
    if code.is_plain:
        return
    caller = frame.f_back
    if caller is None:
        return
    if code.always and not _is_in_memory(frame):
        _reject(code.path, code.always)
    if code.draws and frame.f_locals.get("seed") is None:
        _reject(f"{code.path} without a seed", rules.SEED)
    if code.path.startswith("os._Environ.") and _is_for_ours(frame):
        _reject("the environment", rules.SETTING)
    if _of(caller).ours:
        if code.from_ours:
            _reject(code.path, code.from_ours)
        if code.takes:
            _reject_paths(frame, code)


def _of(frame: FrameType) -> Called:
    found = _known.get(frame.f_code)
    if found is None:
        module = str(frame.f_globals.get("__name__", ""))
        path = f"{module}.{frame.f_code.co_qualname}"
        native = module.startswith(NATIVE) and READER.fullmatch(frame.f_code.co_name) is not None
        with unheard():  # which distribution brings a module is read from files
            ours, from_ours = _is_ours(module), _rejected(path)
        always = f"{rules.INPUT}; {rules.DATA_FILE}" if native and "_plr" not in module else None
        draws = module.startswith("polars.") and frame.f_code.co_name in DRAWING
        takes = _parameters(frame.f_code) if module.partition(".")[0] not in READERS_KNOWN else ()
        rejects = from_ours or always or draws or takes or path.startswith("os._Environ.")
        found = Called(path, ours, from_ours, always, draws, takes, ours or not rejects)
        _known[frame.f_code] = found
    return found


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _is_ours(module: str) -> bool:
    if module not in _ours:
        top = module.partition(".")[0]
        known = (
            not top or top in sys.stdlib_module_names or top in sys.builtin_module_names or bool(distributions_of(top))
        )
        _ours[module] = is_first_party(top) or (not known and top in sys.modules)
    return _ours[module]


def _rejected(path: str) -> str | None:
    """By the name where it is defined; how generators were made is seen by what they give."""
    if path.startswith("builtins."):
        return rules.rejected_name(path) if path in OPENING_BUILTINS else None
    if path.startswith(("numpy.random.", "threading.", "_thread.")) and "Thread" not in path:
        return None  # generators made with a seed bring a lock
    return rules.rejected_name(path)


def _path_of(called: BuiltinFunctionType) -> str:
    module, owner = called.__module__, called.__self__
    if module is None:
        module = (owner if isinstance(owner, type) else type(owner)).__module__
    return f"{module}.{called.__qualname__}"


def _is_in_memory(frame: FrameType) -> bool:
    """Whether a reader is given the content and not its place."""
    given = next(iter(frame.f_locals.values()), None)
    return isinstance(given, bytes) or type(given).__name__ in ("BytesIO", "StringIO")


def _is_for_ours(frame: FrameType) -> bool:
    """Whether the code behind the standard library is ours: libraries look for their own settings."""
    back = frame.f_back
    while back is not None and str(back.f_globals.get("__name__", "")).partition(".")[0] in sys.stdlib_module_names:
        back = back.f_back
    return back is not None and _of(back).ours


def _reject_paths(frame: FrameType, code: Called) -> None:
    """Whatever a library makes of the path of a file that is there."""
    given = frame.f_locals
    for name in code.takes:
        value = given.get(name)
        is_path = isinstance(value, PurePath) or (isinstance(value, str) and os.sep in value and len(value) < 4096)
        if is_path and Path(cast(str, value)).exists():
            _reject(f"{code.path}({name}={str(value)!r})", f"{rules.INPUT}; {rules.DATA_FILE}")


def _reject(path: str, advice: str) -> None:
    call = under_way()
    if call and call.packages and path.startswith("pathlib."):
        return  # of a data file of its package; the hook sees which file it is
    if call and not call.busy and not is_importing():
        sys.setprofile(None)
        call.reject(f"calls {path}", advice)
