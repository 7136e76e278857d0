"""What a person should know though nothing failed: one sentence on stderr, or in whatever log the program keeps."""

import logging

_LOG = logging.getLogger("asof")


def notice(text: str) -> None:
    # what a damaged file says of itself may hold anything
    _LOG.warning("asof: %s", "".join(c if c.isprintable() else "?" for c in text))
