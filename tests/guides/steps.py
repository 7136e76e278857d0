"""A guide done literally: its blocks become files and changes of a copy of the tree, its commands are run there."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
COPIED = ("configs", "feature_store", "quant_assets", "quant_resources", "tests", "docs")
BLOCK = re.compile(r"^([^\n]*)\n\n```(python|diff|sh)\n(.*?)(?=^```$)", flags=re.DOTALL | re.MULTILINE)
PATH = re.compile(r"`([\w/]+(?:\.[\w]+)+)`")


@dataclass
class Done:
    """What a guide has done to the copy.

    Attributes:
        created, changed: paths relative to the tree.
        commands: as the guide has them, not yet run.
    """

    tree: Path
    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command of the guide, by this Python and in the copy."""
        words = command.split()
        assert words[0] in ("pytest", "python"), f"a guide runs pytest or python, not {words[0]}"
        parts = ["-m", "pytest", "-rp", "-p", "no:cacheprovider", *words[1:]] if words[0] == "pytest" else words[1:]
        environment = os.environ | {"PYTHONPATH": str(self.tree)}
        return subprocess.run(
            [sys.executable, *parts], cwd=self.tree, env=environment, capture_output=True, text=True, check=False
        )

    def style(self) -> str:
        """What the linter and the formatter have against the files that the guide has written; empty where nothing."""
        files = [*self.created, *{*self.changed}]
        runs = (["check"], ["format", "--check"])
        results = [self._ruff(*options, *files) for options in runs]
        return "".join(result.stdout + result.stderr for result in results if result.returncode)

    def _ruff(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ruff", *options]
        return subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)


def follow(guide: str, folder: Path) -> Done:
    """The blocks of docs/guides/GUIDE.md in their order.

    A block belongs to the last path in the line before it: Python is a new file, a diff changes one, and each line that
    a diff keeps or removes must stand there exactly once.
    """
    done = Done(_copy(folder / "tree"))
    for line, kind, text in BLOCK.findall((ROOT / "docs" / "guides" / f"{guide}.md").read_text(encoding="utf-8")):
        if kind == "sh":
            done.commands += text.strip().splitlines()
            continue
        path = PATH.findall(line)[-1]
        (done.created if kind == "python" else done.changed).append(path)
        (_create if kind == "python" else _change)(done.tree / path, text)
    return done


def _copy(tree: Path) -> Path:
    for name in COPIED:
        # with what Numba has compiled: its index goes by the source's time and size, which are copied along
        shutil.copytree(ROOT / name, tree / name)
    shutil.copy2(ROOT / "pyproject.toml", tree)
    return tree


def _create(path: Path, text: str) -> None:
    assert not path.exists(), f"{path} is there already"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _change(path: Path, diff: str) -> None:
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    whole = path.read_text(encoding="utf-8")
    assert whole.count(before) == 1, f"{path} has these lines {whole.count(before)} times:\n{before}"
    path.write_text(whole.replace(before, after), encoding="utf-8")
