"""Features in a terminal: what is often missing and why, and whose absence predicts labels."""

from rich.console import Console

from quant_assets.reporting.features.reading import LOW_COVERAGE
from quant_assets.reporting.features.study import FeatureEvidence
from quant_assets.reporting.formats import coefficient, fixed, percent
from quant_assets.reporting.tables import Table
from quant_assets.reporting.terminal import print_table


def show(evidence: FeatureEvidence, out: Console) -> None:
    low = evidence.low_coverage.drop("dataset")
    print_table(Table.of(low, {"coverage": percent}, title=f"Features below {percent(LOW_COVERAGE)} coverage"), out)
    flags = Table.of(
        evidence.null_flags,
        {"null_ic": coefficient, "null_ic_t": lambda t: fixed(t, 1)},
        {"horizon_sessions": "horizon", "null_ic": "IC of its null flag", "null_ic_t": "t", "null_ic_n": "sessions"},
        "Informative null flags",
    )
    print_table(flags, out)
