"""The kinds of assets: what each may be given, and which sessions it needs."""

import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from configs.settings import History, Profile, SimulatedVendor
from feature_store import sessions
from feature_store.schemas.market import BARS, UNIVERSE
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, Source, TimeSeries, trailing

PROFILE = Profile(name="kinds", history=History(start=dt.date(2015, 1, 2)), vendor=SimulatedVendor(kind="simulated"))
START = dt.date(2015, 1, 2)
WINDOW = trailing(BARS, 3)
INPUTS = {"bars": WINDOW}
THURSDAY = dt.date(2017, 3, 9)


def count(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select(pl.len())


COMPUTED = (
    TimeSeries(UNIVERSE, count, INPUTS),
    CrossSection(UNIVERSE, count, INPUTS),
    ModelFit(UNIVERSE, count, INPUTS),
    Recursive(UNIVERSE, count, INPUTS),
)
OTHERS = (
    TimeSeries(UNIVERSE, count, INPUTS, anchor="year"),
    ModelFit(UNIVERSE, count, INPUTS, refit="monthly"),
    ModelFit(UNIVERSE, count, INPUTS, chained=True),
)

# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asset", "first", "last"),
    [
        (TimeSeries(UNIVERSE, count, INPUTS), dt.date(2017, 3, 7), THURSDAY),
        (TimeSeries(UNIVERSE, count, INPUTS, anchor="year"), dt.date(2016, 12, 29), THURSDAY),
        (CrossSection(UNIVERSE, count, INPUTS), dt.date(2017, 3, 7), THURSDAY),
        (ModelFit(UNIVERSE, count, INPUTS), dt.date(2017, 3, 2), dt.date(2017, 3, 6)),
        (ModelFit(UNIVERSE, count, INPUTS, refit="monthly"), dt.date(2017, 2, 27), dt.date(2017, 3, 1)),
        (ModelFit(UNIVERSE, count, INPUTS, chained=True), dt.date(2016, 12, 29), dt.date(2017, 3, 6)),
        (Recursive(UNIVERSE, count, INPUTS), dt.date(2017, 3, 7), THURSDAY),
    ],
)
def test_a_target_needs_these_sessions_of_a_window_of_three(asset: SessionAsset, first: dt.date, last: dt.date) -> None:
    assert (asset.first_needed(THURSDAY, WINDOW, PROFILE), asset.last_needed(THURSDAY, PROFILE)) == (first, last)


def test_a_recursive_asset_needs_its_own_sessions_from_the_start_and_no_other_needs_more_than_the_target() -> None:
    needed = {asset.kind: asset.own_first_needed(THURSDAY, PROFILE) for asset in (Source(BARS), *COMPUTED)}
    assert needed.pop("recursive") == START
    assert set(needed.values()) == {THURSDAY}


def test_each_kind_has_its_name() -> None:
    assert [a.kind for a in (Source(BARS), *COMPUTED)] == [
        "source", "time series", "cross section", "model fit", "recursive",
    ]  # fmt: skip
    assert ModelFit(UNIVERSE, count, INPUTS, refit="monthly").title == "model fit, monthly"


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", [*COMPUTED, *OTHERS], ids=lambda asset: asset.shape(PROFILE))
@pytest.mark.parametrize("target", [START, dt.date(2016, 1, 4), dt.date(2016, 12, 30), THURSDAY])
def test_no_target_reaches_back_further_than_the_longest(asset: SessionAsset, target: dt.date) -> None:
    first = asset.first_needed(target, WINDOW, PROFILE)
    assert START <= first <= target
    assert len(sessions.between(first, target)) <= asset.longest(WINDOW, PROFILE)


def test_options_on_which_values_rest_tell_two_assets_apart() -> None:
    def shape(asset: SessionAsset) -> str:
        return asset.shape(PROFILE)

    plain = TimeSeries(UNIVERSE, count, INPUTS)
    others = [
        *OTHERS,
        TimeSeries(UNIVERSE, count, INPUTS, entity="industry"),
        TimeSeries(UNIVERSE, count, INPUTS, restate_sessions=lambda p: p.market.restate_sessions),
        ModelFit(UNIVERSE, count, INPUTS),
        CrossSection(UNIVERSE, count, INPUTS),
        Recursive(UNIVERSE, count, INPUTS),
    ]
    assert len({shape(asset) for asset in (plain, *others)}) == len(others) + 1
    # which entities may be computed apart decides what a recomputation costs, and no value
    assert shape(CrossSection(UNIVERSE, count, INPUTS, entity="symbol")) == shape(CrossSection(UNIVERSE, count, INPUTS))


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        *((CrossSection, option) for option in ("anchor", "restate_sessions", "refit", "chained", "market_settings")),
        *((ModelFit, option) for option in ("anchor", "restate_sessions", "market_settings")),
        *((Recursive, option) for option in ("anchor", "entity", "refit", "chained", "market_settings")),
        *((TimeSeries, option) for option in ("refit", "chained", "market_settings")),
    ],
)
def test_an_option_of_another_kind_is_rejected(kind: Callable[..., SessionAsset], option: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        kind(UNIVERSE, count, INPUTS, **{option: None})


@pytest.mark.parametrize("option", ["function", "inputs", "anchor", "entity", "refit"])
def test_a_source_has_no_function_and_nothing_to_read(option: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        Source(BARS, **{option: None})
