"""A home is its user's alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from feature_store.numeric_platform import in_force
from quant_assets.operations.doctor import findings
from quant_resources.home import Choice, Home


@pytest.fixture
def umask_of_a_shell() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[Path]:
    """What under the folder others could reach: nothing below a closed folder."""
    if not stat.S_IMODE(folder.lstat().st_mode) & 0o077:
        return []
    inner = [path for child in folder.iterdir() for path in open_to_others(child)] if folder.is_dir() else []
    return [folder, *inner]


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_new_home_is_closed(tmp_path: Path, umask_of_a_shell: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = Home(tmp_path / "home")
    home.remember(Choice())
    home.prepare_dagster()
    assert open_to_others(home.folder) == []
    for path in (home.folder, home.dagster_home, home.folder / "asof.yaml"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_home_of_an_earlier_version_is_closed_when_it_is_opened(tmp_path: Path, umask_of_a_shell: object) -> None:
    home = Home(tmp_path)
    for name in ("store", "dagster", "raw", "reports"):
        (tmp_path / name).mkdir()
    (tmp_path / "asof.yaml").write_text("profile: demo\n")
    (tmp_path / "trials.sqlite").touch()
    tmp_path.chmod(0o755)
    home.open_store()
    assert [path for path in home.private_paths() if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_what_a_command_writes_is_closed(tmp_path: Path, umask_of_a_shell: object) -> None:
    environment = {**os.environ, "ASOF_HOME": str(tmp_path / "home")}
    program = (
        "import os, sys; from quant_assets.cli import app; app.app = lambda: open(sys.argv[1], 'w').close(); app.main()"
    )
    target = tmp_path / "written"
    subprocess.run([sys.executable, "-c", program, str(target)], check=True, env=environment)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


# --- refusals -------------------------------------------------------------------------------------------------------


def test_doctor_names_what_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    home.folder.mkdir()
    home.folder.chmod(0o1755)  # as a folder that all share: it is not closed unasked
    found = {one.what: one for one in findings(home, in_force())}["open to others"]
    assert found.wrong
    assert str(home.folder) in found.value
    assert "chmod go-rwx" in found.advice
