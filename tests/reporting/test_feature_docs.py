"""docs/features.md says of every feature what its declaration does."""

from pathlib import Path

from configs.settings import Features
from quant_assets.features.catalogue import as_markdown, catalogue

DOCS = Path(__file__).parents[2] / "docs" / "features.md"
MARK = "<!-- from the declarations; tests/reporting/test_feature_docs.py -->\n\n"


def test_the_catalogue_in_the_docs_is_that_of_the_declarations() -> None:
    """After a wanted change, write `as_markdown(catalogue(Features()))` below the mark."""
    _, written = DOCS.read_text().split(MARK)
    assert written.splitlines() == as_markdown(catalogue(Features())).splitlines()


def test_no_column_of_the_table_is_broken_by_a_formula() -> None:
    lines = as_markdown(catalogue(Features())).splitlines()
    assert {line.count("|") for line in lines if line.startswith("|")} == {5}
