import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.schemas.aggregate_features import INDUSTRY
from feature_store.schemas.features import INDUSTRY_FEATURES, INDUSTRY_RETURNS, STOCK_FEATURES
from feature_store.schemas.market import ADJUSTED_BENCHMARKS, UNIVERSE
from quant_assets.features.aggregate.index_features import LOOKBACK_SESSIONS
from quant_assets.features.aggregate.industries import industry_features, industry_returns
from tests.oracles import aggregates as oracle
from tests.oracles import panels
from tests.oracles.panels import adjusted, assert_stored_as, industries, sessions, stored
from tests.support.lookahead import assert_causal

DAYS = sessions(2)
YESTERDAY, TODAY = DAYS
NAN = float("nan")
BARS = adjusted(
    DAYS,
    {"A": [0.0, np.log(1.1)], "B": [0.0, np.log(0.9)], "C": [0.0, NAN], "D": [0.0, np.log(1.5)], "H": [0.0, 9.0]},
)
INDUSTRIES = industries([(day, s, x) for day in DAYS for s, x in (("A", "Energy"), ("B", "Energy"), ("C", "Tech"))])
FEATURES = Features(min_observations_fraction=0.8, industry_proxies={"Energy": "XLE"})


def members(today: dict[str, bool], **yesterday: tuple[float | None, float | None]) -> pl.DataFrame:
    """UNIVERSE: who is tradable today; and of the session before, adv_usd and market_cap_usd of who was."""
    rows = [{"event_date": TODAY, "symbol": s, "tradable": tradable, "has_bar": True} for s, tradable in today.items()]
    rows += [
        {"event_date": YESTERDAY, "symbol": s, "tradable": True, "has_bar": True, "adv_usd": a, "market_cap_usd": c}
        for s, (a, c) in yesterday.items()
    ]
    return pl.DataFrame(rows, schema=stored(UNIVERSE)).sort("event_date", "symbol")


EVERYONE = dict.fromkeys("ABCD", True) | {"H": False}
BY_DOLLARS = members(EVERYONE, A=(3e6, None), B=(1e6, None), C=(1e6, None), D=(1e6, None))


def funds(paths: dict[str, list[float | None]], days: list[dt.date] = DAYS) -> pl.DataFrame:
    return adjusted(days, paths).select(stored(ADJUSTED_BENCHMARKS).keys())


def gaps(rows: dict[str, tuple[float | None, float | None]]) -> pl.DataFrame:
    """STOCK_FEATURES with `ma_gap_50` and `ma_gap_200` as given."""
    schema = {name: stored(STOCK_FEATURES)[name] for name in ("event_date", "symbol", "ma_gap_50", "ma_gap_200")}
    return pl.DataFrame([(TODAY, symbol, *values) for symbol, values in rows.items()], schema=schema, orient="row")


def told(
    universe: pl.DataFrame = BY_DOLLARS,
    benchmarks: pl.DataFrame | None = None,
    bars: pl.DataFrame = BARS,
    features: pl.DataFrame | None = None,
) -> dict[str, dict[str, object]]:
    """Rows of INDUSTRY_RETURNS by industry."""
    frame = industry_returns(
        bars,
        gaps({}) if features is None else features,
        universe,
        INDUSTRIES,
        funds({}) if benchmarks is None else benchmarks,
        TODAY,
        FEATURES,
    )
    assert_stored_as(frame, INDUSTRY_RETURNS)
    assert frame["industry"].is_sorted()
    return {str(row["industry"]): row for row in frame.iter_rows(named=True)}


def random_industries(seed: int, n: int, holes: float = 0.02) -> pl.DataFrame:
    """INDUSTRY_RETURNS of three industries with missing rows and nulls, a fund for one of them at times."""
    rng = np.random.default_rng(seed)

    def one() -> float | None:
        chance = rng.random()
        return None if chance < holes else NAN if chance < 1.25 * holes else float(rng.normal(0, 0.01))

    frame = panels.industry_returns(sessions(n), {name: [one() for _ in range(n)] for name in ("A", "B", "C")})
    ranges, shares = rng.gamma(2.0, 1e-4, (len(frame), 2)), rng.random((len(frame), 2))

    def some(values: np.ndarray, share: float = 0.9) -> pl.Expr:
        return pl.when(pl.Series(rng.random(len(frame)) < share)).then(pl.Series(values))

    return frame.with_columns(
        log_return=pl.lit(9.0),  # of equal weights: nothing here looks at it
        proxy_range_variance=some(ranges[:, 0]),
        member_range_variance=some(ranges[:, 1]),
        dollar_volume_usd=some(rng.lognormal(18, 1, len(frame)), 0.95),
        n_volumes=pl.Series(rng.integers(0, 9, len(frame)), dtype=pl.Int32),
        breadth_50=some(shares[:, 0]),
        breadth_200=some(shares[:, 1]),
    )


