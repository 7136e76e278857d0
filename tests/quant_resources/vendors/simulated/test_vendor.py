"""The simulated vendor publishes its market as a real one would: nothing early, a range as its days, the same again."""

import datetime as dt
import hashlib
import random

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import end_of_day
from feature_store.schemas.companies import ESTIMATES, FUNDAMENTALS
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, INDUSTRIES, MACRO, MEMBERS, UNIVERSE
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.simulated import lifecycles as planned
from quant_resources.vendors.simulated import surroundings
from quant_resources.vendors.simulated.market import simulate
from quant_resources.vendors.simulated.vendor import Feed, SimulatedMarket
from tests.support.simulated import (
    CLOCK,
    DAYS,
    END,
    SERVED,
    START,
    busy,
    cut_short,
    eventful,
    everything,
    made_again,
    parsed,
    planted,
    profile,
    with_more,
)

# Around the planned outcomes, quarter ends, a year's edge.
LOOKED_AT = [DAYS[0], DAYS[1], *DAYS[148:161:4], *DAYS[198:203], *DAYS[254:262], *DAYS[348:351], *DAYS[418:421], END]
ALL = (*SERVED, QUARANTINE)


# --- known values ---------------------------------------------------------------------------------------------------


def test_the_symbols_with_a_story_play_it() -> None:
    bars, members = everything(BARS), everything(MEMBERS)
    actions, industries = everything(CORPORATE_ACTIONS), everything(INDUSTRIES)
    delisting = actions.filter(action="delisting", symbol="S0000").row(0, named=True)
    assert delisting["value"] == planned.DELISTING_RETURN
    assert delisting["event_date"] == DAYS[planned.DELISTING_SESSION]
    assert bars.filter(symbol="S0000")["event_date"].max() == DAYS[planned.DELISTING_SESSION - 1]
    assert bars.filter(symbol="S0001")["event_date"].min() == DAYS[planned.JOIN_SESSION]
    whole = parsed(SimulatedMarket(profile(n_symbols=16)), MEMBERS, START, END)
    assert whole.filter(symbol="S0001")["session"].min() == DAYS[planned.JOIN_SESSION + 10]
    assert whole.filter(symbol="S0002")["session"].max() == DAYS[planned.LEAVE_SESSION - 1]
    assert set(members["symbol"]) <= set(bars["symbol"])
    reclassified = industries.filter(symbol="S0003").sort("session")
    before, after = reclassified["industry"].unique(maintain_order=True)
    assert before == "Industrials" != after
    assert reclassified.filter(industry=after)["session"].min() == DAYS[planned.RECLASSIFIED_SESSION]


def test_the_stocks_are_those_of_this_version() -> None:
    """A change here changes every result on simulated data."""
    bars = parsed(SimulatedMarket(profile()), BARS, dt.date(2015, 12, 31), dt.date(2015, 12, 31))
    assert bars.filter(pl.col("symbol").is_in(["S0001", "S0010"])).select("close", "volume").rows() == PINNED


PINNED = [(105.18, 2390426), (70.42, 3822)]  # the second is the illiquid one


def test_all_symbols_pass_the_default_floors_but_the_illiquid_one() -> None:
    floors = Market()
    bars = parsed(SimulatedMarket(profile()), BARS, START, END).with_columns(dollars=pl.col("close") * pl.col("volume"))
    assert bars["close"].min() > floors.min_price_usd
    adv = bars.sort("symbol", "event_date").with_columns(
        adv=pl.col("dollars").rolling_mean(floors.adv_sessions).over("symbol")
    )
    below = adv.filter(pl.col("adv") < floors.min_adv_usd)
    assert below["symbol"].unique().to_list() == [f"S{planned.ILLIQUID:04d}"]
    assert below.height == adv.filter(symbol=f"S{planned.ILLIQUID:04d}")["adv"].count()


