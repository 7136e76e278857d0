"""Books that trade at the price they saw, and a book without its projections."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import polars as pl

from configs.settings import Execution, Macro, Portfolio
from feature_store import sessions as calendar
from feature_store.schemas.execution import BOOK, CASH
from quant_assets.engine.asset import SessionAsset
from quant_assets.execution.book.inputs import MarketInputs, ProgramInputs
from quant_assets.execution.book.replay import step

# -- books that trade at the price they saw ----------------------------------------------------------------------------


def close_of(t: dt.date) -> tuple[dt.date, dt.datetime]:
    return t, calendar.closes_at(t)


def next_open(t: dt.date) -> tuple[dt.date, dt.datetime]:
    return t, calendar.opens_at(calendar.shift(t, 1))


def open_after_yesterday(t: dt.date) -> tuple[dt.date, dt.datetime]:
    return calendar.shift(t, -1), calendar.opens_at(t)


def filling_at_the_close(
    claimed: Callable[[dt.date], tuple[dt.date, dt.datetime]], price: str = "price_usd"
) -> Callable[..., pl.DataFrame]:
    """A step whose orders are filled at once; `claimed` gives the session and moment that it claims."""

    def leaky(
        state: pl.DataFrame | None,
        market: MarketInputs,
        programme: ProgramInputs,
        session: dt.date,
        portfolio: Portfolio,
        execution: Execution,
        series: Macro,
    ) -> pl.DataFrame:
        rows, *_ = step(state, market, programme, session, portfolio, execution, series)
        ordered = pl.col("order_shares").is_not_null()
        if price == "open":
            rows = rows.join(market.bars.filter(event_date=session).select("symbol", "open"), on="symbol", how="left")
            ordered &= pl.col("open").is_not_null()
        paid = rows.select((pl.col("order_shares") * pl.col("price_usd")).sum()).item()
        decided_on, filled_at = claimed(session)
        traded = pl.when(pl.col("symbol") == CASH).then(-paid).otherwise(pl.col("order_shares").fill_null(0.0))
        return (
            rows.with_columns(
                shares=pl.col("shares") + traded,
                fill_shares=pl.when(ordered).then("order_shares").otherwise("fill_shares"),
                fill_price_usd=pl.when(ordered).then(price).otherwise("fill_price_usd"),
                decided_on=pl.when(ordered).then(pl.lit(decided_on, pl.Date)).otherwise("decided_on"),
                filled_at=pl.when(ordered)
                .then(pl.lit(filled_at).cast(BOOK.schema["filled_at"]))
                .otherwise("filled_at"),
                order_shares=pl.when(ordered).then(None).otherwise("order_shares"),
            )
            .with_columns(value_usd=pl.col("shares") * pl.col("price_usd"))
            .select(rows.columns[: len(BOOK.schema) - 1])
        )

    return leaky


def book_alone(
    state: pl.DataFrame | None,
    market: MarketInputs,
    programme: ProgramInputs,
    session: dt.date,
    portfolio: Portfolio,
    execution: Execution,
    series: Macro,
) -> pl.DataFrame:
    return step(state, market, programme, session, portfolio, execution, series)[0]


def book_named(asset: SessionAsset, name: str, function: Callable[..., pl.DataFrame]) -> SessionAsset:
    return replace(asset, dataset=replace(asset.dataset, name=name), function=function, outputs=())
