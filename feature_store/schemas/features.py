"""What is computed from prices, per stock and per industry, and what is to be predicted."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas import alpha158
from feature_store.schemas.aggregate_features import INDUSTRY, MARKET
from feature_store.schemas.company_features import COMPANY
from feature_store.schemas.market import SYMBOL
from feature_store.schemas.stock_features import FEATURES, STOCK_FEATURES_VERSION

HORIZON = key("horizon_sessions", "sessions from the fill on", pl.Int32())

STOCK_FEATURES = Dataset(
    name="features/stock_features",
    key=("symbol",),
    version=STOCK_FEATURES_VERSION,
    description="Along time, per stock, from one-step total returns, prices and dollar volumes.",
    columns=(SYMBOL, *(feature.column for feature in FEATURES)),
)

STATIONARY_FEATURES = Dataset(
    name="features/stationary_features",
    key=("symbol",),
    description="Features of a stock made stationary against their own past, those that the settings name; else null.",
    columns=(
        SYMBOL,
        *(number(feature.name, "as made stationary", feature.formula) for feature in FEATURES if feature.scored),
    ),
)

ALPHA158 = Dataset(
    name="features/alpha158",
    key=("symbol",),
    description="Qlib's Alpha158 of each stock, where the settings ask for it; else no rows.",
    columns=(SYMBOL, *alpha158.COLUMNS),
)

SCORED = tuple(feature.name for feature in (*FEATURES, *COMPANY) if feature.scored)
"""Features that may be scored; `scored` of configs/features.yaml lists those that are."""

PERCENTILES = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}


def _rank(name: str, description: str) -> Column:
    """Percentile ranks, above 0 and below 1; single precision holds them, and halves what they take."""
    return Column(name, pl.Float32(), "ratio", description, at_least=0, at_most=1)


STOCK_SCORES = Dataset(
    name="features/stock_scores",
    key=("symbol",),
    version=4,
    description="Features standardized within the industry and ranked, among the session's tradable universe.",
    columns=(
        SYMBOL,
        Column("industry", pl.String(), "name", "as published by the session", nullable=False),
        *(
            number(
                f"z_{name}", "standard deviations", f"{name} within the industry; null unless listed in features.scored"
            )
            for name in SCORED
        ),
        *(
            _rank(f"rank_{name}", f"of {name} in the universe; null unless listed in features.scored")
            for name in SCORED
        ),
        number("composite", "standard deviations", "weighted mean of z-scores; null where too few are known"),
        _rank("composite_percentile", "of the composite among those above the floors, 1 is best"),
        Column("composite_rank", pl.Int32(), "place", "of the composite among those above the floors, 1 is best"),
        Column("above_floors", pl.Boolean(), "flag", "every floored feature is known and not below", nullable=False),
    ),
)

SCORE_DISTRIBUTIONS = Dataset(
    name="features/score_distributions",
    key=("feature",),
    description="Each feature that is scored across the session's tradable universe, before it is winsorized.",
    columns=(
        key("feature", "name of the feature"),
        Column("count", pl.Int32(), "securities", "with a value", nullable=False, at_least=0),
        number("null_fraction", "ratio", "of the universe; null where that is empty", at_least=0, at_most=1),
        number("mean", "as the feature", "of the values"),
        number("std", "as the feature", "standard deviation of the sample; null of fewer than two", at_least=0),
        *(number(name, "as the feature", f"quantile {at}") for name, at in PERCENTILES.items()),
    ),
)

INDUSTRY_RETURNS = Dataset(
    name="features/industry_returns",
    key=("industry",),
    version=2,
    description="Each industry across its tradable members: returns, what stands for it, ranges, breadth and volume.",
    columns=(
        key("industry", "name as published by the session"),
        number("log_return", "log, per session", "log of one plus the mean simple return, at equal weights"),
        Column("n_members", pl.Int32(), "count", "members with a return", nullable=False, at_least=0),
        Column(
            "proxy", pl.String(), "name", "what stands for it: a fund, or the weights capitalisation, dollar_volume"
        ),
        number("proxy_log_return", "log, per session", "of the fund, or of the members at these weights"),
        number("proxy_range_variance", "log squared, per session", "Parkinson on the fund's bar", at_least=0),
        number("member_range_variance", "log squared, per session", "Parkinson on the members' bars, mean", at_least=0),
        number("dollar_volume_usd", "USD", "of all members with a volume", at_least=0),
        Column("n_volumes", pl.Int32(), "count", "members with a volume", nullable=False, at_least=0),
        number("breadth_50", "ratio", "fraction of members above their mean of 50 sessions", at_least=0, at_most=1),
        number("breadth_200", "ratio", "fraction of members above their mean of 200 sessions", at_least=0, at_most=1),
    ),
)

INDUSTRY_FEATURES = Dataset(
    name="features/industry_features",
    key=("industry",),
    version=3,
    description="Along time, per industry: of the fund or member index that stands for it, and of its members.",
    columns=(
        key("industry", "name as published by the session"),
        Column("proxy", pl.String(), "name", "what stands for it on the session; it may change inside a window"),
        *(feature.column for feature in INDUSTRY),
    ),
)

MARKET_FEATURES = Dataset(
    name="features/market_features",
    key=(),
    version=3,
    description="One row a session: the equal-weighted market, breadth, correlation, other assets, macro series.",
    columns=tuple(feature.column for feature in MARKET),
)

ENDED = ("delisted", "merged", "written_off")

FORWARD_RETURNS = Dataset(
    name="features/forward_returns",
    key=("symbol", "horizon_sessions"),
    restates=True,
    version=2,
    description="Return of event_date t over k sessions, learned in session t+k; of one that ended, once it is known.",
    columns=(
        SYMBOL,
        HORIZON,
        number("log_return", "log, over the horizon", "total, from the open of t+1; null where no fill was possible"),
        number(
            "close_log_return",
            "log, over the horizon",
            "total, from the close of t, at which no order can fill any more",
        ),
        Column("ended", pl.String(), "label", "how, inside the horizon; null where it did not", one_of=ENDED),
        Column("learned", pl.Date(), "session", "in which the row was learned", nullable=False),
    ),
)

LABELS = Dataset(
    name="features/labels",
    key=("symbol", "horizon_sessions"),
    restates=True,
    version=2,
    description="Forward returns relative to the industry of event_date, learned in the session they matured.",
    columns=(
        SYMBOL,
        HORIZON,
        number("label_log", "log, over the horizon", "log return less the industry's mean log return"),
        number("label_simple", "simple, over the horizon", "simple return less the industry's mean simple return"),
        number("label_close_log", "log, over the horizon", "label_log from the close of event_date on"),
        Column("direction", pl.Int8(), "-1, 0 or 1", "sign of label_log", at_least=-1, at_most=1),
        Column(
            "quantile", pl.Int8(), "number", "of label_log among all of event_date, from 0 for the lowest", at_least=0
        ),
    ),
)
