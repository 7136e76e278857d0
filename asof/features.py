"""Returns, features and labels from a user's own daily bars, as the platform stores them from its own.

Frames are of Polars, pandas or Arrow, in any order of rows, with a row a symbol and `event_date`; results are Polars
frames. Days are sessions of the exchange (`asof.sessions`); windows count those of the frame, unless `sessions` names
them.
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from asof.dates import Day, day
from asof.frames import DATE, Frame, as_polars, rows_of
from configs.settings import Features, Market
from feature_store.dataset import Dataset
from feature_store.schemas.alpha158 import FACTORS
from feature_store.schemas.market import ADJUSTED_BARS, BARS, CORPORATE_ACTIONS
from feature_store.schemas.stock_features import FEATURES
from quant_assets.features.alpha158 import factors
from quant_assets.features.catalogue import catalogue as declared
from quant_assets.features.labels import forward_returns as returns_ahead
from quant_assets.features.stock import features as stock
from quant_assets.market import adjustment

__all__ = ["adjusted_bars", "alpha158", "catalogue", "forward_returns", "stock_features"]

OF_BARS = ("open", "high", "low", "close", "volume")
OF_ADJUSTED = tuple(c.name for c in ADJUSTED_BARS.columns if not c.nullable and c.name not in ADJUSTED_BARS.key)
Days = Sequence[Day]


def adjusted_bars(
    bars: Frame, actions: Frame | None = None, sessions: Days | None = None, settings: Market | None = None
) -> pl.DataFrame:
    """One-step total returns from bars as traded and corporate actions; what the functions below read.

    Args:
        bars: event_date, symbol, open, high, low, close (USD, as traded) and volume (shares); vwap if there is one.
        actions: event_date (the ex-date), symbol, action (split, cash_dividend, ...) and value, as of
            `market/corporate_actions`; by default none.
        sessions: the calendar, ascending.
        settings: `max_gap_sessions`, beyond which no return is known, and `suspected_actions`.

    Returns:
        Rows of `market/adjusted_bars`, by symbol and event_date: log_return, overnight_log_return,
        intraday_log_return, split_ratio, dividend_usd, the bar and dollar_volume_usd.

    Raises:
        ValueError: a column or value that is missing, a bar outside the sessions, a price that is not positive.
    """
    rows = _bars(BARS, bars, OF_BARS)
    known = CORPORATE_ACTIONS.empty() if actions is None else rows_of(CORPORATE_ACTIONS, actions, "actions", ("value",))
    return adjustment.adjusted_bars(rows, known, _sessions(rows, sessions), settings or Market())


def stock_features(
    bars: Frame,
    names: Sequence[str] | None = None,
    first: Day | None = None,
    sessions: Days | None = None,
    settings: Features | None = None,
) -> pl.DataFrame:
    """Features of each stock from its own past; `catalogue()` lists them.

    Args:
        bars: as `adjusted_bars` returns them.
        names: of the features; by default all.
        first: the first day of the result; earlier ones are what windows look back on. By default the first bar.
        sessions: the calendar, ascending.
        settings: the features' parameters.

    Returns:
        event_date, symbol and the features, one row for each bar from `first` on; null where the window is too short.

    Raises:
        ValueError: a column or value that is missing, a feature that there is not, a bar outside the sessions.
    """
    known = [feature.name for feature in FEATURES]
    if unknown := [name for name in names or () if name not in known]:
        raise ValueError(f"there is no feature {', '.join(unknown)}; asof.features.catalogue() lists them")
    rows = adjusted(bars)
    calendar = _sessions(rows, sessions)
    begin = calendar[0] if first is None else day(first, "first")
    frame = stock.stock_features(rows, calendar, begin, settings or Features())
    return frame.select(DATE, "symbol", *(names or known))


def alpha158(
    bars: Frame, names: Sequence[str] | None = None, first: Day | None = None, sessions: Days | None = None
) -> pl.DataFrame:
    """The factors of Alpha158 as Qlib defines them, in single precision; arguments as of `stock_features`.

    Raises:
        ValueError: a column or value that is missing, a factor that there is not, a bar outside the sessions.
    """
    rows = adjusted(bars)
    calendar = _sessions(rows, sessions)
    begin = calendar[0] if first is None else day(first, "first")
    requested = tuple(FACTORS) if names is None else tuple(names)
    return factors.factors(rows, calendar, begin, requested, Features().min_observations_fraction)


def forward_returns(
    bars: Frame,
    horizons: Sequence[int] = (21, 63),
    actions: Frame | None = None,
    sessions: Days | None = None,
    settings: Features | None = None,
) -> pl.DataFrame:
    """What is to be predicted: total log returns over coming sessions, from the next session's open.

    Args:
        bars: as `adjusted_bars` returns them.
        horizons: sessions.
        actions: as of `adjusted_bars`; mergers and delistings say what holders are left with.
        sessions: the calendar, ascending.
        settings: `delisted_after_sessions`, `delisting_return`.

    Returns:
        event_date, symbol, horizon_sessions, log_return (from the open of the next session), close_log_return (from
        the close of its own), ended (how, where the stock did) and learned: the session in which the label matures,
        which splitters take as its end. Rows that have not matured are absent.

    Raises:
        ValueError: a column or value that is missing, a horizon below 1, a bar outside the sessions.
    """
    rows = adjusted(bars)
    known = CORPORATE_ACTIONS.empty() if actions is None else rows_of(CORPORATE_ACTIONS, actions, "actions", ("value",))
    parameters = Features.model_validate({**dict(settings or Features()), "horizons": tuple(horizons)})
    frame = returns_ahead(rows, known, _sessions(rows, sessions), parameters)
    return frame.drop("session").sort(DATE, "symbol", "horizon_sessions")


def catalogue(settings: Features | None = None) -> pl.DataFrame:
    """One row a feature of stocks, companies, industries and the market: formula, unit, lookback and what it reads."""
    return declared(settings or Features())


def adjusted(bars: Frame) -> pl.DataFrame:
    """Rows of ADJUSTED_BARS from a frame of them, sorted by event_date and symbol.

    Raises:
        ValueError: a column or value that is missing, out of bounds or of another type.
    """
    frame = as_polars(bars, "bars")
    if "log_return" not in frame.columns and "close" in frame.columns:
        raise ValueError("bars has no column log_return; pass asof.features.adjusted_bars(bars)")
    return _bars(ADJUSTED_BARS, frame, ("log_return", *OF_ADJUSTED))


def _bars(dataset: Dataset, bars: Frame, columns: tuple[str, ...]) -> pl.DataFrame:
    rows = rows_of(dataset, bars, "bars", columns)
    if rows.is_empty():
        raise ValueError("bars has no rows; pass a row a symbol and event_date")
    _require_bounds(rows, dataset)
    return rows


def _require_bounds(rows: pl.DataFrame, dataset: Dataset) -> None:
    for column in dataset.columns:
        values = rows.get_column(column.name)
        if not column.nullable and values.null_count():
            row = rows.filter(values.is_null()).row(0, named=True)
            raise ValueError(f"bars: {row['symbol']} has no {column.name} on {row[DATE]}; leave the bar out")
        wrong = ~values.is_finite() if values.dtype.is_float() else pl.repeat(value=False, n=len(values), eager=True)
        if column.above is not None:
            wrong |= values <= column.above
        if column.at_least is not None:
            wrong |= values < column.at_least
        if wrong.any():
            row = rows.filter(wrong.fill_null(value=False)).row(0, named=True)
            raise ValueError(
                f"bars: {row['symbol']} has {column.name} {row[column.name]} on {row[DATE]}, expected "
                f"{_bounds(column.above, column.at_least)}; correct the bar, or leave it out"
            )


def _bounds(above: float | None, at_least: float | None) -> str:
    if above is not None:
        return f"more than {above:g}"
    return "a finite number" if at_least is None else f"at least {at_least:g}"


def _sessions(rows: pl.DataFrame, sessions: Days | None) -> list[dt.date]:
    if sessions is None:
        days: list[dt.date] = rows.get_column(DATE).unique().sort().to_list()
        return days
    listed = [day(one, "sessions") for one in sessions]
    if listed != sorted(set(listed)):
        raise ValueError("sessions are not ascending, or one stands twice; pass each day once, in order")
    return listed
