"""A chain of four small assets over bars, one of each kind, and changes of it that move a value or move none."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from configs.settings import Portfolio, Profile
from feature_store.code import identity, libraries
from feature_store.dataset import number
from feature_store.schemas.market import BARS
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, TimeSeries, same, trailing
from quant_assets.engine.plan import Plan, plan
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from tests.engine.assets import mean_close
from tests.engine.market import SESSIONS, dense, make_runner, profile, run_and_check, valued

DAYS = SESSIONS[36:50]  # 2015-12-23 to 2016-01-13: a year's edge and a split
CHANGED = DAYS[6]


def ranks(means: pl.DataFrame, portfolio: Portfolio) -> pl.DataFrame:
    """Ranks from 0 to the cap."""
    return means.select("event_date", "symbol", value=pl.col("value").rank() / pl.len() * portfolio.weight_cap)


def level(means: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Mean of the window's means."""
    found = means.group_by("symbol").agg(pl.col("value").mean()).sort("symbol")
    return found.select(pl.lit(session, pl.Date).alias("event_date"), "symbol", "value")


def walk(ranks: pl.DataFrame, state: pl.DataFrame | None, session: dt.date) -> pl.DataFrame:
    """Half of what was, and the rank."""
    before = ranks.clear() if state is None else state
    both = ranks.join(before.select("symbol", before="value"), on="symbol", how="left")
    value = pl.col("value").fill_null(0) + pl.col("before").fill_null(0) / 2
    return both.select(pl.lit(session, pl.Date).alias("event_date"), "symbol", value=value)


BARS_ASSET = next(asset for asset in core_assets() if asset.name == BARS.name)
MEAN = TimeSeries(valued("changes/mean"), mean_close, {"bars": trailing(BARS, 5)})
RANKS = CrossSection(valued("changes/ranks"), ranks, {"means": same(MEAN.dataset, ("value",))})
LEVEL = ModelFit(valued("changes/level"), level, {"means": trailing(MEAN.dataset, 5)})
WALK = Recursive(valued("changes/walk"), walk, {"ranks": same(RANKS.dataset)})
CHAIN: tuple[SessionAsset, ...] = (BARS_ASSET, MEAN, RANKS, LEVEL, WALK)
NAMES = [asset.name for asset in CHAIN]


# -- the same in another way -------------------------------------------------------------------------------------------


def moved_mean_close(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """The text of `mean_close` under another name: what it does is the same."""
    last = pl.mean_horizontal(*(pl.col("close").shift(i).over("symbol") for i in range(5)))
    rows = dense(bars, sessions).with_columns(value=last).filter(pl.col("close").is_not_null())
    return rows.select("event_date", "symbol", "value")


def refactored_mean_close(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    closes = dense(bars, sessions)
    present = closes.get_column("close").is_not_null()
    earlier = [pl.col("close").shift(i).over("symbol") for i in range(5)]
    return closes.select("event_date", "symbol", value=pl.mean_horizontal(*earlier)).filter(present)


def refactored_ranks(means: pl.DataFrame, portfolio: Portfolio) -> pl.DataFrame:
    rank = pl.col("value").rank()
    value = rank / pl.len() * portfolio.weight_cap
    return means.select("event_date", "symbol", value.alias("value"))


def refactored_level(means: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    day = pl.lit(session, pl.Date).alias("event_date")
    return means.group_by("symbol").agg(pl.col("value").mean()).sort("symbol").select(day, "symbol", "value")


def refactored_walk(ranks: pl.DataFrame, state: pl.DataFrame | None, session: dt.date) -> pl.DataFrame:
    before = (ranks.clear() if state is None else state).select("symbol", before="value")
    value = pl.col("value").fill_null(0) + pl.col("before").fill_null(0) / 2
    day = pl.lit(session, pl.Date).alias("event_date")
    return ranks.join(before, on="symbol", how="left").select(day, "symbol", value=value)


REFACTORED: tuple[SessionAsset, ...] = (
    BARS_ASSET,
    replace(MEAN, function=refactored_mean_close),
    replace(RANKS, function=refactored_ranks),
    replace(LEVEL, function=refactored_level),
    replace(WALK, function=refactored_walk),
)


# -- another value -----------------------------------------------------------------------------------------------------


def other_mean_close(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """Twice the mean on one session, of one symbol."""
    rows = mean_close(bars, sessions)
    one = (pl.col("event_date") == CHANGED) & pl.col("symbol").str.starts_with("S0001")
    return rows.with_columns(value=pl.when(one).then(pl.col("value") * 2).otherwise("value"))


def doubled_mean_close(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return mean_close(bars, sessions).with_columns(value=pl.col("value") * 2)


def wider_mean_close(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return mean_close(bars, sessions).with_columns(other=pl.lit(1.0))


OTHER = replace(MEAN, function=other_mean_close)
DOUBLED = replace(MEAN, function=doubled_mean_close)
WIDER = replace(
    MEAN,
    dataset=replace(MEAN.dataset, columns=(*MEAN.dataset.columns, number("other", "any", "of a test"))),
    function=wider_mean_close,
)


def with_mean(asset: SessionAsset, chain: Sequence[SessionAsset] = CHAIN) -> tuple[SessionAsset, ...]:
    """The chain with this asset in the place of `MEAN`."""
    return tuple(asset if one.name == MEAN.name else one for one in chain)


# -- a store -----------------------------------------------------------------------------------------------------------


def settings(**overrides: str) -> Profile:
    return profile(history__start=str(DAYS[0]), history__end=str(DAYS[-1]), **overrides)


def runner_on(folder: Path, chain: Sequence[SessionAsset] = CHAIN, **overrides: str) -> Runner:
    return make_runner(folder, settings(**overrides), datasets=[asset.dataset for asset in chain])


def run_chain(runner: Runner, chain: Sequence[SessionAsset] = CHAIN) -> set[tuple[str, dt.date]]:
    """Store all sessions, checked; returns those that were stored anew."""
    before = _generations(runner, chain)
    for asset in chain:
        assert all(v.passed for v in run_and_check(runner, asset, DAYS))
    return {key for key, generation in _generations(runner, chain).items() if before.get(key) != generation}


def _generations(runner: Runner, chain: Sequence[SessionAsset]) -> dict[tuple[str, dt.date], int]:
    return {(a.name, p.session): p.generation for a in chain for p in runner.store.partitions(a.dataset)}


def planned(runner: Runner, chain: Sequence[SessionAsset] = CHAIN) -> Plan:
    return plan(runner, [(asset, DAYS) for asset in chain], explain=True)


def said(found: Plan) -> dict[str, list[str]]:
    """Reasons in words, by dataset of which anything is due."""
    return {due.dataset: [str(reason) for reason in due.reasons()] for due in found.due}


@contextmanager
def another_version(library: str, version: str) -> Iterator[None]:
    """As if another version of a library were installed."""
    installed = libraries.version_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libraries, "version_of", lambda name: version if name == library else installed(name))
        identity.forget()
        yield
    identity.forget()
