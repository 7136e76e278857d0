"""One HTTP client for all vendors: rate-limited, with retries and bounds; the key never appears in a text."""

import datetime as dt
import random
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import tenacity
import urllib3

from configs.settings import Transport
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http.addresses import address_of
from quant_resources.vendors.http.keys import Key, guard_logs
from quant_resources.vendors.http.payloads import fault_of, read_object
from quant_resources.vendors.ingest.clock import Clock, TokenBucket

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
CHUNK = 65_536
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EXCERPT = 300  # characters of a rejection that are quoted


@dataclass(frozen=True)
class Answer:
    """
    Attributes:
        request: canonical: path and sorted parameters, without any key.
        body: the object that the content holds.
    """

    request: str
    status: int
    content: bytes
    body: dict[str, Any]


class RejectedError(VendorError):
    """The vendor does not answer this request, however often it is sent."""


class UnusableError(VendorError):
    """The vendor's answers to this request cannot be read.

    Attributes:
        content: of the last of them, without the key.
    """

    def __init__(self, text: str, content: bytes) -> None:
        super().__init__(text)
        self.content = content


class _TransientError(Exception):
    """What may go well the next time; its text holds no key.

    Attributes:
        wait: seconds that the vendor requires.
        content: of an answer that came whole and cannot be read; empty where none came.
    """

    def __init__(self, text: str, wait: float = 0.0, content: bytes = b"") -> None:
        super().__init__(text)
        self.wait, self.content = wait, content


