"""Edits for `staleness`, by kind: `HARMLESS` ones change no value, `REAL` ones may."""

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks._edits import (
    Edit,
    added,
    commented,
    everywhere,
    in_each,
    laid_out_anew,
    moved,
    patched,
    replaced,
    reversed_definitions,
    rewrite,
    several,
    without_annotations,
    without_docstrings,
    written,
)

KEY = '        key("industry", "name as published by the session"),\n'
LOG_RETURN = '        number("log_return"'
LOWEST = '        number("lowest_log_return", "log, per session", "of a member"),\n'
N_MEMBERS = '"n_members": len(returns)'
VERSION = 'key=("industry",),\n    version={},\n    description="Each'


def _column(path: str) -> Callable[[Path], None]:
    """A column of INDUSTRY_RETURNS that nobody reads: everybody names what they read of it."""
    return several(
        replaced("feature_store/schemas/features.py", KEY + LOG_RETURN, KEY + LOWEST + LOG_RETURN),
        replaced("feature_store/schemas/features.py", VERSION.format(2), VERSION.format(3)),
        replaced(path, N_MEMBERS, f'"lowest_log_return": float(returns.min()) if len(returns) else None, {N_MEMBERS}'),
    )


FEATURES, RISK, ALPHA = "quant_assets/features", "quant_assets/risk", "quant_assets/alpha"
MOMENTUM, VOLUME = f"{FEATURES}/stock/momentum.py", f"{FEATURES}/stock/volume.py"
NUMERICS = "quant_assets/numerics"
LENDING = "quant_resources/vendors/simulated/lending.py"
RISK_SCHEMAS = "feature_store/schemas/risk.py"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from quant_assets.risk import specific"
STAMP = "_microseconds(expected[t].latest_known_at or end_of_day(t))"
PREDICT = "        return predictor.predict("
CONSTANT = (
    "from quant_assets.alpha.training.samples import design\n\n\ndef constant(x):\n    return 0.0 * design(x, ())\n"
)
METHOD = "    def nobody_calls_this(self) -> int:\n        return 3\n\n"
UNRELATED = "def nobody_calls_this(x: float) -> float:\n    return 3.0 * x"
HARMLESS = [
    Edit("rename", "a function", everywhere(r"\bper_risk\b", "return_per_unit_of_risk")),
    Edit("rename", "an asset's function", everywhere(r"\bfactor_and_specific_returns\b", "regressed")),
    Edit("rename", "a class", everywhere(r"\bSample\b", "TrainingSample")),
    Edit("rename", "a constant", everywhere(r"\bHALF_LIVES\b", "CUTOFF_HALF_LIVES")),
    Edit(
        "rename",
        "a local variable",
        lambda f: rewrite(
            f / "quant_assets/regimes/fusion.py", lambda text: re.sub(r"\btotal\b", "weighted_sum", text)
        ),
    ),
    Edit("reorder", "functions of momentum", reversed_definitions(MOMENTUM)),
    Edit("reorder", "functions of the covariance", reversed_definitions(f"{RISK}/covariance.py")),
    Edit("reorder", "functions of the mechanism", reversed_definitions("quant_assets/engine/computation.py")),
    Edit("docstring", "none in the optimizer", without_docstrings("quant_assets/portfolio/optimizer.py")),
    Edit("docstring", "none in the reader", without_docstrings("feature_store/readers.py")),
    Edit("docstring", "another in momentum", replaced(MOMENTUM, '"""Returns over', '"""Profits over')),
    Edit("comment", "in a function", commented(f"{RISK}/covariance.py")),
    Edit("comment", "in another", commented("quant_assets/execution/book/account.py")),
    Edit("layout", "of labels", laid_out_anew(f"{FEATURES}/labels.py")),
    Edit("layout", "of the runner", laid_out_anew("quant_assets/engine/runner.py")),
    Edit("annotation", "none in the kernels", without_annotations(f"{NUMERICS}/rolling.py")),
    Edit("annotation", "none in the solver's form", without_annotations("quant_assets/portfolio/conic.py")),
    Edit("unrelated function", "beside momentum", added(MOMENTUM, UNRELATED)),
    Edit("unrelated function", "beside the content hash", added("feature_store/hashing.py", UNRELATED)),
    Edit("unrelated function", "beside the panel", added(f"{NUMERICS}/panel.py", UNRELATED)),
    Edit(
        "unrelated function",
        "a method of the mechanism",
        replaced("quant_assets/engine/computation.py", "    def steps(", f"{METHOD}    def steps("),
    ),
    Edit(
        "unrelated function",
        "a constant beside schemas",
        added("feature_store/schemas/features.py", "NOBODY_READS_THIS = 3"),
    ),
    Edit("unused import", "of Python's own", added(VOLUME, "import decimal", "top")),
    Edit("unused import", "of ours", added(VOLUME, "import quant_assets.features.stock.ranges as unused", "top")),
    Edit("unused import", "of a library", added(f"{RISK}/specific.py", "import duckdb", "top")),
    Edit("unused import", "for types", added(f"{RISK}/covariance.py", FOR_TYPES, "top")),
    Edit(
        "import",
        "under another name",
        lambda f: rewrite(
            f / VOLUME, lambda text: text.replace("import numpy as np", "import numpy").replace("np.", "numpy.")
        ),
    ),
    Edit(
        "added model",
        "a function beside the models",
        added(f"{ALPHA}/models/ridge.py", "def _constant(sample: object) -> float:\n    return 0.0"),
    ),
    Edit(
        "added model",
        "in a module of its own",
        written(f"{ALPHA}/constant.py", CONSTANT),
    ),
    Edit(
        "added dataset",
        "beside the others",
        added(RISK_SCHEMAS, 'NEW = Dataset("risk/new", ("symbol",), (SYMBOL,), "New.")'),
    ),
    Edit(
        "words",
        "of a dataset",
        replaced(RISK_SCHEMAS, "What trading each stock costs", "The costs of trading each stock"),
    ),
    Edit(
        "words",
        "of a setting",
        in_each("configs/settings", lambda text: re.sub(r'description="[^"]*"', 'description="a number"', text)),
    ),
    Edit(
        "move", "a module of kernels", moved("quant_assets.features.stock.ranges", "quant_assets.features.bar_ranges")
    ),
    Edit("move", "a module of the risk model", moved("quant_assets.risk.returns", "quant_assets.risk.windows")),
    Edit(
        "move",
        "the hidden Markov models",
        moved("quant_assets.regimes.detectors.hmm", "quant_assets.regimes.hidden_markov"),
    ),
    Edit("move", "into a new package", moved("quant_assets.numerics.rolling", "quant_assets.windows.rolling")),
    Edit(
        "move",
        "a part of the vendor",
        moved("quant_resources.vendors.simulated.macro", "quant_resources.vendors.rates"),
    ),
    Edit("move", "the hash of contents", moved("feature_store.hashing", "feature_store.content")),
    Edit("move", "a kind of calculation", moved("quant_assets.engine.lineage", "quant_assets.engine.ancestry")),
    Edit("unused library", "a patched plotly", patched("plotly")),
    Edit("unused library", "a patched DuckDB", patched("duckdb")),
    Edit("setting of another slice", "of the report", settings={"backtest.benchmarks": "[SPY]"}),
]
REAL = [
    Edit("unread column", "of the industries' returns", _column(f"{FEATURES}/aggregate/industries.py")),
    Edit(
        "constant",
        "how returns are annualized",
        replaced(f"{NUMERICS}/units.py", "SESSIONS_PER_YEAR = 252", "SESSIONS_PER_YEAR = 260"),
    ),
    Edit("constant", "sessions of a season", replaced(f"{FEATURES}/stock/seasonality.py", "YEAR = 252", "YEAR = 260")),
    Edit("constant", "days of a year of interest", everywhere(r"\bDAY_COUNT = 360(\.0)?", "DAY_COUNT = 365")),
    Edit("constant", "stocks that are alike", replaced(f"{RISK}/specific.py", "MIN_ALIKE = 5", "MIN_ALIKE = 2")),
    Edit("sign in one branch", "of a reversal", replaced(MOMENTUM, "-past[n] for n in (5,", "past[n] for n in (5,")),
    Edit(
        "sign in one branch",
        "of a tilt",
        replaced("quant_assets/portfolio/views.py", "p_bull - p_bear", "p_bear - p_bull"),
    ),
    Edit(
        "default",
        "how far a return lies back",
        replaced(f"{FEATURES}/stock/bars.py", "lag: int = 0) -> Array", "lag: int = 1) -> Array"),
    ),
    Edit(
        "decorator",
        "that doubles a standard deviation",
        several(
            replaced(f"{RISK}/returns.py", "def sample_std", "@doubled\ndef sample_std"),
            added(f"{RISK}/returns.py", "def doubled(f):\n    return lambda *args: f(*args) * 2\n\n", "top"),
        ),
    ),
    Edit(
        "decorator",
        "that halves an index",
        several(
            replaced(MOMENTUM, "def relative_strength", "@halved\ndef relative_strength"),
            added(MOMENTUM, "def halved(f):\n    return lambda *args: f(*args) / 2\n\n", "top"),
        ),
    ),
    Edit(
        "read column",
        "the day for the night",
        replaced(MOMENTUM, 'bars["overnight_log_return"], n', 'bars["intraday_log_return"], n'),
    ),
    Edit(
        "read column",
        "the close for the open",
        replaced("quant_assets/execution/market_snapshot.py", 'names, "open", "close")', 'names, "close", "close")'),
    ),
    Edit("formula", "of the account", replaced("quant_assets/backtest/pnl.py", "nav / previous - 1", "nav / previous")),
    Edit(
        "formula",
        "of a market's figure",
        replaced("quant_assets/features/aggregate/market.py", "seen.std(ddof=1)", "seen.std(ddof=0)"),
    ),
    Edit(
        "used library",
        "a patched LightGBM",
        patched(
            "lightgbm",
            lambda module: rewrite(
                module / "basic.py", lambda text: text.replace(PREDICT, PREDICT.replace("return", "return 1.01 *"))
            ),
        ),
    ),
    Edit(
        "mechanism",
        "the stamp of a row",
        replaced("quant_assets/engine/stamps.py", STAMP, f"{STAMP} - 1_000_000"),
    ),
    Edit("setting", "a cap of the optimization", settings={"portfolio.weight_cap": "0.25"}),
    Edit("setting", "the shrinkage of specific risk", settings={"risk.specific_shrinkage": "0.9"}),
    Edit("vendor", "what a loan of shares costs", replaced(LENDING, "HARD_FEE = 0.003", "HARD_FEE = 0.004")),
]
