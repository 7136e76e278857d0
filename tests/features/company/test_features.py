import datetime as dt
import functools
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.dataset import Dataset
from feature_store.schemas.companies import (
    BORROW,
    COMPANY_FINANCIALS,
    EARNINGS_DATES,
    ESTIMATES,
    FUNDAMENTALS,
    SHORT_INTEREST,
)
from feature_store.schemas.company_features import COMPANY_FEATURES, REACH
from feature_store.schemas.company_snapshots import COMPANY_SNAPSHOTS
from feature_store.schemas.market import ADJUSTED_BARS
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.computation import Calculation
from quant_assets.features.assets import ASSETS as FEATURE_ASSETS
from quant_assets.features.company.features import company_features
from quant_assets.features.company.snapshots import company_snapshots
from quant_assets.market.assets import ASSETS as MARKET_ASSETS
from tests.oracles.company_features import company
from tests.oracles.panels import adjusted, assert_stored_as, random_traded, sessions, stored
from tests.support.lookahead import assert_causal
from tests.support.simulated import CLOCK, DAYS, busy, eventful, everything, planted

FEATURES = Features()
TODAY = dt.date(2015, 6, 1)  # a Monday
Rows = list[dict[str, object]]


def frame(dataset: Dataset, rows: Rows) -> pl.DataFrame:
    """Rows of a dataset, null where they do not say."""
    return pl.DataFrame(rows, schema=stored(dataset), orient="row").sort(dataset.sort_key[:-1])


def one(
    days: Sequence[dt.date], bars: pl.DataFrame, financials: dict[str, object], snapshots: Rows, **config: object
) -> dict[str, object]:
    """The features of A on the last of the days; of financials and snapshots those of other days as they say."""
    told = frame(COMPANY_FINANCIALS, [{"event_date": days[-1], "symbol": "A", **financials}])
    said = frame(COMPANY_SNAPSHOTS, [{"event_date": days[-1], "symbol": "A", **row} for row in snapshots])
    made = company_features(told, said, bars, list(days), days[-1], Features(**config))
    assert_stored_as(made, COMPANY_FEATURES)
    return made.row(0, named=True)


def flat(days: Sequence[dt.date], dollars: float | None = 1e6) -> pl.DataFrame:
    """A at 100 USD a share; a million dollars of them change hands in each session."""
    return adjusted(list(days), {"A": [0.0] * len(days)}, dollars=dollars)


def split_on(bars: pl.DataFrame, day: dt.date, ratio: float) -> pl.DataFrame:
    """Two for one, say: prices before are so many times those of `bars`."""
    earlier, prices = pl.col("event_date") < day, ("open", "high", "low", "close", "vwap")
    return bars.with_columns(
        *(pl.when(earlier).then(pl.col(name) * ratio).otherwise(name).alias(name) for name in prices),
        split_ratio=pl.when(pl.col("event_date") == day).then(ratio).otherwise("split_ratio"),
    )


# known values

REPORT = {
    "period_end": dt.date(2015, 3, 31),
    "age_days": 62,
    "revenue_ttm_usd": 1000.0,
    "gross_profit_ttm_usd": 400.0,
    "operating_income_ttm_usd": 150.0,
    "ebitda_ttm_usd": 200.0,
    "net_income_ttm_usd": 100.0,
    "operating_cash_flow_ttm_usd": 130.0,
    "capital_expenditure_ttm_usd": 50.0,
    "revenue_quarter_usd": 260.0,
    "net_income_quarter_usd": 30.0,
    "revenue_ttm_year_ago_usd": 800.0,
    "net_income_ttm_year_ago_usd": -50.0,
    "assets_usd": 1100.0,
    "current_assets_usd": 300.0,
    "cash_usd": 100.0,
    "liabilities_usd": 600.0,
    "current_liabilities_usd": 200.0,
    "debt_usd": 350.0,
    "equity_usd": 500.0,
    "assets_year_ago_usd": 900.0,
    "equity_year_ago_usd": 300.0,
    "shares_outstanding": 20.0,
    "market_cap_usd": 2000.0,
}


