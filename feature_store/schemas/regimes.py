"""Regimes of industries and of the market."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

MAX_STATES, MAX_SIGNALS = 3, 2
TREND_STATES_IN_ORDER = ("bear", "sideways", "bull")
VOLATILITY_STATES_IN_ORDER = ("calm", "turbulent", "crisis")

INDUSTRY = key("industry", "name as published by the session")


def probabilities(states: tuple[str, ...], of: str) -> tuple[Column, ...]:
    """A column `p_` and its name for each state."""
    return tuple(number(f"p_{state}", "probability", f"of {state}, {of}", at_least=0, at_most=1) for state in states)


HMM_FITS = Dataset(
    name="regimes/hmm_fits",
    key=("model", "industry", "state"),
    version=2,
    description="Gaussian HMMs of industries in force on the session; states ordered by the mean of the first signal.",
    columns=(
        key("model", "trend or volatility"),
        INDUSTRY,
        key("state", "0 is the worst trend, or the calmest", pl.Int32()),
        Column("fit_session", pl.Date(), "session", "the refit these parameters come from", nullable=False),
        *(
            number(f"mean_{d}", "of the signal", "of the state; null beyond the last signal")
            for d in range(MAX_SIGNALS)
        ),
        *(
            number(f"variance_{d}", "of the signal, squared", "of the state; null beyond the last signal", above=0)
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
        number("log_likelihood", "nats", "of the fit's window"),
        Column("converged", pl.Boolean(), "flag", "false where EM stopped at its last iteration", nullable=False),
        Column("n_observations", pl.Int32(), "count", "sessions in the fit's window", nullable=False),
    ),
)

FIT_SESSION = Column("fit_session", pl.Date(), "session", "refit in force")

TREND_STATES = Dataset(
    name="regimes/trend_states",
    key=("industry",),
    description="Forward-filtered trend of each industry under the parameters in force on the session.",
    columns=(INDUSTRY, *probabilities(TREND_STATES_IN_ORDER, "filtered"), FIT_SESSION),
)

VOLATILITY_STATES = Dataset(
    name="regimes/volatility_states",
    key=("industry",),
    version=2,
    description="Forward-filtered volatility state of each industry under the parameters in force on the session.",
    columns=(INDUSTRY, *probabilities(VOLATILITY_STATES_IN_ORDER, "filtered"), FIT_SESSION),
)
