"""Edits of a copy of the code, by kind. For `staleness`: `HARMLESS` ones change no value, `REAL` ones may.

Each is a function of the copy's folder; one whose passage is not there any more fails, and says which.
"""

import ast
import importlib.util
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

PACKAGES = ("configs", "feature_store", "quant_resources", "quant_assets")


@dataclass(frozen=True)
class Edit:
    """One edit; `settings` are overrides of the profile."""

    kind: str
    name: str
    apply: Callable[[Path], None] = lambda _: None
    settings: dict[str, str] = field(default_factory=dict)


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    text = file.read_text()
    changed = change(text)
    if changed == text:
        raise ValueError(f"the edit of {file.name} finds nothing to change; bring it up to date with the code")
    file.write_text(changed)


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / path, lambda text: text.replace(old, new))


def in_each(folder: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """The same change of every module in which it finds something, of which there must be one."""

    def apply(copy: Path) -> None:
        modules = [file for file in sorted((copy / folder).rglob("*.py")) if change(text := file.read_text()) != text]
        if not modules:
            raise ValueError(f"the edit of {folder} finds nothing to change; bring it up to date with the code")
        for file in modules:
            rewrite(file, change)

    return apply


def added(path: str, text: str, at: str = "end") -> Callable[[Path], None]:
    """Text at the end, or at the top behind the module's docstring and `__future__`."""

    def change(before: str) -> str:
        if at == "end":
            return f"{before.rstrip()}\n\n\n{text}\n"
        first = next(s for s in ast.parse(before).body if isinstance(s, ast.Import | ast.ImportFrom))
        lines = before.splitlines()
        return "\n".join([*lines[: first.lineno - 1], text, *lines[first.lineno - 1 :]]) + "\n"

    return lambda folder: rewrite(folder / path, change)


def written(path: str, text: str) -> Callable[[Path], None]:
    """A new file."""

    def apply(folder: Path) -> None:
        (folder / path).write_text(text)

    return apply


def files(folder: Path) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((folder / package).rglob("*.py"))]


def everywhere(pattern: str, new: str) -> Callable[[Path], None]:
    """A regular expression, in every file."""

    def apply(folder: Path) -> None:
        found = 0
        for path in files(folder):
            text, count = re.subn(pattern, new, path.read_text())
            found += count
            if count:
                path.write_text(text)
        if not found:
            raise ValueError(f"nothing is called {pattern}; bring the edit up to date with the code")

    return apply


def moved(module: str, to: str) -> Callable[[Path], None]:
    """A module to another place, with all that imports it."""

    def apply(folder: Path) -> None:
        target = folder / (to.replace(".", "/") + ".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / "__init__.py").touch()
        (folder / (module.replace(".", "/") + ".py")).rename(target)
        package, _, name = module.rpartition(".")
        new_package, _, new_name = to.rpartition(".")
        direct = rf"^(\s*)from {re.escape(package)} import {name}$"
        for path in files(folder):
            text = re.sub(rf"\b{re.escape(module)}\b", to, path.read_text())
            text = re.sub(direct, rf"\1from {new_package} import {new_name} as {name}", text, flags=re.MULTILINE)
            path.write_text(text)

    return apply


def commented(path: str) -> Callable[[Path], None]:
    """A comment before every return."""
    return lambda folder: rewrite(
        folder / path, lambda text: re.sub(r"^( +)return ", r"\1# so it is\n\1return ", text, flags=re.MULTILINE)
    )


def reversed_definitions(path: str) -> Callable[[Path], None]:
    """Functions of a module in the opposite order, each with its decorators; all else stays before them."""

    def change(text: str) -> str:
        lines, body = text.splitlines(), ast.parse(text).body
        functions = [s for s in body if isinstance(s, ast.FunctionDef)]
        first = [min([s.lineno, *(d.lineno for d in s.decorator_list)]) - 1 for s in functions]
        parts = ["\n".join(lines[a : s.end_lineno]) for a, s in zip(first, functions, strict=True)]
        inside = {i for a, s in zip(first, functions, strict=True) for i in range(a, s.end_lineno)}
        rest = "\n".join(line for i, line in enumerate(lines) if i not in inside)
        return rest.rstrip() + "\n\n\n" + "\n\n\n".join(reversed(parts)) + "\n"

    return lambda folder: rewrite(folder / path, change)


def without_docstrings(path: str) -> Callable[[Path], None]:
    def change(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        return ast.unparse(tree) + "\n"

    return lambda folder: rewrite(folder / path, change)


def laid_out_anew(path: str) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / path, lambda text: ast.unparse(ast.parse(text)) + "\n")


def without_annotations(path: str) -> Callable[[Path], None]:
    """Of functions; those of an asset's own function are how it asks for settings, and stay."""

    def change(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.returns = None
                for arg in (*node.args.args, *node.args.kwonlyargs):
                    arg.annotation = None
        return ast.unparse(tree) + "\n"

    return lambda folder: rewrite(folder / path, change)


def several(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        for edit in edits:
            edit(folder)

    return apply


def patched(name: str, change: Callable[[Path], None] | None = None) -> Callable[[Path], None]:
    """A library of another version before the installed one.

    Args:
        change: of the folder of its module, which is copied too.
    """

    def apply(folder: Path) -> None:
        info = Path(str(distribution(name)._path))
        copy = folder / info.name
        shutil.copytree(info, copy)
        rewrite(copy / "METADATA", lambda text: re.sub(r"^Version: .*$", "Version: 99.1", text, count=1, flags=re.M))
        if change:
            spec = importlib.util.find_spec(name)
            assert spec and spec.origin
            shutil.copytree(Path(spec.origin).parent, folder / name)
            change(folder / name)

    return apply


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
MOMENTUM, VOLUME = f"{FEATURES}/momentum.py", f"{FEATURES}/volume.py"
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
    Edit("annotation", "none in the kernels", without_annotations(f"{FEATURES}/rolling.py")),
    Edit("annotation", "none in the solver's form", without_annotations("quant_assets/portfolio/conic.py")),
    Edit("unrelated function", "beside momentum", added(MOMENTUM, UNRELATED)),
    Edit("unrelated function", "beside the content hash", added("feature_store/hashing.py", UNRELATED)),
    Edit("unrelated function", "beside the panel", added(f"{FEATURES}/panel.py", UNRELATED)),
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
        added(f"{ALPHA}/models.py", "def _constant(sample: object) -> float:\n    return 0.0"),
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
    Edit("unread column", "of the industries' returns", _column(f"{FEATURES}/industries.py")),
    Edit(
        "constant",
        "how returns are annualized",
        replaced(MOMENTUM, "SESSIONS_PER_YEAR = 252", "SESSIONS_PER_YEAR = 260"),
    ),
    Edit("constant", "sessions of a year of risk", replaced(f"{RISK}/covariance.py", "YEAR = 252", "YEAR = 260")),
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
        replaced(f"{FEATURES}/bars.py", "lag: int = 0) -> Array", "lag: int = 1) -> Array"),
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
        "used library",
        "a patched hmmlearn",
        patched(
            "hmmlearn",
            lambda module: rewrite(
                module / "stats.py", lambda text: text.replace("return -0.5 * (nf", "return -0.4999 * (nf")
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