def test_a_report_by_hand():
    days = sessions(2, TODAY)
    found = one(days, flat(days), REPORT, [])
    assert {name: value for name, value in found.items() if value is not None} == {
        "event_date": days[-1],
        "symbol": "A",
        "earnings_to_price": 0.05,
        "book_to_price": 0.25,
        "sales_to_price": 0.5,
        "cash_flow_to_price": 0.065,
        "free_cash_flow_to_price": 0.04,
        "ev_to_ebitda": 11.25,  # 2000 + 350 - 100
        "ebitda_to_ev": pytest.approx(1 / 11.25),
        "return_on_equity": 0.25,  # of 400
        "return_on_assets": 0.1,
        "gross_profitability": pytest.approx(400 / 1100),
        "gross_margin": 0.4,
        "operating_margin": 0.15,
        "net_margin": 0.1,
        "asset_turnover": 1.0,
        "accruals": -0.03,
        "debt_to_equity": 0.7,
        "liabilities_to_assets": pytest.approx(600 / 1100),
        "net_debt_to_ebitda": 1.25,
        "current_ratio": 1.5,
        "cash_to_assets": pytest.approx(100 / 1100),
        "revenue_growth": 0.25,
        "earnings_growth": 3.0,  # from a loss of 50 to 100
        "asset_growth": pytest.approx(2 / 9),
        "equity_growth": pytest.approx(2 / 3),
        "report_age_days": 62.0,
    }


def test_without_share_counts_what_needs_them_is_null_and_the_rest_is_there():
    days = sessions(2, TODAY)
    known = {name: value for name, value in REPORT.items() if name not in ("shares_outstanding", "market_cap_usd")}
    whole, found = one(days, flat(days), REPORT, []), one(days, flat(days), known, [])
    missing = {name for name in whole if whole[name] is not None and found[name] is None}
    assert missing == {
        "earnings_to_price", "book_to_price", "sales_to_price", "cash_flow_to_price", "free_cash_flow_to_price",
        "ev_to_ebitda", "ebitda_to_ev",
    }  # fmt: skip


def test_a_loss_has_no_multiple_and_a_hole_in_equity_no_return():
    days = sessions(2, TODAY)
    found = one(days, flat(days), REPORT | {"ebitda_ttm_usd": -1.0, "equity_usd": -400.0, "revenue_ttm_usd": 0.0}, [])
    for name in ("ev_to_ebitda", "net_debt_to_ebitda", "return_on_equity", "debt_to_equity", "net_margin"):
        assert found[name] is None
    assert found["ebitda_to_ev"] == pytest.approx(-1 / 2250)
    assert found["book_to_price"] == -0.2
    assert found["equity_growth"] == pytest.approx(-7 / 3)
    cash_rich = one(days, flat(days), REPORT | {"cash_usd": 3000.0}, [])
    assert cash_rich["ev_to_ebitda"] is None and cash_rich["ebitda_to_ev"] is None


def test_a_revision_is_of_the_same_quarter_whatever_number_it_had_and_in_shares_of_today():
    days = sessions(64, TODAY)
    bars = split_on(flat(days), days[40], 2.0)
    ended, ends = dt.date(2015, 3, 31), dt.date(2015, 6, 30)
    said = [
        {
            "event_date": days[0], "quarter_end": ended, "quarter_eps_usd": 9.0, "quarter_revenue_usd": 7.0,
            "next_quarter_end": ends, "next_quarter_eps_usd": 4.0, "next_quarter_revenue_usd": 100.0,
            "year_end": dt.date(2015, 12, 31), "year_eps_usd": 16.0,
        },
        {"event_date": days[42], "quarter_end": dt.date(2015, 6, 27), "quarter_eps_usd": 2.5},
        {
            "event_date": days[63], "quarter_end": ends, "quarter_eps_usd": 3.0, "quarter_revenue_usd": 110.0,
            "year_end": dt.date(2015, 12, 31), "year_eps_usd": 9.0, "year_revenue_usd": 400.0, "analysts": 7,
            "quarter_eps_std_usd": 0.3,
        },
    ]  # fmt: skip
    found = one(days, bars, REPORT, said)
    assert found["earnings_revision_63"] == pytest.approx((3.0 - 4.0 / 2) / 100)
    assert found["earnings_revision_21"] == pytest.approx((3.0 - 2.5) / 100)  # three days apart are one quarter
    assert found["year_earnings_revision_63"] == pytest.approx((9.0 - 8.0) / 100)
    assert found["revenue_revision_63"] == pytest.approx(math.log(1.1))
    assert found["expected_earnings_to_price"] == 0.09
    assert found["expected_revenue_growth"] == pytest.approx(-0.6)
    assert found["estimate_dispersion"] == pytest.approx(0.1)
    assert found["analysts"] == 7


