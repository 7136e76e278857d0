"""The account and its attribution over books that are simulated in markets in which every event happens."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import Market as Adjustment
from feature_store.decision_time import DecisionClock
from feature_store.schemas.market import BARS
from feature_store.schemas.risk import MARKET
from quant_assets.backtest.attribution import attribution
from quant_assets.backtest.checks import account_closes, attribution_closes
from quant_assets.backtest.pnl import pnl
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.risk.factor_model import factor_and_specific_returns
from tests.execution.markets import DAYS, Market, Mode
from tests.execution.random_markets import random_market

CLOCK = DecisionClock(30)
NO_BARS = BARS.empty()
LAST = 8


def two(books: list[pl.DataFrame], t: int) -> pl.DataFrame:
    """The session's rows and those of the one before."""
    return pl.concat(books[max(t - 1, 0) : t + 1])


def risk_model(market: Market, t: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Exposures, factor returns and specific returns, of what the market knew on the session."""
    bars = adjusted_bars(
        pl.concat(market.bars(s) for s in range(t + 1)), market.known_actions(t), DAYS[: t + 1], Adjustment()
    )
    exposures = pl.concat(market.exposures(s) for s in range(max(t - 1, 0), t + 1))
    return exposures, *factor_and_specific_returns(bars, exposures, DAYS[t])


def attributed(market: Market, book: pl.DataFrame, t: int) -> pl.DataFrame:
    return attribution(book, *risk_model(market, t), DAYS[t])


# --- properties ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["long_only", "dollar_neutral"])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_accounts_and_attributions_close_on_every_session(mode: Mode, seed: int) -> None:
    market = random_market(seed, mode=mode, reorganized=True)
    main, equal_weight = market.run(LAST), market.run(LAST, book="equal_weight")
    accounts = [pnl(two(main, t), two(equal_weight, t), two(main, t), DAYS[t]) for t in range(LAST + 1)]
    sources = [attributed(market, two(main, t), t) for t in range(LAST + 1)]
    for t in range(1, LAST + 1):
        assert account_closes(accounts[t], NO_BARS, CLOCK, accounts[t - 1]) is None
        assert attribution_closes(sources[t], NO_BARS, CLOCK, sources[t - 1]) is None
    returns = pl.concat(accounts).filter(book="main")["return_net"]
    assert (1 + returns.drop_nulls()).product() == pytest.approx(
        accounts[-1].filter(book="main")["nav_usd"][0] / accounts[0].filter(book="main")["nav_usd"][0], rel=1e-12
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100_000))
def test_where_nothing_ends_and_nothing_is_learned_late_nothing_is_unexplained(seed: int) -> None:
    market = random_market(seed)
    market.actions = [a | {"known": 0} for a in market.actions if a["action"] != "delisting"]
    main = market.run(LAST)
    for t in range(1, LAST + 1):
        rows = attributed(market, two(main, t), t)
        (unexplained,) = rows.filter(source="unexplained")["pnl_usd"]
        assert abs(unexplained) < 1e-9 * rows["nav_usd"][0]
        # where no exposed stock has a return the session has no factors, and nothing is modelled
        assert rows.filter(source="market").height == risk_model(market, t)[1].filter(factor=MARKET).height
