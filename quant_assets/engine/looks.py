"""Stored sessions computed again, in ways in which the future cannot matter: alone, or with what comes after perturbed.

A look computes sessions of the assets of one function by one call of it, and compares what comes out with what is
stored. What is stale is not looked at.
"""

import contextlib
import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from feature_store import sessions
from feature_store.hashing import digest_of
from feature_store.partition import StoredPartition
from quant_assets.engine.access_profile import strictly
from quant_assets.engine.agreement import agreements, current_of
from quant_assets.engine.asset import ModelFit, SessionAsset, Source, TimeSeries
from quant_assets.engine.computation import Frames, Versions, one_thread
from quant_assets.engine.gate import NO_LOOKAHEAD
from quant_assets.engine.perturbation import Perturbed, Scattered
from quant_assets.engine.results import ALONE, CUT, PERTURBED, CheckResult
from quant_assets.engine.runner import Runner
from quant_assets.engine.stored_versions import StoredVersions

Unit = tuple[dt.date, ...]  # sessions that one call of a function answers for
Results = dict[str, list[CheckResult]]  # by asset
AHEAD = 3  # sessions after a look's own that are there, and perturbed
SPAN = 10  # sessions before a cut


@dataclass(frozen=True)
class Looked:
    """What a look did, and the rows by dataset and session that came out; None where the calculation failed."""

    unit: Unit
    look: str
    text: str
    frames: dict[str, Frames] | None