def test_a_surprise_is_against_the_last_session_that_still_expected_the_quarter():
    days = sessions(20, TODAY)
    bars = split_on(flat(days), days[15], 2.0)
    ended = dt.date(2015, 3, 31)
    said = [
        {"event_date": days[8], "quarter_end": ended, "quarter_eps_usd": 9.0, "quarter_eps_std_usd": 9.0},
        {
            "event_date": days[9], "quarter_end": dt.date(2015, 3, 28), "quarter_eps_usd": 2.0,
            "quarter_eps_std_usd": 0.4, "quarter_revenue_usd": 250.0,
        },
        {"event_date": days[10], "quarter_end": dt.date(2015, 6, 30), "quarter_eps_usd": 7.0},
    ]  # fmt: skip
    found = one(days, bars, REPORT, said)
    # 30 / 20 = 1.5 a share against 2.0 of old shares, two of which are one new
    assert found["earnings_surprise"] == pytest.approx((1.5 - 1.0) / 100)
    assert found["standardized_earnings_surprise"] == pytest.approx(0.5 / 0.2)
    assert found["revenue_surprise"] == pytest.approx(math.log(260 / 250))


def test_short_interest_is_in_shares_of_today():
    days = sessions(30, TODAY)
    bars = split_on(flat(days, dollars=1000.0), days[25], 2.0)
    said = [{"settled": days[24], "shares_short": 1.0, "shares_to_borrow": 5.0, "borrow_fee_annual": 0.03}]
    found = one(days, bars, REPORT, said)
    assert found["short_interest_fraction"] == pytest.approx(0.1)  # of 20
    assert found["days_to_cover"] == pytest.approx(2 / 10)  # 1000 USD are ten shares at 100 or five old ones at 200
    assert (found["borrow_fee"], found["borrow_supply"]) == (0.03, 0.25)
    on_the_day = one(days, bars, REPORT, [said[0] | {"settled": days[25]}])
    assert on_the_day["short_interest_fraction"] == pytest.approx(0.05)
    unknown = bars.with_columns(split_ratio=pl.when(pl.col("event_date") != days[27]).then("split_ratio"))
    assert one(days, unknown, REPORT, said)["short_interest_fraction"] is None


def test_the_price_since_the_last_announcement_by_hand():
    days = sessions(12, TODAY)
    close = [90.0] * 5 + [100.0, 102.0, 104.0, 106.0, 108.0, 110.0, 112.0]
    bars = flat(days).with_columns(
        pl.Series("close", close), vwap=pl.Series(close), dollar_volume_usd=pl.Series(close) * 10
    )
    said = [{"last_earnings": days[5], "next_earnings": days[11] + dt.timedelta(days=1)}]
    found = one(days, bars, REPORT, said, avwap_slope_sessions=5)
    assert found["avwap_earnings_gap"] == pytest.approx(math.log(112 / 106))  # the mean of 100 .. 112
    assert found["avwap_earnings_slope"] == pytest.approx(math.log(106 / 101) / 5)  # of 100 and 102 before
    assert found["avwap_earnings_state"] == 1.0
    assert (found["sessions_since_earnings"], found["sessions_until_earnings"]) == (6, 1)
    today = one(days, bars, REPORT, [{"last_earnings": days[11]}])
    assert today["avwap_earnings_gap"] == pytest.approx(0.0, abs=1e-15)
    assert (today["avwap_earnings_slope"], today["sessions_since_earnings"]) == (None, 0)


