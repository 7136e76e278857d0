"""Where a user's store lies and which profile it was built with.

`ASOF_HOME` (default `.asof` in the working folder) holds the store, Dagster's own storage and `asof.yaml`, the choice
of profile, data folder and overrides that every later command and the Dagster UI take up again.
"""

import os
import shutil
import subprocess
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from configs.errors import ConfigError
from configs.layers import read_layer
from configs.load import load
from configs.settings import FilesVendor, Profile
from feature_store.dataset import Events, States
from feature_store.decision_time import DecisionClock
from feature_store.private_folders import protect
from feature_store.store import Store
from quant_resources.plugins import datasets_of, load_plugins, with_plugin_settings

REPOSITORY = Path(__file__).parent.parent
PRIVATE = ("raw", "reports", "logs")  # folders of a home beside its store and Dagster's
DAGSTER_YAML = Path(__file__).parent / "dagster" / "dagster.yaml"  # what a new Dagster home begins with


def usual_workers() -> int:
    """Worker processes of a run by default: a core each, up to 4, since each may take 1 GiB."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def absolute_profile(profile: str) -> str:
    """A path as seen from every folder, since a home remembers it; the name of a built-in profile stays."""
    return str(Path(profile).absolute()) if profile.endswith((".yaml", ".yml")) else profile


REWRITE = "delete the file, and name them again with the next `asof backfill`"


@dataclass(frozen=True)
class Choice:
    """What a user chose: profile, data folder, overrides."""

    profile: str = "demo"
    data: str | None = None
    overrides: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    folder: Path

    @staticmethod
    def of_environment() -> "Home":
        return Home(Path(os.environ.get("ASOF_HOME", ".asof")).absolute())

    @property
    def dagster_home(self) -> Path:
        return Path(os.environ.get("DAGSTER_HOME") or self.folder / "dagster")

    @property
    def store_folder(self) -> Path:
        return self.folder / "store"

    @cached_property
    def profile(self) -> Profile:
        return self.check(self.choice())

    def choice(self) -> Choice:
        """As the home remembers, else the demo."""
        known = _choice_of(self._file) if self._file.exists() else Choice()
        return replace(known, profile=absolute_profile(known.profile))

    @staticmethod
    def check(choice: Choice) -> Profile:
        """The profile of a choice, with its plugins."""
        data = Path(choice.data) if choice.data else None
        return with_plugin_settings(load(choice.profile, data, choice.overrides, load_plugins))

    def check_new(self, choice: Choice) -> Profile:
        """The profile of a choice that is to be run; nothing is remembered yet.

        Raises:
            ConfigError: not valid; its data folder is not there; or the home already holds another market, and two of
                them do not mix in one store.
        """
        profile = self.check(choice)
        known = self.choice()
        if (known.profile, known.data) != (choice.profile, choice.data) and self.store_folder.exists():
            raise ConfigError(
                f"{self.folder} holds a store of profile {known.profile}{_with(known.data)}; "
                f"set ASOF_HOME to another folder for profile {choice.profile}{_with(choice.data)}"
            )
        folder = profile.vendor.folder if isinstance(profile.vendor, FilesVendor) else None
        if folder and not folder.is_dir():
            raise ConfigError(f"the data folder {folder} is not there; pass --data with the folder of the files")
        return profile

    def remember(self, choice: Choice) -> None:
        """Keep the choice for later commands."""
        self.make_private()
        temporary = self._file.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(yaml.safe_dump(asdict(choice)))
        temporary.replace(self._file)
        self.__dict__.pop("profile", None)

    def make_private(self) -> None:
        """Make the folder where it is absent, and the home this user's alone: positions and results lie in it.

        Homes of earlier versions are closed, too. What lies inside a closed folder need not be closed one by one.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        protect(self.private_paths())

    def private_paths(self) -> list[Path]:
        """What of the home is to be closed to others, as far as it is there."""
        inside = [self.store_folder, self._file, self.trial_ledger, *(self.folder / name for name in PRIVATE)]
        own = [self.dagster_home] if self.dagster_home.is_relative_to(self.folder) else []
        return [path for path in (self.folder, *inside, *own) if path.exists()]

    @property
    def trial_ledger(self) -> Path:
        return self.folder / "trials.sqlite"

    def open_store(self) -> Store:
        if self.folder.exists():
            self.make_private()
        datasets = datasets_of(self.profile)
        derived = [name for name, d in datasets.items() if not isinstance(d.origin, Events | States)]
        return Store(
            self.store_folder,
            datasets=datasets,
            clock=DecisionClock(self.profile.decision_minutes_before_open),
            hindsight_allowed=[*derived, *self.profile.exceptions],
        )

    def prepare_dagster(self) -> None:
        """A Dagster home with our event storage, unless the user brings one."""
        self.make_private()
        self.dagster_home.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.dagster_home / "dagster.yaml"
        if not target.exists():
            shutil.copyfile(DAGSTER_YAML, target)
        self.dagster_settings()

    def dagster_settings(self) -> dict[str, Any]:
        """What the Dagster home's own file says.

        Raises:
            ConfigError: it cannot be read; the fix is named.
        """
        target = self.dagster_home / "dagster.yaml"
        try:
            return read_layer(target).tree
        except ConfigError as error:
            raise ConfigError(f"{error}; or remove {target}, and asof writes its own") from error

    @property
    def _file(self) -> Path:
        return self.folder / "asof.yaml"


def _choice_of(file: Path) -> Choice:
    """
    Raises:
        ConfigError: the file is not what `remember` writes.
    """
    tree = read_layer(file).tree
    texts = {"profile": tree.get("profile", "demo"), "data": tree.get("data") or ""}
    overrides = tree.get("overrides") or {}
    known = not tree.keys() - {"profile", "data", "overrides"} and isinstance(overrides, dict)
    if not known or any(not isinstance(value, str) for pair in overrides.items() for value in pair):
        raise ConfigError(f"{file} holds more than profile, data and overrides as texts; {REWRITE}")
    if any(not isinstance(text, str) or "\0" in text for text in texts.values()) or not texts["profile"]:
        raise ConfigError(f"{file}: profile and data must be texts; {REWRITE}")
    return Choice(texts["profile"], texts["data"] or None, dict(overrides))


def _with(data: str | None) -> str:
    return f" with the data in {data}" if data else ""


@cache
def git_commit() -> str:
    """Commit of the code, with `+dirty` when it differs; empty outside a checkout. Looked up once a process."""
    try:
        commit = subprocess.run(
            ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10
        )
        changed = subprocess.run(
            ["git", "-C", str(REPOSITORY), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.stdout.strip() + ("+dirty" if changed.stdout.strip() else "")
