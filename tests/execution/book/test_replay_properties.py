"""What holds of every book, session by session."""

import io
import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from feature_store.schemas.execution import BOOK
from tests.execution.book.samples import LAST, nav, row
from tests.execution.markets import DAYS, STEPS
from tests.execution.random_markets import random_market
from tests.oracles.ledger import replay

seeds = st.integers(0, 100_000)
modes = st.sampled_from(["long_only", "dollar_neutral"])


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(seeds, modes, st.sampled_from(sorted(STEPS)))
def test_net_asset_value_moves_by_profit_less_costs_and_fees(seed: int, mode: str, book: str) -> None:
    books = random_market(seed, mode=mode, reorganized=True).run(LAST, book=book)
    for before, after in pairwise(books):
        spent = math.fsum([*after["cost_usd"].drop_nulls(), *after["borrow_usd"].drop_nulls()])
        assert nav(after) - nav(before) == pytest.approx(math.fsum(after["pnl_usd"]) - spent, abs=1e-9 * nav(before))


@settings(max_examples=25, deadline=None)
@given(seeds, modes, st.sampled_from(sorted(STEPS)))
def test_the_book_agrees_with_a_double_entry_ledger(seed: int, mode: str, book: str) -> None:
    market = random_market(seed, mode=mode, reorganized=True)
    books = market.run(LAST, book=book)
    short_sales = mode == "dollar_neutral" and book != "equal_weight"
    for found, ledger in zip(books, replay(market, books, DAYS[: LAST + 1], short_sales), strict=True):
        assert math.fsum(ledger.accounts.values()) == pytest.approx(0.0, abs=1e-3)
        assert nav(found) == pytest.approx(ledger.nav, rel=1e-9)
        assert row(found, "USD")["value_usd"] == pytest.approx(ledger.accounts["cash"], rel=1e-9, abs=1e-4)
        held = {s: n for s, n in zip(found["symbol"], found["shares"], strict=True) if n and s != "USD"}
        assert held == pytest.approx({s: n for s, n in ledger.shares.items() if n}, rel=1e-12)


@settings(max_examples=8, deadline=None)
@given(seeds, st.integers(0, LAST - 1), modes, st.sampled_from(sorted(STEPS)))
def test_going_on_from_stored_state_gives_the_same_bits(seed: int, stop: int, mode: str, book: str) -> None:
    market = random_market(seed, mode=mode, reorganized=True)
    whole = market.run(LAST, book=book)
    file = io.BytesIO()
    whole[stop].write_parquet(file, compression="zstd")
    file.seek(0)
    resumed = market.run(LAST, first=stop + 1, state=pl.read_parquet(file), book=book)
    for one, other in zip(whole[stop + 1 :], resumed, strict=True):
        assert_frame_equal(one, other, check_exact=True)


@settings(max_examples=12, deadline=None)
@given(seeds, modes)
def test_decided_weights_keep_their_limits(seed: int, mode: str) -> None:
    market = random_market(seed, mode=mode, reorganized=True)
    chosen = market.portfolio
    least = -chosen.short_cap if mode == "dollar_neutral" else 0.0
    for t, book in enumerate(market.run(LAST)):
        cash = row(book, "USD")
        if cash["status"] not in {"optimal", "relaxed"}:
            assert book["order_shares"].null_count() == book.height
            continue
        names = book.filter(pl.col("symbol") != "USD", pl.col("target_weight").is_not_null())
        weight, target = (names["value_usd"] / nav(book)).to_numpy(), names["target_weight"].to_numpy()
        assert target.sum() + cash["target_weight"] == pytest.approx(1.0, abs=1e-9)
        assert (target <= np.maximum(weight, chosen.weight_cap) + 1e-6).all()
        assert (target >= np.minimum(weight, least) - 1e-6).all()
        if cash["status"] == "optimal":
            counted = np.isin(names["symbol"].to_list(), market.tradable(t))
            assert np.abs(target - weight)[counted].sum() <= chosen.turnover_cap + 1e-6
            assert cash["target_weight"] >= chosen.cash_floor - 1e-6
        if cash["status"] == "optimal" and mode == "dollar_neutral":
            assert np.abs(target).sum() <= chosen.gross_cap + 1e-6
            assert abs(target.sum()) <= chosen.net_band + 1e-6


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from(sorted(STEPS)))
def test_long_only_nobody_is_short_and_nobody_borrows(seed: int, book: str) -> None:
    for found in random_market(seed, reorganized=True).run(LAST, book=book):
        assert (found["shares"] >= -1e-6).all()
        assert found["borrow_usd"].null_count() == found.height


@settings(max_examples=8, deadline=None)
@given(seeds, modes)
def test_orders_keep_the_pre_trade_checks(seed: int, mode: str) -> None:
    market = random_market(seed, mode=mode, reorganized=True)
    for book in market.run(LAST):
        sent = book.filter(pl.col("order_shares").is_not_null())
        notional = (sent["order_shares"] * sent["reference_price_usd"]).to_numpy()
        assert (np.abs(notional) <= market.execution.max_participation * sent["adv_usd"].to_numpy() * (1 + 1e-12)).all()
        rounding = sent.filter(pl.col("order_shares") < 0)["reference_price_usd"].sum()
        assert notional.sum() <= max(row(book, "USD")["value_usd"], 0.0) + rounding + 1e-6


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, LAST - 1), st.sampled_from(sorted(STEPS)))
def test_a_step_never_sees_what_comes_later(seed: int, t: int, name: str) -> None:
    market = random_market(seed, reorganized=True)
    before = market.run(t - 1, book=name)[-1]
    book = market.step(before, t, name)
    for bars in market.prices.values():
        bars[t + 1 :] = [(1.0, 1000.0)] * (LAST - t)
    last = DAYS[t + 1]
    # that a merger is coming is known ahead: a name with one is not written off
    near = [a for a in market.actions if DAYS[a["ex"]] <= last or a["action"] == "merger"]
    market.actions = [action for action in near if action.get("known", 0) <= t]
    market.rates |= dict.fromkeys(range(t + 1, LAST + 1), 99.0)
    assert_frame_equal(market.step(before, t, name), book, check_exact=True)


@settings(max_examples=10, deadline=None)
@given(seeds, modes, st.sampled_from(sorted(STEPS)))
def test_rows_keep_the_contract_of_the_dataset(seed: int, mode: str, name: str) -> None:
    for book in random_market(seed, mode=mode, reorganized=True).run(LAST, book=name):
        assert book.schema == BOOK.computed_schema
        assert book["symbol"].to_list() == sorted(set(book["symbol"]))
        for column in BOOK.columns:
            values = book[column.name]
            assert column.nullable or not values.null_count()
            if values.dtype == pl.Float64:
                assert values.drop_nulls().is_finite().all()
            if column.above is not None:
                assert (values.drop_nulls() > column.above).all()
            if column.at_least is not None:
                assert (values.drop_nulls() >= column.at_least).all()
