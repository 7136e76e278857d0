"""Homes with made-up accounts: what a report reads, straight into a store, from a seed and with planted truth."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.describing import NewPartition, Provenance
from feature_store.schemas.alpha import COMBINED, PREDICTIONS
from feature_store.schemas.backtest import ATTRIBUTION, PNL
from feature_store.schemas.execution import BOOKS
from feature_store.schemas.features import INDUSTRY_RETURNS, LABELS, MARKET_FEATURES
from feature_store.schemas.fused_regimes import MARKET_REGIME, STATES
from feature_store.schemas.market import ADJUSTED_BARS, ADJUSTED_BENCHMARKS, MACRO, MEMBERS, UNIVERSE
from feature_store.schemas.portfolio import DIAGNOSTICS
from feature_store.store import Store
from quant_resources.home import Choice, Home

CLOCK = DecisionClock()
DAYS = sessions.between(dt.date(2015, 10, 1), dt.date(2016, 1, 29))
FIRST_ORDERS = DAYS[10]
HOLD_OUT = dt.date(2016, 1, 4)
INDUSTRIES = ("Energy", "Tech")
HORIZON = 5


def home_of(folder: Path, **overrides: object) -> Home:
    """A home of the demo's profile that looks HORIZON sessions ahead; dots in keys are written as two underscores."""
    home = Home(folder)
    chosen = {"features__horizons": f"[{HORIZON}]", "portfolio__horizon_sessions": HORIZON} | overrides
    home.remember(Choice("demo", None, {key.replace("__", "."): str(value) for key, value in chosen.items()}))
    return home


def stamped(dataset: Dataset, frame: pl.DataFrame, known_at: dt.datetime) -> pl.DataFrame:
    """In the dataset's schema: a column that is not given is null."""
    missing = [name for name in dataset.schema if name not in (*frame.columns, "known_at")]
    return frame.with_columns(
        *(pl.lit(None, dataset.schema[name]).alias(name) for name in missing),
        pl.lit(known_at).cast(KNOWN_AT).alias("known_at"),
    ).select(pl.col(name).cast(dtype) for name, dtype in dataset.schema.items())


def write(
    store: Store,
    dataset: Dataset,
    rows: Mapping[dt.date, pl.DataFrame],
    fingerprint: str = "first",
    grade: Grade = Grade.OBSERVED,
    parts: Mapping[str, str] | None = None,
) -> None:
    """Store rows by session, known at the end of it."""
    new = [
        NewPartition(
            day,
            stamped(dataset, frame, end_of_day(day)),
            Provenance(fingerprint, {"code": fingerprint, **(parts or {})}, grade, run_id="made", git_commit="c0ffee"),
        )
        for day, frame in sorted(rows.items())
    ]
    store.write(dataset, new)


def by_session(frame: pl.DataFrame, column: str = "event_date") -> dict[dt.date, pl.DataFrame]:
    return {key[0]: part for key, part in frame.partition_by(column, as_dict=True).items()}


def frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def write_account(home: Home, seed: int = 1, days: Sequence[dt.date] = DAYS, n_names: int = 12) -> Store:
    """Everything that a report reads.

    The ridge's score over HORIZON sessions is the label itself, so that its rank IC is 1; the trees' is its opposite.
    """
    rng, store = np.random.default_rng(seed), home.open_store()
    returns = write_pnl(store, rng, days)
    write(store, ATTRIBUTION, by_session(_attribution(returns)))
    write(store, DIAGNOSTICS, {day: _limits(rng, day) for day in days if day >= FIRST_ORDERS})
    write_market(store, rng, days, n_names)
    write_alpha(store, rng, days, n_names)
    write_regimes(store, rng, days)
    return store


