"""Where the change of the main book's net asset value came from, by the risk model's factors."""

import datetime as dt

import numpy as np
import polars as pl

from feature_store.schemas.backtest import ATTRIBUTION
from feature_store.schemas.execution import CASH
from feature_store.schemas.risk import MARKET, STYLES
from quant_assets.numerics.arrays import Array

SCHEMA = ATTRIBUTION.computed_schema
INDUSTRY = "industry:"  # followed by its name, as in FACTOR_RETURNS


def attribution(
    book: pl.DataFrame,
    exposures: pl.DataFrame,
    factor_returns: pl.DataFrame,
    specific_returns: pl.DataFrame,
    session: dt.date,
) -> pl.DataFrame:
    """The session's change of net asset value, by source; the sources add up to it.

    What was held over night, v_i USD at the previous close, is explained by the risk model where it covers the name,
    with the exposures X_ik of the session before:

        a factor k   Σ v_i X_ik f_k
        specific     Σ v_i u_i
        unexplained  Σ h_i − v_i (Σ X_ik f_k + u_i), where h_i is what the book earned by holding the name: a corrected
                     price that the book had marked otherwise, a position that ended at a delisting's return
        unmodelled   Σ h_i of all other names
        trading      Σ fill_shares (close − fill price): the open's fills until the close
        interest     on cash
        cost, borrow negative

    Args:
        book: rows of BOOK of the session and, unless it is the first, of the one before.
        exposures: EXPOSURES, of which those of the session before are used.
        factor_returns, specific_returns: of the session. A name is modelled if it has exposures and a specific return;
            what has no factor return was no factor of the session, and is specific.

    Returns:
        Rows of ATTRIBUTION, sorted by source. `exposure` counts the modelled names. The first session has no factors:
        it begins with the initial cash, and nothing was held.
    """
    today = book.filter(pl.col("event_date") == session)
    before = book.filter(pl.col("event_date") < session)
    factors = _factors(factor_returns) if before.height else {}
    names = _positions(today, before)
    modelled = _modelled(names, exposures.filter(pl.col("event_date") < session), specific_returns)
    others = names.join(modelled, on="symbol", how="anti")
    value, specific = modelled["value_usd"].to_numpy(), modelled["specific_return"].to_numpy()
    exposed = value @ _exposures(modelled, list(factors))
    earned = exposed * np.array(list(factors.values()))
    of_specific = float((value * specific).sum())
    rest = {
        "specific": of_specific,
        "unexplained": float(modelled["holding_usd"].sum()) - float(earned.sum()) - of_specific,
        "unmodelled": float(others["holding_usd"].sum()),
        "trading": float(names["trading_usd"].sum()),
        "interest": float(today["interest_usd"].sum()),
        "cost": 0.0 - float(today["cost_usd"].sum()),
        "borrow": 0.0 - float(today["borrow_usd"].sum()),
    }
    return _rows(
        session,
        nav=float(today["value_usd"].sum()),
        pnl=dict(zip(factors, earned.tolist(), strict=True)) | rest,
        exposure=dict(zip(factors, (exposed / float(before["value_usd"].sum())).tolist(), strict=True)),
    )


def _factors(factor_returns: pl.DataFrame) -> dict[str, float]:
    """Return of each factor that has one and that exposures speak of."""
    spoken = pl.col("factor").is_in([MARKET, *STYLES]) | pl.col("factor").str.starts_with(INDUSTRY)
    known = factor_returns.filter(spoken, pl.col("simple_return").is_not_null())
    return dict(known.select("factor", "simple_return").iter_rows())


def _positions(today: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """symbol, value_usd at the previous close, what trading and what holding the name earned before costs and fees."""
    held = before.select("symbol", held_usd="value_usd")
    # without a bar nothing is filled
    trading = (pl.col("fill_shares") * (pl.col("price_usd") - pl.col("fill_price_usd"))).fill_null(0.0)
    return (
        today.filter(pl.col("symbol") != CASH)
        .join(held, on="symbol", how="left", maintain_order="left")
        .select(
            "symbol",
            value_usd=pl.col("held_usd").fill_null(0.0),
            trading_usd=trading,
            holding_usd=pl.col("pnl_usd") - trading,
        )
    )


def _modelled(names: pl.DataFrame, exposures: pl.DataFrame, specific_returns: pl.DataFrame) -> pl.DataFrame:
    """The names whose return the risk model explains, with their exposures and specific return."""
    return names.join(exposures.drop("event_date"), on="symbol", how="inner", maintain_order="left").join(
        specific_returns.select("symbol", "specific_return"), on="symbol", how="inner", maintain_order="left"
    )


def _exposures(modelled: pl.DataFrame, factors: list[str]) -> Array:
    """(N, K) exposures of the modelled names to the factors."""
    matrix = np.zeros((modelled.height, len(factors)))
    industry = modelled["industry"].to_numpy()
    for k, factor in enumerate(factors):
        if factor == MARKET:
            matrix[:, k] = 1.0
        elif factor in STYLES:
            matrix[:, k] = modelled[factor].to_numpy()
        else:
            matrix[:, k] = industry == factor.removeprefix(INDUSTRY)
    return matrix


def _rows(session: dt.date, nav: float, pnl: dict[str, float], exposure: dict[str, float]) -> pl.DataFrame:
    rows = [
        {"event_date": session, "source": source, "pnl_usd": usd, "exposure": exposure.get(source), "nav_usd": nav}
        for source, usd in sorted(pnl.items())
    ]
    return pl.DataFrame(rows, schema=SCHEMA)
