"""The five kinds of assets, each with the options that it can have, and how they say what they read.

An asset is a dataset and the pure function that gives its session.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal

import polars as pl

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Dataset

Length = int | Callable[[Profile], int]
Columns = tuple[str, ...] | Callable[[Profile], tuple[str, ...]] | None
YEAR_SESSIONS = 258  # of a calendar year at most, and some to spare


def in_sessions(length: Length, profile: Profile) -> int:
    return length(profile) if callable(length) else length


@dataclass(frozen=True)
class Window:
    """The last `length` sessions of a dataset up to the target, the target included."""

    dataset: Dataset
    length: Length
    columns: Columns = None

    def sessions(self, profile: Profile) -> int:
        return in_sessions(self.length, profile)

    def first(self, target: dt.date, profile: Profile) -> dt.date:
        """First session of the window; history begins at the profile's start (law 2)."""
        i = sessions.index_of(target) - (self.sessions(profile) - 1)
        return max(sessions.all_sessions()[max(i, 0)], sessions.at_or_after(profile.history.start))

    def values(self, profile: Profile) -> list[str]:
        """The value columns that are read."""
        columns = self.columns(profile) if callable(self.columns) else self.columns
        return self.dataset.values if columns is None else list(columns)


def trailing(dataset: Dataset, sessions: Length, columns: Columns = None) -> Window:
    return Window(dataset, sessions, columns)


def same(dataset: Dataset, columns: Columns = None) -> Window:
    return Window(dataset, 1, columns)


@dataclass(frozen=True)
class Choice:
    """A table of which the settings choose entries: what they leave out makes no session stale.

    Attributes:
        module, table: a dictionary, written out at the top of the module; others may put further entries into it.
        keys: of the chosen entries.
    """

    module: str
    table: str
    keys: Callable[[Profile], tuple[str, ...]]


@dataclass(frozen=True)
class _Asset:
    """What every kind of asset has.

    Attributes:
        choices: tables that its function looks into by what the settings say.
        metadata: one or two numbers per session that the UI plots.
        checks: what the subject demands of a session's rows, by name.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]

    dataset: Dataset
    choices: tuple[Choice, ...] = field(default=(), kw_only=True)
    metadata: Callable[[pl.DataFrame], Mapping[str, float]] | None = field(default=None, kw_only=True)
    checks: Mapping[str, Callable[..., str | None]] = field(default_factory=dict, kw_only=True)

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """What one call of its function gives, in order."""
        return (self.dataset,)

    @property
    def title(self) -> str:
        """The kind, as documents show it."""
        return self.kind

    def shape(self, profile: Profile) -> str:
        """The options on which stored values rest, as text."""
        return self.kind

    def first_needed(self, target: dt.date, window: Window, profile: Profile) -> dt.date:
        """First session of an input that the target's value may depend on."""
        return window.first(target, profile)

    def last_needed(self, target: dt.date, profile: Profile) -> dt.date:
        """Last session of the inputs that the target's value may depend on."""
        return target

    def own_first_needed(self, target: dt.date, profile: Profile) -> dt.date:
        """First session of the asset itself that must be stored with the target."""
        return target

    def longest(self, window: Window, profile: Profile) -> int:
        """Sessions that any target may reach back at most, itself included."""
        return window.sessions(profile)


@dataclass(frozen=True)
class Source(_Asset):
    """Rows as the vendor serves them.

    Attributes:
        market_settings: settings of the market that its rows rest on, beside the vendor's own.
    """

    kind = "source"
    summary = "from the vendor"
    function: ClassVar[None] = None
    inputs: ClassVar[Mapping[str, Window]] = MappingProxyType({})

    market_settings: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class _Computed(_Asset):
    """
    Attributes:
        function: pure; its parameters are inputs or records of them, settings (by their type), session, seed and what
            its kind adds.
        inputs: windows by the names of the function's parameters.
    """

    function: Callable[..., pl.DataFrame | tuple[pl.DataFrame, ...]]
    inputs: Mapping[str, Window]


@dataclass(frozen=True)
class TimeSeries(_Computed):
    """Each entity over a window of its own sessions, apart from the others.

    Attributes:
        anchor: "year" starts every calculation at the first session of the target's calendar year less the window, for
            recursions; None for kernels that compute exactly their own window.
        entity: the key column whose values are independent of one another.
        restate_sessions: with a restating dataset: how far back a late input row restates.
    """

    kind = "time series"
    summary = "time series of each entity"

    anchor: Literal["year"] | None = field(default=None, kw_only=True)
    entity: str = field(default="symbol", kw_only=True)
    restate_sessions: Length = field(default=0, kw_only=True)

    def restated(self, profile: Profile) -> int:
        """How many sessions back a late input row restates."""
        return in_sessions(self.restate_sessions, profile)

    def shape(self, profile: Profile) -> str:
        return f"{self.kind}|{self.anchor}|{self.entity}|{self.restated(profile)}"

    def first_needed(self, target: dt.date, window: Window, profile: Profile) -> dt.date:
        if self.anchor is None:
            return window.first(target, profile)
        return window.first(max(sessions.first_of_year(target), _start(profile)), profile)

    def longest(self, window: Window, profile: Profile) -> int:
        return window.sessions(profile) + (YEAR_SESSIONS if self.anchor else 0)


