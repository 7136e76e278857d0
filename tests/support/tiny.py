"""A market small enough to be stored end to end in seconds, and the command line run in this process."""

import datetime as dt
import io
import logging
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from quant_assets.cli import app as cli

# Six names over a year's edge, three holidays and a halt; orders from 2017-01-17 on, when the first HMM has 30 returns.
FIRST, LAST = dt.date(2016, 12, 1), dt.date(2017, 1, 20)
SHORT = {
    "regimes.lookback_sessions": "60",
    "regimes.min_observations": "30",
    "regimes.cross_asset.min_observations": "30",
    "alpha.lookback_sessions": "63",
    "alpha.min_rows": "10",
    "alpha.models": "[{kind: ridge}, {kind: lightgbm, trees: 5, min_leaf_rows: 5, session_stride: 1}]",
    "features.horizons": "[5]",
    "features.min_industry": "3",
    "risk.lookback_sessions": "21",
    "risk.min_observations": "10",
    "portfolio.weight_cap": "0.4",
}
MARKET = {
    "vendor.n_symbols": "6",
    "vendor.start": "2016-11-01",
    "vendor.end": "2017-01-25",
    "vendor.correction_rate": "0.05",
    "vendor.late_rate": "0.05",
    "history.start": str(FIRST),
    "history.end": str(LAST),
}
SETTINGS = SHORT | MARKET


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def setting(pairs: dict[str, str]) -> list[str]:
    """As options of the command line."""
    return [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]


def asof(home: Path, *words: object) -> Answer:
    """The command line on a home, as its entry point runs it, without another process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = ["asof", *map(str, words)]
    with patch.dict(os.environ, {"ASOF_HOME": str(home), "ASOF_WORKERS": "1"}), patch.object(sys, "argv", argv):
        os.environ.pop("DAGSTER_HOME", None)
        with redirect_stdout(out), redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
    # Dagster's console handlers keep the stream that they found
    logging.getLogger("dagster").handlers.clear()
    return Answer(code, out.getvalue(), err.getvalue())


def copy_of(home: Path, folder: Path) -> Path:
    """A home of its own, to spoil."""
    shutil.copytree(home, folder / "home")
    return folder / "home"