class Looks:
    """Looks at sessions of the assets of one function.

    Args:
        days: that may be looked at, ascending.
        data: what is read; the store by default.
        salt: moves what is perturbed to what.
        written: sessions of each asset that have just been stored, and cannot be stale.
        closely: look at each call that the function makes, in the first session that is computed alone.

    Attributes:
        assets, days: those of the arguments.
        current: those of the sessions that are not stale, by asset.
        units: of these sessions.
    """

    def __init__(
        self,
        runner: Runner,
        assets: Sequence[SessionAsset],
        days: Sequence[dt.date],
        data: Versions | None = None,
        salt: str = "",
        written: Mapping[str, Mapping[dt.date, StoredPartition]] | None = None,
        *,
        closely: bool = True,
    ) -> None:
        self.runner = runner
        self.asset = assets[0]
        self.data = data or StoredVersions(runner.store)
        self.salt = salt
        self.current = {a.name: current_of(runner, a, days, (written or {}).get(a.name, {})) for a in assets}
        some = set[dt.date]().union(*self.current.values())
        self.units = units(self.asset, [t for t in days if t in some], runner)
        self._closely = closely
        self.assets = assets
        self.days = days

    def alone(self, requested: Sequence[Unit]) -> Results:
        """From what was known at each session, and nothing that came after."""
        with one_thread():
            return self._results([self._alone(unit, ALONE) for unit in requested])

    def perturbed(self, requested: Sequence[Unit]) -> Results:
        """With what came after there, and perturbed; of a source, and where a function rejects that, cut off."""
        with one_thread():
            return self._results([self._perturbed(unit) for unit in requested])

    def scattered(self, requested: Sequence[Unit]) -> Results:
        """Of cross sections with short windows many sessions by one reading, with the sessions between perturbed.

        Args:
            requested: ascending, with a session at least between one and the window of the next.
        """
        asset, days = self.asset, [t for (t,) in requested]
        profile = self.runner.profile
        needed = {s for t in days for w in asset.inputs.values() for s in sessions.between(w.first(t, profile), t)}
        data = Scattered(self.data, needed, self.seed(f"{days[0]} {days[-1]}"))
        try:
            frames = self.runner.calculation.compute_all(asset, days, data)
        except Exception:  # which of the sessions it was, and whether by itself, shows alone
            return self.alone(requested)
        how = f"every session that it does not read perturbed (salt {self.salt!r})"
        return self._results([Looked(tuple(days), PERTURBED, how, frames)])

    def over(self, days: Sequence[dt.date]) -> list[CheckResult]:
        """Of a time series a whole range, with everything after the last of the days perturbed."""
        asset = self.asset
        known = tuple(t for t in days if t in self.current[asset.name])
        if not known:
            return []
        cut = known[-1]
        targets = sessions.between(known[0], self.until(cut))
        data = Perturbed(self.data, cut, self.seed(str(cut)))
        try:
            frames = self.runner.calculation.compute(asset, targets, data)
        except Exception:  # its function may reject what no market can hold; that its inputs end it must bear
            return self._results([self._alone(known, CUT)])[asset.name]
        how = f"everything after {cut} perturbed (salt {self.salt!r})"
        looked = Looked(known, PERTURBED, how, {asset.name: {t: frames[t] for t in known}})
        return self._results([looked])[asset.name]

    def seed(self, what: str) -> int:
        return int(digest_of([self.asset.name, self.salt, what])[:8], 16)

    def until(self, target: dt.date) -> dt.date:
        """Some sessions later; a range over two years is computed as two, where each has its anchor."""
        until = sessions.shift(target, AHEAD)
        anchored = isinstance(self.asset, TimeSeries) and self.asset.anchor == "year"
        return until if not anchored else max(t for t in sessions.between(target, until) if t.year == target.year)

    # -- computing -------------------------------------------------------------------------------------------------

    def _alone(self, unit: Unit, look: str) -> Looked:
        how = "computed alone" if look == ALONE else f"everything after {unit[-1]} cut off"
        fit = isinstance(self.asset, ModelFit)
        try:  # a fit is computed for its refit alone: it must not know on which sessions it will be in force
            targets = [self._target(unit)] if fit else unit
            with self._look():
                frames = self.runner.calculation.compute_all(self.asset, targets, self.data)
            if fit:
                frames = {name: self._in_force(found[targets[0]], unit) for name, found in frames.items()}
            return Looked(unit, look, how, frames)
        except Exception as error:  # what cannot be computed alone was computed from something else
            return Looked(unit, look, f"cannot be computed alone: {error}", None)

    def _look(self) -> contextlib.AbstractContextManager[None]:
        """At the calls of the asset's function, where it is their turn."""
        closely, self._closely = self._closely, False
        return strictly(self.asset) if closely else contextlib.nullcontext()

    def _perturbed(self, unit: Unit) -> Looked:
        asset = self.asset
        if isinstance(asset, Source):
            return self._alone(unit, CUT)
        target = self._target(unit)
        data = Perturbed(self.data, target, self.seed(str(target)))
        how = f"everything after {target} perturbed (salt {self.salt!r})"
        try:
            frames = self.runner.calculation.ahead(asset, target, self.until(target), data)
        except Exception as error:
            # Its function may be handed what no market can hold, and may reject it; no other kind sees any of it.
            if isinstance(asset, TimeSeries) or (isinstance(asset, ModelFit) and asset.chained):
                return self._alone(unit, CUT)
            return Looked(unit, PERTURBED, f"cannot be computed, {how}: {error}", None)
        of_unit = {name: self._in_force(found[target], unit) for name, found in frames.items()}
        return Looked(unit, PERTURBED, how, of_unit)

    def _target(self, unit: Unit) -> dt.date:
        asset = self.asset
        return asset.refit_session(unit[0], self.runner.profile) if isinstance(asset, ModelFit) else unit[0]

    def _in_force(self, frame: pl.DataFrame, unit: Unit) -> Frames:
        """A fit as it is stored for each session on which it is in force."""
        if not isinstance(self.asset, ModelFit):
            return {unit[0]: frame}
        return {t: frame.with_columns(event_date=pl.lit(t, pl.Date)) for t in unit}

    # -- comparing -------------------------------------------------------------------------------------------------

    def _results(self, looked: Sequence[Looked]) -> Results:
        return {asset.name: self._of_asset(asset, looked) for asset in self.assets}

    def _of_asset(self, asset: SessionAsset, looked: Sequence[Looked]) -> list[CheckResult]:
        """Results by session; one look may have been at each."""
        current = self.current[asset.name]
        frames = {t: f for one in looked if one.frames for t, f in one.frames[asset.name].items() if t in current}
        agreed = agreements(self.runner, asset, current, frames)
        results = []
        for one in looked:
            for t in (t for t in one.unit if t in current):
                passed, detail = (agreed[t].passed, agreed[t].detail) if one.frames else (False, "")
                text = f"{one.text}: {detail}" if detail else "" if passed else one.text
                results.append(CheckResult(t, NO_LOOKAHEAD, passed, text, one.look, current[t].partition))
        return results


def around(runner: Runner, asset: SessionAsset, cut: dt.date, last: dt.date, salt: str = "") -> list[CheckResult]:
    """Looks at sessions up to `cut` with what comes after perturbed; of a time series by one range over it."""
    of_year = isinstance(asset, TimeSeries) and asset.anchor == "year"  # where calculations start at its anchor
    stored = [s for s in runner.store.sessions(asset.dataset) if sessions.shift(cut, -SPAN) <= s <= min(cut, last)]
    days = [s for s in stored if not of_year or s.year == cut.year]
    looks = Looks(runner, [asset], days, salt=salt)
    return looks.over(days) if isinstance(asset, TimeSeries) else looks.perturbed(looks.units)[asset.name]


def units(asset: SessionAsset, days: Sequence[dt.date], runner: Runner) -> list[Unit]:
    """Sessions that one call answers for: those on which one fit is in force, else each by itself."""
    if not isinstance(asset, ModelFit):
        return [(t,) for t in days]
    return [tuple(of) for _, of in itertools.groupby(days, key=lambda t: asset.refit_session(t, runner.profile))]
