"""Regimes of industries and of the market."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

MAX_STATES, MAX_SIGNALS = 3, 3
TREND_STATES_IN_ORDER = ("bear", "sideways", "bull")
VOLATILITY_STATES_IN_ORDER = ("calm", "turbulent", "crisis")

INDUSTRY = key("industry", "name as published by the session")


def probabilities(states: tuple[str, ...], of: str) -> tuple[Column, ...]:
    """A column `p_` and its name for each state."""
    return tuple(number(f"p_{state}", "probability", f"of {state}, {of}", at_least=0, at_most=1) for state in states)


HMM_FITS = Dataset(
    name="regimes/hmm_fits",
    key=("model", "industry", "state"),
    version=3,
    description="Models of industries' trend and volatility in force on the session, and what their states were like.",
    columns=(
        key("model", "trend or volatility"),
        INDUSTRY,
        key("state", "0 is the worst trend, or the calmest", pl.Int32()),
        Column(
            "fit_session",
            pl.Date(),
            "session",
            "end of the window; before the refit where that did not converge",
            nullable=False,
        ),
        Column("label", pl.String(), "label", "of the trend by order, of the volatility by level", nullable=False),
        *(
            number(f"mean_{d}", "of the signal", "of the state; null where the fit leaves it out")
            for d in range(MAX_SIGNALS)
        ),
        *(
            number(f"variance_{d}", "of the signal, squared", "of the state; null where the fit leaves it out", above=0)
            for d in range(MAX_SIGNALS)
        ),
        *(
            number(
                f"degrees_{d}", "degrees of freedom", "of the signal's distribution; null where it has none", above=0
            )
            for d in range(MAX_SIGNALS)
        ),
        number("initial", "probability", "before the first observation", at_least=0, at_most=1),
        *(
            number(
                f"to_{j}",
                "probability",
                f"of state {j} in the next session; null beyond the last state",
                at_least=0,
                at_most=1,
            )
            for j in range(MAX_STATES)
        ),
        number("log_likelihood", "nats", "of the fit's window; less what it minimizes, of a jump model"),
        Column("converged", pl.Boolean(), "flag", "false where the fit stopped at its last iteration", nullable=False),
        Column("n_observations", pl.Int32(), "count", "sessions in the fit's window", nullable=False),
        number("fraction", "fraction", "of the window that it held", at_least=0, at_most=1),
        number("volatility_annual", "log, annual", "root mean square of the return while it held", at_least=0),
        number(
            "median_volatility_annual",
            "log, annual",
            "of the industry in the window, by its median absolute return",
            at_least=0,
        ),
        number("mean_vix", "index points", "while it held; null without the series", above=0),
        number(
            "equity_bond_correlation", "correlation", "of a session's returns while it held", at_least=-1, at_most=1
        ),
        number("duration_sessions", "sessions", "mean length of its spells in the window", above=0),
    ),
)

FIT_SESSION = Column("fit_session", pl.Date(), "session", "refit in force")

TREND_STATES = Dataset(
    name="regimes/trend_states",
    key=("industry",),
    version=2,
    description="Forward-filtered trend of each industry under the parameters in force on the session.",
    columns=(INDUSTRY, *probabilities(TREND_STATES_IN_ORDER, "filtered"), FIT_SESSION),
)

VOLATILITY_STATES = Dataset(
    name="regimes/volatility_states",
    key=("industry",),
    version=3,
    description="Forward-filtered volatility state of each industry under the parameters in force on the session.",
    columns=(INDUSTRY, *probabilities(VOLATILITY_STATES_IN_ORDER, "filtered"), FIT_SESSION),
)
