"""The market's regime on real prices, 2008 to 2018: do labels of E2 flip less often than E1's, were crises known?

Reads the bundle beside the repository (`ASOF_BUNDLE` names another place); every session is computed from what was
known then, under fits of the weeks before. Exits with 1 if a claim fails: labels of E2, observed and confirmed, change
less often than those of E1; each month of CRISES has a session on which the market was known to be in a crisis, or risk
off; quiet years have next to none. With `--fused` the regimes of ten sector funds are fitted monthly, filtered and
pooled with the market's, and the states that they confirm change fewer than 8 times a year and industry. `--json` for
programs.
"""

import argparse
import datetime as dt
import sys

import numpy as np
import polars as pl

from benchmarks._figures import tell
from benchmarks._real_market import SECTORS, funds, market_features
from configs.settings import E1Settings, E2Settings, Features, Regimes
from feature_store import sessions
from feature_store.schemas.features import INDUSTRY_RETURNS
from quant_assets.features.aggregate.index_features import LOOKBACK_SESSIONS
from quant_assets.features.aggregate.industries import industry_features
from quant_assets.features.stock.ranges import parkinson
from quant_assets.regimes import industry_states
from quant_assets.regimes.cross_asset import market_fits
from quant_assets.regimes.fusion import states, window_length
from quant_assets.regimes.market_regime import market_regime
from quant_assets.regimes.market_regime import window_length as market_window

FIRST = dt.date(2008, 1, 2)
CRISES = ("2010-05", "2011-08", "2015-08", "2018-02", "2018-12")
QUIET_YEARS, QUIET = (2013, 2014, 2017), 0.02  # fraction of sessions that may be flagged
MAX_CHANGES = 8.0  # a year and industry
SETTINGS = {"e1": Regimes(risk_appetite=E1Settings()), "e2": Regimes(risk_appetite=E2Settings())}


def regimes(features, fits):
    """Rows of MARKET_REGIME of each session, by model of risk appetite."""
    days = [day for day in features["event_date"] if day >= FIRST]
    rows = {name: [] for name in SETTINGS}
    position = {day: i for i, day in enumerate(features["event_date"])}
    for day in days:
        for name, settings in SETTINGS.items():
            end = position[day] + 1
            seen = features[max(0, end - market_window(settings)) : end]
            rows[name].append(market_regime(seen, fits[sessions.at_or_after(monday(day))], day, settings))
    return {name: pl.concat(parts) for name, parts in rows.items()}


def monday(day):
    return day - dt.timedelta(days=day.weekday())


def fits_of(features, settings):
    """Rows of MARKET_FITS by the first session of each week."""
    refits = sorted({sessions.at_or_after(monday(day)) for day in features["event_date"] if day >= FIRST})
    return {refit: market_fits(features.filter(pl.col("event_date") <= refit), refit, settings) for refit in refits}


def changes_a_year(labels):
    known = labels.drop_nulls()
    return float((known != known.shift()).sum()) * 252 / len(known)


def flagged(rows):
    """Whether the market was known to be in a crisis, or risk off, on each session."""
    return rows.select(
        "event_date",
        flagged=(pl.col("p_crisis") > 0.5).fill_null(False)
        | (pl.col("observed_volatility") == "crisis").fill_null(False)
        | (pl.col("observed_risk") == "RISK_OFF").fill_null(False),
    )


def measured(by_model):
    figures = {}
    for name, rows in by_model.items():
        figures[f"{name}: changes a year, observed"] = changes_a_year(rows["observed_risk"])
        figures[f"{name}: changes a year, confirmed"] = changes_a_year(rows["risk"])
        flags = flagged(rows)
        figures[f"{name}: fraction of sessions flagged"] = float(flags["flagged"].mean())
        for month in CRISES:
            inside = flags.filter(pl.col("event_date").dt.strftime("%Y-%m") == month)
            figures[f"{name}: sessions flagged in {month}"] = int(inside["flagged"].sum())
        quiet = flags.filter(pl.col("event_date").dt.year().is_in(QUIET_YEARS))
        figures[f"{name}: fraction flagged in quiet years"] = float(quiet["flagged"].mean())
    figures["e2: sessions on which e1 stood in"] = int(by_model["e2"]["risk_fallback"].count())
    return figures


