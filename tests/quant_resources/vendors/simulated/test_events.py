"""What happens to the simulated companies adds up: actions, deals, reports, estimates, and faults on request."""

from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from feature_store import sessions as calendar
from feature_store.decision_time import end_of_day, morning_of
from feature_store.schemas.companies import BORROW, EARNINGS_DATES, ESTIMATES, FUNDAMENTALS, SHORT_INTEREST
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, TICKERS
from quant_resources.vendors.simulated import lifecycles as planned
from quant_resources.vendors.simulated.companies import SURPRISING_EARNINGS
from quant_resources.vendors.simulated.truth import Truth, truth_of
from tests.support.simulated import DAYS, END, eventful, everything, planted

market = planted


@lru_cache
def truth() -> Truth:
    return truth_of(eventful())


def close(symbol: str, day: object) -> float:
    """The last version of the bar's close."""
    return everything(BARS).filter(symbol=symbol, event_date=day).sort("known_at")["close"].to_list()[-1]


# --- known values: actions ------------------------------------------------------------------------------------------


def test_every_kind_of_action_happens() -> None:
    kinds = everything(CORPORATE_ACTIONS)["action"].value_counts()
    assert set(kinds["action"]) == {
        "split", "cash_dividend", "special_dividend", "spin_off", "symbol_change", "merger", "delisting",
    }  # fmt: skip
    assert everything(CORPORATE_ACTIONS).filter(action="split")["value"].is_in([2.0, 0.2]).all()


def test_a_spin_off_takes_from_the_parent_what_the_child_begins_with() -> None:
    rows = everything(CORPORATE_ACTIONS).filter(action="spin_off").sort("event_date", "known_at")
    assert rows["symbol"].n_unique() >= 3
    for symbol in rows["symbol"].unique():
        first, second = rows.filter(symbol=symbol).rows(named=True)
        day, child = first["event_date"], first["other_symbol"]
        assert first["known_at"] == end_of_day(calendar.shift(day, -5))
        assert second["known_at"] == morning_of(day)
        assert (first["cash_usd"], first["value"]) == (None, second["value"])
        opened = everything(BARS).filter(symbol=child)
        assert opened["event_date"].min() == day
        t, i = DAYS.index(day), market().symbols.index(symbol)
        fraction = market().lifecycles.spun_fraction[i]
        before = close(symbol, DAYS[t - 1]) / market().paths.split[t, i]
        assert second["cash_usd"] / before == pytest.approx(fraction, rel=0.005)
        began = second["cash_usd"] / second["value"]  # of a child's share at the last close
        move = market().paths.total[t, market().symbols.index(child)]
        assert close(child, day) == pytest.approx(began * np.exp(move), rel=0.005)


@pytest.mark.parametrize("in_stock", [0.0, 0.5, 1.0])
def test_a_deal_trades_near_its_terms_and_ends_in_them(in_stock: float) -> None:
    lifecycles, paths = market().lifecycles, market().paths
    done = [
        i for i in lifecycles.bought(len(DAYS)) if lifecycles.in_stock[i] == in_stock and lifecycles.gone[i] < len(DAYS)
    ]
    assert done
    for i in done:
        symbol, ex = market().symbols[i], int(lifecycles.gone[i])
        row = everything(CORPORATE_ACTIONS).filter(symbol=symbol, action="merger").row(-1, named=True)
        assert row["event_date"] == DAYS[ex]
        assert row["known_at"] == end_of_day(DAYS[ex - 5])
        assert everything(BARS).filter(symbol=symbol)["event_date"].max() == DAYS[ex - 1]
        assert everything(CORPORATE_ACTIONS).filter(symbol=symbol, action="delisting").is_empty()
        shares = 0.0 if row["other_symbol"] is None else row["value"] * close(row["other_symbol"], DAYS[ex])
        assert (row["value"] > 0) == (in_stock > 0)
        got = (row["cash_usd"] + shares) / close(symbol, DAYS[ex - 1]) - 1
        assert got == pytest.approx(paths.exits[ex, i], abs=0.005)
        assert abs(got) < 0.08
        told_of = int(lifecycles.announced[i])
        assert paths.total[told_of + 1, i] > 0.5 * lifecycles.premium[i]
        if in_stock == 1.0:
            buyer = int(lifecycles.acquirer[i])
            both = paths.total[told_of + 2 : ex, [i, buyer]]
            assert np.corrcoef(both.T)[0, 1] > 0.9
        if in_stock == 0.0:
            assert paths.total[told_of + 2 : ex, i].std() < 0.006


