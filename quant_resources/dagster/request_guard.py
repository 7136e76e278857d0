"""Who may ask the Dagster UI: pages of the UI itself and programs of this machine, and no foreign page.

The UI has no login, and a browser takes requests to it from any page that is open. Four ways in are closed here: a name
of another's that leads to this machine (DNS rebinding: `Host`), a foreign page (`Origin`, also of a WebSocket), a form
that needs no permission of the browser (a content type other than JSON), and GraphQL by GET, which an image or a link
can send. What holds for a browser holds for nothing else: whoever can open a connection can also ask without one.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1
# No foreign page shows the UI in a frame, to have its buttons clicked.
HEADERS = ((b"x-frame-options", b"DENY"), (b"cross-origin-resource-policy", b"same-origin"))


@dataclass(frozen=True)
class Rejection:
    """
    Attributes:
        status: of HTTP.
        text: what is wrong, and what to do.
    """

    status: int
    text: str


class RequestGuard:
    """An ASGI application that hands on what `rejection` lets through.

    Args:
        hosts: names under which the UI is served beside those of this machine: of a proxy, or a name in the network.
    """

    def __init__(self, app: App, hosts: Collection[str] = ()) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if rejected := rejection(scope, self._hosts):
            await _reject(scope, send, rejected)
            return

        async def answered(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, answered)


def rejection(scope: Scope, hosts: Collection[str]) -> Rejection | None:
    """Why a request is not answered; None where it is."""
    host = _only(scope, b"host")
    name, port = _place(f"//{host}", scope["scheme"]) if host else ("", 0)
    if name not in LOOPBACK and name not in hosts:
        return Rejection(
            421,
            f"the UI is not served under the host {host!r}; open it at 127.0.0.1 or localhost, or start it with "
            "`asof ui --allow-host NAME`, or ASOF_UI_HOSTS=NAME of the webserver",
        )
    if not _is_own(scope, (name, port), hosts):
        return Rejection(403, "a request from a page of another origin is not answered; open the UI itself")
    return _of_method(scope) if scope["type"] == "http" else None


def _is_own(scope: Scope, place: tuple[str, int], hosts: Collection[str]) -> bool:
    """Whether the request comes from a page of the UI, or from no page."""
    if b"origin" not in [name.lower() for name, _ in scope["headers"]]:
        return _only(scope, b"sec-fetch-site") in ("", "same-origin", "none") or scope.get("method") in READING
    origin = _only(scope, b"origin")
    if urlsplit(origin).scheme not in ("http", "https"):  # `null` is the origin of a page that hides its own
        return False
    name, port = _place(origin, "")
    # behind a proxy the host of a request may be another one than that of the page
    return (name, port) == place or (name in hosts and name not in LOOPBACK)


def _of_method(scope: Scope) -> Rejection | None:
    if scope["method"] in READING:
        asks = any(key == "query" for key, _ in parse_qsl(scope["query_string"].decode("latin-1"), True))
        if asks and scope["path"].rstrip("/").endswith("/graphql"):
            return Rejection(405, "GraphQL is asked by POST with a body of application/json, not by GET")
        return None
    media = _only(scope, b"content-type").partition(";")[0].strip().lower()
    if media != "application/json":
        return Rejection(415, f"a request that may change something has a body of application/json, not of {media!r}")
    return None


def _only(scope: Scope, name: bytes) -> str:
    """The value of a header; empty where it is absent or stands twice."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
    return values[0].strip() if len(values) == 1 else ""


def _place(address: str, scheme: str) -> tuple[str, int]:
    """Host and port; an empty host where the address is none."""
    try:
        parts = urlsplit(address)
        name, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        return "", 0
    if "@" in parts.netloc or parts.path not in ("", "/"):
        return "", 0
    return name, port or PORTS.get(parts.scheme or scheme, 0)


async def _reject(scope: Scope, send: Send, rejected: Rejection) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": rejected.text[:100]})
        return
    headers: Iterable[tuple[bytes, bytes]] = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": rejected.status, "headers": headers})
    await send({"type": "http.response.body", "body": rejected.text.encode()})
