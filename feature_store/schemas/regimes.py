"""Volatility regimes of industries."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

MAX_STATES = 3

HMM_FITS = Dataset(
    name="regimes/hmm_fits",
    key=("industry", "state"),
    description="Gaussian HMM of industry returns in force on the session; states ordered by variance.",
    columns=(
        key("industry", "name"),
        key("state", "0 is the calmest", pl.Int32()),
        Column("fit_session", pl.Date(), "session", "the refit these parameters come from", nullable=False),
        number("mean", "log, percent per session", "of the state"),
        number("variance", "percent squared per session", "of the state", above=0),
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
        Column("n_observations", pl.Int32(), "count", "returns in the fit's window", nullable=False),
    ),
)

VOLATILITY_STATES = Dataset(
    name="regimes/volatility_states",
    key=("industry",),
    description="Forward-filtered state probabilities under the parameters in force on the session.",
    columns=(
        key("industry", "name"),
        *(
            number(f"p_{j}", "probability", f"of state {j} (0 calmest), filtered", at_least=0, at_most=1)
            for j in range(MAX_STATES)
        ),
        Column("fit_session", pl.Date(), "session", "refit in force"),
    ),
)