def test_a_failure_is_the_end_of_a_long_decline() -> None:
    rows = everything(CORPORATE_ACTIONS).filter(action="delisting")
    assert rows.height >= 3
    lifecycles = market().lifecycles
    for row in rows.rows(named=True):
        i = market().symbols.index(row["symbol"])
        assert row["value"] == lifecycles.delisting_return[i]
        assert -1 < row["value"] < 0
        assert everything(BARS).filter(symbol=row["symbol"])["event_date"].max() < row["event_date"]
        decline = market().paths.total[lifecycles.failing_from[i] : lifecycles.gone[i], i].sum()
        assert decline < -0.5
    begun = truth().events.filter(event="decline")
    assert set(rows["symbol"]) <= set(begun["symbol"])


def test_a_ticker_goes_to_another_company_when_the_first_is_gone() -> None:
    rows = everything(TICKERS).sort("session")
    assert rows.select(["session", "ticker"]).is_unique().all()
    assert rows.select(["session", "symbol"]).is_unique().all()
    owners = rows.group_by("ticker").agg(pl.col("symbol").n_unique().alias("owners"), pl.col("company").n_unique())
    reused = owners.filter(pl.col("owners") > 1)
    assert reused.height >= 1
    old, new = market().symbols[planned.BOUGHT_FOR_CASH], market().symbols[planned.TAKES_OLD_TICKER]
    ticker = rows.filter(symbol=old)["ticker"].unique().item()
    assert rows.filter(symbol=new, session=END)["ticker"].item() == ticker
    assert reused["company"].to_list() == reused["owners"].to_list()
    changes = everything(CORPORATE_ACTIONS).filter(action="symbol_change")
    for row in changes.filter(pl.col("event_date") <= END).rows(named=True):
        before, after = calendar.shift(row["event_date"], -1), row["event_date"]
        own = rows.filter(symbol=row["symbol"])
        assert own.filter(session=after)["ticker"].item() == row["other_symbol"]
        assert own.filter(session=before)["ticker"].item() != row["other_symbol"]
        assert row["known_at"] == end_of_day(calendar.shift(after, -5))
    assert changes.height >= 4


def test_dividends_of_those_who_declare_are_known_days_ahead() -> None:
    paid = everything(CORPORATE_ACTIONS).filter(pl.col("action").is_in(["cash_dividend", "special_dividend"]))
    ahead = paid.select((pl.col("event_date") - pl.col("known_at").dt.date()).dt.total_days().alias("days"), "grade")
    assert ahead.filter(grade=1)["days"].min() >= 4
    assert ahead.filter(grade=2)["days"].unique().to_list() == [0]
    assert paid.filter(action="special_dividend").height > 5


# --- known values: companies ----------------------------------------------------------------------------------------


def test_statements_balance() -> None:
    first = everything(FUNDAMENTALS).filter(~pl.col("form").str.ends_with("/A"))
    for months in (3, 12):
        flows = first.filter(months=months).pivot("item", index=["symbol", "event_date"], values="value")
        assert flows.height > 40
        gap = flows["revenue"] - flows["cost_of_revenue"] - flows["gross_profit"]
        assert gap.abs().max() <= 2000  # each is rounded to thousands
        assert (flows["operating_income"] > flows["net_income"]).mean() > 0.85
    instants = first.filter(months=0).pivot("item", index=["symbol", "event_date"], values="value")
    assert (instants["assets"] - instants["liabilities"] - instants["equity"]).abs().max() <= 2000
    cash = instants.sort("symbol", "event_date").with_columns(before=pl.col("cash").shift(1).over("symbol"))
    flows = first.filter(pl.col("item").str.ends_with("cash_flow"), months=3).pivot(
        "item", index=["symbol", "event_date"], values="value"
    )
    both = flows.join(cash, on=["symbol", "event_date"]).drop_nulls("before")
    moved = both["operating_cash_flow"] + both["investing_cash_flow"] + both["financing_cash_flow"]
    assert both.height > 10
    assert (both["cash"] - both["before"] - moved).abs().max() <= 3000


