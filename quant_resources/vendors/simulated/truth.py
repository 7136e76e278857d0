"""What was planted in a simulated market; for tests and benchmarks, never for an asset."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import polars as pl

from configs.settings import Profile, SimulatedVendor
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.simulated.factors import MONTH, SECTORS, STYLES, strength
from quant_resources.vendors.simulated.lifecycles import FAR
from quant_resources.vendors.simulated.names import names
from quant_resources.vendors.simulated.payloads import rows_of
from quant_resources.vendors.simulated.streams import Array, Flags, Ints
from quant_resources.vendors.simulated.surroundings import sectors
from quant_resources.vendors.simulated.vendor import Feed, feed_of


def truth_of(profile: Profile) -> "Truth":
    """The truth of the market that the profile's simulated vendor serves."""
    if not isinstance(profile.vendor, SimulatedVendor):
        raise VendorError(f"profile {profile.name} is not simulated")
    return Truth(feed_of(profile.vendor, profile.seed))


class Truth:
    """Frames by session or by session and symbol, up to the vendor's end; returns are log unless stated otherwise.

    A return is beta * market + load * the own sector's + the exposures known the session before * the styles' +
    idiosyncratic + news. While a stock is being bought (`in_deal`) it follows its terms instead.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed, self._market = feed, feed.market
        self.settings = feed.market.settings

    @cached_property
    def regimes(self) -> pl.DataFrame:
        """session; turbulent, falling, coupled; market_volatility and market_drift (simple) planted for a session;
        correlation planted between two stocks of beta one, of different sectors and without style exposures.
        """
        regimes, settings = self._market.regimes, self.settings
        other = (settings.idiosyncratic_volatility**2 + settings.sector_volatility**2) * regimes.other**2
        frame = pl.DataFrame(
            {
                "session": pl.Series(self._market.sessions, dtype=pl.Date),
                "turbulent": regimes.turbulent,
                "falling": regimes.falling,
                "coupled": regimes.coupled,
                "market_volatility": regimes.volatility,
                "market_drift": regimes.drift,
                "other_volatility": regimes.other,
                "correlation": regimes.volatility**2 / (regimes.volatility**2 + other),
            }
        )
        return frame.filter(pl.col("session") <= settings.end)

    @cached_property
    def switches(self) -> pl.DataFrame:
        """session, regime: the first session of each new state."""
        frames = [
            self.regimes.filter(pl.col(name) != pl.col(name).shift(1)).select("session", regime=pl.lit(name))
            for name in ("turbulent", "falling", "coupled")
        ]
        return pl.concat(frames).sort("session", "regime")

    @cached_property
    def factor_returns(self) -> pl.DataFrame:
        """session; market, each sector and each style."""
        factors = self._market.factors
        columns = {"market": factors.market.sum(axis=0)}
        columns |= {SECTORS[j]: x for j, x in enumerate(factors.sectors.sum(axis=0).T)}
        columns |= {name: factors.styles[:, :, k].sum(axis=0) for k, name in enumerate(STYLES)}
        frame = pl.DataFrame({"session": pl.Series(self._market.sessions, dtype=pl.Date), **columns})
        return frame.filter(pl.col("session") <= self.settings.end)

    @cached_property
    def exposures(self) -> pl.DataFrame:
        """event_date, symbol, beta and load in force on the session, sector; size, value, momentum, volatility as
        known at its close, in force on the next.
        """
        market, paths = self._market, self._market.paths
        wide = np.ones_like(paths.close)
        where = sectors(market)
        rows = self._rows(
            {
                "beta": market.companies.beta,
                "load": market.companies.load * wide,
                "sector": where,
                "size": paths.size,
                "value": paths.value,
                "momentum": paths.signal,
                "volatility": market.companies.volatility_score * wide,
            }
        )
        return rows.with_columns(pl.Series("sector", SECTORS).gather(rows["sector"]))

    @cached_property
    def returns(self) -> pl.DataFrame:
        """event_date, symbol; total and idiosyncratic (alphas included, news not) return of the session, in_deal, and
        bounce: log of the traded close over the efficient one, so that bars earn total plus its change.
        """
        paths = self._market.paths
        return self._rows(
            {
                "total": paths.total,
                "idiosyncratic": np.diff(paths.own, axis=0),
                "in_deal": self._in_deal(),
                "bounce": self._market.bars.bounce,
            }
        )

    @cached_property
    def alpha(self) -> pl.DataFrame:
        """event_date, symbol; momentum and each planted alpha in standard deviations; and alpha, the idiosyncratic
        return that they promise for the next session; all known at event_date.
        """
        signals = {a.name: x for a, x in zip(self.settings.alphas, self._market.signals, strict=True)}
        return self._rows({"momentum": self._market.paths.signal, **signals, "alpha": self._market.paths.alpha})

    @cached_property
    def alphas(self) -> pl.DataFrame:
        """name, ic (correlation with the idiosyncratic return of the next 21 sessions, when calm), half_life
        (null: it hardly fades), strength: expected next return per unit of the signal, both in standard deviations.
        """
        rows: list[tuple[str, float, float | None, float]]
        rows = [("momentum", self.settings.momentum_ic, None, self.settings.momentum_ic / np.sqrt(MONTH))]
        rows += [(a.name, a.ic, a.half_life, strength(a.ic, a.half_life)) for a in self.settings.alphas]
        return pl.DataFrame(rows, schema=["name", "ic", "half_life", "strength"], orient="row")

    @cached_property
    def companies(self) -> pl.DataFrame:
        """symbol, idiosyncratic volatility (per session, when calm), load, parent (of a spin-off)."""
        market = self._market
        parent = [market.symbols[p] if p >= 0 else None for p in market.lifecycles.parent]
        return pl.DataFrame(
            {
                "symbol": market.symbols,
                "volatility": market.companies.volatility,
                "load": market.companies.load,
                "parent": pl.Series(parent, dtype=pl.String),
            }
        )

    @cached_property
    def events(self) -> pl.DataFrame:
        """session, symbol, event, value, published or not: listings, failures and when they begin, deals by their
        announcement, mergers with the holder's simple return on the ex-date, actions, new tickers and sectors.
        """
        market, lifecycles = self._market, self._market.lifecycles
        rows: list[tuple[int, int, str, float | None]]
        rows = [(a.ex, a.position, a.kind, a.value) for a in market.paths.actions]
        rows += [(t, i, "exit", earned) for (t, i), earned in market.paths.exits.items()]
        rows += [(name.first, i, "ticker", None) for i, tickers in enumerate(names(market)) for name in tickers]
        for event, sessions in (
            ("listing", lifecycles.listed),
            ("decline", lifecycles.failing_from),
            ("deal", np.where(lifecycles.announced < FAR, lifecycles.announced, FAR)),
            ("reclassification", lifecycles.reclassified),
        ):
            rows += [(int(t), i, event, None) for i, t in enumerate(sessions)]
        schema = {"t": pl.Int64(), "position": pl.Int64(), "event": pl.String(), "value": pl.Float64()}
        frame = pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("t") < len(market.sessions))
        days, symbols = pl.Series(market.sessions, dtype=pl.Date), pl.Series(market.symbols)
        frame = frame.select(
            session=days.gather(frame["t"]), symbol=symbols.gather(frame["position"]), event="event", value="value"
        )
        return frame.filter(pl.col("session") <= self.settings.end).unique().sort("session", "symbol", "event", "value")

    @cached_property
    def fundamentals(self) -> pl.DataFrame:
        """event_date (end of the quarter), symbol, every item of the quarter or at its end, surprise (in standard
        deviations) and announced: the session of the announcement, null beyond the end. Quarters before the listing
        are there too.
        """
        market, quarters = self._market, self._market.quarters
        Q, M = quarters.announced.shape
        days = pl.Series(market.sessions, dtype=pl.Date)
        inside = (quarters.announced >= 0) & (quarters.announced < len(days))
        announced = days.gather(np.where(inside, quarters.announced, 0).reshape(-1))
        frame = pl.DataFrame(
            {
                "event_date": pl.Series(quarters.ends, dtype=pl.Date).gather(np.repeat(np.arange(Q), M)),
                "symbol": pl.Series(market.symbols).gather(np.tile(np.arange(M), Q)),
                **{item: values.reshape(-1) for item, values in self._feed.financials.quarterly.items()},
                "surprise": quarters.surprise.reshape(-1),
                "announced": announced,
                "inside": inside.reshape(-1),
            }
        )
        published = frame.with_columns(pl.when("inside").then("announced").alias("announced")).drop("inside")
        return published.filter(pl.col("event_date") <= self.settings.end)

    def _in_deal(self) -> Flags:
        t = np.arange(len(self._market.sessions))[:, None]
        deal: Flags = t > self._market.lifecycles.announced
        return deal

    def _rows(self, columns: Mapping[str, Array | Ints | Flags]) -> pl.DataFrame:
        """Of the sessions on which a symbol is listed and not gone, halted or not."""
        t, lifecycles = np.arange(len(self._market.sessions))[:, None], self._market.lifecycles
        listed = (t >= lifecycles.listed) & (t < lifecycles.gone)
        rows, _, _ = rows_of(self._market, listed, columns)
        return rows.filter(pl.col("event_date") <= self.settings.end)
