"""Packages that are written for a test, and the identity of what they define."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_store.code.graph import Entries
from feature_store.code.identity import CodeIdentity, code_identity, forget

NAME = "models_of_test"
Files = dict[str, str]
Identify = Callable[..., CodeIdentity]


def write(folder: Path, files: Files) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def unload() -> None:
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]
    forget()


@contextmanager
def packages(folder: Path) -> Iterator[Identify]:
    """Identity of a definition of a package that is written anew each time."""
    places = [0]

    def identify(
        files: Files, root: str = "model.predict", at: str = "", entry: str = "", also: tuple[str, ...] = ()
    ) -> CodeIdentity:
        places[0] += 1
        place = folder / str(places[0])
        write(place / NAME, {"__init__.py": "", **files})
        sys.path.insert(0, str(place))
        try:
            unload()
            module, _, name = f"{NAME}.{root}".rpartition(".")
            found = importlib.import_module(module)
            for other in also:
                importlib.import_module(f"{NAME}.{other}")
            wanted = [Entries(module, "TABLE", tuple(entry.split()))] if entry else []
            return code_identity((getattr(found, name), at) if at else getattr(found, name), entries=wanted)
        finally:
            sys.path.remove(str(place))
            unload()

    yield identify
    unload()
