"""The UI answers its own pages and programs of this machine; a foreign page can neither change nor read anything."""

import asyncio
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from quant_resources.dagster import ui, webserver
from quant_resources.dagster.request_guard import RequestGuard

JSON = {"Content-Type": "application/json"}
QUERY = b'{"query": "{ version }"}'


async def answers(scope: Any, receive: Any, send: Any) -> None:
    """An application that says yes to everything."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"done"})
    elif scope["type"] == "websocket":
        await send({"type": "websocket.accept"})


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """The port of a real server of the application, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(RequestGuard(answers, ["asof.example.com"])) as open_port:
        yield open_port


def ask(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of the answer; `Host` is this machine's unless given."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    given = {"Host": f"127.0.0.1:{port}", **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
    for name, value in given.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return found


def opens(headers: dict[str, str]) -> bool:
    """Whether a WebSocket with these headers is accepted."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "scheme": "ws", "path": "/graphql", "query_string": b"", "headers": raw}
    asyncio.run(RequestGuard(answers, ["asof.example.com"])(scope, receive, send))
    return sent[0]["type"] == "websocket.accept"


# --- known values ---------------------------------------------------------------------------------------------------


def test_pages_and_programs_of_this_machine_are_answered(port: int) -> None:
    own = f"http://127.0.0.1:{port}"
    assert ask(port, "GET", "/assets")[0] == 200
    assert ask(port, "GET", "/assets", {"Host": f"localhost:{port}"})[0] == 200
    assert ask(port, "GET", "/graphql", {"Accept": "text/html"})[0] == 200  # the page of GraphiQL
    assert ask(port, "POST", "/graphql", JSON, QUERY)[0] == 200
    assert ask(port, "POST", "/graphql", JSON | {"Origin": own, "Sec-Fetch-Site": "same-origin"}, QUERY)[0] == 200
    assert (
        ask(port, "POST", "/graphql", {"Content-Type": "application/json; charset=utf-8", "Origin": own}, QUERY)[0]
        == 200
    )


def test_a_proxy_is_answered_under_its_name(port: int) -> None:
    through = {"Host": "asof.example.com", "Origin": "https://asof.example.com"}
    assert ask(port, "POST", "/graphql", JSON | through, QUERY)[0] == 200
    assert ask(port, "POST", "/graphql", JSON | through | {"Host": f"127.0.0.1:{port}"}, QUERY)[0] == 200


def test_no_page_shows_the_ui_in_a_frame(port: int) -> None:
    assert ask(port, "GET", "/")[2]["x-frame-options"] == "DENY"


def test_a_web_socket_of_the_ui_opens() -> None:
    assert opens({"Host": "localhost:3000", "Origin": "http://localhost:3000"})
    assert opens({"Host": "asof.example.com", "Origin": "https://asof.example.com"})
    assert opens({"Host": "127.0.0.1:3000"})  # a program


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "localhost@evil.example",
     "", "asof.example.com.evil.example", "[::1", "0x7f.1", "evil.example/localhost"],
)  # fmt: skip
def test_a_foreign_host_is_not_answered(port: int, host: str) -> None:
    status, text, _ = ask(port, "GET", "/", {"Host": host})
    assert status in (400, 421)
    assert "done" not in text
    if status == 421:
        assert "--allow-host" in text


FOREIGN = ["http://evil.example", "null", "", "http://127.0.0.1:1", "http://localhost.evil.example", "file://",
           "chrome-extension://x", "http://asof.example.com.evil.example"]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_is_not_answered(port: int, origin: str) -> None:
    assert ask(port, "POST", "/graphql", JSON | {"Origin": origin}, QUERY)[0] == 403
    assert ask(port, "GET", "/graphql", {"Origin": origin})[0] == 403
    assert not opens({"Host": "localhost:3000", "Origin": origin})


def test_a_web_socket_under_a_foreign_host_does_not_open() -> None:
    assert not opens({"Host": "evil.example:3000", "Origin": "http://evil.example:3000"})


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/graphql", "",
             "text/plain; application/json", "text/plain, application/json"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_check/market/bars", "/graphql?query=mutation"])
def test_a_form_of_a_foreign_page_changes_nothing(port: int, kind: str, path: str) -> None:
    assert ask(port, "POST", path, {"Content-Type": kind}, QUERY)[0] == 415


def test_a_page_of_another_site_without_an_origin_changes_nothing(port: int) -> None:
    assert ask(port, "POST", "/graphql", JSON | {"Sec-Fetch-Site": "cross-site"}, QUERY)[0] == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/prefix/graphql", "/%67raphql"])
def test_graphql_is_not_asked_by_get(port: int, method: str, path: str) -> None:
    assert ask(port, method, f"{path}?query=mutation%7Bx%7D")[0] == 405
    assert ask(port, method, f"{path}?a=1&query=")[0] == 405


def test_a_foreign_page_cannot_delete_a_run_of_dagsters_own_app() -> None:
    mutation = 'mutation { deletePipelineRun(runId: "%s") { __typename } }'
    with dg.instance_for_test() as instance:
        runs = [instance.create_run_for_job(_job()) for _ in range(2)]
        with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
            open_app = create_app_from_workspace_process_context(context)
            with serving(open_app) as unguarded:  # what Dagster does by itself
                ask(unguarded, "GET", "/graphql?query=" + quote(mutation % runs[0].run_id), {"Host": "evil.example"})
            assert not instance.has_run(runs[0].run_id)
            with serving(webserver.guarded_app(context)) as guarded:
                path = "/graphql?query=" + quote(mutation % runs[1].run_id)
                assert ask(guarded, "GET", path)[0] == 405
                assert ask(guarded, "POST", path, {"Content-Type": "text/plain"}, b"x")[0] == 415
                assert ask(guarded, "POST", path, {"Host": "evil.example"}, b"x")[0] == 421
                assert instance.has_run(runs[1].run_id)
                status, text, _ = ask(guarded, "POST", "/graphql", JSON, QUERY)
                assert (status, "version" in text) == (200, True)


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def empty() -> None:
        nothing()

    return empty


def test_dagster_dev_starts_the_guarded_webserver() -> None:
    command = ["python", "-m", "dagster_webserver", "--port", "3000"]
    assert ui.guarded_command(command) == ["python", "-m", "quant_resources.dagster.webserver", "--port", "3000"]
    daemon = ["python", "-m", "dagster._daemon", "run"]
    assert ui.guarded_command(daemon) == daemon


def test_dagster_dev_that_starts_its_webserver_otherwise_serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def dev(**options: object) -> None:
        ui.dev.open_ipc_subprocess(["dagster-webserver", "--port", "3000"])

    started: list[object] = []
    monkeypatch.setattr(ui.dev, "open_ipc_subprocess", started.append)
    monkeypatch.setattr(ui.dev, "dev_command", dev)
    with pytest.raises(RuntimeError, match="unguarded"):
        ui.main()
    assert started == []