def test_an_announcement_out_of_reach_is_no_anchor_and_still_has_its_age():
    days = sessions(REACH + 5, TODAY)
    found = {n: one(days, flat(days), REPORT, [{"last_earnings": days[-1 - n]}]) for n in (REACH - 1, REACH)}
    assert [row["avwap_earnings_gap"] is None for row in found.values()] == [False, True]
    assert [row["sessions_since_earnings"] for row in found.values()] == [REACH - 1, REACH]


def test_companies_of_which_nothing_is_known_and_names_without_a_bar_have_no_row():
    days = sessions(3, TODAY)
    bars = adjusted(days, {"A": [0.0] * 3, "B": [0.0] * 3})
    financials = frame(
        COMPANY_FINANCIALS, [{"event_date": day, "symbol": s, **REPORT} for day in days for s in ("A", "C")]
    )
    made = company_features(financials, frame(COMPANY_SNAPSHOTS, []), bars, days, days[1], FEATURES)
    assert made.select("event_date", "symbol").rows() == [(days[1], "A"), (days[2], "A")]
    nothing = company_features(
        frame(COMPANY_FINANCIALS, []), frame(COMPANY_SNAPSHOTS, []), bars, days, days[0], FEATURES
    )
    assert_stored_as(nothing, COMPANY_FEATURES)
    assert nothing.is_empty()


def snapshot(
    financials: Rows = (), estimates: Rows = (), dates: Rows = (), short: Rows = (), borrow: Rows = ()
) -> dict[str, dict[str, object]]:
    """COMPANY_SNAPSHOTS of TODAY by symbol."""
    made = company_snapshots(
        frame(COMPANY_FINANCIALS, [{"event_date": TODAY, **row} for row in financials]),
        frame(ESTIMATES, [{"months": 3, "item": "eps_diluted", "symbol": "A", **row} for row in estimates]),
        frame(EARNINGS_DATES, [{"symbol": "A", "time_of_day": "before_open", **row} for row in dates]),
        frame(SHORT_INTEREST, [{"symbol": "A", **row} for row in short]),
        frame(BORROW, [{"symbol": "A", **row} for row in borrow]),
        TODAY,
    )
    assert_stored_as(made, COMPANY_SNAPSHOTS)
    assert made["symbol"].is_sorted()
    return {row["symbol"]: row for row in made.iter_rows(named=True)}


def test_the_first_periods_that_are_not_reported_are_those_that_count():
    ends = [dt.date(2014, 12, 31), dt.date(2015, 3, 31), dt.date(2015, 6, 30), dt.date(2015, 9, 30)]
    quarters = [{"event_date": day, "mean": float(i), "std": 0.5, "analysts": i} for i, day in enumerate(ends)]
    sales = [{"event_date": ends[2], "mean": 50.0, "item": "revenue"}]
    years = [{"event_date": dt.date(2015 + i, 12, 31), "mean": 10.0 + i, "months": 12} for i in range(3)]
    other = [
        {"event_date": ends[2], "mean": 99.0, "item": "net_income"},
        {"event_date": ends[2], "mean": 9.0, "months": 6},
    ]
    reported = [{"symbol": "A", "period_end": dt.date(2015, 3, 28)}]  # a fiscal quarter of weeks
    row = snapshot(reported, quarters + sales + years + other)["A"]
    assert (row["quarter_end"], row["quarter_eps_usd"], row["analysts"]) == (ends[2], 2.0, 2)
    assert (row["quarter_eps_std_usd"], row["quarter_revenue_usd"]) == (0.5, 50.0)
    assert (row["next_quarter_end"], row["next_quarter_eps_usd"], row["next_quarter_revenue_usd"]) == (
        ends[3],
        3.0,
        None,
    )
    assert (row["year_eps_usd"], row["next_year_eps_usd"]) == (10.0, 11.0)
    awaited = snapshot([{"symbol": "A", "period_end": ends[0]}], quarters)["A"]
    assert awaited["quarter_end"] == ends[1]
    assert snapshot([], quarters)["A"]["quarter_end"] == ends[2]  # without reports, the one that has not ended
    never = snapshot([{"symbol": "A", "period_end": dt.date(2013, 12, 31)}], quarters)["A"]
    assert never["quarter_end"] == ends[1]  # 2014 was not reported in 130 days, and will not be