def write_pnl(
    store: Store, rng: np.random.Generator, days: Sequence[dt.date], grade: Grade = Grade.RULED
) -> pl.DataFrame:
    """PNL of the three books; main and shuffled hold cash until their first orders. Returns main's rows."""
    parts = []
    for book in BOOKS:
        held = np.array([book == "equal_weight" or day > FIRST_ORDERS for day in days])
        earned = np.where(held, rng.normal(0.0006, 0.01, len(days)), 0.0)
        earned[0] = 0.0
        nav = 1e7 * np.cumprod(1 + earned)
        cost = np.where(held, nav * 1e-5, 0.0)
        change = np.diff(nav, prepend=1e7)
        parts.append(
            pl.DataFrame({
                "event_date": days,
                "book": [book] * len(days),
                "nav_usd": nav,
                "return_net": [None, *earned[1:].tolist()],
                "pnl_usd": change + cost,
                "cost_usd": cost,
                "dividend_usd": np.zeros(len(days)),
                "borrow_usd": np.zeros(len(days)),
                "interest_usd": np.zeros(len(days)),
                "cash_weight": np.where(held, 0.05, 1.0),
                "gross_weight": np.where(held, 0.95, 0.0),
                "turnover": np.where(held, 0.02, 0.0),
                "n_positions": np.where(held, 10, 0).astype(np.int32),
                "n_orders": [3 if book != "equal_weight" and day >= FIRST_ORDERS else 0 for day in days],
                "status": ["optimal" if day >= FIRST_ORDERS else "no predictions" for day in days],
            })
        )  # fmt: skip
    every = pl.concat(parts)
    write(store, PNL, by_session(every), grade=Grade.RULED)
    return every.filter(book="main")


def _attribution(main: pl.DataFrame) -> pl.DataFrame:
    change = main["nav_usd"].diff().fill_null(0.0)
    shares = {"market": 0.7, "industry:Energy": 0.1, "momentum": 0.05, "specific": 0.15}
    return pl.concat(
        main.select("event_date", "nav_usd").with_columns(
            source=pl.lit(source), pnl_usd=change * share, exposure=pl.lit(None if source == "specific" else share)
        )
        for source, share in shares.items()
    )


def _limits(rng: np.random.Generator, day: dt.date) -> pl.DataFrame:
    """The turnover cap is relaxed on the first orders; Energy's band binds whenever its weight is drawn above."""
    energy = float(rng.uniform(0.4, 0.6))
    first = day == FIRST_ORDERS
    return frame([
        {"event_date": day, "limit": "turnover", "value": 0.7 if first else 0.1, "upper": 0.25, "dual": 0.0,
         "violation": 0.45 if first else 0.0, "relaxed": first},
        {"event_date": day, "limit": "industry:Energy", "value": energy, "lower": 0.4, "upper": 0.6,
         "dual": 0.01 if energy > 0.5 else 1e-12, "violation": 0.0, "relaxed": False},
        {"event_date": day, "limit": "gross", "value": 0.95, "upper": None, "dual": 0.0, "violation": 0.0,
         "relaxed": False},
    ])  # fmt: skip


