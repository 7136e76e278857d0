"""Texts are kept by digest, once."""

from pathlib import Path

import pytest

from feature_store.texts import Texts

# -- known values ------------------------------------------------------------------------------------------------------


def test_a_text_comes_back_by_its_digest(tmp_path: Path) -> None:
    Texts(tmp_path / "texts").keep({"a1": '{"x": 1}', "b2": "[]"})
    assert Texts(tmp_path / "texts").get("a1") == '{"x": 1}'
    assert sorted(path.name for path in (tmp_path / "texts").iterdir()) == ["a1.json", "b2.json"]


def test_of_a_digest_that_nobody_kept_there_is_no_text(tmp_path: Path) -> None:
    assert Texts(tmp_path / "texts").get("a1") is None
    assert not (tmp_path / "texts").exists()


# -- properties --------------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    Texts(tmp_path).keep({"a1": "first"})
    before = (tmp_path / "a1.json").stat()
    for texts in (Texts(tmp_path), Texts(tmp_path)):
        texts.keep({"a1": "first"})
        texts.keep({"a1": "first"})
    assert (tmp_path / "a1.json").stat() == before


def test_a_text_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        Texts(tmp_path).keep({"a1": "first"})
    assert list(tmp_path.iterdir()) == []


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_what_is_no_digest_is_rejected(tmp_path: Path) -> None:
    for digest in ("", "../a", "a/b"):
        with pytest.raises(ValueError, match="is no digest"):
            Texts(tmp_path).get(digest)