def test_an_estimate_that_was_withdrawn_is_none():
    assert snapshot([], [{"event_date": dt.date(2015, 6, 30), "mean": None}]) == {}


@pytest.mark.parametrize(
    ("day", "time", "last", "following"),
    [
        (dt.date(2015, 6, 1), "before_open", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 1), "in_session", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 1), "unknown", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 1), "after_close", None, dt.date(2015, 6, 2)),
        (dt.date(2015, 5, 29), "after_close", dt.date(2015, 6, 1), None),  # a Friday
        (dt.date(2015, 5, 30), "after_close", dt.date(2015, 6, 1), None),
        (dt.date(2015, 6, 6), "before_open", None, dt.date(2015, 6, 8)),
    ],
)
def test_an_announcement_counts_from_the_session_that_can_trade_on_it(
    day: dt.date, time: str, last: dt.date | None, following: dt.date | None
):
    row = snapshot(dates=[{"event_date": day, "time_of_day": time}])["A"]
    assert (row["last_earnings"], row["next_earnings"]) == (last, following)


def test_the_nearest_announcements_count_and_withdrawn_ones_do_not():
    days = [dt.date(2015, 2, 5), dt.date(2015, 5, 5), dt.date(2015, 6, 10), dt.date(2015, 8, 5), dt.date(2015, 11, 5)]
    told = [{"event_date": day, "time_of_day": None if i == 2 else "before_open"} for i, day in enumerate(days)]
    row = snapshot(dates=told)["A"]
    assert (row["last_earnings"], row["next_earnings"]) == (days[1], days[3])


def test_the_last_settlement_and_the_last_quote_count():
    short = [{"event_date": dt.date(2015, 5, 15), "shares_short": 7.0}, {"event_date": TODAY, "shares_short": None}]
    borrow = [
        {"event_date": dt.date(2015, 5, 28), "fee_annual": 0.2, "shares_available": 9.0},
        {"event_date": dt.date(2015, 5, 29), "fee_annual": None, "shares_available": 8.0},
    ]
    row = snapshot(short=short, borrow=borrow)["A"]
    assert (row["settled"], row["shares_short"]) == (dt.date(2015, 5, 15), 7.0)
    assert (row["borrow_fee_annual"], row["shares_to_borrow"]) == (None, 8.0)  # no quote is carried over another


# properties


