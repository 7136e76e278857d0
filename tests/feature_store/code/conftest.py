from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feature_store.code.package import Identify, packages


@pytest.fixture
def identify(tmp_path: Path) -> Iterator[Identify]:
    with packages(tmp_path) as found:
        yield found
