"""Books by rules of one's own: the account's code is the platform's, whatever the weights are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import Profile
from feature_store import sessions as calendar
from feature_store.schemas.market import UNIVERSE
from quant_assets.books import book_assets
from quant_assets.engine.asset import SessionAsset, same
from quant_assets.engine.gate import Gate, is_gated
from quant_assets.engine.identity import code_of
from quant_assets.engine.runner import Runner
from quant_assets.execution.book.replay import rule_step
from quant_assets.execution.book.target_weights import Holdings
from quant_assets.graph import all_assets
from tests.engine.market import SESSIONS, make_runner, profile, run
from tests.execution import markets
from tests.execution.random_markets import random_market

FIRST = SESSIONS[:5]


def equal_weights(holdings: Holdings, inputs: Mapping[str, pl.DataFrame]) -> np.ndarray | None:
    """The rule of `execution/equal_weight_book`."""
    first_of_month = calendar.shift(holdings.session, -1).month != holdings.session.month
    stays = holdings.is_held & ~holdings.must_exit
    if not (first_of_month or holdings.must_exit.any() or not stays.any()) or not holdings.open_to_trade.any():
        return None
    return np.where(holdings.open_to_trade, max(holdings.investable / holdings.open_to_trade.sum(), 0.0), 0.0)


def most_liquid(holdings: Holdings, inputs: Mapping[str, pl.DataFrame]) -> np.ndarray | None:
    volume = np.where(holdings.open_to_trade, holdings.aligned(inputs["sizes"], "adv_usd"), np.nan)
    if np.isnan(volume).all():
        return None
    best = volume == np.nanmax(volume)
    return np.where(best, holdings.investable / best.sum(), 0.0)


def assets(rule=equal_weights, **inputs) -> list[SessionAsset]:
    return book_assets("execution/mine", "A book of a test.", rule, inputs)


def stepped(rule):
    def step(state, market, session, portfolio, execution, series):
        return rule_step(rule, state, market, {}, session, portfolio, execution, series)

    return step


def one_step(rule) -> pl.DataFrame:
    market = random_market(3)
    markets.STEPS["rule"] = stepped(rule)
    try:
        return market.run(0, book="rule")[0]
    finally:
        del markets.STEPS["rule"]


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_rule_of_equal_weights_gives_the_bits_of_the_equal_weight_book(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(markets.STEPS, "rule", stepped(equal_weights))
    market = random_market(seed)
    last = len(next(iter(market.prices.values()))) - 1
    for own, expected in zip(market.run(last, book="rule"), market.run(last, book="equal_weight"), strict=True):
        same_but_status = pl.exclude("status", "detail")
        assert_frame_equal(own.select(same_but_status), expected.select(same_but_status), check_exact=True)


def test_a_book_comes_with_its_orders_and_its_account() -> None:
    book, orders, account = assets()
    assert [asset.name for asset in (book, orders, account)] == [
        "execution/mine", "execution/mine_orders", "execution/mine_pnl",
    ]  # fmt: skip
    assert [asset.kind for asset in (book, orders, account)] == ["recursive", "cross section", "cross section"]
    assert {*book.checks} == {"fills_after_decision"}
    assert {*account.checks} == {"account_closes"}


def test_its_orders_rest_on_its_own_history_and_are_stopped_as_the_platforms_are() -> None:
    book, orders, account = assets()
    chosen = profile()
    reach = Gate([*all_assets(chosen), book, orders, account]).spans(orders, FIRST[-1], FIRST[-1], chosen)
    assert [is_gated(asset) for asset in (book, orders, account)] == [False, True, False]
    assert reach["execution/mine"] == reach["market/bars"] == (FIRST[0], FIRST[-1])
    assert {"execution/book", "alpha/combined", account.name}.isdisjoint(reach)


def test_a_rule_is_stored_with_what_it_reads_and_its_account_closes(tmp_path: Path) -> None:
    runner = make_runner(tmp_path, profile())
    own = assets(most_liquid, sizes=same(UNIVERSE, columns=("adv_usd",)))
    for asset in [*upstream(profile(), {"execution/equal_weight_book"}), *own]:
        run(runner, asset, FIRST)
    book = runner.store.read(own[0].dataset, as_of=FIRST[-1])
    assert book["event_date"].n_unique() == len(FIRST)
    account = runner.store.read(own[2].dataset, as_of=FIRST[-1])
    assert account["book"].unique().to_list() == ["mine"]
    change = account["nav_usd"].diff().drop_nulls()
    earned = (account["pnl_usd"] - account["cost_usd"] - account["borrow_usd"]).tail(len(change))
    assert change.to_numpy() == pytest.approx(earned.to_numpy(), abs=1e-6)


def upstream(chosen: Profile, names: set[str]) -> list[SessionAsset]:
    """The platform's assets that these rest on, themselves included, in order."""
    graph, wanted = all_assets(chosen), {*names}
    for asset in reversed(graph):
        if asset.name in wanted:
            wanted |= {window.dataset.name for window in asset.inputs.values()}
    return [asset for asset in graph if asset.name in wanted]


# -- properties --------------------------------------------------------------------------------------------------------


def test_the_code_of_a_book_is_that_of_its_rule() -> None:
    one, other = (code_of(assets(rule)[0], profile(), Runner) for rule in (equal_weights, most_liquid))
    assert one.digest != other.digest
    assert f"{__name__}.most_liquid" in other.definitions
    assert f"{__name__}.most_liquid" not in one.definitions


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda n: np.full(n + 1, 0.0), r"have the shape \(\d+,\), not \(\d+,\): one a symbol"),
        (lambda n: np.full(n, -0.1), "are negative or not finite, of .*; a weight is 0 or more"),
        (lambda n: np.full(n, np.nan), "are negative or not finite"),
        (lambda n: np.full(n, 1.0), "add up to .* there to invest; scale them to `holdings.investable`"),
    ],
)
def test_weights_that_no_account_can_hold_are_rejected(weights, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        one_step(lambda holdings, inputs: weights(len(holdings.symbols)))


def test_an_input_under_a_name_of_the_account_is_rejected() -> None:
    with pytest.raises(ValueError, match="inputs bars are the account's own; name yours otherwise"):
        assets(bars=same(UNIVERSE))
