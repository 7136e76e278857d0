"""Each industry across its members on a session, and features of it from its own past."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import Features
from feature_store import sessions as calendar
from feature_store.schemas.features import INDUSTRY_RETURNS
from quant_assets.features.aggregate.index_features import against_own_past, index_features
from quant_assets.features.scores import tradable_on, with_industry
from quant_assets.features.stock.ranges import parkinson
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import panel
from quant_assets.numerics.rolling import min_observations, window_mean
from quant_assets.numerics.units import ANNUAL

CAPITALISATION, DOLLAR_VOLUME = "capitalisation", "dollar_volume"
MONTH, QUARTER = 21, 63
SCHEMA = INDUSTRY_RETURNS.computed_schema


@dataclass(frozen=True)
class Proxy:
    """What stands for an industry on a session.

    Attributes:
        name: symbol of a fund, CAPITALISATION or DOLLAR_VOLUME; None where nothing does.
        log_return: since the session before; None without one.
        range_variance: of the fund's bar; None for an index of members, whose high and low of the day are not known.
    """

    name: str | None = None
    log_return: float | None = None
    range_variance: float | None = None


def industry_returns(
    bars: pl.DataFrame,
    features: pl.DataFrame,
    universe: pl.DataFrame,
    industries: pl.DataFrame,
    benchmarks: pl.DataFrame,
    session: dt.date,
    settings: Features,
) -> pl.DataFrame:
    """Returns, ranges, breadth and volume of each industry's tradable members, and what stands for it.

    What stands for an industry is the fund that `industry_proxies` names, on every session on which it has a return
    since the session before. Else it is the index of those who were members the session before, by their capitalisation
    then, where at least `min_observations_fraction` of those with a return have one, or else by dollar volume.

    Args:
        bars: rows of ADJUSTED_BARS; those of the session count.
        features: rows of STOCK_FEATURES of the session, `ma_gap_50` and `ma_gap_200`.
        universe: rows of UNIVERSE of the session and the one before.
        industries: rows of INDUSTRIES of both; a symbol without one counts as "Unknown".
        benchmarks: rows of ADJUSTED_BENCHMARKS of both.
        session: the partition.
        settings: `industry_proxies`, `min_observations_fraction`.

    Returns:
        Rows of INDUSTRY_RETURNS, sorted by industry. `log_return` is log(1 + mean simple return) over the members with
        a return, null where none has one. An industry without tradable members has no row.
    """
    today = bars.filter(event_date=session).drop("event_date")
    gaps = features.filter(event_date=session).select("symbol", "ma_gap_50", "ma_gap_200")
    members = with_industry(tradable_on(universe, session), industries)
    for frame in (today, gaps):
        members = members.join(frame, on="symbol", how="left", maintain_order="left")
    funds = _funds(benchmarks, session)
    held = _held(today, universe, industries, session)
    rows = []
    for (industry,), own in members.group_by(["industry"], maintain_order=True):
        fund = funds.get(settings.industry_proxies.get(str(industry), ""))
        proxy = fund or member_index(held.filter(industry=industry), settings.min_observations_fraction)
        rows.append({"event_date": session, "industry": industry, **_across(own), **_proxy_columns(proxy)})
    return pl.DataFrame(rows, schema=SCHEMA).sort("industry")


def _across(members: pl.DataFrame) -> dict[str, float | int | None]:
    """What an industry's members say, sorted by symbol."""
    returns, dollars = (_seen(members[name]) for name in ("log_return", "dollar_volume_usd"))
    ranges = parkinson(*(members[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("high", "low")))
    seen = ranges[~np.isnan(ranges)]
    return {
        "log_return": float(np.log1p(np.expm1(returns).mean())) if len(returns) else None,
        "n_members": len(returns),
        "member_range_variance": float(seen.mean()) if len(seen) else None,
        "dollar_volume_usd": float(dollars.sum()) if len(dollars) else None,
        "n_volumes": len(dollars),
        **{f"breadth_{n}": above(members[f"ma_gap_{n}"]) for n in (50, 200)},
    }


def above(gaps: pl.Series) -> float | None:
    """Fraction of the values that are above 0; None without any."""
    seen = _seen(gaps)
    return float((seen > 0).mean()) if len(seen) else None


def _seen(values: pl.Series) -> Array:
    return values.drop_nulls().to_numpy()


def _proxy_columns(proxy: Proxy) -> dict[str, str | float | None]:
    return {
        "proxy": proxy.name,
        "proxy_log_return": proxy.log_return,
        "proxy_range_variance": proxy.range_variance,
    }


def _funds(benchmarks: pl.DataFrame, session: dt.date) -> dict[str, Proxy]:
    """By symbol, those with a return over one session: a longer one is of sessions that the members stood for."""
    before = benchmarks.filter(event_date=calendar.shift(session, -1)).select("symbol")
    known = benchmarks.filter(event_date=session).drop_nulls("log_return").join(before, on="symbol", how="semi")
    columns = known.select("symbol", "log_return", "high", "low").iter_rows()
    return {symbol: Proxy(symbol, r, float(parkinson(high, low))) for symbol, r, high, low in columns}


def _held(today: pl.DataFrame, universe: pl.DataFrame, industries: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Members of the session before with today's return: whoever chooses by today's price chooses winners."""
    before = calendar.shift(session, -1)
    weights = universe.filter(event_date=before).select("symbol", "market_cap_usd", "adv_usd")
    members = with_industry(tradable_on(universe, before), industries)
    return members.join(weights, on="symbol", how="left", maintain_order="left").join(
        today.select("symbol", "log_return").drop_nulls(), on="symbol", how="inner", maintain_order="left"
    )


def member_index(held: pl.DataFrame, min_fraction: float) -> Proxy:
    """The index of an industry's members, by capitalisation or dollar volume.

    Args:
        held: log_return, market_cap_usd and adv_usd of the members with a return, sorted by symbol.
        min_fraction: of them that must have a capitalisation to be weighted by it.
    """
    capitalised = held.drop_nulls("market_cap_usd")
    if len(held) and len(capitalised) >= min_fraction * len(held):
        return Proxy(CAPITALISATION, weighted_return(capitalised["log_return"], capitalised["market_cap_usd"]))
    traded = held.filter(pl.col("adv_usd") > 0)
    return Proxy(DOLLAR_VOLUME, weighted_return(traded["log_return"], traded["adv_usd"])) if len(traded) else Proxy()


def weighted_return(log_returns: pl.Series, weights: pl.Series) -> float:
    """Log of one plus the weighted mean simple return."""
    w = weights.to_numpy()
    return float(np.log1p((w * np.expm1(log_returns.to_numpy())).sum() / w.sum()))


def industry_features(
    returns: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: Features
) -> pl.DataFrame:
    """Momentum, trend, volatility, breadth and volume of each industry, along time.

    A window may hold returns of a fund and, before the fund had bars, of members: each session's of what stood for the
    industry then.

    Args:
        returns: rows of INDUSTRY_RETURNS.
        sessions: the window, ascending; a value is exact once `index_features.LOOKBACK_SESSIONS` of it have passed, and
            the same bits wherever the window begins.
        first: the first session that is due.
        settings: `min_observations_fraction`.

    Returns:
        Rows of INDUSTRY_FEATURES, one for each of `returns` from `first` on; windows and missing values as in
        `stock_features`.
    """
    where, is_due = panel(returns, sessions, key="industry"), returns["event_date"] >= first
    begin, min_fraction = sum(day < first for day in sessions), settings.min_observations_fraction
    columns = {name: where.dense(returns[name]) for name in returns.columns if returns[name].dtype.is_numeric()}
    values = {
        **index_features(columns["proxy_log_return"], where.present(), begin, min_fraction),
        **_own(columns, begin, min_fraction),
    }
    late = where.row >= begin
    named = [
        pl.Series(name, array[where.row[late] - begin, where.column[late]], nan_to_null=True)
        for name, array in values.items()
    ]
    kept = returns.filter(is_due).select("event_date", "industry", "proxy", "breadth_50", "breadth_200")
    return kept.with_columns(named)


def _own(columns: dict[str, Array], first: int, min_fraction: float) -> dict[str, Array]:
    """(T - first, N) what does not follow from the return index."""
    min_count = {n: min_observations(n, min_fraction) for n in (1, 10, MONTH, QUARTER)}
    volume = mean_volume(columns["dollar_volume_usd"], columns["n_volumes"])
    return {
        "return_10": window_mean(columns["proxy_log_return"], 10, min_count[10], first),
        **{
            f"{of}range_volatility_{n}": np.sqrt(window_mean(columns[variance], n, min_count[n], first)) * ANNUAL
            for of, variance in (("", "proxy_range_variance"), ("member_", "member_range_variance"))
            for n in (1, MONTH)
        },
        "volume_z_63": against_own_past(volume, QUARTER, min_count[QUARTER], first),
    }


def mean_volume(dollars: Array, n: Array) -> Array:
    """Log of the mean dollar volume; NaN where nothing was traded or no member has a volume."""
    log: Array = np.log(np.where((n > 0) & (dollars > 0), dollars, np.nan) / np.maximum(n, 1.0))
    return log
