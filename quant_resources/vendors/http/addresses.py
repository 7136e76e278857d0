"""Addresses of requests, taken apart, so that hosts are compared as such and not as the beginning of a text. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

# A request is written down without these, whoever put them there.
SECRET_PARAMETERS = frozenset({"apikey", "api_key", "token", "access_token", "key"})
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Address:
    """
    Attributes:
        scheme, host, port: empty and 0 of a relative address.
        parameters: without any key.
        fault: why it is no address that a request may go to; empty where it is one.
    """

    scheme: str
    host: str
    port: int
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def is_relative(self) -> bool:
        return not self.scheme and not self.host

    @property
    def place(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """As errors name it: without parameters, which may hold a key, and bounded."""
        where = f"{self.scheme}://{self.host}:{self.port}" if self.host else ""
        return (where + self.path)[:200] or "an empty address"


def address_of(text: str) -> Address:
    """The parts of an absolute address, or of one relative to a host, which begins with a single slash.

    >>> address_of("https://api.example.com/v3/x?cursor=YQ&apiKey=secret").parameters
    {'cursor': 'YQ'}
    >>> address_of("https://api.example.com@elsewhere.example/x").fault
    'with a user name'
    >>> address_of("@elsewhere.example/x").fault
    'without a path from the root'
    >>> address_of("//elsewhere.example/x").is_relative
    False
    """
    if fault := _fault_of_text(text):
        return Address("", "", 0, "", fault=fault)
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        return Address("", "", 0, "", fault=f"no address ({error})")
    absolute = bool(parts.scheme or parts.netloc)
    kept = {name: value for name, value in parse_qsl(parts.query) if name.lower() not in SECRET_PARAMETERS}
    return Address(
        parts.scheme.lower(), host, port or PORTS.get(parts.scheme.lower(), 0), parts.path, kept,
        _fault_of_absolute(parts.scheme, parts.netloc, host, parts.path) if absolute else _fault_of_path(parts.path),
    )  # fmt: skip


def _fault_of_text(text: str) -> str:
    """Parsers differ in what they make of these characters."""
    odd = any(character == "\\" or not "!" <= character <= "~" for character in text)
    return "with a character that no address has" if odd else ""


def _fault_of_absolute(scheme: str, netloc: str, host: str, path: str) -> str:
    if scheme.lower() not in PORTS:
        return "of another scheme than https and http"
    if "@" in netloc:
        return "with a user name"
    return "without a host" if not host else _fault_of_path(path) if path else ""


def _fault_of_path(path: str) -> str:
    return "" if path.startswith("/") and not path.startswith("//") else "without a path from the root"
