"""A module run in a process that has computed nothing before, with empty folders for its home, caches and files."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# in which programs leave files for later
EMPTIED = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "TMPDIR")


class FreshProcessError(RuntimeError):
    """The process ended without an answer."""


def in_fresh_process(module: str, values: Sequence[str], home: Path) -> list[dict[str, Any]]:
    """Rows that the module gives by `answer`, as JSON gives them back.

    Args:
        values: what the module gets by `arguments`.
        home: folder of the store, its ASOF_HOME.

    Raises:
        FreshProcessError: it failed; why stands on the standard error, which is this process's.
    """
    with tempfile.TemporaryDirectory(prefix="asof-") as folder:
        file = Path(folder) / "answer.json"
        command = [sys.executable, "-m", module, str(file), *values]
        work = Path(folder) / "work"
        work.mkdir()
        ended = subprocess.run(command, cwd=work, env=_environment(Path(folder), home), check=False)
        if ended.returncode or not file.exists():
            raise FreshProcessError(
                f"{module} ended with code {ended.returncode} in a process of its own; the reason stands above"
            )
        rows: list[dict[str, Any]] = json.loads(file.read_text())
        return rows


def arguments() -> list[str]:
    """Of a module that was run in a fresh process."""
    return sys.argv[2:]


def answer(rows: Sequence[dict[str, Any]]) -> None:
    """Of such a module, once, at its end."""
    Path(sys.argv[1]).write_text(json.dumps(rows, default=str))


def _environment(folder: Path, home: Path) -> dict[str, str]:
    empty = {name: folder / name.lower() for name in EMPTIED}
    for path in empty.values():
        path.mkdir()
    modules = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)  # the modules that this process finds
    return os.environ | {n: str(p) for n, p in empty.items()} | {"ASOF_HOME": str(home), "PYTHONPATH": modules}
