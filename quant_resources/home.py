"""Where a user's store lies and which profile it was built with.

`ASOF_HOME` (default `.asof` in the working folder) holds the store, Dagster's own storage and `asof.yaml`, the choice
of profile, data folder and overrides that every later command and the Dagster UI take up again.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from configs.load import ConfigError, load
from configs.settings import Profile
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store

REPOSITORY = Path(__file__).parent.parent
SOURCES = ("market/bars", "market/corporate_actions", "market/members", "market/industries")


@dataclass(frozen=True)
class Choice:
    """What a user told `asof`: profile, data folder, overrides."""

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
        """As the environment says (ASOF_PROFILE, ASOF_DATA), else as the home remembers, else the demo."""
        stored = yaml.safe_load(self._file.read_text()) if self._file.exists() else {}
        return Choice(
            os.environ.get("ASOF_PROFILE") or stored.get("profile", "demo"),
            os.environ.get("ASOF_DATA") or stored.get("data"),
            stored.get("overrides", {}),
        )

    @staticmethod
    def check(choice: Choice) -> Profile:
        """The profile of a choice; refused before anything is remembered when it is not valid."""
        return load(choice.profile, Path(choice.data) if choice.data else None, choice.overrides)

    def remember(self, choice: Choice) -> None:
        """Keep the choice for later commands.

        Raises:
            ConfigError: the home already holds another market; two of them do not mix in one store.
        """
        if self._file.exists():
            known = yaml.safe_load(self._file.read_text())
            if (known["profile"], known.get("data")) != (choice.profile, choice.data) and self.store_folder.exists():
                raise ConfigError(
                    f"{self.folder} holds a store of profile {known['profile']} with data {known.get('data')}; "
                    f"set ASOF_HOME to another folder for profile {choice.profile} with data {choice.data}"
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump({"profile": choice.profile, "data": choice.data, "overrides": choice.overrides})
        self._file.write_text(text)
        self.__dict__.pop("profile", None)

    def open_store(self) -> Store:
        derived = [name for name in DATASETS if name not in SOURCES]
        return Store(
            self.store_folder,
            clock=DecisionClock(self.profile.decision_minutes_before_open),
            hindsight_allowed=[*derived, *self.profile.exceptions],
        )

    def prepare_dagster(self) -> None:
        """A Dagster home with our event storage, unless the user brings one."""
        self.dagster_home.mkdir(parents=True, exist_ok=True)
        target = self.dagster_home / "dagster.yaml"
        if not target.exists():
            shutil.copyfile(REPOSITORY / "dagster.yaml", target)

    @property
    def _file(self) -> Path:
        return self.folder / "asof.yaml"


def git_commit() -> str:
    """Commit of the code, with `+dirty` when it differs; empty outside a checkout."""
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
