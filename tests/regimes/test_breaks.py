import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import Regimes
from configs.settings.breaks import Breaks
from feature_store.schemas.breaks import BREAKS
from quant_assets.regimes.breaks import breaks
from quant_assets.regimes.detectors.bocpd import NormalInverseGamma, filter_breaks
from tests.oracles.panels import assert_stored_as, sessions, stored
from tests.support.lookahead import assert_causal

DAYS = sessions(160)
SETTINGS = Regimes(breaks=Breaks(min_observations=30, lookback_sessions=160))
BREAK = 120  # where Energy's volatility trebles
BOTH = ["event_date", "industry"]


def industry(seed: int, name: str, member_range: float | None, proxy_from: int = 0) -> pl.DataFrame:
    """Returns of 1 % a session, of 3 % from BREAK on; a fund with bars from some session on."""
    rng = np.random.default_rng(seed)
    volatility = np.where(np.arange(len(DAYS)) < BREAK, 0.01, 0.03)
    spread = np.exp(rng.normal(0, 0.3, len(DAYS)))
    proxy = [float(x) if t >= proxy_from else None for t, x in enumerate((volatility * spread) ** 2)]
    members = [member_range and member_range * float(x) for x in (volatility * spread) ** 2]
    return pl.DataFrame(
        {
            "event_date": DAYS,
            "industry": [name] * len(DAYS),
            "proxy_log_return": rng.normal(0, volatility),
            "proxy_range_variance": pl.Series(proxy, dtype=pl.Float64),
            "member_range_variance": pl.Series(members, dtype=pl.Float64),
        }
    )


def returns() -> pl.DataFrame:
    """A fund throughout, a fund from halfway on, members alone, and an industry without any range."""
    industries = [
        industry(1, "Energy", 4.0),
        industry(2, "Late", 4.0, proxy_from=70),
        industry(3, "Members", 4.0, proxy_from=len(DAYS)),
        industry(4, "None", None, proxy_from=len(DAYS)),
    ]
    return pl.concat(industries).sort("event_date", "industry")


RETURNS = returns()
WHOLE = breaks(RETURNS, DAYS, DAYS[0], SETTINGS)


def of(name: str, stream: str = "volatility", rows: pl.DataFrame = WHOLE) -> pl.DataFrame:
    return rows.filter(industry=name, stream=stream)


# -- known values ------------------------------------------------------------------------------------------------------


def test_rows_keep_their_schema_one_for_each_stream_of_a_session():
    assert_stored_as(WHOLE, BREAKS)
    assert WHOLE.columns == list(stored(BREAKS))
    assert WHOLE.height == 2 * RETURNS.height
    assert_frame_equal(WHOLE, WHOLE.sort("event_date", "industry", "stream"))


@pytest.mark.parametrize("name", ["Energy", "Late", "Members"])
def test_a_trebled_volatility_is_seen_within_five_sessions_and_dated(name: str):
    rows = of(name)
    assert rows["break_probability"][100:BREAK].max() < 0.5
    seen = rows.row(BREAK + 5, named=True)
    assert seen["break_probability"] > 0.9
    assert seen["run_length"] == pytest.approx(6, abs=1)
    assert seen["severity"] > 0.95
    assert of(name, "trend")["break_probability"][100:].max() < 0.5  # which is no break of the trend


def test_the_streams_are_the_detectors_under_the_settings_priors():
    rows = of("Energy")
    x = np.log(RETURNS.filter(industry="Energy")["proxy_range_variance"].to_numpy())
    path, _ = filter_breaks(x, 1 / 90, NormalInverseGamma(-9.2, 1.0, 10.0, 8.0), 15, 0.02, 1e-6)
    assert rows["break_probability"][29:].to_list() == path.break_probability[29:].tolist()
    assert rows["level"][29:].to_list() == path.level[29:].tolist()
    energy = RETURNS.filter(industry="Energy")
    scaled = energy["proxy_log_return"].to_numpy() / np.sqrt(energy["proxy_range_variance"].to_numpy())
    path, _ = filter_breaks(scaled, 1 / 90, NormalInverseGamma(0.0, 50.0, 2.0, 2.0), 15, 0.02, 1e-6)
    assert of("Energy", "trend")["level"][29:].to_list() == path.level[29:].tolist()


def test_the_range_is_the_funds_once_it_has_half_as_many():
    assert of("Energy")["measure"].unique().to_list() == ["proxy_range"]
    late = of("Late")["measure"].to_list()
    assert late[:138] == ["member_range"] * 138
    assert late[139:] == ["proxy_range"] * 21  # 70 of 140
    assert of("Members")["measure"].unique().to_list() == ["member_range"]


def test_without_enough_observations_there_is_nothing():
    assert of("Energy")["break_probability"].is_null().to_list() == [True] * 29 + [False] * 131
    assert of("Energy")["severity"].is_null().sum() == 29 + 15
    nothing = of("None").drop("measure", *BOTH, "stream")
    assert nothing.null_count().row(0) == (160,) * 6


# -- properties --------------------------------------------------------------------------------------------------------


def test_no_row_sees_tomorrow():
    late = RETURNS.filter(pl.col("event_date") >= DAYS[130])
    early = RETURNS.filter(pl.col("event_date") < DAYS[130])
    assert_causal(lambda part: breaks(pl.concat([early, part]), DAYS, DAYS[130], SETTINGS), late[:40])


def test_an_industry_depends_on_no_other_and_rows_on_no_order():
    alone = breaks(RETURNS.filter(industry="Late"), DAYS, DAYS[0], SETTINGS)
    assert_frame_equal(alone, WHOLE.filter(industry="Late"), check_exact=True)
    shuffled = breaks(RETURNS.sample(fraction=1, shuffle=True, seed=1), DAYS, DAYS[0], SETTINGS)
    assert_frame_equal(shuffled, WHOLE, check_exact=True)


def test_what_is_due_is_all_that_comes():
    due = breaks(RETURNS, DAYS, DAYS[150], SETTINGS)
    assert_frame_equal(due, WHOLE.filter(pl.col("event_date") >= DAYS[150]), check_exact=True)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_rows_outside_the_window_are_rejected_and_none_give_none():
    with pytest.raises(ValueError, match="outside the window"):
        breaks(RETURNS, DAYS[:100], DAYS[0], SETTINGS)
    empty = breaks(RETURNS.clear(), DAYS, DAYS[0], SETTINGS)
    assert empty.schema == dict(stored(BREAKS))