class HttpClient:
    """Sends requests to one vendor.

    Args:
        name: of the vendor, for messages.
        key: sent as the header `Authorization: Bearer`, or as `key_parameter` where the vendor knows no header.
        jitter: of the waits, so that several askers do not come back together.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        transport: Transport,
        clock: Clock,
        *,
        key: Key | None = None,
        key_parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        self._name, self._base, self._transport, self._clock = name, base_url.rstrip("/"), transport, clock
        self._home = _home_of(name, self._base, in_clear=key is None)
        self._key, self._key_parameter = key, key_parameter
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        self._jitter = jitter or random.Random()
        self._bucket = TokenBucket(transport.requests_per_minute, transport.burst, clock)
        self._pool = _pool(self._base)
        self.sent = 0
        guard_logs()

    def get(
        self,
        request: str,
        wrong: Callable[[Mapping[str, Any]], str | None] = lambda body: None,
        absent: Callable[[int, Mapping[str, Any]], bool] = lambda status, body: False,
        parses: Sequence[Callable[[bytes], object]] = (),
    ) -> Answer:
        """The answer to a canonical request, a JSON object that everything which will read it can read.

        Args:
            wrong: what is wrong with an object that cannot be whole, so that it is requested again; else None.
            absent: true where the status and object of a rejection mean that the vendor has nothing: an answer too.
            parses: the functions that read the content later; one that fails is as good as an answer that is wrong.

        Raises:
            RejectedError: the vendor rejects the request; the message has the status, and the request without its key.
            UnusableError: after all tries the last answer could not be read.
            VendorError: no whole answer after all tries; or the request would go to another host than the vendor's.
        """
        self._require_own(self._base + request)
        started = self._clock.monotonic()
        bound = self._transport

        def stop(state: tenacity.RetryCallState) -> bool:
            late = self._clock.monotonic() - started + state.upcoming_sleep > bound.total_seconds
            return late or state.attempt_number >= bound.tries

        tries = tenacity.Retrying(
            sleep=self._clock.sleep,
            stop=stop,
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(_TransientError),
            retry_error_callback=lambda state: (state.attempt_number, state.outcome and state.outcome.exception()),
        )
        got = tries(self._once, request, wrong, absent, parses, started + bound.total_seconds)
        if isinstance(got, Answer):
            return got
        count, last = got
        text = (
            f"{self._name}: {self._shown(request)} gave no whole answer in {count} tries: {last}; "
            "try again later (what has arrived is kept, and the rest continues from there)"
        )
        content = last.content if isinstance(last, _TransientError) else b""
        raise UnusableError(text, content) if content else VendorError(text)

    def request_of(self, address: str, also: Sequence[str] = ()) -> str:
        """The canonical request of an address that the vendor gave for its next page, without any key.

        Args:
            also: other hosts that the vendor calls its own; the request goes to `base_url` all the same.

        Raises:
            VendorError: the address names another host, scheme or port, a user, or no path.
        """
        given = address_of(address)
        own = given.is_relative or given.place == self._home or (given.place in {("https", h, 443) for h in also})
        if given.fault or not own:
            raise VendorError(
                f"{self._name}: the next page lies at {given.shown}, {given.fault or 'another host'}; requests go to "
                f"{self._base} only, as the key goes along (nothing was sent)"
            )
        return canonical(given.path, given.parameters)

    def _require_own(self, address: str) -> None:
        """A request may be read back from the log of payloads, so each is compared before it is sent."""
        given = address_of(address)
        if given.fault or given.place != self._home:
            raise VendorError(
                f"{self._name}: {given.shown} is no address of {self._base} ({given.fault or 'another host'}); "
                "requests go there only, as the key goes along (nothing was sent)"
            )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Doubling, half of it by chance, and never less than the vendor requires."""
        longest = min(self._transport.longest_wait_seconds, 2.0 ** (state.attempt_number - 1))
        error = state.outcome.exception() if state.outcome else None
        required = error.wait if isinstance(error, _TransientError) else 0.0
        return max(required, longest * (0.5 + 0.5 * self._jitter.random()))

    def _once(
        self,
        request: str,
        wrong: Callable[[Mapping[str, Any]], str | None],
        absent: Callable[[int, Mapping[str, Any]], bool],
        parses: Sequence[Callable[[bytes], object]],
        deadline: float,
    ) -> Answer:
        self._bucket.take()
        self.sent += 1
        problem, status, content = "", 0, b""
        headers: Mapping[str, str] = {}
        try:
            status, headers, content = self._exchange(request, deadline)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        # raised here, outside of the handler, so that no error that knows the key is its context
        if problem:
            raise _TransientError(self._scrubbed(problem))
        if status in AGAIN:
            raise _TransientError(f"status {status}{self._excerpt(content)}", _retry_after(headers, self._clock.now()))
        body, problem = read_object(content)
        if status != 200:
            if absent(status, body) and not fault_of(body, content, lambda body: None, parses):
                return Answer(request, status, content, body)
            raise RejectedError(
                f"{self._name}: {self._shown(request)} was rejected with status {status}{self._excerpt(content)}"
                f"{self._fix(status)}"
            )
        if defect := problem or fault_of(body, content, wrong, parses):
            raise _TransientError(f"{defect}, in {len(content)} bytes", content=content)
        return Answer(request, status, content, body)

    def _exchange(self, request: str, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        headers, address = dict(self._headers), self._base + request
        if self._key and self._key_parameter:
            address += f"{'&' if '?' in request else '?'}{urlencode({self._key_parameter: self._key.reveal()})}"
        elif self._key:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        timeout = urllib3.Timeout(connect=self._transport.timeout_seconds, read=self._transport.timeout_seconds)
        response = self._pool.request(
            "GET", address, headers=headers, timeout=timeout, retries=False, redirect=False, preload_content=False
        )
        try:
            content = bytearray()
            for chunk in response.stream(CHUNK):
                content += chunk
                if len(content) > self._transport.max_megabytes * 2**20:
                    raise RejectedError(
                        f"{self._name}: {self._shown(request)} answers with more than "
                        f"{self._transport.max_megabytes} MB; raise `max_megabytes` of its transport"
                    )
                if self._clock.monotonic() > deadline:
                    raise TimeoutError("the body comes too slowly")
        except BaseException:
            response.close()  # what is left of the body must not answer the next request
            raise
        response.release_conn()
        clean = self._key.scrubbed_content(bytes(content)) if self._key else bytes(content)
        return response.status, response.headers, clean

    def _excerpt(self, content: bytes) -> str:
        text = " ".join(self._scrubbed(content[:EXCERPT].decode("utf-8", "replace")).split())
        return f" ({text})" if text else ""

    def _fix(self, status: int) -> str:
        if status in (401, 403) and self._key:
            return f"; check the key in {self._key.variable}, and what its plan allows"
        if 300 <= status < 400:
            return f"; no redirect is followed, since the key would go along: fix `base_url`, {self._base}"
        if status == 403:
            return "; SEC answers so where `user_agent` does not name you, or more than 10 requests a second came"
        return "; check the profile's vendor settings"

    def _shown(self, request: str) -> str:
        return self._scrubbed(self._base + request)

    def _scrubbed(self, text: str) -> str:
        return self._key.scrubbed(text) if self._key else text


def canonical(path: str, parameters: Mapping[str, str] | None = None) -> str:
    """A request as it is noted: path and sorted parameters.

    >>> canonical("/v2/x", {"to": "2018-06-29", "adjusted": "false"})
    '/v2/x?adjusted=false&to=2018-06-29'
    """
    return path + (f"?{urlencode(sorted((parameters or {}).items()))}" if parameters else "")


def _home_of(name: str, base: str, *, in_clear: bool) -> tuple[str, str, int]:
    """Scheme, host and port of the vendor.

    Args:
        in_clear: whether requests may cross a network unencrypted: those with a key may not.
    """
    home = address_of(base)
    if home.fault or home.is_relative:
        raise VendorError(f"{name}: base_url {home.shown} is {home.fault or 'no address'}; write https://host")
    if home.scheme == "http" and not in_clear and home.host not in LOOPBACK:
        raise VendorError(f"{name}: base_url {home.shown} would send the key unencrypted; write https://{home.host}")
    return home.place


def _pool(base: str) -> urllib3.PoolManager:
    """Connections, through the proxy that the environment names for this host."""
    parts = urlsplit(base)
    proxy = None if urllib.request.proxy_bypass(parts.hostname or "") else urllib.request.getproxies().get(parts.scheme)
    return urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()


def _retry_after(headers: Mapping[str, str], now: dt.datetime) -> float:
    """Seconds of a Retry-After header, which gives seconds or a date (RFC 9110, 10.2.3); 0 without one."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - now).total_seconds())
