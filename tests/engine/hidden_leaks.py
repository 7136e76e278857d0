"""Leaks that hide: in state and caches, on one symbol or session, by chance, and in the mechanism that hands inputs."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from feature_store import sessions as calendar
from feature_store.schemas.market import ADJUSTED_BARS, BARS
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, TimeSeries, same, trailing
from quant_assets.engine.computation import Calculation
from tests.engine.leaks import mean_up_to_the_refit
from tests.engine.market import valued

RUN, CERTIFICATION = "run", "certification"
CLOSE = {"bars": same(BARS, columns=("close",))}


@dataclass(frozen=True)
class Hidden:
    """
    Attributes:
        make: gives the asset as a process that has computed nothing before imports it.
        caught_by: the run that stores it, in any case; or certification in a fresh process.
        calculation: the mechanism, where that is at fault.
    """

    name: str
    make: Callable[[], SessionAsset]
    caught_by: str
    calculation: type[Calculation] = Calculation


def values(bars: pl.DataFrame, session: dt.date, value: pl.Expr) -> pl.DataFrame:
    return bars.select(pl.lit(session, pl.Date).alias("event_date"), "symbol", value=value)


def cross_section(name: str, function: Callable[..., pl.DataFrame]) -> SessionAsset:
    return CrossSection(valued(f"hidden/{name}"), function, CLOSE)


def state_across_calls() -> SessionAsset:
    seen = [0.0]

    def function(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        before = seen[0]
        seen[0] = float(bars["close"].sum())
        return values(bars, session, pl.col("close") - before)

    return cross_section("state_across_calls", function)


def cache_of_the_month() -> SessionAsset:
    """Keyed by less than what it holds: whichever session of the month comes first gives the level of all."""
    levels: dict[int, float] = {}

    def function(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        level = levels.setdefault(session.month, float(bars["close"].sum()))
        return values(bars, session, pl.col("close") / level)

    return cross_section("cache_of_the_month", function)


def order_of_calls() -> SessionAsset:
    calls = [0]

    def function(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        calls[0] += 1
        return values(bars, session, pl.col("close") + calls[0] // 20)

    return cross_section("order_of_calls", function)


def chance() -> SessionAsset:
    """A draw that no seed gives, on one session of seven."""

    def function(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        noise = random.SystemRandom().random() if session.toordinal() % 7 == 2 else 0.0
        return values(bars, session, pl.col("close") + noise)

    return cross_section("chance", function)


def early_stopping() -> SessionAsset:
    """Iterates as long as those before it took: what is there when it stops is another value each time."""
    rounds = [10]

    def function(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        level = 0.0
        rounds[0] += 1
        for _ in range(rounds[0]):
            level += 0.1 * (float(bars["close"].sum()) - level)
        return values(bars, session, pl.col("close") / level)

    return cross_section("early_stopping", function)


def one_symbol_one_session() -> SessionAsset:
    """The symbol with the highest close of one session sees the next one."""
    day = dt.date(2015, 12, 1)

    def function(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
        following = pl.col("close").shift(-1).over("symbol").fill_null(0.0)
        leaks = (pl.col("event_date") == day) & pl.col("symbol").str.starts_with(_first_symbol(bars))
        return bars.select("event_date", "symbol", value=pl.when(leaks).then(following).otherwise("close"))

    return TimeSeries(
        valued("hidden/one_symbol_one_session"), function, {"bars": trailing(BARS, 3, columns=("close",))}
    )


def _first_symbol(bars: pl.DataFrame) -> str:
    return str(bars.get_column("symbol").str.split("\x1f").list.first().min() or "")


# -- faults of the mechanism -------------------------------------------------------------------------------------------


class Ahead:
    """An input that hands out the next session, where that is there."""

    def __init__(self, view: object, leaky: Callable[[dt.date], bool]) -> None:
        self._view, self._leaky = view, leaky

    def at(self, target: dt.date) -> pl.DataFrame:
        return self._view.at(calendar.shift(target, 1) if self._leaky(target) else target)


class HandsOutTomorrow(Calculation):
    def _views(self, asset, first, last, data):
        return {name: Ahead(view, lambda _: True) for name, view in super()._views(asset, first, last, data).items()}


class HandsOutTomorrowOnMondays(Calculation):
    def _views(self, asset, first, last, data):
        monday = lambda t: t.weekday() == 0  # noqa: E731
        return {name: Ahead(view, monday) for name, view in super()._views(asset, first, last, data).items()}


def fit() -> SessionAsset:
    return ModelFit(valued("hidden/fit"), mean_up_to_the_refit, {"bars": trailing(ADJUSTED_BARS, 21)}, refit="monthly")


def weekly_fit() -> SessionAsset:
    return ModelFit(valued("hidden/weekly"), mean_up_to_the_refit, {"bars": trailing(ADJUSTED_BARS, 21)})


def recursion() -> SessionAsset:
    def step(state: pl.DataFrame | None, bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        now = values(bars, session, pl.col("close"))
        if state is None:
            return now
        before = state.select("symbol", before="value")
        level = pl.col("before").fill_null(pl.col("value")) * 0.9 + pl.col("value") * 0.1
        return now.join(before, on="symbol", how="left").select("event_date", "symbol", value=level)

    return Recursive(valued("hidden/recursion"), step, CLOSE)


def plain() -> SessionAsset:
    def function(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
        return values(bars, session, pl.col("close"))

    return cross_section("plain", function)


HIDDEN: Sequence[Hidden] = [
    Hidden("state across calls", state_across_calls, RUN),
    Hidden("cache of the month", cache_of_the_month, CERTIFICATION),
    Hidden("order of calls", order_of_calls, RUN),
    Hidden("chance", chance, CERTIFICATION),
    Hidden("early stopping", early_stopping, RUN),
    Hidden("one symbol, one session", one_symbol_one_session, CERTIFICATION),
    Hidden("a fit sees the session after its refit", fit, RUN, HandsOutTomorrow),
    Hidden("some fits see the session after their refit", weekly_fit, CERTIFICATION, HandsOutTomorrowOnMondays),
    Hidden("a recursion sees the next session", recursion, RUN, HandsOutTomorrow),
    Hidden("a cross section sees the next session", plain, RUN, HandsOutTomorrow),
    Hidden("a cross section sees it on Mondays", plain, CERTIFICATION, HandsOutTomorrowOnMondays),
]
