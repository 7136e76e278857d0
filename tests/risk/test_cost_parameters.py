import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import Risk
from feature_store.schemas.market import UNIVERSE
from feature_store.schemas.risk import COST_PARAMETERS
from quant_assets.risk.cost_parameters import cost_parameters
from tests.oracles.panels import adjusted, assert_stored_as, random_returns, sessions, stored

RISK = Risk(volatility_sessions=30, spread_floor_bp=5.0)
DAYS = sessions(40)
TODAY = DAYS[-1]
PATH = [math.log(1.01), math.log(0.99)] * 20


def universe(rows: dict[str, tuple[bool, bool, float | None]]) -> pl.DataFrame:
    """UNIVERSE of today from (tradable, has_bar, adv_usd) by symbol."""
    whole = [(TODAY, n, tradable, bar, 100.0 if bar else None, adv, None) for n, (tradable, bar, adv) in rows.items()]
    return pl.DataFrame(whole, schema=stored(UNIVERSE), orient="row")


# known values


def test_half_the_floored_spread_dollar_volume_and_the_deviation_of_simple_returns():
    frame = cost_parameters(adjusted(DAYS, {"A": PATH}), universe({"A": (True, True, 3e6)}), TODAY, RISK)
    row = frame.row(0, named=True)
    assert (row["half_spread_bp"], row["adv_usd"]) == (2.5, 3e6)
    assert row["volatility_daily"] == pytest.approx(0.01 * math.sqrt(30 / 29))
    assert_stored_as(frame, COST_PARAMETERS)


def test_who_may_have_to_be_sold_has_a_price_and_who_cannot_be_has_none():
    paths = dict.fromkeys(("HELD", "HALTED", "NOVOLUME"), PATH) | {
        "FLAT": [0.0] * 40,
        "YOUNG": [None] * 20 + PATH[:20],
        "MONTH": [None] * 19 + PATH[:21],
    }
    flags = dict.fromkeys(paths, (True, True, 1e7)) | {
        "HELD": (False, True, 1e7),
        "HALTED": (False, False, 1e7),
        "NOVOLUME": (True, True, None),
        "NOBARS": (True, True, 1e7),
    }
    frame = cost_parameters(adjusted(DAYS, paths), universe(flags), TODAY, RISK)
    assert frame["symbol"].to_list() == ["HELD", "MONTH"]


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    bars = adjusted(DAYS, {"A": PATH})
    assert_stored_as(cost_parameters(bars, universe({}), TODAY, RISK), COST_PARAMETERS)
    assert_stored_as(cost_parameters(bars.clear(), universe({"A": (True, True, 1e7)}), TODAY, RISK), COST_PARAMETERS)


# properties


@pytest.mark.parametrize("seed", range(4))
def test_the_window_is_exact_and_nothing_later_or_of_others_matters(seed: int):
    bars, _ = random_returns(seed, 45, n_symbols=4)
    members = universe({"S0": (True, True, 1e7), "S1": (False, True, 1e6)})
    cut = bars.filter(pl.col("event_date").is_between(DAYS[-30], TODAY), pl.col("symbol").is_in(["S0", "S1"]))
    found = cost_parameters(cut, members, TODAY, RISK)
    assert_frame_equal(
        found, cost_parameters(bars.sample(fraction=1.0, shuffle=True, seed=1), members, TODAY, RISK), check_exact=True
    )
    own = cut.filter(symbol="S0")["log_return"].drop_nulls().to_numpy()
    assert found["volatility_daily"][0] == pytest.approx(np.expm1(own).std(ddof=1))