@dataclass(frozen=True)
class _Several(_Computed):
    """
    Attributes:
        outputs: where the function returns a tuple of frames, the dataset of each. There is an asset for each of them,
            and those that are run together are computed once. The state of a recursive asset is the first.
    """

    outputs: tuple[Dataset, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.outputs and self.dataset not in self.outputs:
            raise ValueError(f"{self.name} is none of the outputs {[d.name for d in self.outputs]} of its function")

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return self.outputs or (self.dataset,)

    @property
    def title(self) -> str:
        first = self.datasets[0]
        return self.kind if self.dataset == first else f"{self.kind}, with {first.name.split('/')[1]}"


@dataclass(frozen=True)
class CrossSection(_Several):
    """All entities of a session at once, one call a session.

    Attributes:
        entity: the key column whose values are independent of one another, where there is one; a recomputation then
            takes only those whose inputs have changed.
        gated: a decision that leaves the house, as orders do: a session is not stored while a check of what it rests on
            has failed or is missing.
    """

    kind = "cross section"
    summary = "cross section of each session"

    entity: str | None = field(default=None, kw_only=True)
    gated: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class ModelFit(_Several):
    """Parameters in force: fitted at the first session of each ISO week or month, stored for every session.

    Attributes:
        chained: the function also takes `previous`, the fit before, from the year's first refit on.
        entity: as of a cross section.
    """

    kind = "model fit"
    summary = "parameters in force"

    refit: Literal["weekly", "monthly"] = field(default="weekly", kw_only=True)
    chained: bool = field(default=False, kw_only=True)
    entity: str | None = field(default=None, kw_only=True)

    @property
    def title(self) -> str:
        return f"{self.kind}, {self.refit}"

    def shape(self, profile: Profile) -> str:
        return f"{self.kind}|{self.refit}|{self.chained}"

    def first_needed(self, target: dt.date, window: Window, profile: Profile) -> dt.date:
        first = self.chain_start(target, profile) if self.chained else self.refit_session(target, profile)
        return window.first(first, profile)

    def last_needed(self, target: dt.date, profile: Profile) -> dt.date:
        return self.refit_session(target, profile)

    def longest(self, window: Window, profile: Profile) -> int:
        extra = {"weekly": 5, "monthly": 23}[self.refit]
        return window.sessions(profile) + (YEAR_SESSIONS if self.chained else extra)

    def refit_session(self, target: dt.date, profile: Profile) -> dt.date:
        """The refit whose parameters are in force on the target: a function of the target alone."""
        if self.refit == "weekly":
            first = sessions.at_or_after(target - dt.timedelta(days=target.weekday()))
        else:
            first = sessions.at_or_after(target.replace(day=1))
        return max(first, _start(profile))

    def previous_refit(self, refit: dt.date, profile: Profile) -> dt.date | None:
        """The refit before, or None where the chain starts."""
        if refit <= self.chain_start(refit, profile):
            return None
        return self.refit_session(sessions.shift(refit, -1), profile)

    def chain_start(self, target: dt.date, profile: Profile) -> dt.date:
        start = _start(profile)
        return max(self.refit_session(max(sessions.first_of_year(target), start), profile), start)


@dataclass(frozen=True)
class Recursive(_Several):
    """One step a session, from the rows stored for the session before: the function also takes `state`."""

    kind = "recursive"
    summary = "one step from the stored state"

    def own_first_needed(self, target: dt.date, profile: Profile) -> dt.date:
        return _start(profile)


Windowed = TimeSeries | CrossSection | ModelFit  # of a window of inputs alone, never of the asset's own past
Computed = Windowed | Recursive
SessionAsset = Source | Computed


def rests_on(asset: SessionAsset) -> list[str]:
    """Datasets that come before it: its inputs, and the first that its function gives, which holds its state."""
    first = asset.datasets[0].name
    return [*(window.dataset.name for window in asset.inputs.values()), *([first] if first != asset.name else [])]


def run_together(assets: Sequence[SessionAsset]) -> list[list[SessionAsset]]:
    """Assets of one call of a function side by side, where the first of them stands; the others each alone."""
    groups: dict[tuple[str, ...], list[SessionAsset]] = {}
    for asset in assets:
        groups.setdefault(tuple(d.name for d in asset.datasets), []).append(asset)
    return list(groups.values())


def _start(profile: Profile) -> dt.date:
    return sessions.at_or_after(profile.history.start)
