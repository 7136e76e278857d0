"""docs/library.md says what happens: every line of it is run."""

import doctest
import re
from pathlib import Path

import pytest

from tests.support.tiny import FIRST, LAST

README = Path(__file__).parents[2] / "README.md"
PAGE = README.parent / "docs" / "library.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_every_line_of_the_page_does_what_it_says(
    stored_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASOF_HOME", str(stored_home))
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```.*$", "", PAGE.read_text(), flags=re.MULTILINE)
    page = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    result = doctest.DocTestRunner(optionflags=FLAGS).run(page)
    assert len(page.examples) > 50
    assert result.failed == 0, capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_lines_of_the_readme_read_a_store(stored_home: Path) -> None:
    (block,) = re.findall(r"^```python\n(.+?)^```", README.read_text(), flags=re.DOTALL | re.MULTILINE)
    here = block.replace(".asof", str(stored_home)).replace("2016-06-30", str(LAST)).replace("2016-06-01", str(FIRST))
    names: dict[str, object] = {}
    exec(here, names)
    assert names["prices"]["event_date"].unique().len() == len(names["store"].sessions("market/bars"))
