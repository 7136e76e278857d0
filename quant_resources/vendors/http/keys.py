"""Keys of vendors: from the environment, never in a text."""

import json
import logging
import os
from urllib.parse import quote, quote_plus

from quant_resources.vendors.errors import VendorError

HIDDEN = "***"
SHORTEST = 8
# What urllib3 logs of a request holds its whole address.
_TALKATIVE = ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry")


class Key:
    """A vendor's key. Only a request reveals it.

    Args:
        variable: of the environment; read when the first request is sent, so that a full store needs no key.
    """

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def reveal(self) -> str:
        """
        Raises:
            VendorError: the variable is not set, or holds no key.
        """
        value = os.environ.get(self.variable, "").strip()
        if len(value) < SHORTEST:
            raise VendorError(
                f"{self.variable} {'is not set' if not value else 'is too short for a key'}; export {self.variable} "
                "with your key (it is read from the environment only, and never written down)"
            )
        _filter.secrets.add(value)
        return value

    def scrubbed(self, text: str) -> str:
        """`text` without the key, plain or percent-encoded."""
        return _scrubbed(text, {os.environ.get(self.variable, "").strip()})

    def scrubbed_content(self, content: bytes) -> bytes:
        """A payload without the key, should the vendor repeat it."""
        for form in _forms({os.environ.get(self.variable, "").strip()}):
            content = content.replace(form.encode(), HIDDEN.encode())
        return content


def _forms(secrets: set[str]) -> list[str]:
    """The secrets as an address, a form or JSON would hold them, the longest first."""
    long = [secret for secret in secrets if len(secret) >= SHORTEST]
    written = {
        form
        for secret in long
        for form in (
            secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1],
            json.dumps(secret)[1:-1].replace("/", "\\/"),
        )
    }  # fmt: skip
    return sorted({*written, *(quote(s, safe="").lower() for s in long)}, key=len, reverse=True)


def _scrubbed(text: str, secrets: set[str]) -> str:
    for form in _forms(secrets):
        text = text.replace(form, HIDDEN)
    return text


class _Filter(logging.Filter):
    """Takes every key that was used out of what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _scrubbed(record.getMessage(), self.secrets), ()
        if record.exc_info:
            record.exc_info = None
        return True


_filter = _Filter()


def guard_logs() -> None:
    """Put the filter before every logger of requests."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if _filter not in logger.filters:
            logger.addFilter(_filter)
