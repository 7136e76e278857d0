"""What holds of every feature of a company: the reference implementation, bits, lookahead, planted surprises."""

import datetime as dt
import functools
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
    COMPANY_FINANCIALS,
    FUNDAMENTALS,
)
from feature_store.schemas.company_features import COMPANY_FEATURES, REACH
from feature_store.schemas.company_snapshots import COMPANY_SNAPSHOTS
from feature_store.schemas.market import ADJUSTED_BARS
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.computation import Calculation
from quant_assets.features.assets import ASSETS as FEATURE_ASSETS
from quant_assets.features.company.features import company_features
from quant_assets.market.assets import ASSETS as MARKET_ASSETS
from tests.features.company.samples import FEATURES, frame
from tests.oracles.company_features import company
from tests.oracles.panels import assert_stored_as, random_traded
from tests.support.lookahead import assert_causal
from tests.support.simulated import CLOCK, DAYS, busy, eventful, everything, planted


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
