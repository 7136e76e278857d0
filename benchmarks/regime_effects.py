"""What regimes of ten sector funds had earned to do to a portfolio by the end of each year, 2009 to 2018.

Slopes, their t over months that do not overlap, and the tilt and multiples in force, each from what was known then.
Prices are those of the bundle ($ASOF_BUNDLE).

    python -m benchmarks.regime_effects --every 4
"""

import argparse
import datetime as dt

import polars as pl

from benchmarks.real_regimes import followed, inputs
from configs.settings import HmmSettings, Portfolio, Regimes
from quant_assets.portfolio.regime_effects import regime_effects


def effects(states, rows, end, settings):
    """Rows of REGIME_EFFECTS at a year's end."""
    returns = rows.select("event_date", "industry", log_return="return_1")
    known = [frame.filter(pl.col("event_date") <= end) for frame in (states, returns)]
    lookback = settings.regime_effects.lookback_sessions
    since = known[0]["event_date"].unique().sort().tail(lookback)[0]
    return regime_effects(*(frame.filter(pl.col("event_date") >= since) for frame in known), end, settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="weeks from refit to refit of the states")
    options = parser.parse_args()
    rows, settings = inputs(), Portfolio()
    states, *_ = followed(rows, Regimes(industry=HmmSettings()), options.every)
    print(f"{'year':6s} {'effect':18s} {'value':>8s} {'slope':>9s} {'t':>6s} {'needed':>7s} {'blocks':>7s}")
    for year in range(2009, 2019):
        for row in effects(states, rows, dt.date(year, 12, 31), settings).to_dicts():
            numbers = (row["value"], row["slope"], row["t"], row["needed_t"])
            text = "{:8.4f} {:9.5f} {:6.2f} {:7.2f}".format(*(float("nan") if x is None else x for x in numbers))
            print(f"{year:<6d} {row['effect']:18s} {text} {row['n_blocks']:7d}")


if __name__ == "__main__":
    main()
