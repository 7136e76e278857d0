"""The repository's own habits: pins, contracts on imports, documents that lead somewhere and say what the code does."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.core import TyperGroup
from typer.main import get_command

from quant_assets.cli.app import app
from tests.support.readme import GENERATED, part

ROOT = Path(__file__).parent.parent
PACKAGES = ("configs", "feature_store", "quant_resources", "quant_assets", "asof")


def own_files() -> list[Path]:
    """Files that are tracked or would be."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def pins() -> dict[str, str]:
    """Package to version, as constraints.txt says."""
    found = (pin_of(line) for line in (ROOT / "constraints.txt").read_text().splitlines())
    return {canonicalize_name(pin[0]): pin[1] for pin in found if pin}


def pin_of(line: str) -> tuple[str, str] | None:
    return None if line.startswith("#") else tuple(line.split("=="))


def requirements(text: list[str], extra: str = "") -> list[Requirement]:
    """Those that hold on this machine."""
    parsed = [Requirement(line) for line in text]
    return [r for r in parsed if r.marker is None or r.marker.evaluate({"extra": extra})]


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", run, "--no-logo", "--no-cache", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def makefile_targets() -> dict[str, str | None]:
    """Target to what help says of it."""
    text = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z][\w-]*):(?!=)[^#\n]*(?:## (.+))?$", text, flags=re.MULTILINE))


# -- known values ------------------------------------------------------------------------------------------------------


def test_imports_go_the_way_the_design_says() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_make_help_lists_every_target_with_its_sentence() -> None:
    shown = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True
    )
    listed = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.stdout.splitlines() if line}
    assert listed == makefile_targets()
    assert all(listed.values())
    assert {"demo", "test", "check", "ui", "bench", "help"} <= listed.keys()


def test_dagster_finds_the_definitions_where_they_are() -> None:
    (place,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert (ROOT / (place["python_module"].replace(".", "/") + ".py")).exists()


@pytest.mark.parametrize("name", GENERATED)
def test_the_readme_says_what_the_code_has(name: str) -> None:
    written = part((ROOT / "README.md").read_text(), name)
    assert written == GENERATED[name](), "run `python -m tests.support.readme`, which writes it"


def test_the_changelog_of_this_version_has_a_heading_for_numbers() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    section = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1]
    assert section.startswith(version)
    assert "\n### Numerics\n" in section


# -- properties --------------------------------------------------------------------------------------------------------


def test_every_constraint_is_one_exact_version_and_names_no_place() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    odd = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!+]*", line)]
    assert odd == []


def test_constraints_keep_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["dev"]]
    taken = pins()
    wrong = [str(r) for r in asked if not r.specifier.contains(taken.get(canonicalize_name(r.name), "0"))]
    assert wrong == []


