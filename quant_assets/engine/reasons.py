"""Why a stored session is due, as text: which definition, library, setting, or column of an input, and since when."""

import datetime as dt
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from feature_store.adoptions import WITHDRAWN
from feature_store.code.identity import CodeIdentity, differences
from feature_store.dataset import Dataset
from feature_store.partition import DIGEST, StoredPartition
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset, Window
from quant_assets.engine.identity import identity
from quant_assets.engine.runner import Runner
from quant_assets.engine.staleness import differing

Explain = Callable[[str, str], list[str]]  # of two texts
UNKNOWN = "not known what it was: stored before texts were kept"
SHOWN = 60  # characters of a setting's value
SETTINGS = {"seed": "seed", "history": "history.start", "decision": "decision_minutes_before_open", "vendor": "vendor"}


@dataclass(frozen=True)
class Reason:
    """
    Attributes:
        kind: missing, schema, code, library, shape, setting, input, payload, state, upstream (what it reads is due), or
            the name of another part of a fingerprint.
        since: the first session of an input that is another.
    """

    kind: str
    text: str = ""
    since: dt.date | None = None

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        return f"{self.kind}: {self.text}{since}" if self.text else self.kind


class Reasons:
    """Of the sessions of one asset."""

    def __init__(self, runner: Runner, asset: SessionAsset, histories: "Histories") -> None:
        self._asset = asset
        self._profile = runner.profile
        self._kept = runner.texts
        self._now = identity(asset, runner.calculation, type(runner)).texts
        self._histories = histories
        self._known: dict[tuple[str, str | None, str | None], tuple[Reason, ...]] = {}
        self._slices = {type(value).__name__: name for name, value in runner.profile}
        self._slices |= {type(v).__name__: f"plugin_settings.{k}" for k, v in runner.profile.plugin_settings.items()}

    def of(
        self, session: dt.date, written_at: dt.datetime, stored: Mapping[str, str], expected: Mapping[str, str]
    ) -> tuple[Reason, ...]:
        """
        Args:
            written_at: when the session was stored.
            stored, expected: parts of its fingerprint.
        """
        names = differing(stored, expected)
        found: list[Reason] = []
        for name in names:
            if name.startswith("input:") and name != "input:payload":
                found += self._of_input(name.removeprefix("input:"), session, written_at, "config:windows" in names)
            else:
                found += self._of_part(name, stored.get(name), expected.get(name))
        return tuple(found)

    # -- parts that are the same for many sessions ---------------------------------------------------------------------

    def _of_part(self, name: str, was: str | None, now: str | None) -> tuple[Reason, ...]:
        if name in ("state", "input:payload"):  # another one for each session
            was = now = None
        if (name, was, now) not in self._known:
            self._known[name, was, now] = tuple(self._explained(name, was, now))
        return self._known[name, was, now]

    def _explained(self, name: str, was: str | None, now: str | None) -> Iterator[Reason]:
        if name == "state":
            yield Reason("state", "the session before is another")
        elif name == WITHDRAWN:
            yield Reason(WITHDRAWN, was or "")
        elif name == "input:payload":
            yield Reason("payload", "the vendor's data has changed")
        elif name == "schema":
            yield from (Reason("schema", text) for text in self._changes(was, now, schema_differences))
        elif name == "code":
            yield from map(_of_code, self._changes(was, now, code_differences))
        elif name.startswith("config:"):
            yield from (Reason("setting", text) for text in self._of_settings(name.removeprefix("config:"), was, now))
        else:
            yield Reason(name, f"{was or 'none'} -> {now or 'none'}")

    def _changes(self, was: str | None, now: str | None, explain: Explain) -> list[str]:
        before, after = self._text(was), self._text(now)
        return explain(before, after) if before and after else [UNKNOWN]

    def _of_settings(self, name: str, was: str | None, now: str | None) -> list[str]:
        key = SETTINGS.get(name) or self._slices.get(name) or ("windows" if name == "windows" else f"market.{name}")
        if was is None or now is None:
            return [f"{key} is read {'now' if was is None else 'no more'}"]
        if name == "windows":
            return self._changes(was, now, window_differences)
        return [text if text == UNKNOWN else f"{key}{text}" for text in self._changes(was, now, setting_differences)]

    def _text(self, digest: str | None) -> str | None:
        return None if digest is None else self._now.get(digest) or self._kept.get(digest)

    # -- inputs --------------------------------------------------------------------------------------------------------

    def _of_input(self, name: str, session: dt.date, written_at: dt.datetime, other_window: bool) -> list[Reason]:
        window = self._asset.inputs.get(name)
        if window is None:
            return [Reason("input", f"{name} is read no more")]
        first = self._asset.first_needed(session, window, self._profile)
        last = self._asset.last_needed(session, self._profile)
        changes = self._histories.since(written_at, window, window.values(self._profile), first, last)
        if not changes and other_window:
            return []  # the setting says it
        columns = sorted({column for change in changes for column in change.columns})
        added = any(change.is_new for change in changes)
        texts = [", ".join(columns)] * bool(columns) + ["sessions stored since"] * added
        text = " and ".join(texts) or "other sessions than were there"
        return [Reason("input", f"{window.dataset.name} {text}", changes[0].session if changes else None)]