def test_what_is_filed_is_true_and_years_are_four_quarters() -> None:
    first = everything(FUNDAMENTALS).filter(~pl.col("form").str.ends_with("/A"))
    planted = (
        truth()
        .fundamentals.sort("symbol", "event_date")
        .with_columns(
            year=pl.col("revenue").rolling_sum(4).over("symbol"),
            half=pl.col("operating_cash_flow").rolling_sum(2).over("symbol"),
        )
    )
    for item, months, column in (
        ("revenue", 3, "revenue"),
        ("equity", 0, "equity"),
        ("revenue", 12, "year"),
        ("operating_cash_flow", 6, "half"),
    ):
        both = first.filter(item=item, months=months).join(planted, on=["symbol", "event_date"])
        assert both.height > 20
        assert (both["value"] - both[column]).abs().max() <= 501
    shares = first.filter(item="shares_outstanding").join(planted, on=["symbol", "event_date"])
    assert (shares["value"] - shares["shares_outstanding"]).abs().max() <= 0.51
    eps = first.filter(item="eps_diluted", months=3).join(planted, on=["symbol", "event_date"])
    assert (eps["value"] - eps["net_income"] / eps["shares_outstanding"]).abs().max() < 0.0051


def test_quarterly_reports_have_quarters_and_annual_ones_years() -> None:
    rows = everything(FUNDAMENTALS).filter(item="net_income")
    assert set(rows.filter(pl.col("form").str.starts_with("10-Q"))["months"]) == {3}
    assert set(rows.filter(pl.col("form").str.starts_with("10-K"))["months"]) == {12}


def test_the_last_estimate_misses_by_the_surprise_and_earlier_ones_by_more() -> None:
    surprises = truth().fundamentals.select("symbol", "event_date", "surprise", "net_income", "revenue", "announced")
    rows = everything(ESTIMATES).filter(item="eps_diluted", months=3).join(surprises, on=["symbol", "event_date"])
    splits = everything(CORPORATE_ACTIONS).filter(action="split")["symbol"].unique()
    rows = rows.filter(pl.col("announced").is_not_null(), ~pl.col("symbol").is_in(splits.to_list()))
    rows = rows.with_columns(
        place=pl.col("known_at").rank("ordinal", descending=True).over("symbol", "event_date"),
        count=pl.len().over("symbol", "event_date"),
        unit=SURPRISING_EARNINGS * pl.col("revenue"),
    )
    shares = (pl.col("net_income") - pl.col("unit") * pl.col("surprise")) / pl.col("mean")
    whole = rows.filter(pl.col("count") == 6)
    last = whole.filter(pl.col("place") == 1, pl.col("mean").abs() > 0.05).with_columns(shares=shares)
    outstanding = everything(FUNDAMENTALS).filter(item="shares_outstanding")
    outstanding = outstanding.unique(["symbol", "event_date"]).select("symbol", "event_date", reported="value")
    both = last.join(outstanding, on=["symbol", "event_date"])
    assert both.height > 100
    assert (both["shares"] / both["reported"] - 1).abs().max() < 0.03  # issued since
    full = whole.join(outstanding, on=["symbol", "event_date"])
    missed = (
        full.with_columns(error=(pl.col("net_income") - pl.col("mean") * pl.col("reported")) / pl.col("unit"))
        .group_by("place")
        .agg(pl.col("error").std())
        .sort("place")["error"]
    )
    assert missed.diff().drop_nulls().min() > 0


def test_prices_move_by_the_surprise() -> None:
    paths, quarters = market().paths, market().quarters
    moves, surprises = [], []
    for q, i in np.argwhere((quarters.announced > 0) & (quarters.announced < len(DAYS) - 1)):
        t = quarters.announced[q, i] + (0 if quarters.before_open[i] else 1)
        if market().lifecycles.listed[i] < t < min(market().lifecycles.announced[i], market().lifecycles.gone[i]):
            moves.append(paths.total[t, i])
            surprises.append(quarters.surprise[q, i])
    x, y = np.array(surprises), np.array(moves)
    slope = (x @ y) / (x @ x)
    error = np.sqrt(((y - slope * x) ** 2 * x**2).sum()) / (x @ x)
    assert abs(slope - market().settings.earnings_move) < 3 * error
    assert len(x) > 150


def test_announcements_are_published_ahead_and_moved_ones_withdrawn() -> None:
    rows = everything(EARNINGS_DATES).sort("known_at")
    assert ((rows["event_date"] - rows["known_at"].dt.date()).dt.total_days() >= 2).all()
    gone = rows.filter(pl.col("time_of_day").is_null())
    assert 10 < gone.height < 0.4 * rows.height
    for row in gone.rows(named=True):
        own = rows.filter(symbol=row["symbol"])
        if row["known_at"] > end_of_day(DAYS[40]):
            assert own.filter(event_date=row["event_date"]).height == 2
        new = own.filter(pl.col("known_at") == row["known_at"], pl.col("time_of_day").is_not_null())
        assert 0 < abs((new["event_date"].item() - row["event_date"]).days) <= 9
    stands = rows.unique(["symbol", "event_date"], keep="last").drop_nulls("time_of_day")
    true = truth().fundamentals.drop_nulls("announced").select("symbol", event_date="announced")
    late = true.filter(pl.col("event_date") > DAYS[40])
    alive = late.join(everything(BARS).select("symbol", "event_date").unique(), on=["symbol", "event_date"])
    old = alive.filter(~pl.col("symbol").str.starts_with("X"))  # listed from the start
    assert old.join(stands, on=["symbol", "event_date"], how="anti").height < 0.03 * old.height  # just listed


