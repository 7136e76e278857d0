"""What is stored, and how two stores differ."""

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from feature_store import sessions
from feature_store.store import Store
from quant_assets.calculation import Calculation
from quant_assets.graph import all_assets
from quant_assets.runner import Expected, Runner
from quant_assets.windows import SessionAsset
from quant_resources.home import Home
from quant_resources.vendors.protocol import make_vendor


def status_rows(home: Home) -> list[dict[str, Any]]:
    """Per dataset: stored, missing between history's start and the last stored session, stale, failed."""
    store = home.open_store()
    profile = home.profile
    runner = Runner(store, Calculation(profile, store.clock, make_vendor(profile, home.folder)))
    assets = all_assets()
    last = max((days[-1] for a in assets if (days := store.sessions(a.dataset))), default=None)
    rows = []
    for asset in assets:
        partitions = store.partitions(asset.dataset)
        stored = {p.session: p for p in partitions}
        wanted = sessions.between(profile.history.start, last) if last else []
        failed = {
            (session, check)
            for check in ("contract", "no_lookahead", *asset.checks)
            for session, passed, _ in store.index.verdicts(asset.name, check)
            if not passed and session in stored
        }
        rows.append({
            "dataset": asset.name,
            "stored": len(stored),
            "missing": sum(s not in stored for s in wanted),
            "stale": count_stale(runner, asset, sorted(stored)),
            "failed": len(failed),
            "first": min(stored, default=None),
            "last": max(stored, default=None),
            "rows": sum(p.rows for p in partitions),
        })  # fmt: skip
    return rows


def count_stale(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> int:
    """Stored sessions whose code, config or inputs have changed since; sources are compared by code and config."""
    judged = unbroken(stored, runner.profile.history.start) if asset.kind == "path" else stored
    return len(stored) - len(judged) + len(stale_sessions(runner, asset, judged))


def stale_sessions(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> list[dt.date]:
    """As `count_stale`; of a path, sessions that follow on one another from one whose predecessor is stored."""
    partitions = {p.session: p for p in runner.store.partitions(asset.dataset)}
    if asset.kind == "source":
        base = runner.base_parts(asset)
        return [s for s in stored if any(partitions[s].parts.get(name) != value for name, value in base.items())]
    expected: dict[dt.date, Expected] = {}
    for _, year in _by_year(stored):
        expected |= runner.expected(asset, year)
    return [s for s in stored if expected[s].fingerprint != partitions[s].fingerprint]


def unbroken(stored: Sequence[dt.date], start: dt.date) -> list[dt.date]:
    """Sessions of a path from its start up to the first that is not stored; what lies behind rests on nothing."""
    if not stored:
        return []
    wanted = sessions.between(start, stored[-1])
    return [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(stored, wanted, strict=False))]


def _by_year(stored: Sequence[dt.date]) -> list[tuple[int, list[dt.date]]]:
    years = sorted({s.year for s in stored})
    return [(year, [s for s in stored if s.year == year]) for year in years]


def diff_rows(
    a: Store, b: Store, first: dt.date | None, last: dt.date | None, select: Sequence[str]
) -> list[dict[str, Any]]:
    """Per dataset: sessions equal, different, and stored in one only."""
    names = sorted({name for store in (a, b) for name, _ in store.index.datasets()})
    rows = []
    for name in names:
        if select and name not in select and name.split("/")[0] not in select:
            continue
        in_a = {p.session: p.content_hash for p in a.partitions(name, first, last)}
        in_b = {p.session: p.content_hash for p in b.partitions(name, first, last)}
        differ = sorted(s for s in in_a.keys() & in_b.keys() if in_a[s] != in_b[s])
        rows.append({
            "dataset": name,
            "equal": len(in_a.keys() & in_b.keys()) - len(differ),
            "differ": len(differ),
            "only_a": len(in_a.keys() - in_b.keys()),
            "only_b": len(in_b.keys() - in_a.keys()),
            "first_difference": differ[0] if differ else None,
        })  # fmt: skip
    return rows
