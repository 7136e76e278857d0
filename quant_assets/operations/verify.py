"""Every stored file read again and repaired, and what was computed from damaged ones marked to be stored anew."""

from collections.abc import Iterator

from feature_store.health import Verified
from quant_resources.home import Home


def verify_store(home: Home) -> Verified:
    """Repairs the store of a home; see `feature_store.health`."""
    return home.open_store().verify()


def lines(done: Verified) -> Iterator[str]:
    """What was found and done, and what to do next."""
    for p in done.lost:
        yield f"set aside: {p.dataset} {p.session} generation {p.generation}"
    for p in done.restored:
        yield f"put back: {p.dataset} {p.session} generation {p.generation}"
    for path in done.rewritten:
        yield f"written anew, with all its sessions: {path}"
    for path in done.replaced:
        yield f"put back for other engines: {path}"
    if done.sealed:
        yield f"{len(done.sealed)} files of an earlier format were given a digest of their bytes"
    advice = "; run `asof backfill` over their sessions, then `asof refresh`" if done.lost else ""
    yield f"{len(done.lost)} sessions lost, {len(done.restored)} put back{advice}"
