"""Codes name industries as the published definitions do."""

import polars as pl
import pytest

from quant_resources.vendors.ingest import fama_french

# --- known values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sic", "of_49", "of_12"),
    [
        (7372, "Computer Software", "Business Equipment"),  # prepackaged software
        (3571, "Computers", "Business Equipment"),
        (3674, "Electronic Equipment", "Business Equipment"),  # semiconductors
        (2834, "Pharmaceutical Products", "Healthcare, Medical Equipment, and Drugs"),
        (6021, "Banking", "Finance"),
        (6798, "Trading", "Finance"),  # real estate investment trusts
        (6770, "Trading", "Finance"),  # blank checks
        (6331, "Insurance", "Finance"),
        (1311, "Petroleum and Natural Gas", "Oil, Gas, and Coal"),
        (1040, "Precious Metals", "Other"),
        (4911, "Utilities", "Utilities"),
        (4813, "Communication", "Telephone and Television Transmission"),
        (5812, "Restaurants, Hotels, Motels", "Wholesale, Retail, and Some Services"),
        (5331, "Retail", "Wholesale, Retail, and Some Services"),
        (3711, "Automobiles and Trucks", "Consumer Durables"),
        (3721, "Aircraft", "Manufacturing"),
        (2086, "Candy & Soda", "Consumer Nondurables"),
        (2048, "Agriculture", "Consumer Nondurables"),
        (100, "Agriculture", "Consumer Nondurables"),
        (4953, "Almost Nothing", "Other"),  # refuse systems
        (9995, None, "Other"),  # no range of the 49 has it
        (None, None, None),
    ],
)
def test_a_code_names_its_industry(sic: int | None, of_49: str | None, of_12: str | None) -> None:
    codes = pl.DataFrame({"sic": [sic]}, schema={"sic": pl.Int32})
    for grouping, name in (("ff49", of_49), ("ff12", of_12)):
        assert codes.select(fama_french.industry(pl.col("sic"), grouping)).item() == name


def test_the_definitions_have_49_and_11_industries_and_no_code_twice() -> None:
    assert len(set(fama_french.ranges("ff49").values())) == 49
    assert len(set(fama_french.ranges("ff12").values())) == 11
    # counted over the published file, in which each code has its own line or range
    assert (len(fama_french.ranges("ff49")), len(fama_french.ranges("ff12"))) == (5054, 5450)
