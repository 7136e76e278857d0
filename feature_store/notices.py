"""What a person should know though nothing failed: one sentence on stderr, or in whatever log the program keeps."""

import logging

_LOG = logging.getLogger("asof")


def notice(text: str) -> None:
    _LOG.warning("asof: %s", text)
