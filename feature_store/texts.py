"""Texts by their digest: what a short part of a fingerprint stands for, in full."""

import os
from collections.abc import Mapping
from pathlib import Path


class Texts:
    """A folder of texts, each written once and never changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: set[str] = set()

    def keep(self, texts: Mapping[str, str]) -> None:
        """Store the texts that are not there yet, by digest; readers see a whole text or none."""
        for digest in texts.keys() - self._kept:
            path = self._path(digest)
            if not path.exists():
                self._write(path, texts[digest])
            self._kept.add(digest)

    def get(self, digest: str) -> str | None:
        """The text; None where none was kept, as of stores made before texts were."""
        try:
            return self._path(digest).read_text()
        except FileNotFoundError:
            return None

    def _path(self, digest: str) -> Path:
        if not digest.isalnum():
            raise ValueError(f"{digest!r} is no digest: letters and digits only")
        return self._folder / f"{digest}.json"

    def _write(self, path: Path, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            temporary.write_text(text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
