"""A book replayed: what is stored, to the bit; and what other alphas or settings would have held."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import asof
from configs.load import ConfigError
from feature_store.errors import StoreError
from tests.support.tiny import FIRST, LAST

BOOK, COMBINED = "execution/book", "alpha/combined"


@pytest.fixture(scope="module")
def store(stored_home: Path) -> asof.Store:
    return asof.open(stored_home)


def stored(store: asof.Store, name: str) -> pl.DataFrame:
    return store.read(name, LAST).drop("known_at")


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_stored_alphas_give_the_stored_book_to_the_bit(store: asof.Store) -> None:
    alphas = stored(store, COMBINED).select("event_date", "symbol", "alpha")
    for replayed in (
        asof.book.replay(store, FIRST, LAST),
        asof.book.replay(store, str(FIRST), str(LAST), alphas.to_pandas()),
    ):
        assert_frame_equal(replayed.book, stored(store, BOOK), check_exact=True)
        assert_frame_equal(
            replayed.limits, stored(store, "portfolio/diagnostics"), check_exact=True, check_row_order=False
        )


def test_the_account_is_that_of_the_stored_pnl(store: asof.Store) -> None:
    account = asof.book.replay(store, FIRST, LAST).account()
    expected = stored(store, "backtest/pnl").filter(book="main").select(account.columns)
    assert_frame_equal(account, expected, abs_tol=1e-12)


# -- properties --------------------------------------------------------------------------------------------------------


def test_without_alphas_nothing_is_traded_and_a_lower_cap_binds(store: asof.Store) -> None:
    none = stored(store, COMBINED).with_columns(alpha=pl.lit(None, pl.Float64))
    assert asof.book.replay(store, FIRST, LAST, none).book["symbol"].unique().to_list() == ["USD"]
    targets = pl.col("target_weight").filter(pl.col("symbol") != "USD").max()
    capped = asof.book.replay(store, FIRST, LAST, settings={"portfolio.weight_cap": 0.1}).book
    # a stock that cannot be traded keeps a weight that has drifted a little beyond
    assert capped.select(targets).item() < 0.11 < stored(store, BOOK).select(targets).item()


def test_nothing_is_stored(store: asof.Store) -> None:
    before = store.store.content_hashes(BOOK, LAST)
    asof.book.replay(store, LAST, LAST)
    assert store.store.content_hashes(BOOK, LAST) == before


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_days_settings_and_alphas_that_do_not_fit_are_rejected(store: asof.Store, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2017-01-01 is not a trading session"):
        asof.book.replay(store, "2017-01-01", LAST)
    with pytest.raises(ValueError, match="pass them in order"):
        asof.book.replay(store, LAST, FIRST)
    with pytest.raises(StoreError, match="2017-01-23"):
        asof.book.replay(store, LAST, "2017-01-23")
    with pytest.raises(ConfigError, match="weight_caps"):
        asof.book.replay(store, LAST, LAST, settings={"portfolio.weight_caps": 1})
    rows = pl.DataFrame({"event_date": [LAST], "symbol": ["S0000"], "alpha": [float("inf")]})
    with pytest.raises(ValueError, match="alphas: S0000 has inf on 2017-01-20"):
        asof.book.replay(store, LAST, LAST, rows)
    with pytest.raises(ValueError, match="alphas has no column alpha"):
        asof.book.replay(store, LAST, LAST, rows.drop("alpha"))
