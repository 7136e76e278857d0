"""What a server runs: the Compose file, the image, Dagster's instance and workspace, and the page that explains them.

No container engine is needed: files are read, and what Dagster would refuse is refused here.
"""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.config_schema import process_workspace_config
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from feature_store.numeric_platform import PINS, THREADS

ROOT = Path(__file__).parent.parent
COMPOSE_FILE = ROOT / "docker-compose.yml"
OURS = ("code", "webserver", "daemon")


def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE_FILE.read_text())


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and what they say."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]


def image_environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(said for name, said in dockerfile() if name == "ENV")))


def variables_named_by(file: str) -> set[str]:
    """Environment variables that a file of Dagster reads."""
    return set(re.findall(r"env: (\w+)", (ROOT / "deploy" / file).read_text()))


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Folder in the container to volume, of the mounts that are named volumes."""
    pairs = (re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text).split(":")[:2] for text in service.get("volumes", []))
    return {folder: volume for volume, folder in pairs}


def environment_of_a_server(patch: pytest.MonkeyPatch) -> None:
    for name in variables_named_by("dagster.yaml") | variables_named_by("workspace.yaml"):
        patch.setenv(name, "5432" if name.endswith("PORT") else "somewhere")


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_compose_file_keeps_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_server_is_a_database_the_code_the_webserver_and_the_daemon() -> None:
    assert services().keys() == {"postgres", *OURS}
    begins = {name: " ".join(services()[name]["command"][:3]) for name in OURS}
    assert begins["code"] == "dagster api grpc"
    assert begins["webserver"] == "python -m quant_resources.dagster.webserver"
    assert begins["daemon"].startswith("dagster-daemon run ")


def test_the_image_is_installed_from_the_pins_and_runs_as_a_user_without_rights() -> None:
    said = dockerfile()
    assert said[0] == ("FROM", "python:3.11-slim")
    (install,) = [text for name, text in said if name == "RUN" and "pip install" in text]
    assert "--constraint=constraints.txt" in install
    assert "[production]" in install
    assert any("libgomp1" in text for name, text in said if name == "RUN")
    users = [text for name, text in said if name == "USER"]
    assert users == ["asof"]
    assert said.index(("USER", "asof")) > max(i for i, (name, _) in enumerate(said) if name == "RUN")


def test_dagster_accepts_the_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    environment_of_a_server(monkeypatch)
    config, _ = dagster_instance_config(str(ROOT / "deploy"))
    storages = {name: config[name]["class"] for name in ("run_storage", "event_log_storage", "schedule_storage")}
    assert storages == {
        "run_storage": "PostgresRunStorage",
        "event_log_storage": "BatchedPostgresEventLogStorage",
        "schedule_storage": "PostgresScheduleStorage",
    }
    runs = config["concurrency"]["runs"]
    assert runs["max_concurrent_runs"] == 2
    assert runs["tag_concurrency_limits"] == [{"key": "dagster/schedule_name", "limit": 1}]
    assert config["run_monitoring"]["enabled"]
    assert config["run_monitoring"]["max_runtime_seconds"] > 0  # else a run whose container died is never ended
    assert not config["telemetry"]["enabled"]


def test_the_workspace_is_the_code_service(monkeypatch: pytest.MonkeyPatch) -> None:
    environment_of_a_server(monkeypatch)
    loaded = process_workspace_config(yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text()))
    assert loaded.success, loaded.errors
    (place,) = loaded.value["load_from"]
    assert f"--port={place['grpc_server']['port']}" in services()["code"]["command"]
    assert services()["webserver"]["environment"]["ASOF_CODE_HOST"] in services()
    module = next(word for word in services()["code"]["command"] if word.startswith("--module-name=")).split("=")[1]
    assert (ROOT / (module.replace(".", "/") + ".py")).exists()


def test_the_database_client_is_released_with_dagster() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (client,) = extras["production"]
    assert client in extras["dev"]
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    )
    taken = {canonicalize_name(name): version for name, version in pins.items()}
    for needed in [Requirement(client), *map(Requirement, requires("dagster-postgres") or [])]:
        if needed.marker is None:
            assert needed.specifier.contains(taken[canonicalize_name(needed.name)]), needed


# -- properties --------------------------------------------------------------------------------------------------------


def test_nothing_is_open_beyond_this_machine() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    loud = ("network_mode", "privileged", "devices", "pid", "ipc", "cap_add")
    assert [(name, key) for name, service in services().items() for key in loud if key in service] == []


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    given = [service.get("environment", {}) for service in services().values()]
    secret = [value for each in given for name, value in each.items() if re.search("PASSWORD|SECRET|KEY|TOKEN", name)]
    assert len(secret) == 4
    assert all(re.fullmatch(r"\$\{\w+:\?.+\}", value) for value in secret)


def test_every_service_says_whether_it_is_well_and_comes_back() -> None:
    for name, service in services().items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert all(wait["condition"] == "service_healthy" for wait in service.get("depends_on", {}).values()), name


def test_only_the_code_sees_the_store_and_the_data() -> None:
    seen = {name: set(mounts(service).values()) for name, service in services().items()}
    assert [name for name, volumes in seen.items() if "home" in volumes] == ["code"]
    assert [name for name, volumes in seen.items() if "data" in volumes] == ["code"]
    assert next(text for text in services()["code"]["volumes"] if "/data" in text).endswith(":ro")


def test_every_volume_is_declared_used_and_begins_with_the_right_owner() -> None:
    used = {volume for service in services().values() for volume in mounts(service).values()}
    assert used == compose()["volumes"].keys()
    (owned,) = [text for name, text in dockerfile() if name == "RUN" and "install --directory" in text]
    folders = {folder for name in OURS for folder, volume in mounts(services()[name]).items() if volume != "data"}
    assert all(f" {folder}" in owned for folder in folders)
    assert {image_environment()["ASOF_HOME"], image_environment()["ASOF_DAGSTER_FILES"]} == folders
    assert image_environment()["NUMBA_CACHE_DIR"] in owned


def test_what_dagster_reads_from_the_environment_is_there() -> None:
    named = variables_named_by("dagster.yaml") | variables_named_by("workspace.yaml")
    for name in OURS:
        assert named - image_environment().keys() <= services()[name]["environment"].keys(), name
    assert image_environment()["DAGSTER_HOME"] == "/opt/asof/deploy"
    assert all(
        f"--workspace={image_environment()['DAGSTER_HOME']}/workspace.yaml" in services()[name]["command"]
        for name in ("webserver", "daemon")
    )


def test_kernels_and_threads_are_chosen_in_one_place() -> None:
    chosen = {*PINS, *THREADS}
    exported = set(re.findall(r"^export (\w+)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    given = set().union(*(service.get("environment", {}) for service in services().values()))
    assert chosen & {*image_environment(), *exported, *given} == set()


def test_only_what_runs_goes_into_the_image() -> None:
    rules = [r for r in (ROOT / ".dockerignore").read_text().splitlines() if not r.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    packages = {"asof", "configs", "feature_store", "quant_resources", "quant_assets"}
    assert let_in == packages | {"deploy", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in let_in)


def test_a_file_of_secrets_is_kept_out_of_git() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_guide_speaks_of_every_setting_volume_and_service() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text()
    settings = set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()))
    assert [word for word in {*settings, *services(), *compose()["volumes"]} if f"`{word}`" not in guide] == []
    called = re.findall(r"docker compose (?:exec|run)(?: -\S+)* (\w+)", guide)
    assert called
    assert set(called) <= services().keys()


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_an_instance_without_its_password_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    environment_of_a_server(monkeypatch)
    monkeypatch.delenv("ASOF_POSTGRES_PASSWORD")
    with pytest.raises(dg.DagsterInvalidConfigError, match="ASOF_POSTGRES_PASSWORD"):
        dg.DagsterInstance.from_config(str(ROOT / "deploy"))