def random_companies(
    seed: int, n: int = 150, n_symbols: int = 2
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, list[dt.date]]:
    """Figures, snapshots and bars; a report each 60 sessions or so, with holes in everything."""
    rng = np.random.default_rng(seed)
    bars, days = random_traded(seed, n, n_symbols, holes=0.05, breaks=0.003)
    told, said = [], []
    for symbol in [f"S{i}" for i in range(n_symbols)]:
        ends = [dt.date(2014, 9, 30) + dt.timedelta(days=91 * i + int(rng.integers(-3, 4))) for i in range(12)]
        reports = np.cumsum(rng.integers(55, 66, 9)) - 50
        announced = {int(at): days[at] for at in reports if at < n}
        for t, day in enumerate(days):
            q = int(np.count_nonzero(reports <= t))
            financials = {name: None if rng.random() < 0.1 else float(rng.normal(50, 60)) for name in FINANCIALS}
            financials |= {"shares_outstanding": 1e6, "market_cap_usd": None if rng.random() < 0.1 else 5e7}
            financials |= {"period_end": ends[q], "age_days": int(rng.integers(0, 400))}
            if rng.random() > 0.05:
                told.append({"event_date": day, "symbol": symbol, **financials})
            values = {name: None if rng.random() < 0.1 else float(rng.uniform(-1, 4)) for name in EXPECTED}
            values |= {name: abs(values[name] or 0.0) for name in EXPECTED if "_std_" in name or "revenue" in name}
            jitter = dt.timedelta(days=int(rng.integers(-4, 5)))
            values |= {"quarter_end": ends[q + 1] + jitter, "next_quarter_end": ends[q + 2] + jitter}
            values |= {"year_end": dt.date(2015 + q // 4, 12, 31), "next_year_end": dt.date(2016 + q // 4, 12, 31)}
            past = [d for at, d in announced.items() if at <= t]
            ahead = [d for at, d in announced.items() if at > t]
            values |= {"last_earnings": max(past, default=None), "next_earnings": min(ahead, default=None)}
            values |= {
                "settled": days[max(0, t - int(rng.integers(0, 140)))],
                "shares_short": float(rng.integers(0, 9)),
            }
            values |= {"analysts": 4, "borrow_fee_annual": 0.01, "shares_to_borrow": 3.0}
            if rng.random() > 0.05:
                said.append({"event_date": day, "symbol": symbol, **values})
    return frame(COMPANY_FINANCIALS, told), frame(COMPANY_SNAPSHOTS, said), bars, days


FINANCIALS = [c.name for c in COMPANY_FINANCIALS.columns if c.name.endswith("_usd") and "per_share" not in c.name]
EXPECTED = [c.name for c in COMPANY_SNAPSHOTS.columns if c.name.endswith("_usd")]


@given(st.integers(0, 10**6), st.sampled_from([1, 5]))
@settings(max_examples=6, deadline=None)
def test_every_feature_is_the_slow_one(seed: int, slope: int):
    told, said, bars, days = random_companies(seed)
    fast = company_features(told, said, bars, days, days[0], Features(avwap_slope_sessions=slope))
    assert_stored_as(fast, COMPANY_FEATURES)

    def by_day(rows: pl.DataFrame) -> dict[dt.date, dict[str, object]]:
        return {row["event_date"]: row for row in rows.filter(symbol="S1").iter_rows(named=True)}

    financials, snapshots, traded = by_day(told), by_day(said), by_day(bars)
    own = fast.filter(symbol="S1")
    for row in pl.concat([own.gather_every(13), own.tail(3)]).iter_rows(named=True):
        t = days.index(row["event_date"])
        slow = company(
            t,
            days,
            financials.get(days[t]),
            [snapshots.get(d) for d in days],
            [traded.get(d) for d in days],
            0.8,
            slope,
        )
        assert slow.keys() == {*COMPANY_FEATURES.values}
        for name, expected in slow.items():
            near = None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-11)
            assert row[name] == near, (name, row["event_date"])


@given(st.integers(0, 10**6), st.integers(1, 25))
@settings(max_examples=5, deadline=None)
def test_a_day_alone_has_the_bits_of_a_range_beside_whatever_else(seed: int, end: int):
    told, said, bars, days = random_companies(seed, REACH + 26, 3)
    t = REACH + end
    window = days[t - REACH + 1 : t + 1]
    own = pl.col("event_date").is_in(window) & pl.col("symbol").is_in(["S0", "S2"])
    alone = company_features(*(x.filter(own) for x in (told, said, bars)), window, window[-1], FEATURES)
    whole = company_features(told, said, bars, days, days[0], FEATURES)
    assert_frame_equal(alone, whole.join(alone, on=["event_date", "symbol"], how="semi"), check_exact=True)


@given(st.integers(0, 10**6))
@settings(max_examples=2, deadline=None)
def test_no_feature_sees_tomorrow(seed: int):
    told, said, bars, days = random_companies(seed, 40, 2)
    for i, given_ in enumerate((told, said, bars)):

        def made(x: pl.DataFrame, i: int = i) -> pl.DataFrame:
            frames = [told, said, bars]
            frames[i] = x
            return company_features(*frames, days, days[0], FEATURES)

        # a row needs its own session's financials or snapshot, and bar
        assert_causal(made, given_.filter(pl.col("event_date") >= days[30]))


class Told:
    """The simulated market's rows, and what was computed of them."""

    def __init__(self) -> None:
        self.made: dict[str, pl.DataFrame] = {}

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self.made[dataset.name] if dataset.name in self.made else everything(dataset)
        return rows.filter(pl.col("session").is_between(first, last)).select(*columns, "session")

    def state(self, dataset: Dataset, session: dt.date) -> None:
        raise AssertionError(f"{dataset.name} {session}: nothing here walks a path")

    def compute(self, calculation: Calculation, asset: SessionAsset, days: Sequence[dt.date]) -> pl.DataFrame:
        stored_ = calculation.compute(asset, days, self)
        rows = [
            rows.with_columns(session=pl.lit(day), known_at=pl.lit(CLOCK.decision_time(day)))
            for day, rows in stored_.items()
        ]
        self.made[asset.name] = pl.concat(rows, how="diagonal").sort("session", *asset.dataset.sort_key[:-1])
        return self.made[asset.name]


@functools.lru_cache
def simulated() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Snapshots and features of the simulated companies on the last sessions, through the assets."""
    assets = {asset.name: asset for asset in (*MARKET_ASSETS, *FEATURE_ASSETS)}
    calculation, data = Calculation(eventful(), CLOCK, busy()), Told()
    window = DAYS[-REACH - 1 :]
    data.compute(calculation, assets[ADJUSTED_BARS.name], window)
    data.compute(calculation, assets[COMPANY_FINANCIALS.name], window)
    said = data.compute(calculation, assets[COMPANY_SNAPSHOTS.name], window)
    return said, data.compute(calculation, assets[COMPANY_FEATURES.name], window[-2:]).filter(session=window[-1])


def test_the_simulated_market_has_every_feature():
    _, last = simulated()
    assert last.height >= 25
    shares = {name: last[name].count() / last.height for name in COMPANY_FEATURES.values}
    # dates are told 10 to 25 sessions ahead; a company that was listed late has no year yet
    few = {
        "sessions_until_earnings": 0.1,
        "year_earnings_revision_63": 0.2,
        "revenue_growth": 0.5,
        "earnings_growth": 0.5,
    }
    assert {name for name, share in shares.items() if share < few.get(name, 0.6)} == set()


def test_surprises_are_those_that_were_planted():
    """An estimate misses revenue by 1 %, and earnings by 1 / 1.5 deviations between analysts, for each planted one."""
    _, last = simulated()
    market, reports = planted(), everything(FUNDAMENTALS)
    twice = reports.filter(reports.select("symbol", "item", "months", "event_date").is_duplicated())
    # until its first report a company's quarter counts only as long as it has not ended
    first = reports.group_by("symbol").agg(pl.col("session").min()).filter(pl.col("session") > DAYS[-REACH])
    odd = [*twice["symbol"].unique(), *first["symbol"]]
    as_filed = last.filter(~pl.col("symbol").is_in(odd)).drop_nulls("earnings_surprise")
    sales, earnings, true = [], [], []
    for row in as_filed.iter_rows(named=True):
        place = market.symbols.index(row["symbol"])
        filed = market.quarters.filed[:, place]
        true.append(market.quarters.surprise[np.flatnonzero((filed >= 0) & (filed < len(DAYS)))[-1], place])
        sales.append(row["revenue_surprise"])
        earnings.append(row["standardized_earnings_surprise"])
    assert len(true) >= 10
    np.testing.assert_allclose(sales, -np.log(1 - 0.01 * np.array(true)), atol=1e-4)
    # shares are issued and bought back between the estimate and the end of the quarter
    assert np.corrcoef(earnings, true)[0, 1] > 0.95
    np.testing.assert_allclose(earnings, np.array(true) / 1.5, atol=0.15)


# refusals


def test_a_bar_outside_the_window_is_refused():
    days = sessions(3, TODAY)
    financials = frame(COMPANY_FINANCIALS, [{"event_date": days[2], "symbol": "A", **REPORT}])
    with pytest.raises(ValueError, match="outside the window"):
        company_features(financials, frame(COMPANY_SNAPSHOTS, []), flat(days), days[1:], days[2], FEATURES)
