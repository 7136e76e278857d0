"""The real market of the bundle as rows of MARKET_FEATURES: SPY, breadth of dated members, other funds, volatility.

SPY stands for the market, where the platform takes the mean of all members at equal weights: its bars are at hand
without the features of 700 stocks. All else comes from the platform's own functions, session by session.
"""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import polars as pl

from configs.settings import Features, Macro
from feature_store import sessions
from feature_store.dataset import KNOWN_AT
from quant_assets.features.aggregate import cross_asset, macro
from quant_assets.features.aggregate.index_features import LOOKBACK_SESSIONS, index_features
from quant_assets.features.aggregate.market import percentile
from quant_assets.numerics.panel import panel
from quant_assets.numerics.rolling import index_over_mean

DATA = Path(os.environ.get("ASOF_BUNDLE", Path(__file__).parents[2] / "shared" / "data"))
FIRST, LAST = dt.date(2005, 1, 3), dt.date(2018, 12, 31)
BREADTH_SESSIONS = {"breadth_50": 50, "breadth_200": 200}
SECTORS = ("XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY", "IYZ")


def days():
    return sessions.between(FIRST, LAST)


def total_returns(prices, universe):
    """symbol, event_date, log_return, high, low, of one step, with splits and dividends on the ex-date."""
    actions = pl.read_parquet(DATA / "corporate_actions.parquet").filter(pl.col("universe") == universe)
    by_action = {
        action: actions.filter(action=action).group_by("security_id", date="ex_date").agg(pl.col("value").sum())
        for action in ("cash_dividend", "split")
    }
    rows = prices.filter(pl.col("date").is_between(sessions.shift(FIRST, -LOOKBACK_SESSIONS), LAST))
    for action, values in by_action.items():
        rows = rows.join(values.rename({"value": action}), on=["security_id", "date"], how="left")
    rows = rows.sort("security_id", "date")
    before = pl.col("close").shift().over("security_id")
    held = pl.col("split").fill_null(1.0)
    earned = (pl.col("close") * held + pl.col("cash_dividend").fill_null(0.0)) / before
    return rows.select(
        pl.col("security_id").alias("symbol"), pl.col("date").alias("event_date"),
        pl.when(earned.is_between(0.2, 5.0)).then(earned.log()).alias("log_return"), "high", "low",
    )  # fmt: skip


def funds():
    return total_returns(pl.read_parquet(DATA / "etf_prices_daily.parquet"), "etf")


def _panel(rows, window):
    where = panel(rows, window)
    return where, where.dense(rows["log_return"]), where.present()


def breadth(window):
    """Fraction of dated members above their mean of 50 and 200 sessions."""
    core = total_returns(pl.read_parquet(DATA / "prices_daily.parquet"), "core")
    rows = core.filter(pl.col("event_date").is_in(window))
    where, returns, present = _panel(rows, window)
    member = _members(where, window)
    fractions = {}
    for name, n in BREADTH_SESSIONS.items():
        gap = np.where(member, index_over_mean(returns, present, n, int(0.8 * n), 0), np.nan)
        counted = (~np.isnan(gap)).sum(axis=1)
        fractions[name] = np.where(counted >= 30, (gap > 0).sum(axis=1) / np.maximum(counted, 1), np.nan)
    return fractions


def _members(where, window):
    """(T, N), true while the security is a member by what had been recorded."""
    dates, place = np.array(window, dtype="datetime64[D]"), {symbol: i for i, symbol in enumerate(where.symbols)}
    member = np.zeros((len(window), len(where.symbols)), dtype=bool)
    table = pl.read_parquet(DATA / "sp500_membership.parquet").filter(pl.col("security_id").is_not_null())
    for symbol, added, recorded, removed in table.select(
        "security_id", "date_added", "recorded_at", "date_removed"
    ).iter_rows():
        if symbol in place:
            end = removed or dt.date.max
            member[(dates >= max(added, recorded)) & (dates < np.datetime64(end)), place[symbol]] = True
    return member


def market_features():
    """Rows of MARKET_FEATURES, null where the bundle does not reach, of every session of the span."""
    window = sessions.between(sessions.shift(FIRST, -LOOKBACK_SESSIONS), LAST)
    own = [day for day in window if day >= FIRST]
    every, settings, series = funds(), Features(), Macro()
    roles = settings.market_proxies.model_dump()
    proxies = every.filter(pl.col("symbol").is_in([*roles.values()]), pl.col("event_date").is_in(window))
    where, returns, present = _panel(proxies, window)
    equity = [where.symbols.index(roles["equity"])]
    begin = len(window) - len(own)
    values = index_features(returns[:, equity], present[:, equity], begin, settings.min_observations_fraction)
    columns = {name: array[:, 0] for name, array in values.items()}
    columns |= {name: fraction[begin:] for name, fraction in breadth(window).items()}
    frame = pl.DataFrame({"event_date": own, **columns}, nan_to_null=True)
    year = frame["volatility_21"].to_numpy()
    ranks = [percentile(year[max(0, t - 251) : t + 1], 200) for t in range(len(year))]
    return frame.with_columns(volatility_percentile=pl.Series(ranks, dtype=pl.Float64)).hstack(
        pl.DataFrame(_by_session(proxies, own, settings, series), infer_schema_length=None)
    )


def _by_session(proxies, own, settings, series):
    known = pl.read_parquet(DATA / "macro_series.parquet").select(
        pl.col("date").alias("event_date"), pl.col("series_id").alias("series"), "value", "available_date"
    )
    dated = known.with_columns(known_at=pl.lit(None, KNOWN_AT)).sort("event_date")
    back = macro.macro_sessions(series)
    rows = []
    for day in own:
        fund = proxies.filter(
            pl.col("event_date").is_between(sessions.shift(day, 1 - cross_asset.LOOKBACK_SESSIONS), day)
        )
        seen = dated.filter(
            pl.col("event_date").is_between(sessions.shift(day, -back), day), pl.col("available_date") <= day
        )
        rows.append(cross_asset.cross_asset(fund, day, settings) | macro.macro_features(seen, day, series))
    return rows
