"""While an asset's function is called, what it asks of the operating system is looked at; what is no input is rejected.

Python raises an audit event for each file, socket, process, thread, database and library that its own code opens. One
hook a process hears them; it looks at those of threads in which a function is being called, and at no others. What was
rejected is an error even if the function has caught it. Draws from the global generators are seen by their state.

No event is raised for the environment, for clocks, and for what compiled libraries open by themselves: those are
bounded by the text (`feature_store.code.access`) and, in checks, call by call (`access_profile`).
"""

import os
import random
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import cast

import numpy as np
import rich.default_styles  # noqa: F401 -- draws by chance when it is loaded, which LightGBM does inside of a call

from feature_store.code import access_rules as rules
from feature_store.code.access import AccessError
from feature_store.code.reach import packages_with_files
from feature_store.code.runtime import unwrapped

FILES = frozenset({
    "open", "glob.glob", "glob.glob/2", "pathlib.Path.glob", "pathlib.Path.rglob",
    *(f"os.{name}" for name in ("listdir", "scandir", "walk", "fwalk", "remove", "rename", "mkdir", "rmdir", "link",
                                "symlink", "truncate", "chmod", "chown", "utime", "chdir", "setxattr", "getxattr")),
})  # fmt: skip
CHANGING = frozenset({f"os.{name}" for name in (
    "remove", "rename", "mkdir", "rmdir", "link", "symlink", "truncate", "chmod", "chown", "utime", "chdir", "setxattr",
)})  # fmt: skip
REACHING = ("socket.", "subprocess.", "urllib.", "http.", "ftplib.", "smtplib.", "imaplib.", "poplib.", "nntplib.",
            "telnetlib.", "sqlite3.", "webbrowser.", "pty.", "shutil.", "tempfile.", "os.system", "os.exec", "os.fork",
            "os.posix_spawn", "os.spawn", "os.startfile", "os.putenv", "os.unsetenv", "gc.get_",
            "syslog.")  # fmt: skip
CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dylib", ".dll", ".pth")
SYSTEM = re.compile(
    r"/dev/null|/proc/(self|\d+)/(maps|smaps|status|stat|cgroup|mountinfo|auxv)|/proc/(cpuinfo|meminfo|stat|mounts)"
    r"|/sys/.*|/usr/(share|lib)/zoneinfo/.*|/etc/(localtime|timezone|ld\.so\.\w+)"
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
IMPORTING = ("importlib._bootstrap", "importlib.metadata", "_frozen_importlib", "zipimport")


@dataclass
class Call:
    """A call that is under way.

    Attributes:
        packages: whose data files are part of the fingerprint and may be read.
        rejections: what was rejected.
        busy: the hook itself is at work.
    """

    asset: str
    function: str
    packages: frozenset[str] = frozenset()
    rejections: list[str] = field(default_factory=list)
    busy: bool = False

    def reject(self, what: str, instead: str) -> None:
        """
        Raises:
            AccessError: always.
        """
        self.rejections.append(f"asset {self.asset}: its function {self.function} {what}; {instead}")
        raise AccessError(self.rejections[-1])


_calls: dict[int, Call] = {}  # by thread
_installing = threading.Lock()
_installed: list[bool] = []


def guarded(asset: str, function: Callable[..., object], arguments: Mapping[str, object]) -> object:
    """What the function gives for these arguments.

    Raises:
        AccessError: it reached beyond them.
    """
    call = Call(asset, name_of(function), packages_with_files(function))
    with _under_way(call):
        try:
            result = function(**arguments)
        except Exception as error:
            if call.rejections and not isinstance(error, AccessError):
                raise AccessError(call.rejections[0]) from error
            raise
    if call.rejections:
        raise AccessError(call.rejections[0])
    return result


@contextmanager
def _under_way(call: Call) -> Iterator[None]:
    _install()
    thread = threading.get_ident()
    outer, drawn = _calls.get(thread), _drawn()
    _calls[thread] = call
    try:
        yield
    finally:
        if outer is None:
            del _calls[thread]
        else:
            _calls[thread] = outer
        if _drawn() != drawn:
            call.rejections.append(
                f"asset {call.asset}: its function {call.function} draws from a global generator; {rules.SEED}"
            )


def under_way() -> Call | None:
    """The call of a function in this thread."""
    return _calls.get(threading.get_ident())


@contextmanager
def unheard() -> Iterator[None]:
    """What the guards do themselves meanwhile is not the function's."""
    call = under_way()
    if call is None or call.busy:
        yield
        return
    call.busy = True
    try:
        yield
    finally:
        call.busy = False


def name_of(function: object) -> str:
    plain = unwrapped(function)
    return f"{getattr(plain, '__module__', '?')}.{getattr(plain, '__qualname__', plain)}"


def _drawn() -> tuple[object, ...]:
    """Where the global generators stand."""
    numpy = np.random.get_state(legacy=False)
    state, words = numpy["state"], random.getstate()[1]
    return state["pos"], int(state["key"][0]), numpy["has_gauss"], words[-1], words[0]


# -- the hook ----------------------------------------------------------------------------------------------------------


def _install() -> None:
    if not _installed:
        with _installing:
            if not _installed:
                sys.addaudithook(_hear)
                start = threading.Thread.start

                def start_outside(thread: threading.Thread) -> None:
                    if call := under_way():
                        call.reject("starts a thread", rules.THREADS)
                    start(thread)

                # no audit event before Python 3.12
                setattr(threading.Thread, "start", start_outside)  # noqa: B010  # a method is no variable to mypy
                _installed.append(True)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if not _calls:
        return
    call = _calls.get(threading.get_ident())
    if call is None or call.busy:
        return
    if event in FILES or event.startswith(REACHING) or event == "ctypes.dlopen":
        call.busy = True
        try:
            rejected = _rejected(event, arguments, call)
        finally:
            call.busy = False
        if rejected:
            call.reject(*rejected)


def _rejected(event: str, arguments: tuple[object, ...], call: Call) -> tuple[str, str] | None:
    """What was done, and what to do instead; None where it may be done."""
    named = arguments[0] if arguments else None
    if event == "ctypes.dlopen":
        allowed = named is None or "/" not in str(named) or _is_of_library(_real(named))
        return None if allowed else (f"loads the library {named}", rules.INPUT)
    if event in FILES:
        return _rejected_file(event, arguments, call)
    if is_importing() and not event.startswith(("socket.", "subprocess.", "sqlite3.")):
        return None
    if event.startswith("tempfile.") and _is_numba():
        return None
    return f"does {event}" + (f" {named!r}"[:200] if isinstance(named, str | bytes) else ""), rules.INPUT


def _rejected_file(event: str, arguments: tuple[object, ...], call: Call) -> tuple[str, str] | None:
    named = arguments[0] if arguments else "."
    if isinstance(named, int):  # opened before
        return None
    literal = os.fsdecode(cast(str, named)) if named else "."
    path = _real(literal)
    mode, flags = (*arguments[1:3], None, None)[:2] if event == "open" else (None, None)
    writes = event in CHANGING or (isinstance(mode, str) and bool({*"wax+"} & {*mode}))
    writes = writes or (mode is None and isinstance(flags, int) and bool(flags & WRITING))
    if SYSTEM.fullmatch(literal):
        return None
    if writes:
        return None if _is_numba() or is_importing() else (f"writes {literal}", rules.STATE)
    if path.endswith(CODE) or _is_of_library(path) or _is_data_of(path, call.packages):
        return None
    if is_importing() or _is_numba():
        return None
    what = "opens" if event == "open" else f"looks into ({event})"
    return f"{what} {literal}", f"{rules.INPUT}; {rules.DATA_FILE}"


def _real(path: object) -> str:
    return os.path.realpath(os.fsdecode(cast(str, path)))


@cache
def _library_roots() -> tuple[str, ...]:
    """Where Python and its libraries lie."""
    paths = sysconfig.get_paths()
    found = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    return tuple(dict.fromkeys(f"{os.path.realpath(place)}{os.sep}" for place in found))


def _is_of_library(path: str) -> bool:
    return f"{path}{os.sep}".startswith(_library_roots())


def _is_data_of(path: str, packages: frozenset[str]) -> bool:
    """Whether it is a file that a package brings, and that its fingerprints count."""
    places = (getattr(sys.modules.get(package), "__path__", ()) for package in packages)
    return any(Path(path).is_relative_to(os.path.realpath(place)) for found in places for place in found)


def is_importing() -> bool:
    """Whether a module is loaded meanwhile: what ours do then, their text says."""
    return any(str(frame.f_globals.get("__name__", "")).startswith(IMPORTING) for frame in _frames())


def _is_numba() -> bool:
    """Whether Numba asks: for its cache of compiled kernels."""
    return any(str(frame.f_globals.get("__name__", "")).startswith("numba.core.caching") for frame in _frames())


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == __name__ and frame.f_code.co_name == "guarded":
            return
        yield frame
        frame = frame.f_back