def test_everything_that_is_needed_is_pinned_however_indirectly() -> None:
    waiting = [(r, "") for extra in ("", "dev") for r in requirements(requires("asof") or [], extra)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for inner in ("", *requirement.extras):
            waiting += [(r, inner) for r in requirements(requires(name) or [], inner)]
    assert {name for name, _ in seen} - pins().keys() == set()


def test_a_wheel_brings_every_file_of_its_packages() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    files = [path.relative_to(ROOT) for path in own_files() if path.suffix != ".py"]
    of_packages = [path for path in files if path.parts[0] in PACKAGES]
    assert Path("quant_resources/dagster/dagster.yaml") in of_packages
    assert {f"quant_assets/reporting/{name}" for name in ("page.html.j2", "style.css", "page.js")} <= {
        path.as_posix() for path in of_packages
    }
    left_out = [path for path in of_packages if not any(map(Path(*path.parts[1:]).match, told.get(path.parts[0], [])))]
    assert left_out == []


def test_no_tracked_file_names_a_registry_or_a_place_on_this_machine() -> None:
    # put together from pieces, so that this file does not hold them
    hosts = ["pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "deb.debian" + ".org"]
    folders = [f"/{name}/" for name in ("work", "root", "farm", "home", "Users")] + ["/opt/" + "pypi", f"{ROOT}/"]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in own_files()
        for text in [path.read_bytes()]
        for word in hosts + folders
        if word.encode() in text
    ]
    assert found == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    documents = [path for path in own_files() if path.suffix == ".md"]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def commands_in(document: Path) -> list[list[str]]:
    """Words of each `asof` command in the blocks of a document."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in re.sub(r"\\\n", " ", block).splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("asof ")]


def test_every_command_in_the_documents_is_one_with_its_options() -> None:
    wrong, group = [], get_command(app)
    for document in (path for path in own_files() if path.suffix == ".md" and path.name != "CHANGELOG.md"):
        for words in commands_in(document):
            command, rest = group, words
            while isinstance(command, TyperGroup) and rest and rest[0] in command.commands:
                command, rest = command.commands[rest[0]], rest[1:]
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            options = {word.partition("=")[0] for word in rest if word.startswith("--")}
            if isinstance(command, TyperGroup) or options - known:
                wrong.append(f"{document.relative_to(ROOT)}: asof {' '.join(words)}")
    assert wrong == []


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts, to spoil."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("quant_assets/market/universe.py", "import dagster", "pure"),
        ("quant_assets/risk/covariance.py", "import configs.load", "pure"),
        ("quant_assets/alpha/models/ridge.py", "import feature_store.store", "pure"),
        ("quant_assets/execution/trading/fills.py", "import time", "clock"),
        ("quant_assets/regimes/detectors/hmm.py", "import quant_assets.engine.asset", "mechanism"),
        ("quant_assets/features/stock/features.py", "import quant_assets.alpha.models.ridge", "slices"),
        ("quant_assets/alpha/models/ridge.py", "import quant_assets.risk.covariance", "slices"),
        ("quant_assets/engine/asset.py", "import quant_assets.market.universe", "slices"),
        ("quant_assets/risk/assets.py", "import quant_assets.market.assets", "assets"),
        ("quant_assets/execution/trading/fills.py", "import quant_assets.execution.checks", "checks"),
        ("feature_store/index.py", "import configs.settings", "packages"),
        ("quant_resources/home.py", "import quant_assets.engine.asset", "packages"),
        ("configs/settings/market.py", "import dagster", "memory"),
        ("quant_assets/numerics/panel.py", "import asof.metrics", "packages"),
        ("asof/metrics.py", "import dagster", "dagster"),
        ("quant_assets/engine/dagster_asset.py", "import quant_resources.vendors.simulated.truth", "truth"),
        ("quant_assets/numerics/panel.py", "import quant_assets.engine.asset", "mechanism"),
        ("quant_resources/vendors/files/vendor.py", "import quant_resources.vendors.simulated.names", "vendors"),
        ("quant_resources/vendors/ingest/moments.py", "import quant_resources.vendors.registry", "vendors"),
        ("quant_assets/alpha/models/ridge.py", "import quant_assets.alpha.models.lightgbm", "models"),
        ("quant_assets/regimes/detectors/thresholds.py", "import quant_assets.regimes.detectors.hmm", "detectors"),
        ("quant_assets/portfolio/limits/factor_exposure.py", "import quant_assets.portfolio.limits.registry", "limits"),
        (
            "quant_assets/execution/trading/cost_terms/sales_fee.py",
            "import quant_assets.execution.trading.cost_terms.registry",
            "cost_terms",
        ),
        ("quant_assets/backtest/pnl.py", "import quant_assets.books", "slices"),
        ("quant_assets/engine/runner.py", "import dagster", "dagster"),
    ],
)
def test_an_import_against_the_design_is_caught(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / module
    whole = path.read_text()
    path.write_text(f"{whole}\n{line}\n")
    try:
        result = lint_imports(copy, "--contract", contract)
    finally:
        path.write_text(whole)
    assert result.returncode == 1
    assert "0 kept, 1 broken" in result.stdout
    broken = f"{module.removesuffix('.py').replace('/', '.')} -> {line.removeprefix('import ')}"
    assert broken in " ".join(result.stdout.split())  # it wraps long lines


BAD_FILES = {
    "trailing-whitespace": ("a.md", "text \n"),
    "end-of-file": ("a.md", "text"),
    "merge-conflict": ("a.md", "<<<<<<< HEAD\n"),
    "large-files": ("a.bin", "x" * 2**21),
    "yaml": ("a.yaml", "a: [\n"),
    "toml": ("a.toml", "a = \n"),
}


def hooks() -> dict[str, list[str]]:
    """Words of the command of each hook that looks at single files, on this Python."""
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"  # others would need the network
    entries = {hook["id"]: hook["entry"].split() for hook in repository["hooks"]}
    return {name: [sys.executable, *words[1:]] for name, words in entries.items() if words[0] == ".venv/bin/python"}


def test_every_hook_on_files_is_shown_to_catch_something() -> None:
    assert hooks().keys() == BAD_FILES.keys()


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_against_the_hygiene_is_caught(name: str, tmp_path: Path) -> None:
    file, text = BAD_FILES[name]
    (tmp_path / file).write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    result = subprocess.run([*hooks()[name], file], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr


def test_without_python_311_make_says_what_to_do(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "-C", str(tmp_path), "install", "PYTHON=no-such-python"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "asof needs Python 3.11" in result.stderr
    assert "make PYTHON=" in result.stderr
    assert not (tmp_path / ".venv").exists()