def sector_returns():
    """Rows of INDUSTRY_RETURNS of the sector funds, each its own industry."""
    rows = funds().filter(pl.col("symbol").is_in(SECTORS), pl.col("log_return").is_not_null())
    squares = parkinson(rows["high"].to_numpy(), rows["low"].to_numpy())
    columns = {
        "industry": "symbol", "proxy": "symbol", "proxy_log_return": "log_return", "log_return": "log_return",
    }  # fmt: skip
    own = rows.select("event_date", *(pl.col(source).alias(name) for name, source in columns.items())).with_columns(
        proxy_range_variance=pl.Series(squares), n_members=pl.lit(1, pl.Int32), n_volumes=pl.lit(0, pl.Int32)
    )
    schema = INDUSTRY_RETURNS.computed_schema
    empty = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in own.columns]
    return own.with_columns(empty).select(*schema).sort("event_date", "industry")


def fused(market, of_market):
    """Changes a year of each sector's confirmed trend and volatility.

    Args:
        market: rows of MARKET_REGIME.
        of_market: rows of MARKET_FEATURES.
    """
    returns, settings = sector_returns(), SETTINGS["e2"]
    window = sessions.between(sessions.shift(dt.date(2005, 1, 3), -LOOKBACK_SESSIONS), dt.date(2018, 12, 31))
    features = industry_features(
        returns.filter(pl.col("event_date").is_in(window)), window, dt.date(2005, 1, 3), Features()
    )
    days = [day for day in market["event_date"] if day >= FIRST]
    months = sorted({sessions.at_or_after(day.replace(day=1)) for day in days})
    fits = {
        month: industry_states.hmm_fits(
            *(of.filter(pl.col("event_date") <= month) for of in (features, of_market)), month, settings, 1
        )
        for month in months
    }
    own = {"trend": [], "volatility": []}
    for day in days:
        in_force = fits[sessions.at_or_after(day.replace(day=1))].with_columns(event_date=pl.lit(day))
        begin = sessions.shift(day, -settings.filter_sessions)
        seen = features.filter(pl.col("event_date").is_between(begin, day))
        own["trend"].append(industry_states.trend_states(seen, in_force, day, settings))
        own["volatility"].append(industry_states.volatility_states(seen, in_force, day, settings))
    trend, volatility = (pl.concat(parts) for parts in own.values())
    rows = []
    for day in days:
        since = pl.col("event_date").is_between(sessions.shift(day, 1 - window_length(settings)), day)
        rows.append(states(*(x.filter(since) for x in (trend, volatility, market)), day, settings))
    found = pl.concat(rows)
    parts = [part for _, part in found.group_by(["industry"], maintain_order=True)]
    return {
        **{
            f"fused {aspect}: changes a year and industry": float(np.mean([changes_a_year(p[aspect]) for p in parts]))
            for aspect in ("trend", "volatility")
        },
        "fused: fraction of industry-sessions with p_crisis above 1/2": float((found["p_crisis"] > 0.5).mean()),
    }


def failures(figures):
    for kind in ("observed", "confirmed"):
        if figures[f"e2: changes a year, {kind}"] >= figures[f"e1: changes a year, {kind}"]:
            yield f"{kind} labels of E2 do not change less often than those of E1"
    for name in SETTINGS:
        yield from (
            f"{name}: {month} was not flagged"
            for month in CRISES
            if not figures[f"{name}: sessions flagged in {month}"]
        )
        if figures[f"{name}: fraction flagged in quiet years"] > QUIET:
            yield f"{name}: quiet years are flagged"
    for aspect in ("trend", "volatility"):
        if figures.get(f"fused {aspect}: changes a year and industry", 0.0) >= MAX_CHANGES:
            yield f"the fused {aspect} changes {MAX_CHANGES:g} times a year or more"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fused", action="store_true", help="the regimes of sector funds too: some minutes more")
    options = parser.parse_args()
    features = market_features().with_columns(mean_correlation_63=pl.lit(None, pl.Float64))
    by_model = regimes(features, fits_of(features, SETTINGS["e2"]))
    figures = measured(by_model) | (fused(by_model["e2"], features) if options.fused else {})
    tell(figures, options.json)
    missed = list(failures(figures))
    for line in missed:
        print(line, file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