def write_market(store: Store, rng: np.random.Generator, days: Sequence[dt.date], n_names: int) -> None:
    """One member falls and has no bars in the last tenth; the fund INDEX; a rate of 1 % from the tenth session on."""
    names = [f"S{i:03d}" for i in range(n_names)]
    late = days[len(days) * 9 // 10]
    members = {
        day: pl.DataFrame({
            "event_date": [day] * (n_names + 1),
            "symbol": [*names, "GONE.UNLINKED"],
            "linked": [True] * n_names + [False],
        }) for day in days
    }  # fmt: skip
    write(store, MEMBERS, members, grade=Grade.DATED)
    priced = {
        day: pl.DataFrame({
            "event_date": [day] * n_names,
            "symbol": names,
            "tradable": [True] * n_names,
            "has_bar": [name != names[0] or day < late for name in names],
        }) for day in days
    }  # fmt: skip
    write(store, UNIVERSE, priced)
    price = 100.0
    ones = {"split_ratio": 1.0, "dividend_usd": 0.0, "intraday_log_return": 0.0, "dollar_volume_usd": 1e9}
    index = {
        day: frame([{"event_date": day, "symbol": "INDEX", "log_return": float(rng.normal(0.0003, 0.008)), **ones,
                     **dict.fromkeys(("open", "high", "low", "close"), price)}])
        for day in days
    }  # fmt: skip
    write(store, ADJUSTED_BENCHMARKS, index)
    held = {day: [name for name in names if name != names[0] or day < late] for day in days}
    bars = {
        day: pl.DataFrame({
            "event_date": [day] * len(listed),
            "symbol": listed,
            "log_return": [-0.01 if name == names[0] else 0.001 for name in listed],
        }).with_columns(*(pl.lit(x).alias(k) for k, x in ones.items()),
                        *(pl.lit(price).alias(k) for k in ("open", "high", "low", "close")))
        for day, listed in held.items()
    }  # fmt: skip
    write(store, ADJUSTED_BARS, bars)
    write(store, MACRO, {day: frame([{"event_date": day, "series": "DFF", "value": 1.0}]) for day in days[10:]})


def write_alpha(store: Store, rng: np.random.Generator, days: Sequence[dt.date], n_names: int) -> None:
    names = [f"S{i:03d}" for i in range(n_names)]
    drawn = {day: rng.normal(0, 0.03, n_names) for day in days}

    def said(day: dt.date) -> pl.DataFrame:
        ridge, trees = (
            pl.DataFrame({"symbol": names, "score": sign * drawn[day]}).with_columns(model=pl.lit(model))
            for model, sign in (("ridge", 1.0), ("lightgbm", -1.0))
        )
        return pl.concat([ridge, trees]).with_columns(event_date=pl.lit(day), horizon_sessions=HORIZON)

    write(store, PREDICTIONS, {day: said(day) for day in days})
    write(store, COMBINED, {
        day: pl.DataFrame({"event_date": [day] * n_names, "symbol": names, "alpha": drawn[day]}).with_columns(
            n_predictions=1
        )
        for day in days
    })  # fmt: skip
    matured = {
        learned: pl.DataFrame({"event_date": [day] * n_names, "symbol": names, "label_log": drawn[day],
                               "label_simple": np.expm1(drawn[day])}).with_columns(horizon_sessions=HORIZON)
        for day, learned in zip(days, days[HORIZON:], strict=False)
    }  # fmt: skip
    write(store, LABELS, matured)


def write_regimes(store: Store, rng: np.random.Generator, days: Sequence[dt.date]) -> None:
    """The market is a calm bull until the end of November, then a bear in crisis."""
    turn = dt.date(2015, 12, 1)
    write(store, MARKET_REGIME, {
        day: frame([{"event_date": day, "trend": "bull" if day < turn else "bear",
                     "volatility": "calm" if day < turn else "crisis", "systemic": False}])
        for day in days
    })  # fmt: skip
    write(store, MARKET_FEATURES, {
        day: frame([{"event_date": day, "return_1": float(rng.normal(0, 0.01))}]) for day in days
    })  # fmt: skip
    write(store, INDUSTRY_RETURNS, {
        day: frame([{"event_date": day, "industry": name, "log_return": float(rng.normal(0, 0.01)), "n_members": n,
                     "n_volumes": n}
                    for n, name in enumerate(INDUSTRIES, start=5)])
        for day in days
    })  # fmt: skip
    write(store, STATES, {day: _states(rng, day) for day in days})


def _states(rng: np.random.Generator, day: dt.date) -> pl.DataFrame:
    rows = []
    for name in INDUSTRIES:
        trend, volatility = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3))
        words = ("bear", "sideways", "bull", "calm", "turbulent", "crisis")
        rows.append({"event_date": day, "industry": name} | {
            f"p_{word}": float(p) for word, p in zip(words, [*trend, *volatility], strict=True)
        })  # fmt: skip
    return frame(rows)
