"""Tilts, bands and the volatility target that regimes make."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Portfolio
from feature_store.schemas.fused_regimes import EVERY_STATE, STATES
from feature_store.schemas.portfolio import VIEWS
from quant_assets.portfolio.views import views

DAY = dt.date(2016, 1, 4)
SETTINGS = Portfolio(
    industry_band=0.04,
    volatility_target_annual=0.1,
)
EFFECTS = pl.DataFrame({"effect": ["trend_tilt", "crisis_band", "crisis_volatility"], "value": [20e-4, 0.5, 0.6]})
SCHEMA = {name: STATES.computed_schema[name] for name in ("event_date", "industry", *(f"p_{s}" for s in EVERY_STATE))}


def states(*rows: tuple) -> pl.DataFrame:
    """Industry, then probabilities of bear, sideways, bull, calm, turbulent, crisis."""
    return pl.DataFrame([(DAY, *row) for row in rows], schema=SCHEMA, orient="row")


def told(*rows: tuple) -> dict[str, dict]:
    return {row["industry"]: row for row in views(states(*rows), EFFECTS, DAY, SETTINGS).to_dicts()}


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_bullish_industry_is_tilted_up_and_one_in_crisis_is_held_tighter() -> None:
    rows = told(("Energy", 0.1, 0.2, 0.7, 1.0, 0.0, 0.0), ("Utilities", 0.8, 0.2, 0.0, 0.1, 0.4, 0.5))
    assert rows["Energy"]["tilt"] == pytest.approx(20e-4 * 0.7)  # 0.6 and -0.8 have the mean -0.1
    assert rows["Energy"]["band"] == pytest.approx(0.04)
    assert rows["Utilities"]["tilt"] == pytest.approx(-20e-4 * 0.7)
    assert rows["Utilities"]["band"] == pytest.approx(0.04 * 0.75)
    assert rows["Energy"]["volatility_target_annual"] is None


def test_the_target_falls_with_the_mean_probability_of_a_crisis() -> None:
    calm, crisis = ("A", 0.0, 1.0, 0.0, 1.0, 0.0, 0.0), ("B", 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert told(calm)["Market"]["volatility_target_annual"] == pytest.approx(0.1)
    assert told(calm, crisis)["Market"]["volatility_target_annual"] == pytest.approx(0.08)
    assert told(crisis)["Market"]["volatility_target_annual"] == pytest.approx(0.06)
    assert (told(crisis)["Market"]["tilt"], told(crisis)["Market"]["band"]) == (None, None)


def test_without_states_there_is_only_the_target_of_the_settings() -> None:
    found = views(states(), EFFECTS, DAY, SETTINGS)
    assert found["industry"].to_list() == ["Market"]
    assert found["volatility_target_annual"].to_list() == pytest.approx([0.1])
    assert dict(found.schema) == VIEWS.computed_schema


def test_what_is_unknown_of_an_industry_is_null_and_does_not_move_the_target() -> None:
    rows = told(
        ("A", None, None, None, None, None, None),
        ("B", None, None, None, 0.5, 0.0, 0.5),
        ("C", 0.0, 0.5, 0.5, None, None, None),
    )
    assert sorted(rows) == ["B", "C", "Market"]
    assert (rows["B"]["tilt"], rows["B"]["band"]) == (None, pytest.approx(0.03))
    assert (rows["C"]["tilt"], rows["C"]["band"]) == (0, None)  # alone among those that are known
    assert rows["Market"]["volatility_target_annual"] == pytest.approx(0.08)


# --- properties ------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=12))
def test_views_lie_between_what_the_settings_say_of_calm_and_of_a_crisis(drawn: list[tuple]) -> None:
    rows = [(f"I{i:02d}", up * (1 - down), 0.0, down, 0.0, 0.0, crisis) for i, (up, down, crisis) in enumerate(drawn)]
    found = views(states(*rows), EFFECTS, DAY, SETTINGS)
    assert found["tilt"].drop_nulls().is_between(-40e-4, 40e-4).all()
    assert found["tilt"].drop_nulls().sum() == pytest.approx(0, abs=1e-12)
    assert found["band"].drop_nulls().is_between(0.02 - 1e-15, 0.04).all()
    assert found["volatility_target_annual"].drop_nulls().is_between(0.06 - 1e-15, 0.1).all()
    assert found["industry"].is_sorted()


def test_what_has_earned_nothing_does_nothing() -> None:
    none = EFFECTS.with_columns(value=pl.Series([0.0, 1.0, 1.0]))
    rows = states(("A", 0.9, 0.1, 0.0, 0.0, 0.0, 1.0), ("B", 0.0, 0.1, 0.9, 1.0, 0.0, 0.0))
    found = views(rows, none, DAY, SETTINGS)
    assert found["tilt"].drop_nulls().to_list() == [0.0, 0.0]
    assert found["band"].drop_nulls().to_list() == [0.04, 0.04]
    assert found["volatility_target_annual"].drop_nulls().to_list() == [0.1]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_industry_named_as_the_row_of_the_book_is_refused() -> None:
    with pytest.raises(ValueError, match="an industry is named Market"):
        told(("Market", 0.0, 1.0, 0.0, 1.0, 0.0, 0.0))
