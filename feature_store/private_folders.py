"""Folders and files of one user: what lies in them is read and written by nobody else."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

OTHERS = 0o077  # what group and all others may do
CACHE = "NUMBA_CACHE_DIR"


def private_folder(path: Path) -> bool:
    """Make the folder where it is absent, and its owner's alone; False where it cannot be, or is another's."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        protect([path])
        return is_private(path) and path.is_dir() and not path.is_symlink() and os.access(path, os.W_OK)
    except OSError:
        return False


def protect(paths: Iterable[Path]) -> None:
    """Take from group and others what they may do with those of the paths that are this user's.

    A folder that all share, as one for temporary files, stays as it is, and so does a link.
    """
    for path in paths:
        with contextlib.suppress(OSError):  # `asof doctor` names what stays open
            mode = path.lstat()
            shared = mode.st_mode & stat.S_ISVTX or path == path.parent or stat.S_ISLNK(mode.st_mode)
            if mode.st_mode & OTHERS and mode.st_uid == os.geteuid() and not shared:
                path.chmod(stat.S_IMODE(mode.st_mode) & ~OTHERS)


def is_private(path: Path) -> bool:
    """Whether the path is this user's, and closed to all others."""
    mode = path.stat()
    return mode.st_uid == os.geteuid() and not mode.st_mode & OTHERS


def numba_cache(environment: Mapping[str, str]) -> str:
    """Where compiled functions are kept: Numba unpickles them, so whoever can write there runs code as this user."""
    if chosen := environment.get(CACHE):
        return chosen
    caches = environment.get("XDG_CACHE_HOME") or (f"{home}/.cache" if (home := environment.get("HOME")) else "")
    usual = Path(caches) / "asof" / "numba"
    if caches and private_folder(usual.parent) and private_folder(usual):
        return str(usual)
    shared = Path(tempfile.gettempdir()) / f"asof-numba-{os.geteuid()}"
    return str(shared) if private_folder(shared) else tempfile.mkdtemp(prefix="asof-numba-")