@dataclass(frozen=True)
class Change:
    """A session of an input that is another than it was.

    Attributes:
        columns: those that are read and differ.
        is_new: it was not stored.
    """

    session: dt.date
    columns: tuple[str, ...]
    is_new: bool


class Histories:
    """What the generations of datasets say of changes since a moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._generations: dict[str, dict[dt.date, list[StoredPartition]]] = {}
        self._changes: dict[tuple[str, tuple[str, ...], dt.datetime], list[Change]] = {}

    def since(
        self, moment: dt.datetime, window: Window, values: Sequence[str], first: dt.date, last: dt.date
    ) -> list[Change]:
        """Changes in the sessions [first, last] of a window, on the columns that are read."""
        dataset = window.dataset
        columns = ("event_date", *dataset.key, *values, "known_at")
        slot = (dataset.name, columns, moment)
        if slot not in self._changes:
            self._changes[slot] = list(self._changed(dataset, columns, moment))
        changes = self._changes[slot]
        days = [change.session for change in changes]
        return changes[bisect_left(days, first) : bisect_right(days, last)]

    def _changed(self, dataset: Dataset, columns: Sequence[str], moment: dt.datetime) -> Iterator[Change]:
        for session, several in self._of(dataset).items():
            before = [p for p in several if p.written_at <= moment]
            if not before:
                yield Change(session, (), is_new=True)
            elif before[-1] is not several[-1]:
                was, now = _by_column(before[-1]), _by_column(several[-1])
                if differ := tuple(name for name in columns if was.get(name) != now.get(name)):
                    yield Change(session, differ, is_new=False)

    def _of(self, dataset: Dataset) -> dict[dt.date, list[StoredPartition]]:
        if dataset.name not in self._generations:
            found: dict[dt.date, list[StoredPartition]] = {}
            for p in self._store.index.generations(dataset.name, dataset.version):
                found.setdefault(p.session, []).append(p)
            self._generations[dataset.name] = found
        return self._generations[dataset.name]


def _by_column(partition: StoredPartition) -> dict[str, bytes]:
    hashes = partition.column_hashes
    return {name: hashes[i * DIGEST : (i + 1) * DIGEST] for i, name in enumerate(partition.column_names)}


# -- texts -----------------------------------------------------------------------------------------------------------


def code_differences(was: str, now: str) -> list[str]:
    found = differences(CodeIdentity.from_text(was), CodeIdentity.from_text(now))
    return found or ["is identified in another way"]


def _of_code(text: str) -> Reason:
    kind, _, rest = text.partition(" ")
    return Reason("library", rest) if kind == "library" else Reason("code", text)


def schema_differences(was: str, now: str) -> list[str]:
    before, after = json.loads(was), json.loads(now)
    lines = [f"{name} {before[name]} -> {after[name]}" for name in ("key", "restates") if before[name] != after[name]]
    old, new = ({column["name"]: column for column in schema["columns"]} for schema in (before, after))
    lines += [f"column {name} removed" for name in old if name not in new]
    lines += [f"column {name} added" for name in new if name not in old]
    for name in [name for name in old if name in new]:
        fields = [f for f in {**old[name], **new[name]} if old[name].get(f) != new[name].get(f)]
        lines += [f"column {name}: {field} {old[name].get(field)} -> {new[name].get(field)}" for field in fields]
    return lines or ["another order of columns"]


def setting_differences(was: str, now: str) -> list[str]:
    """Of one slice: ".weight_cap 0.05 -> 0.03" for each key; " 7 -> 8" where the slice is a plain value."""
    before, after = dict(_nested_values("", json.loads(was))), dict(_nested_values("", json.loads(now)))
    keys = sorted(before.keys() | after.keys())
    return [
        f"{key} {_shown(before, key)} -> {_shown(after, key)}"
        for key in keys
        if _shown(before, key, whole=True) != _shown(after, key, whole=True)
    ]


def window_differences(was: str, now: str) -> list[str]:
    before, after = json.loads(was), json.loads(now)
    lines = [f"{name} is read no more" for name in before if name not in after]
    lines += [f"{name} is read now" for name in after if name not in before]
    for name in [name for name in before if name in after]:
        (dataset, length, columns), (other, reach, others) = before[name], after[name]
        if dataset != other:
            lines.append(f"{name} reads {dataset} -> {other}")
        if length != reach:
            lines.append(f"{name} reads {length} -> {reach} sessions")
        changed = [f"+{c}" for c in others if c not in columns] + [f"-{c}" for c in columns if c not in others]
        if changed:
            lines.append(f"{name} reads other columns: {', '.join(changed)}")
    return lines or ["are read in another order"]


def _nested_values(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _nested_values(f"{prefix}.{key}", part)
    else:
        yield prefix, value


def _shown(values: Mapping[str, object], key: str, *, whole: bool = False) -> str:
    text = json.dumps(values[key]) if key in values else "none"
    return text if whole or len(text) <= SHOWN else f"{text[:SHOWN]}…"
