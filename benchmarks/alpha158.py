"""Alpha158 here and by Qlib, from the same files: whether the values are equal, CPU seconds and peak memory.

`--qlib`, or QLIB_PYTHON, is the Python of an environment with pyqlib, whose dependencies are at odds with the
project's; without it, only what is computed here is timed. `--data` is the folder of the market data; without it,
prices are made up. Both sides start from Qlib's own binary files and end with a frame in memory, each in a process of
its own with one thread; Qlib runs without its caches. What Numba compiles, once a machine, is left out. `--json` for
programs.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks._figures import scratch, tell
from feature_store import sessions
from feature_store.schemas.alpha158 import BAR, FACTORS
from quant_assets.features.alpha158.factors import LOOKBACK_SESSIONS, factors

FIELDS = ("open", "high", "low", "close", "volume", "vwap")
# one factor for each of Qlib's operators: Ref, Mean, Std, Slope, Rsquare, Resi, Max, Min, Quantile, Rank, IdxMax, ...
OPERATORS = ("ROC20", "MA20", "STD20", "BETA20", "RSQR20", "RESI20", "MAX20", "MIN20", "QTLU20", "RANK20", "IMAX20",
             "IMIN20", "CORR20", "SUMP20")  # fmt: skip
FIRST, LAST = dt.date(2007, 1, 3), dt.date(2018, 12, 31)
EVERY = sessions.between(FIRST, LAST)

QLIB = """
import json, sys, time
import qlib
from qlib.config import REG_US
from qlib.contrib.data.loader import Alpha158DL
from qlib.data import D
if __name__ == "__main__":
    folder, names, out = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    qlib.init(provider_uri=folder, region=REG_US, expression_cache=None, dataset_cache=None, kernels=1,
              joblib_backend="sequential", logging_level=40)
    config = dict(zip(*reversed(Alpha158DL.get_feature_config())))
    wall, cpu = time.perf_counter(), time.process_time()
    found = D.features(D.instruments("all"), [config[name] for name in names], disk_cache=0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
    found.columns = names
    if out:
        found.astype("float32").reset_index().to_parquet(out)
    print(json.dumps({"wall s": wall, "CPU s": cpu, "peak GiB": peak / 2**20, "config": config}))
"""


# -- the files ---------------------------------------------------------------------------------------------------------


def made_up(n_symbols):
    """Prices of symbols that begin at any time; one bar in 500 is missing."""
    rng, frames = np.random.default_rng(7), []
    for i in range(n_symbols):
        days = EVERY[rng.integers(0, 500) :]
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, len(days)))).round(2)
        opens = (close * np.exp(rng.normal(0, 0.01, len(days)))).round(2)
        high = (np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, 0.01, len(days))))).round(2)
        low = (np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, 0.01, len(days))))).round(2)
        bars = {"open": opens, "high": high, "low": low, "close": close, "volume": rng.lognormal(13, 0.5, len(days))}
        frame = pl.DataFrame({"symbol": f"S{i:04d}", "date": days, **bars})
        frames.append(frame.filter(pl.Series(rng.random(len(days)) > 0.002)))
    return pl.concat(frames)


def real(data, n_symbols):
    """Every so many symbols of the bundle, adjusted for splits alone; a session without volume has none."""
    prices = pl.read_parquet(Path(data) / "prices_daily.parquet").filter(pl.col("date").is_between(FIRST, LAST))
    names = prices.group_by("security_id").len().filter(pl.col("len") > 1000)["security_id"].sort()
    chosen = names.gather_every(max(1, len(names) // n_symbols)).head(n_symbols)
    splits = pl.read_parquet(Path(data) / "corporate_actions.parquet").filter(action="split")
    rows = prices.filter(pl.col("security_id").is_in(chosen.implode())).join(
        splits.select("security_id", date="ex_date", split="value"), on=["security_id", "date"], how="left"
    )
    rows = rows.sort("security_id", "date").with_columns(
        held=pl.col("split").fill_null(1.0).cum_prod().over("security_id")
    )
    return rows.select(
        "date",
        *(pl.col(name) * pl.col("held") for name in ("open", "high", "low", "close")),
        symbol="security_id",
        volume=pl.when(pl.col("volume") > 0).then(pl.col("volume") / pl.col("held")),
    )


def write(folder, prices):
    """Qlib's files: a calendar, the symbols with their dates, and a column of float32 for each symbol and field."""
    for name in ("calendars", "instruments", "features"):
        (folder / name).mkdir(parents=True)
    (folder / "calendars/day.txt").write_text("".join(f"{day}\n" for day in EVERY))
    number = {day: i for i, day in enumerate(EVERY)}
    lines = []
    known = prices.filter(pl.col("date").is_in(EVERY)).with_columns(vwap=(pl.col("high") + pl.col("low")) / 2)
    for (symbol,), bars in known.partition_by("symbol", as_dict=True).items():
        at = np.array([number[day] for day in bars["date"]])
        own = folder / "features" / symbol.lower()
        own.mkdir()
        for field in FIELDS:
            values = np.full(at[-1] - at[0] + 2, np.nan, dtype="<f4")
            values[0], values[at - at[0] + 1] = at[0], bars[field].fill_null(np.nan)
            values.tofile(own / f"{field}.day.bin")
        lines.append(f"{symbol}\t{bars['date'][0]}\t{bars['date'][-1]}\n")
    (folder / "instruments/all.txt").write_text("".join(lines))


# -- both sides --------------------------------------------------------------------------------------------------------


def read(folder, first=None):
    """ADJUSTED_BARS of Qlib's files, of the `first` symbols: what they call prices are levels already."""
    symbols = [line.split("\t")[0] for line in sorted((folder / "instruments/all.txt").read_text().splitlines())][
        :first
    ]
    files = [[folder / f"features/{symbol.lower()}/{field}.day.bin" for field in FIELDS] for symbol in symbols]
    room = sum(own[0].stat().st_size // 4 - 1 for own in files)
    day, of_symbol, bars = np.empty(room, np.int16), np.empty(room, np.int32), np.empty((len(FIELDS) + 1, room))
    end = 0
    for i, own in enumerate(files):
        columns = [np.fromfile(file, "<f4") for file in own]
        known = np.flatnonzero(~np.isnan(columns[FIELDS.index("close")][1:]))
        begin, end = end, end + len(known)
        day[begin:end], of_symbol[begin:end] = int(columns[0][0]) + known, i
        bars[:-1, begin:end] = [column[1:][known] for column in columns]
        bars[-1, begin] = np.nan
        bars[-1, begin + 1 : end] = np.diff(np.log(bars[FIELDS.index("close"), begin:end]))
    rows = pl.DataFrame({
        "event_date": np.array(EVERY, dtype="datetime64[D]")[day[:end]],
        "symbol": pl.Series(symbols).gather(of_symbol[:end]),
        **{name: pl.Series(x[:end], nan_to_null=True) for name, x in zip([*FIELDS, "log_return"], bars, strict=True)},
    })  # fmt: skip
    return rows.with_columns(dollar_volume_usd=pl.col("volume") * pl.col("close"), split_ratio=pl.lit(1.0))


def here(folder, names, out):
    """In a process of its own."""
    factors(read(folder, 5), EVERY, EVERY[0], names, 1.0)  # compiles
    wall, cpu = time.perf_counter(), time.process_time()
    found = factors(read(folder), EVERY, EVERY[0], names, 1.0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_gib()
    if out:
        found.write_parquet(out)
    figures = {"wall s": wall, "CPU s": cpu, "peak GiB": peak, "result GiB": found.estimated_size() / 2**30}
    print(json.dumps(figures | {"rows": len(found)}))


def peak_gib():
    """Of this process; `getrusage` would count what the one that started it held."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 2**20


def run(command):
    one = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMEXPR_MAX_THREADS": "1"}
    told = subprocess.run(command, env=os.environ | one, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(told.splitlines()[-1])


def here_apart(folder, names, out):
    return run([sys.executable, "-m", "benchmarks.alpha158", "--here", str(folder), json.dumps(names), str(out)])


def measure(folder, options):
    files = folder / "qlib"
    write(files, real(options.data, options.symbols) if options.data else made_up(options.symbols))
    figures = {}
    for name, names, keep in (("Alpha158", list(FACTORS), True), ("14 operators", list(OPERATORS), False)):
        outs = [folder / f"{side}.parquet" if keep else "" for side in ("here", "qlib")]
        ours = here_apart(files, names, outs[0])
        figures |= {f"{name}, here, {key}": value for key, value in ours.items()}
        if not options.qlib:
            continue
        theirs = run([options.qlib, "-c", QLIB, str(files), json.dumps(names), str(outs[1])])
        assert theirs.pop("config") == FACTORS, "Qlib declares other expressions"
        figures |= {f"{name}, Qlib, {key}": value for key, value in theirs.items()}
        figures[f"{name}, Qlib's CPU over ours"] = theirs["CPU s"] / ours["CPU s"]
        if keep:
            figures |= compared(*outs, read(files), options.each)
    return figures


# -- equality ----------------------------------------------------------------------------------------------------------


def compared(ours, theirs, bars, each):
    """Largest difference of each factor on full windows, in its deviations.

    Apart from where the price stood still for the whole window: there Qlib divides what is left of rounding by 1e-12.
    """
    on = ["event_date", "symbol"]
    observed = (pl.col("dollar_volume_usd") > 0) & pl.col("log_return").is_not_null()
    day = pl.col("event_date").replace_strict(EVERY, range(len(EVERY)), return_dtype=pl.Int32)
    rows = bars.filter(observed).sort("symbol", "event_date").with_columns(day=day)
    full = pl.col("day") - pl.col("day").shift(LOOKBACK_SESSIONS - 1).over("symbol") == LOOKBACK_SESSIONS - 1
    rows = rows.filter(full).select(on)
    left = rows.join(pl.read_parquet(ours), on=on, how="left", maintain_order="left")
    qlib = pl.read_parquet(theirs).rename({"datetime": "event_date", "instrument": "symbol"})
    qlib = qlib.with_columns(pl.col("event_date").cast(pl.Date), pl.col("symbol").cast(pl.String))
    right = rows.join(qlib, on=on, how="left", maintain_order="left")
    gaps, alone, still = {}, {}, 0
    for name in FACTORS:
        x, y = left[name].cast(pl.Float64), right[name].cast(pl.Float64).fill_nan(None)
        window = name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") if name not in BAR else None
        moved = left[f"STD{window}"] > 1e-9 if window else pl.Series([True]).new_from_index(0, len(rows))
        both = x.is_not_null() & y.is_not_null() & moved
        gaps[name] = (x - y).filter(both).abs() / y.filter(both).std()
        alone[name] = int((x.is_null() != y.is_null()).sum())
        still += int((~moved).sum())
    worst = sorted(gaps, key=lambda name: gaps[name].max(), reverse=True)
    for name in worst if each else []:
        over = int((gaps[name] > 1e-4).sum())
        print(f"{name:8s} largest {gaps[name].max():.2e}, {over} above 1e-4, {alone[name]} null on one side")
    return {
        "rows on full windows": len(rows),
        "values compared": sum(len(gap) for gap in gaps.values()),
        "values where the price stood still": still,
        f"largest difference, deviations ({worst[0]})": gaps[worst[0]].max(),
        "values further apart than 1e-4 deviations": sum(int((gap > 1e-4).sum()) for gap in gaps.values()),
        "values that are null on one side alone": sum(alone.values()),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--data", help="folder of the market data; default made-up prices")
    parser.add_argument(
        "--qlib", default=os.environ.get("QLIB_PYTHON"), help="Python with pyqlib; default $QLIB_PYTHON"
    )
    parser.add_argument("--each", action="store_true", help="the difference of each factor")
    parser.add_argument("--folder", help="where files are made; default a temporary folder here")
    parser.add_argument("--here", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        here(Path(options.here[0]), json.loads(options.here[1]), options.here[2])
        return
    with scratch(options.folder) as folder:
        figures = measure(folder, options)
    tell(figures, options.json)


if __name__ == "__main__":
    main()
