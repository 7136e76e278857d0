from typing import get_args

import polars as pl
import pytest

from configs.settings import Features, Stationary
from feature_store.schemas.aggregate_features import INDUSTRY, MARKET
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.company_features import COMPANY, COMPANY_FEATURES
from feature_store.schemas.feature import Family
from feature_store.schemas.features import SCORED, STATIONARY_FEATURES, STOCK_FEATURES, STOCK_SCORES
from feature_store.schemas.market import ADJUSTED_BARS
from feature_store.schemas.stock_features import FEATURES
from quant_assets.features.catalogue import catalogue

# known values


def test_the_catalogue_says_how_the_settings_have_a_feature():
    rank = {"amihud_21": Stationary(method="rank", sessions=252)}
    table = catalogue(
        Features(
            scored=("amihud_21", "cci_20", "book_to_price"),
            stationary=rank,
            bollinger_standard_deviations=2.5,
            composite={"cci_20": -2.0},
            floors={"adv_21_usd": 1e6},
        )
    )
    of_stocks = table.filter(pl.col("dataset").is_in([STOCK_FEATURES.name, COMPANY_FEATURES.name]))
    rows = {row["name"]: row for row in of_stocks.iter_rows(named=True)}
    assert of_stocks["name"].to_list() == [*STOCK_FEATURES.values, *COMPANY_FEATURES.values]
    assert [name for name, row in rows.items() if row["scored"]] == ["cci_20", "amihud_21", "book_to_price"]
    assert table.drop_nulls("weight").select("name", "weight").rows() == [("cci_20", -2.0)]
    assert table.drop_nulls("floor").select("name", "floor").rows() == [("adv_21_usd", 1e6)]
    assert rows["amihud_21"]["stationary"] == "rank over 252 sessions"
    assert rows["amihud_21"]["lookback_sessions"] == 21
    assert rows["cci_20"]["stationary"] is None
    assert rows["bollinger_width_20"]["parameters"] == "bollinger_standard_deviations 2.5"


# properties


def test_every_feature_is_declared_once_with_all_that_is_said_of_it():
    assert len({feature.name for feature in FEATURES}) == len(FEATURES) >= 110
    assert {feature.family for feature in (*FEATURES, *COMPANY)} == {*get_args(Family)}
    every = [feature.name for feature in (*FEATURES, *COMPANY)]
    assert len({*every}) == len(every) >= 190
    for feature in (*COMPANY, *INDUSTRY, *MARKET):
        assert {*feature.parameters} <= {*Features.model_fields}, feature.name
        assert feature.lookback >= 1 and feature.formula and feature.unit and feature.sources
    for feature in COMPANY:
        for source in feature.sources:
            slice_, column = source.split(".")
            found = [d for d in DATASETS.values() if d.name.split("/")[1] == slice_]
            assert column in found[0].values, (feature.name, source)
    for feature in FEATURES:
        assert {*feature.sources} <= {*ADJUSTED_BARS.values}, feature.name
        assert {*feature.parameters} <= {*Features.model_fields}, feature.name
        assert feature.lookback >= 1 and feature.formula and feature.unit


def test_the_datasets_follow_from_the_declarations():
    assert [feature.name for feature in FEATURES] == STOCK_FEATURES.values
    assert [feature.name for feature in FEATURES if feature.scored] == STATIONARY_FEATURES.values
    assert [feature.name for feature in COMPANY] == COMPANY_FEATURES.values
    assert [feature.name for feature in (*FEATURES, *COMPANY) if feature.scored] == [*SCORED]
    assert [f"{kind}_{name}" for kind in ("z", "rank") for name in SCORED] == STOCK_SCORES.values[1:-4]


# refusals


@pytest.mark.parametrize("wrong", [{"scored": ("rsi_15",)}, {"stationary": {"rsi_15": {"method": "rank"}}}])
def test_a_feature_that_does_not_exist_is_refused_by_name(wrong: dict[str, object]):
    with pytest.raises(ValueError, match="rsi_15"):
        catalogue(Features.model_validate(wrong))
