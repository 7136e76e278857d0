"""Trend and volatility of ten sector funds, 2006 to 2018, by the platform's own functions, week by week.

What is claimed of real prices: crises are rare and are those that were; labels of consecutive fits agree; the
probabilities say more of next month's volatility than two trailing volatilities do. Ends with 1 if a claim fails.
Prices are those of the bundle ($ASOF_BUNDLE); `--json` for programs, `--every` for a coarser sample of refits.
"""

import argparse
import datetime as dt
import itertools
import sys
import time

import numpy as np
import polars as pl

from benchmarks._figures import tell
from benchmarks._real_market import SECTORS, funds
from configs.settings import HmmSettings, JumpModelSettings, Regimes
from quant_assets.features.stock.ranges import parkinson
from quant_assets.numerics.rolling import window_mean, window_std
from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.detectors.registry import DETECTORS
from quant_assets.regimes.industry_states import MARKET, fit_window, hmm_fits, trend_states, volatility_states

FROM, FIRST, LAST = dt.date(2006, 1, 3), dt.date(2008, 1, 2), dt.date(2018, 12, 31)
CRISIS = (dt.date(2008, 10, 1), dt.date(2009, 3, 31))
MONTH = 21
STATES = ("p_calm", "p_turbulent", "p_crisis")


def features(series):
    """The columns of INDUSTRY_FEATURES that detectors read, of one fund's (event_date, log_return, high, low)."""
    r = series["log_return"].to_numpy()[:, None]
    mean_square = window_mean(r**2, 10, 8)[:, 0]
    ranges = np.sqrt(parkinson(series["high"].to_numpy(), series["low"].to_numpy())) * ANNUAL
    return series.select(
        "event_date",
        pl.col("symbol").alias("industry"),
        pl.col("log_return").alias("return_1"),
        pl.Series("volatility_10", np.sqrt(mean_square) * ANNUAL),
        pl.Series("range_volatility_1", ranges),
        pl.lit(None, pl.Float64).alias("member_range_volatility_1"),
        *(pl.Series(f"volatility_{n}", window_std(r, n, n)[:, 0] * ANNUAL) for n in (21, 63)),
        *(pl.Series(f"momentum_{n}", n * window_mean(r, n, n)[:, 0]) for n in (21, 63)),
    ).with_columns(pl.exclude("event_date", "industry").fill_nan(None))


def inputs():
    rows = funds().filter(pl.col("symbol").is_in(SECTORS), pl.col("event_date") >= FROM).drop_nulls("log_return")
    parts = rows.sort("symbol", "event_date").partition_by("symbol", maintain_order=True)
    return pl.concat([features(part) for part in parts]).sort("event_date", "industry")


def refits(days, every):
    """The first session of each week, or of every so many weeks."""
    firsts = [day for before, day in itertools.pairwise(days) if day.isocalendar()[:2] != before.isocalendar()[:2]]
    return firsts[::every]


def followed(rows, settings, every):
    """Stored states of every session from 2008 on, the fits, and the CPU seconds of fits and of states."""
    days = rows["event_date"].unique().sort().to_list()
    market = pl.DataFrame({"event_date": days, **{name: [None] * len(days) for name in MARKET}})
    begins = [day for day in refits(days, every) if day >= FIRST]
    states, fits, seconds = [], [], [0.0, 0.0]
    for begin, end in itertools.pairwise([*begins, LAST + dt.timedelta(days=1)]):
        clock = time.process_time()
        past = rows.filter(pl.col("event_date") <= begin).group_by("industry").tail(fit_window(settings))
        fitted = hmm_fits(past, market, begin, settings, seed=1)
        seconds[0] += time.process_time() - clock
        fits.append(fitted)
        clock = time.process_time()
        for day in (day for day in days if begin <= day < end):
            near = rows.filter(pl.col("event_date").is_between(day - dt.timedelta(days=400), day))
            in_force = fitted.with_columns(event_date=pl.lit(day))
            both = [of(near, in_force, day, settings) for of in (trend_states, volatility_states)]
            states.append(both[0].join(both[1].drop("fit_session"), on=["event_date", "industry"]))
        seconds[1] += time.process_time() - clock
    return pl.concat(states), fits, seconds