def features_of(frame: pl.DataFrame, days: list[dt.date], first: int = 0, share: float = 0.8) -> pl.DataFrame:
    return industry_features(frame, days, days[first], Features(min_observations_fraction=share))


# known values


def test_the_mean_is_of_simple_returns_over_tradable_members_with_a_return():
    rows = told()
    assert [*rows] == ["Energy", "Tech", "Unknown"]
    assert [row["n_members"] for row in rows.values()] == [2, 0, 1]
    assert rows["Energy"]["log_return"] == pytest.approx(0.0, abs=1e-15)  # +10 % and -10 %
    assert rows["Tech"]["log_return"] is None
    assert rows["Unknown"]["log_return"] == pytest.approx(np.log(1.5))


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    assert told(members({})) == {}


def test_a_fund_stands_for_its_industry_once_it_has_a_return_over_one_session():
    energy = told(benchmarks=funds({"XLE": [0.0, 0.02], "XLK": [0.0, 0.5]}))["Energy"]
    assert (energy["proxy"], energy["proxy_log_return"]) == ("XLE", 0.02)
    assert energy["proxy_range_variance"] == pytest.approx(np.log(101 / 99) ** 2 / (4 * np.log(2)))
    for too_young in ([None, 0.02], [0.0, NAN], [0.0, None]):
        energy = told(benchmarks=funds({"XLE": too_young}))["Energy"]
        assert (energy["proxy"], energy["proxy_range_variance"]) == ("dollar_volume", None)


def test_without_a_fund_members_count_by_the_dollar_volume_of_the_session_before():
    energy = told()["Energy"]
    assert energy["proxy"] == "dollar_volume"
    assert energy["proxy_log_return"] == pytest.approx(math.log(1 + (3 * 0.1 - 0.1) / 4))


def test_capitalisation_weighs_once_enough_members_have_one():
    both = members(EVERYONE, A=(3e6, 1e9), B=(1e6, 9e9))
    assert told(both)["Energy"]["proxy"] == "capitalisation"
    assert told(both)["Energy"]["proxy_log_return"] == pytest.approx(math.log(1 + (0.1 - 9 * 0.1) / 10))
    half = members(EVERYONE, A=(3e6, 1e9), B=(1e6, None))
    assert told(half)["Energy"]["proxy"] == "dollar_volume"


def test_who_was_no_member_the_session_before_or_has_no_weight_is_in_no_index():
    rows = told(members(EVERYONE, B=(1e6, None), C=(1e6, None), D=(None, None), H=(1e6, None)))
    assert rows["Energy"]["proxy_log_return"] == pytest.approx(math.log(0.9))  # A came today
    assert (rows["Tech"]["proxy"], rows["Tech"]["proxy_log_return"]) == (None, None)  # C has no return
    # H is tradable no more and was a member when the session began; D has no known volume
    assert rows["Unknown"]["proxy_log_return"] == pytest.approx(9.0)


def test_ranges_breadth_and_volume_are_of_members_that_have_them():
    bars = BARS.with_columns(
        dollar_volume_usd=pl.when(pl.col("symbol") != "B").then(pl.lit(4e6)),
        high=pl.when(symbol="A").then(110.0).otherwise("high"),
        low=pl.when(symbol="A").then(100.0).otherwise("low"),
    )
    energy = told(bars=bars, features=gaps({"A": (0.1, None), "B": (-0.1, -0.2), "D": (0.3, 0.3)}))["Energy"]
    assert (energy["dollar_volume_usd"], energy["n_volumes"]) == (4e6, 1)
    assert (energy["breadth_50"], energy["breadth_200"]) == (0.5, 0.0)
    squares = [np.log(110 / 100) ** 2, np.log(101 / 99) ** 2]
    assert energy["member_range_variance"] == pytest.approx(np.mean(squares) / (4 * np.log(2)))


def test_features_of_a_steady_industry_by_hand():
    days = sessions(252)
    frame = features_of(panels.industry_returns(days, {"A": [0.001] * 252}), days)
    assert_stored_as(frame, INDUSTRY_FEATURES)
    last = frame.row(-1, named=True)
    assert last["return_10"] == pytest.approx(0.001)
    assert last["momentum_5"] == pytest.approx(0.005)
    assert last["momentum_63"] == pytest.approx(0.063)
    assert last["momentum_252_21"] == pytest.approx(0.231)
    assert last["ma_gap_50"] == pytest.approx(-math.log(np.exp(-0.001 * np.arange(50)).mean()))
    assert last["drawdown_252"] == 0.0
    assert last["volatility_10"] == pytest.approx(0.001 * math.sqrt(252))  # about zero, not about the mean
    assert last["volatility_21"] == pytest.approx(0.0, abs=1e-15)
    assert last["drawdown_z_252"] is None  # it never fell
    assert (last["proxy"], last["volume_z_63"], last["range_volatility_21"]) == ("capitalisation", None, None)