def test_macro_is_known_when_its_kind_is_published() -> None:
    rows = everything(MACRO)
    assert {"VIX_CLOSE", "VIX3M", "DGS2", "DGS10", "BAA10Y", "DFF", "HY_OAS", "UNRATE"} <= set(rows["series"])
    vix = rows.filter(series="VIX_CLOSE")
    assert vix["known_at"].to_list() == [end_of_day(day) for day in vix["event_date"]]
    rates = rows.filter(series="DGS10")
    assert rates["known_at"].to_list() == [end_of_day(calendar.shift(day, 1)) for day in rates["event_date"]]
    output = rows.filter(series="INDPRO").sort("event_date", "known_at")
    assert output["event_date"].dt.day().unique().to_list() == [1]
    versions = output.group_by("event_date").len()["len"]
    assert versions.max() == 2
    assert (output["known_at"].dt.date() - output["event_date"]).dt.total_days().min() > 40


def test_the_index_earns_the_mean_of_the_stocks_and_pays_for_what_ends() -> None:
    market = planted()
    close = surroundings.funds(market)["INDEX"]["close"]
    bars, paths, fee = market.bars, market.paths, surroundings.FUND_FEE_ANNUAL / 252
    held = (bars.close + paths.paid) * paths.split
    ends = {t for t, _ in paths.exits}
    assert len(ends) > 5
    for t in (1, planned.JOIN_SESSION, planned.SPIN_OFF_SESSION, *(t for t in ends if t < len(DAYS))):
        returns = [paths.exits.get((t, i), held[t, i] / bars.close[t - 1, i] - 1) for i in range(len(market.symbols))]
        assert close[t] / close[t - 1] - 1 == pytest.approx(np.nanmean(returns) - fee, abs=1.1e-4)  # cents


# --- properties -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ALL, ids=lambda d: d.name)
def test_a_range_is_its_days(dataset: Dataset) -> None:
    whole = everything(dataset)
    for day in LOOKED_AT:
        assert_frame_equal(parsed(busy(), dataset, day, day), whole.filter(session=day))


@pytest.mark.parametrize("dataset", ALL, ids=lambda d: d.name)
def test_a_payload_cut_at_a_session_gives_what_the_whole_one_gives(dataset: Dataset) -> None:
    cut = DAYS[random.Random(dataset.name).randrange(100, len(DAYS) - 40)]
    days = calendar.between(START, cut)
    at = CLOCK.decision_time(cut)
    early = busy().fetch(dataset, days, at)
    assert early["known_at"].max() is None or early["known_at"].max() <= at
    late = busy().fetch(dataset, DAYS, CLOCK.decision_time(END))
    assert_frame_equal(busy().parse(dataset, early, days), busy().parse(dataset, late, days))


@pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
def test_neither_a_later_end_nor_more_symbols_change_what_was_published(dataset: Dataset) -> None:
    cut = dt.date(2016, 9, 7)  # just after a delisting
    whole = everything(dataset).filter(pl.col("session") <= cut)
    assert_frame_equal(parsed(cut_short(cut), dataset, START, cut), whole)
    if dataset not in (BENCHMARKS, MEMBERS):  # funds hold all, an index the largest of all
        more = parsed(with_more(53), dataset, START, cut)
        mine = set(planted().symbols)
        assert_frame_equal(more.filter(pl.col("symbol").is_in(mine)) if "symbol" in dataset.key else more, whole)


def test_a_market_may_end_in_the_midst_of_what_happens() -> None:
    """Deals, spin-offs and quarters that are under way at any end change nothing before it."""
    whole = with_more(80)._feed.payload(CORPORATE_ACTIONS.name)
    for end in DAYS[120::64]:
        feed = Feed(simulate(eventful(end, n_symbols=80).vendor, eventful().seed))
        known = pl.col("known_at") <= CLOCK.decision_time(end)
        rows = feed.payload(CORPORATE_ACTIONS.name).filter(known)
        columns = rows.columns
        assert_frame_equal(rows.sort(columns), whole.filter(known).sort(columns))


@pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
def test_the_same_seed_gives_the_same_content(dataset: Dataset) -> None:
    once = digest(busy()._feed.payload(dataset.name))
    assert digest(made_again(eventful().seed).payload(dataset.name)) == once
    assert digest(made_again(eventful().seed + 1).payload(dataset.name)) != once


def digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()


@pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
def test_nothing_is_published_before_it_is_known(dataset: Dataset) -> None:
    rows = everything(dataset)
    assert rows.height > 50
    days = rows["session"].unique()
    decided = pl.DataFrame({"session": days, "decided_at": [CLOCK.decision_time(d) for d in days]})
    assert rows.join(decided, on="session").filter(pl.col("known_at") > pl.col("decided_at")).is_empty()
    assert rows.schema == {"session": pl.Date(), **dataset.schema, "grade": pl.Int8()}
    keyed = [*dataset.key, "event_date", *(["known_at"] if dataset.restates else [])]
    assert rows.select(keyed).is_unique().all()


def test_nothing_of_it_is_quarantined_at_the_door() -> None:
    assert everything(QUARANTINE).is_empty()


def test_members_are_the_largest_and_change_with_notice() -> None:
    members = everything(MEMBERS)
    counts = members.group_by("session").len().sort("session")["len"].to_numpy()
    market = planted()
    t = np.arange(len(DAYS))[:, None]
    listed = ((t >= market.lifecycles.listed) & (t < market.lifecycles.gone)).sum(axis=1)
    assert np.abs(counts / listed - 0.8).max() < 0.12  # what is gone is replaced at the next review
    changed = members.group_by("symbol").agg(pl.col("session").min().alias("first"))
    entered = [DAYS.index(day) % 63 for day in changed.filter(pl.col("first") > START)["first"]]
    assert set(entered) - {10}  # new listings
    assert entered.count(10) >= 3  # reviews
    last = DAYS[63 * 8]
    capital = dict(zip(market.symbols, market.paths.close[63 * 8] * market.paths.shares[63 * 8], strict=True))
    inside = set(members.filter(session=DAYS[63 * 8 + 10])["symbol"])
    outside = set(everything(BARS).filter(event_date=last)["symbol"]) - inside
    assert np.median([capital[s] for s in outside]) < min(sorted(capital[s] for s in inside)[5:])


def test_figures_wait_for_their_filing_and_amendments_come_later() -> None:
    rows = everything(FUNDAMENTALS)
    waited = rows.select((pl.col("known_at").dt.date() - pl.col("event_date")).dt.total_days().alias("days"), "form")
    assert waited.filter(~pl.col("form").str.ends_with("/A"))["days"].is_between(14, 80).all()
    amended = rows.filter(pl.col("form").str.ends_with("/A"))
    assert amended.height > 100
    first = rows.filter(~pl.col("form").str.ends_with("/A"))
    both = amended.join(first, on=["symbol", "event_date", "item", "months"], suffix="_first")
    assert (both["known_at"] > both["known_at_first"]).all()
    both = both.filter(pl.col("item") == "revenue")
    assert both.height > 3
    assert (both["value"] < both["value_first"]).mean() > 0.9


def test_estimates_are_of_periods_not_yet_reported() -> None:
    first = (
        everything(FUNDAMENTALS)
        .filter(item="revenue")
        .group_by("symbol", "event_date")
        .agg(reported=pl.col("known_at").min())
    )
    both = everything(ESTIMATES).filter(item="revenue").join(first, on=["symbol", "event_date"])
    assert both.height > 500
    assert (both["known_at"] < both["reported"]).all()


# --- refusals -------------------------------------------------------------------------------------------------------


def test_sessions_outside_the_market_are_rejected() -> None:
    with pytest.raises(VendorError, match="runs from 2015-01-02 to 2017-03-31"):
        parsed(busy(), BARS, dt.date(2017, 6, 1), dt.date(2017, 6, 1))


def test_another_dataset_is_rejected() -> None:
    with pytest.raises(VendorError, match="not market/universe"):
        parsed(busy(), UNIVERSE, START, START)