def agreement(rows, fits, settings):
    """Fraction of the sessions of a year that fits a quarter of a year apart give the same likeliest volatility."""
    same = []
    quarter = max(1, len(fits) // 44)
    for before, after in itertools.pairwise(fits[::quarter]):
        labels = [labels_under(rows, fitted, settings, before["event_date"][0]) for fitted in (before, after)]
        both = labels[0].join(labels[1], on=["event_date", "industry"], suffix="_after")
        same.append((both["label"] == both["label_after"]).mean())
    return float(np.mean(same))


def labels_under(rows, fitted, settings, last):
    """Likeliest volatility of the year's sessions up to one, under a fit."""
    days = rows.filter(pl.col("event_date") <= last)["event_date"].unique().sort().to_list()[-252::5]
    states = [volatility_states(rows, fitted.with_columns(event_date=pl.lit(day)), day, settings) for day in days]
    named = pl.concat(states)
    likeliest = named.select(STATES).to_numpy().argmax(axis=1)
    return named.select("event_date", "industry", label=pl.Series(likeliest))


def added_r2(rows, states):
    """Out-of-sample R² of next month's log volatility over log volatility_10 and volatility_63, and with the states."""
    ahead = (pl.col("return_1") ** 2).rolling_sum(MONTH).shift(-MONTH).over("industry")
    sample = rows.with_columns(target=0.5 * (ahead / MONTH).log()).join(states, on=["event_date", "industry"])
    sample = sample.filter(pl.col("target").is_finite()).sort("event_date", "industry")
    y, session = sample["target"].to_numpy(), sample["event_date"].rank("dense").to_numpy()
    base = np.column_stack([np.ones(len(y)), *(np.log(sample[f"volatility_{n}"].to_numpy()) for n in (10, 63))])
    both = np.column_stack([base, *(sample[name].to_numpy() for name in STATES[1:])])
    return [out_of_sample(x, y, session) for x in (base, both)]


def out_of_sample(x, y, session, step=63, first=756):
    """R² against the mean of what was known, of regressions on the rows whose month was over."""
    residual, total = 0.0, 0.0
    for begin in range(first, int(session.max()), step):
        known, due = session < begin - MONTH, (session >= begin) & (session < begin + step)
        coefficients = np.linalg.lstsq(x[known], y[known], rcond=None)[0]
        residual += ((y[due] - x[due] @ coefficients) ** 2).sum()
        total += ((y[due] - y[known].mean()) ** 2).sum()
    return float(1 - residual / total)


def measure(settings, every):
    rows = inputs()
    states, fits, seconds = followed(rows, settings, every)
    crisis = states.with_columns(is_crisis=pl.col("p_crisis") > 0.5)
    in_crisis = crisis.filter(pl.col("event_date").is_between(*CRISIS))
    r2 = added_r2(rows, states)
    years = crisis.group_by(pl.col("event_date").dt.year()).agg(pl.col("is_crisis").mean()).sort("event_date")
    return {
        "sessions in crisis, 2008 to 2018": float(crisis["is_crisis"].mean()),
        "sessions in crisis, October 2008 to March 2009": float(in_crisis["is_crisis"].mean()),
        "agreement of consecutive fits": agreement(rows, fits, settings),
        "R2 of two trailing volatilities": r2[0],
        "R2 added by the probabilities": r2[1] - r2[0],
        "fits that did not converge": float((~pl.concat(fits)["converged"]).mean()),
        **{f"sessions in crisis, {year}": float(fraction) for year, fraction in years.iter_rows()},
        "refits": len(fits),
        "CPU s, fits": seconds[0],
        "CPU s, states": seconds[1],
        "CPU s of ten years of weekly refits of 12 series": seconds[0] / len(fits) * 520 * 12 / len(SECTORS),
    }


def claims(m):
    return {
        "at most 10 % of sessions are a crisis": m["sessions in crisis, 2008 to 2018"] <= 0.1,
        "at least half of 2008-10 to 2009-03 is": m["sessions in crisis, October 2008 to March 2009"] >= 0.5,
        "labels of consecutive fits agree on 90 %": m["agreement of consecutive fits"] >= 0.9,
        "the probabilities add .01 to the R2": m["R2 added by the probabilities"] >= 0.01,
        "ten years of refits take under six minutes on two cores": m["CPU s of ten years of weekly refits of 12 series"]
        <= 720,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="weeks from refit to refit")
    parser.add_argument("--detector", choices=[k for k, d in DETECTORS.items() if d.is_fitted], default="hmm")
    options = parser.parse_args()
    industry = {"hmm": HmmSettings(), "jump_model": JumpModelSettings(n_states=3)}[options.detector]
    metrics = measure(Regimes(industry=industry), options.every)
    tell(metrics, options.json)
    failed = [claim for claim, holds in claims(metrics).items() if not holds]
    for claim in failed:
        print(f"FAILED: {claim}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