def test_a_drawdown_is_from_the_highest_close_of_the_window():
    days = sessions(252)
    path = [NAN, *[0.0] * 199, 0.2, -0.3, 0.1, *[0.0] * 49]
    last = features_of(panels.industry_returns(days, {"A": path}), days).row(-1, named=True)
    assert last["drawdown_252"] == pytest.approx(-0.2)


def test_a_window_chains_the_fund_to_the_members_before_it():
    days = sessions(21)
    frame = panels.industry_returns(days, {"A": [0.01] * 21}).with_columns(
        proxy=pl.when(pl.col("event_date") < days[10]).then(pl.lit("dollar_volume")).otherwise(pl.lit("XLE"))
    )
    last = features_of(frame, days).row(-1, named=True)
    assert (last["proxy"], last["momentum_21"]) == ("XLE", pytest.approx(0.21))


def test_no_industries_give_no_features_of_the_right_schema():
    days = sessions(3)
    assert_stored_as(features_of(panels.industry_returns(days, {}), days), INDUSTRY_FEATURES)


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.9]), st.sampled_from([0.0, 0.02]))
@settings(max_examples=3, deadline=None)
def test_every_industry_feature_is_the_slow_one(seed: int, share: float, holes: float):
    n = LOOKBACK_SESSIONS + 2
    days, frame = sessions(n), random_industries(seed, n, holes)
    fast = features_of(frame, days, first=250, share=share)
    for industry in "ABC":
        own = {row["event_date"]: row for row in frame.filter(industry=industry).iter_rows(named=True)}
        numeric = [name for name in INDUSTRY_RETURNS.values if name != "proxy"]
        columns = {name: [own[day][name] if day in own else None for day in days] for name in numeric}
        there, rows = [day in own for day in days], fast.filter(industry=industry)
        for row in pl.concat([rows.gather_every(60), rows.tail(2)]).iter_rows(named=True):
            slow = oracle.industry_features(columns, there, days.index(row["event_date"]), share)
            assert slow.keys() == {feature.name for feature in INDUSTRY}
            for name, value in slow.items():
                assert row[name] == (None if value is None else pytest.approx(value, rel=1e-8, abs=1e-12)), name


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_what_stands_for_an_industry_is_the_slow_one(seed: int):
    rng = np.random.default_rng(seed)

    def maybe(x: float, missing: float) -> float | None:
        return None if rng.random() < missing else x

    names = [f"S{i}" for i in range(6)]
    before = {s: (maybe(float(rng.uniform(1, 9)), 0.2), maybe(float(rng.uniform(1, 9)), 0.2)) for s in names[1:]}
    paths = {s: [0.0, maybe(float(rng.normal(0, 0.05)), 0.2)] for s in names}
    row = told(members(dict.fromkeys(names, True), **before), bars=adjusted(DAYS, paths))["Unknown"]
    returns = {s: paths[s][1] for s in before if paths[s][1] is not None}
    dollars, caps = ({s: pair[i] for s, pair in before.items()} for i in (0, 1))
    name, value = oracle.member_index(returns, caps, dollars, FEATURES.min_observations_fraction)
    assert (row["proxy"], row["proxy_log_return"]) == (name, None if value is None else pytest.approx(value))


@given(st.integers(0, 10**6))
@settings(max_examples=4, deadline=None)
def test_no_industry_feature_sees_tomorrow(seed: int):
    days = sessions(30)
    assert_causal(lambda f: features_of(f, days), random_industries(seed, 30))


@given(st.integers(0, 10**6), st.integers(1, 15))
@settings(max_examples=6, deadline=None)
def test_an_industry_feature_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    n = LOOKBACK_SESSIONS + 20
    days, frame = sessions(n), random_industries(seed, n)
    sure = start + LOOKBACK_SESSIONS - 1
    later = frame.filter(pl.col("event_date") >= days[start])
    whole = features_of(frame, days)
    assert_frame_equal(
        features_of(later, days[start:], LOOKBACK_SESSIONS - 1),
        whole.filter(pl.col("event_date") >= days[sure]),
        check_exact=True,
    )


def test_neither_other_days_nor_the_order_of_rows_matter():
    early = DAYS[0] - dt.timedelta(days=1)
    more = pl.concat([BARS, BARS.filter(event_date=YESTERDAY).with_columns(event_date=pl.lit(early))])
    given_as = [
        (BARS.filter(event_date=TODAY), gaps({}), BY_DOLLARS, INDUSTRIES),
        (more.reverse(), gaps({}), BY_DOLLARS.reverse(), INDUSTRIES.reverse()),
    ]
    frames = [industry_returns(*frames, funds({}), TODAY, FEATURES) for frames in given_as]
    assert_frame_equal(*frames, check_exact=True)


def test_a_stranger_to_the_universe_changes_nothing():
    assert told(bars=pl.concat([BARS, adjusted(DAYS, {"Z": [0.0, 5.0]})])) == told()
