"""How much industries move together."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

INDUSTRY = key("industry", "name as published by the session")
OTHER = key("other_industry", "name as published by the session")
_OF_INDUSTRY = "of the industry with itself; else null"

DCC_FITS = Dataset(
    name="regimes/dcc_fits",
    key=("industry", "other_industry"),
    description="GARCH(1,1) of each industry and DCC(1,1) of all, in force on the session; a row for each pair, once.",
    columns=(
        INDUSTRY,
        OTHER,
        Column("fit_session", pl.Date(), "session", "the refit these parameters come from", nullable=False),
        number(
            "a", "ratio", "weight of the last residuals in the next correlations, the same of all pairs", at_least=0
        ),
        number("b", "ratio", "weight of the last correlations in the next, the same of all pairs", at_least=0),
        number("a_standard_error", "ratio", "robust, of the second step alone; null at a bound", at_least=0),
        number("b_standard_error", "ratio", "robust, of the second step alone; null at a bound", at_least=0),
        number("q_bar", "of standardized residuals", "covariance of the pair's"),
        number("omega", "log squared, per session", f"constant of the variance; {_OF_INDUSTRY}", at_least=0),
        number("alpha", "ratio", f"weight of the last squared return in the variance; {_OF_INDUSTRY}", at_least=0),
        number("beta", "ratio", f"weight of the last variance; {_OF_INDUSTRY}", at_least=0),
        number("initial_variance", "log squared, per session", f"at the window's beginning; {_OF_INDUSTRY}", above=0),
        number("log_likelihood", "nats", "of the fit's window, all industries"),
        Column("likelihood", pl.String(), "label", "that was maximized in a and b", False, one_of=("full", "pairs")),
        Column("n_observations", pl.Int32(), "count", "sessions in the fit's window", nullable=False, at_least=0),
        Column("converged", pl.Boolean(), "flag", "false where an optimizer did not end at a maximum", nullable=False),
        Column("failed_refit", pl.Date(), "session", "later refit that failed, so that these are kept; null for none"),
    ),
)

CORRELATIONS = Dataset(
    name="regimes/correlations",
    key=(),
    description="How much industries move together in the next session, by the parameters in force, and its rank.",
    columns=(
        Column("n_industries", pl.Int32(), "count", "of the panel", nullable=False, at_least=2),
        number("mean_correlation", "correlation", "of all pairs", at_least=-1, at_most=1),
        number(
            "mean_correlation_rank",
            "fraction",
            "of the window's not above it; null where they never move",
            at_least=0,
            at_most=1,
        ),
        number("top_eigenvalue_fraction", "fraction", "of the variance of all on one factor", at_least=0, at_most=1),
        number(
            "top_eigenvalue_rank",
            "fraction",
            "of the window's not above it; null where they never move",
            at_least=0,
            at_most=1,
        ),
        number("concentration", "fraction", "sum of squared fractions of all eigenvalues", at_least=0, at_most=1),
        number(
            "p_systemic",
            "probability",
            "of mean and top eigenvalue above their percentile, `systemic_sessions` on; null where they never move",
            at_least=0,
            at_most=1,
        ),
        Column("fit_session", pl.Date(), "session", "refit in force", nullable=False),
    ),
)

PAIR_CORRELATIONS = Dataset(
    name="regimes/pair_correlations",
    key=("industry", "other_industry"),
    description="Correlation of each pair of industries in the next session, each pair once, in alphabetical order.",
    columns=(INDUSTRY, OTHER, number("correlation", "correlation", "of log returns", at_least=-1, at_most=1)),
)