def test_short_interest_comes_twice_a_month_and_eight_sessions_late() -> None:
    rows = everything(SHORT_INTEREST)
    late = [DAYS.index(known.date()) - DAYS.index(day) for known, day in rows.select(
        pl.col("known_at").dt.convert_time_zone("America/New_York"), "event_date").unique().iter_rows()]  # fmt: skip
    assert set(late) == {8}
    days = rows["event_date"].unique().sort()
    assert 1.9 < days.len() / 26.5 < 2.1
    assert ((days.dt.day() <= 15) == (days.dt.day() >= 10)).sum() > 20
    volume = everything(BARS).sort("known_at").unique(["symbol", "event_date"], keep="last").sort("event_date")
    mean = volume.with_columns(mean=pl.col("volume").rolling_mean(21).over("symbol"))
    both = rows.join(mean.select("symbol", "event_date", "mean"), on=["symbol", "event_date"]).drop_nulls("mean")
    # with a bar on each of the 21 sessions
    assert ((both["shares_short"] / both["mean"] - both["days_to_cover"]).abs() < 0.011).mean() > 0.97


def test_what_is_sold_short_is_dear_and_scarce() -> None:
    quotes = everything(BORROW)
    shares = pl.DataFrame({"symbol": market().symbols, "position": range(len(market().symbols))})
    short = everything(SHORT_INTEREST).join(shares, on="symbol")
    t = [DAYS.index(day) for day in short["event_date"]]
    short = short.with_columns(ratio=pl.col("shares_short") / pl.Series(market().paths.shares[t, short["position"]]))
    both = quotes.join(short, on=["symbol", "event_date"])
    hard = both.filter(pl.col("ratio") > 0.08)
    easy = both.filter(pl.col("ratio") < 0.05)
    assert min(hard.height, easy.height) > 50
    assert hard["fee_annual"].min() > 2 * easy["fee_annual"].median()
    assert (quotes["fee_annual"] > 0).all()
    assert (both["shares_available"] >= 0).all()


# --- properties -----------------------------------------------------------------------------------------------------


def test_bars_are_consistent_and_whole_cents() -> None:
    bars = everything(BARS)
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    assert bars.filter((pl.col("low") > low) | (pl.col("high") < high)).is_empty()
    assert bars.filter(~pl.col("vwap").is_between("low", "high")).is_empty()
    assert bars.filter((pl.col("close") * 100 - (pl.col("close") * 100).round()).abs() > 1e-6).is_empty()
    assert bars["volume"].min() > 0
    assert (bars["transactions"] <= bars["volume"]).all()
    assert bars["close"].max() < 400


def test_nothing_happens_to_a_company_before_its_listing_or_after_its_end() -> None:
    bars = everything(BARS)
    lived = bars.group_by("symbol").agg(
        pl.col("event_date").min().alias("first"), pl.col("event_date").max().alias("last")
    )
    for dataset in (FUNDAMENTALS, ESTIMATES, SHORT_INTEREST, BORROW, TICKERS):
        rows = everything(dataset).with_columns(day=pl.col("known_at").dt.date()).join(lived, on="symbol")
        assert rows.filter(pl.col("day") < pl.col("first")).is_empty(), dataset.name
        late = rows.filter(pl.col("day") > pl.col("last") + pl.duration(days=20))  # short interest is published later
        assert late.filter(pl.col("last") < END).is_empty(), dataset.name


def test_the_truth_has_all_events() -> None:
    events = truth().events
    assert {"listing", "decline", "deal", "exit", "ticker", "reclassification", "split", "merger"} <= set(
        events["event"]
    )
    ends = events.filter(event="exit")
    known = everything(CORPORATE_ACTIONS).filter(pl.col("action").is_in(["merger", "delisting"]))
    assert set(ends["symbol"]) == set(known.filter(pl.col("event_date") <= END)["symbol"])
