"""How an asset says what it reads: datasets with windows of sessions."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Dataset

Length = int | Callable[[Profile], int]
Columns = tuple[str, ...] | Callable[[Profile], tuple[str, ...]] | None
Kind = Literal["source", "along_time", "per_session", "fit", "path"]


@dataclass(frozen=True)
class Window:
    """The last `length` sessions of a dataset up to the target, the target included."""

    dataset: Dataset
    length: Length
    columns: Columns = None

    def sessions(self, profile: Profile) -> int:
        return self.length(profile) if callable(self.length) else self.length

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
class SessionAsset:
    """A dataset and the pure function that gives its session.

    Attributes:
        kind: "source" (from the vendor), "along_time" (per symbol over a window of sessions), "per_session" (across
            symbols, one call a session), "fit" (parameters in force), "path" (one step from the stored state).
        anchor: along_time only: "year" starts every calculation at the first session of the target's calendar year
            less the window, for recursions; None for kernels that compute exactly their own window.
        entity: along_time only: the key column whose values are independent of one another.
        restate_sessions: along_time with a restating dataset: how far back a late input row restates.
        refit: fit only: first session of each ISO week or month.
        chained: fit only: the function also takes `previous`, the fit before, from the year's first refit on.
        each: per_session and fit: the key column whose values are independent of one another, where there is one; a
            recomputation then takes only those whose inputs have changed.
        market_settings: source only: settings of the market that its rows rest on, beside the vendor's own.
        figures: one or two numbers per session that the UI plots.
    """

    dataset: Dataset
    kind: Kind
    function: Callable[..., pl.DataFrame] | None = None
    inputs: Mapping[str, Window] = field(default_factory=dict)
    anchor: Literal["year"] | None = None
    entity: str = "symbol"
    restate_sessions: Length = 0
    refit: Literal["weekly", "monthly"] = "weekly"
    chained: bool = False
    each: str | None = None
    market_settings: tuple[str, ...] = ()
    figures: Callable[[pl.DataFrame], Mapping[str, float]] | None = None
    checks: Mapping[str, Callable[..., str | None]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def independent(self) -> str | None:
        """The key column whose values may be computed apart."""
        return self.entity if self.kind == "along_time" else self.each

    def first_needed(self, target: dt.date, window: Window, profile: Profile) -> dt.date:
        """First session of an input that the target's value may depend on."""
        if self.kind == "along_time" and self.anchor == "year":
            start = sessions.at_or_after(profile.history.start)
            return window.first(max(sessions.first_of_year(target), start), profile)
        if self.kind == "fit":
            anchor = self.chain_start(target, profile) if self.chained else self.refit_session(target, profile)
            return window.first(anchor, profile)
        return window.first(target, profile)

    def refit_session(self, target: dt.date, profile: Profile) -> dt.date:
        """The refit whose parameters are in force on the target: a function of the target alone."""
        if self.refit == "weekly":
            first = sessions.at_or_after(target - dt.timedelta(days=target.weekday()))
        else:
            first = sessions.at_or_after(target.replace(day=1))
        return max(first, sessions.at_or_after(profile.history.start))

    def previous_refit(self, refit: dt.date, profile: Profile) -> dt.date | None:
        """The refit before, or None where the chain starts."""
        if refit <= self.chain_start(refit, profile):
            return None
        return self.refit_session(sessions.shift(refit, -1), profile)

    def chain_start(self, target: dt.date, profile: Profile) -> dt.date:
        start = sessions.at_or_after(profile.history.start)
        return max(self.refit_session(max(sessions.first_of_year(target), start), profile), start)

    def longest(self, window: Window, profile: Profile) -> int:
        """Sessions that any target may reach back at most, itself included."""
        extra = {"weekly": 5, "monthly": 23}[self.refit] if self.kind == "fit" else 0
        if (self.kind == "along_time" and self.anchor) or self.chained:
            extra = 258
        return window.sessions(profile) + extra


def source(dataset: Dataset, **options: Any) -> SessionAsset:  # noqa: ANN401 -- passed to the dataclass as they are
    return SessionAsset(dataset, "source", **options)


def along_time(
    dataset: Dataset,
    function: Callable[..., pl.DataFrame],
    inputs: Mapping[str, Window],
    **options: Any,  # noqa: ANN401
) -> SessionAsset:
    return SessionAsset(dataset, "along_time", function, inputs, **options)


def per_session(
    dataset: Dataset,
    function: Callable[..., pl.DataFrame],
    inputs: Mapping[str, Window],
    **options: Any,  # noqa: ANN401
) -> SessionAsset:
    return SessionAsset(dataset, "per_session", function, inputs, **options)


def fit(
    dataset: Dataset,
    function: Callable[..., pl.DataFrame],
    inputs: Mapping[str, Window],
    **options: Any,  # noqa: ANN401
) -> SessionAsset:
    return SessionAsset(dataset, "fit", function, inputs, **options)


def path(
    dataset: Dataset,
    function: Callable[..., pl.DataFrame],
    inputs: Mapping[str, Window],
    **options: Any,  # noqa: ANN401
) -> SessionAsset:
    return SessionAsset(dataset, "path", function, inputs, **options)
