"""Every feature of an industry and of the market, declared once; their datasets and the catalogue follow from it."""

from feature_store.schemas.feature import Feature

# `sources` are columns of INDUSTRY_RETURNS, or the dataset that a column is made of.
RETURNS = ("proxy_log_return",)
BREADTH = ("breadth_50", "breadth_200")
MARKET_RETURNS = ("log_return", "n_members")
FUNDS = ("adjusted_benchmarks",)
SERIES = ("macro",)
VOLUMES = ("dollar_volume_usd", "n_volumes")


def _of_a_return(sources: tuple[str, ...]) -> tuple[Feature, ...]:
    """What follows from a return r and its index P; r squared means volatility about zero."""
    momentum = [
        Feature(f"momentum_{n}", "momentum", "log", f"total return of {n} sessions", n, sources)
        for n in (5, 10, 21, 63)
    ]
    gaps = [
        Feature(f"ma_gap_{n}", "trend", "log", f"P over its mean of {n} sessions", n, sources) for n in (20, 50, 200)
    ]
    volatilities = [
        Feature(
            f"volatility_{n}", "volatility", "log, annual", f"standard deviation of r, {n} sessions", n, sources, (), 0
        )
        for n in (21, 63, 252)
    ]
    return (
        Feature("return_1", "momentum", "log, per session", "r", 1, sources),
        *momentum,
        Feature(
            "momentum_252_21", "momentum", "log", "total return from 252 to 21 sessions ago", 252, sources
        ),
        *gaps,
        Feature("drawdown_252", "trend", "log", "P over its highest of 252 sessions", 252, sources, (), None, 0),
        Feature(
            "drawdown_z_252", "trend", "standard deviations", "drawdown_252 against its own last 252 values", 503,
            sources
        ),
        Feature("volatility_10", "volatility", "log, annual", "root mean square of r, 10", 10, sources, (), 0),
        *volatilities,
    )  # fmt: skip


def _volume_z(sources: tuple[str, ...]) -> Feature:
    formula = "log of the mean dollar volume of members against its own last 63 values"
    return Feature("volume_z_63", "volume", "standard deviations", formula, 63, sources)


def _breadth(n: int, sources: tuple[str, ...]) -> Feature:
    formula = f"fraction of members above their mean of {n} sessions"
    return Feature(f"breadth_{n}", "regime", "ratio", formula, 1, sources, (), 0, 1)


INDUSTRY: tuple[Feature, ...] = (
    *_of_a_return(RETURNS),
    Feature("return_10", "momentum", "log, per session", "mean of r, 10 sessions", 10, RETURNS),
    Feature(
        "range_volatility_1",
        "volatility",
        "log, annual",
        "Parkinson on the fund's high and low of the session; null where no fund stands for the industry",
        1,
        ("proxy_range_variance",),
        (),
        0,
    ),
    Feature(
        "member_range_volatility_1",
        "volatility",
        "log, annual",
        "Parkinson on each member's high and low of the session, mean over members",
        1,
        ("member_range_variance",),
        (),
        0,
    ),
    Feature(
        "range_volatility_21",
        "volatility",
        "log, annual",
        "Parkinson on the fund's high and low, mean of 21; null where no fund stands for the industry",
        21,
        ("proxy_range_variance",),
        (),
        0,
    ),
    Feature(
        "member_range_volatility_21",
        "volatility",
        "log, annual",
        "Parkinson on each member's high and low, mean over members and 21 sessions",
        21,
        ("member_range_variance",),
        (),
        0,
    ),
    *(_breadth(n, (f"breadth_{n}",)) for n in (50, 200)),
    _volume_z(VOLUMES),
)

MARKET: tuple[Feature, ...] = (
    *_of_a_return(MARKET_RETURNS),
    Feature(
        "volatility_percentile",
        "volatility",
        "ratio",
        "fraction of the last 252 values of volatility_21 not above it",
        272,
        MARKET_RETURNS,
        (),
        0,
        1,
    ),
    Feature(
        "range_volatility_21", "volatility", "log, annual", "Parkinson on the equity fund, 21", 21, FUNDS, (), 0
    ),
    Feature(
        "mean_correlation_63", "regime", "ratio", "mean pairwise correlation of industries, 63", 63, ("log_return",),
        (), -1, 1,
    ),
    Feature("dispersion_21", "regime", "log", "standard deviation across stocks of the return of 21 sessions", 21, (
        "stock_features",), (), 0),
    *(_breadth(n, ("stock_features",)) for n in (50, 200)),
    _volume_z(VOLUMES),
    Feature(
        "equity_bond_correlation_63", "regime", "ratio", "of the equity fund's r with the bond fund's, 63", 63, FUNDS,
        (), -1, 1,
    ),
    Feature(
        "credit_ratio_z_252", "regime", "standard deviations",
        "log of P of high yield over P of investment grade against its own last 252 values", 252, FUNDS,
    ),
    *(
        Feature(f"{role}_return_1", "momentum", "log, per session", f"r of the fund of {of}", 1, FUNDS)
        for role, of in (
            ("equity", "equity"), ("bonds", "Treasury bonds"), ("gold", "gold"), ("high_yield", "high-yield bonds"),
        )
    ),
    Feature("bonds_relative_63", "momentum", "log", "total return of bonds less that of equity, 63", 63, FUNDS),
    Feature("gold_relative_63", "momentum", "log", "total return of gold less that of equity, 63", 63, FUNDS),
    Feature("vix", "volatility", "index points", "implied volatility of the market, last known", 1, SERIES),
    Feature("vix_change_5", "volatility", "log", "vix over that of 5 sessions before", 6, SERIES),
    Feature("vix_change_21", "volatility", "log", "vix over that of 21 sessions before", 22, SERIES),
    Feature("vix_term", "volatility", "log", "implied volatility of three months over vix, both last known", 1, SERIES),
    Feature("slope_10y2y", "regime", "percent", "ten year less two year yield, last known", 1, SERIES),
    Feature("slope_change_21", "regime", "percent", "change of slope_10y2y over 21 sessions", 22, SERIES),
    Feature("credit_spread", "regime", "percent", "BAA corporate less ten year yield, last known", 1, SERIES),
    Feature("credit_change_21", "regime", "percent", "change of credit_spread over 21 sessions", 22, SERIES),
)  # fmt: skip
