"""What is a user's own is closed to others; what all share stays as it is."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from feature_store.private_folders import CACHE, is_private, numba_cache, private_folder, protect


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- known values ---------------------------------------------------------------------------------------------------


def test_compiled_functions_are_kept_in_a_folder_of_the_users_own(tmp_path: Path) -> None:
    cache = Path(numba_cache({"HOME": str(tmp_path)}))
    assert cache == tmp_path / ".cache" / "asof" / "numba"
    assert mode(cache) == mode(cache.parent) == 0o700
    assert Path(numba_cache({"XDG_CACHE_HOME": str(tmp_path / "x")})) == tmp_path / "x" / "asof" / "numba"


def test_a_folder_of_the_users_choice_is_taken(tmp_path: Path) -> None:
    assert numba_cache({CACHE: str(tmp_path)}) == str(tmp_path)


def test_numba_compiles_into_it() -> None:
    program = "import feature_store, numba; print(numba.config.CACHE_DIR)"
    environment = {name: value for name, value in os.environ.items() if name != CACHE}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert is_private(Path(result.stdout.strip()))


def test_an_open_folder_of_the_users_is_closed(tmp_path: Path) -> None:
    (tmp_path / "asof").mkdir(mode=0o777)
    (tmp_path / "asof").chmod(0o777)
    assert private_folder(tmp_path / "asof")
    assert mode(tmp_path / "asof") == 0o700


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_link_or_another_users_folder_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "asof").symlink_to(tmp_path / "elsewhere")
    assert not private_folder(tmp_path / "asof")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert not private_folder(tmp_path / "elsewhere")


def test_a_place_that_cannot_be_private_is_replaced_by_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".cache").write_text("a file")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / f"asof-numba-{os.geteuid()}").symlink_to(tmp_path)
    cache = Path(numba_cache({"HOME": str(tmp_path)}))
    assert cache.parent == tmp_path / "t"
    assert not cache.is_symlink()
    assert mode(cache) == 0o700


def test_a_folder_that_all_share_stays_open(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    protect([shared, tmp_path / "absent"])
    assert mode(shared) == 0o1777
