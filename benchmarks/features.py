"""How long the stock features take, computed and stored: a year of 500 symbols or more, and one session of 3,000.

Through the runner and a store, on made-up bars; `--json` for programs. CPU seconds count, since a busy machine
stretches the others. The first call of each kernel compiles it, once a machine, and is left out.
"""

import argparse
import datetime as dt
import time

import numpy as np
import polars as pl

from benchmarks._figures import scratch, tell
from configs.load import load
from feature_store import sessions
from feature_store.dataset import KNOWN_AT
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.describing import NewPartition, Provenance
from feature_store.schemas.features import STOCK_FEATURES
from feature_store.schemas.market import ADJUSTED_BARS
from feature_store.store import Store
from quant_assets.engine.computation import Calculation
from quant_assets.engine.runner import Runner
from quant_assets.features.assets import ASSETS
from quant_resources.vendors.registry import make_vendor

GROUP = 64
LOOKBACK = 272


def bars(session, n_symbols, rng):
    """ADJUSTED_BARS of a session; one in a hundred is missing."""
    r, intraday = rng.normal(0, 0.02, n_symbols), rng.normal(0, 0.01, n_symbols)
    close = np.full(n_symbols, 50.0)
    opens = close * np.exp(-intraday)
    values = {
        "log_return": r,
        "overnight_log_return": r - intraday,
        "intraday_log_return": intraday,
        "split_ratio": np.ones(n_symbols),
        "dividend_usd": np.zeros(n_symbols),
        "open": opens,
        "high": np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, 0.005, n_symbols))),
        "low": np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, 0.005, n_symbols))),
        "close": close,
        "dollar_volume_usd": rng.uniform(1e6, 1e8, n_symbols),
        "vwap": (opens + close) / 2,
    }
    frame = pl.DataFrame({"symbol": [f"S{i:05d}" for i in range(n_symbols)], **values})
    return frame.filter(pl.Series(rng.random(n_symbols) > 0.01)).with_columns(
        event_date=pl.lit(session), known_at=pl.lit(end_of_day(session)).cast(KNOWN_AT)
    )


def runner_of(folder, profile, days, n_symbols):
    """A store with the bars of all days, and a runner on it."""
    rng = np.random.default_rng(7)
    clock = DecisionClock(profile.decision_minutes_before_open)
    store = Store(str(folder), clock=clock)
    for i in range(0, len(days), GROUP):
        group = days[i : i + GROUP]
        store.write(ADJUSTED_BARS, [NewPartition(d, bars(d, n_symbols, rng), Provenance(f"{d}", {})) for d in group])
    return Runner(store, Calculation(profile, clock, make_vendor(profile)))


def seconds(runner, targets):
    asset = next(asset for asset in ASSETS if asset.dataset is STOCK_FEATURES)
    wall, cpu = time.perf_counter(), time.process_time()
    stored = sum(len(group) for group in runner.run(asset, targets))
    assert stored == len(targets)
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(folder, years):
    profile = load("demo", overrides={"history.start": "2005-01-03"})
    figures = {}
    end = dt.date(2018, 12, 31)
    targets = sessions.between(dt.date(end.year - years + 1, 1, 1), end)
    days = sessions.between(sessions.shift(targets[0], -LOOKBACK), end)
    for name, n_symbols, wanted, stored in (
        ("warm up", 9, targets[-1:], days[-LOOKBACK - 1 :]),
        (f"{years} years of 500 symbols", 500, targets, days),
        ("one session of 3,000 symbols", 3000, targets[-1:], days[-LOOKBACK - 1 :]),
    ):
        wall, cpu = seconds(runner_of(folder / name.replace(" ", "_"), profile, stored, n_symbols), wanted)
        if name != "warm up":
            figures |= {f"{name}, wall s": wall, f"{name}, CPU s": cpu}
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--folder", help="where the stores are made; default a temporary folder here")
    options = parser.parse_args()
    with scratch(options.folder) as folder:
        figures = measure(folder, options.years)
    tell(figures, options.json)


if __name__ == "__main__":
    main()
