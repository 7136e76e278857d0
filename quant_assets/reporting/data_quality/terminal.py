"""Data quality in a terminal: rows by rule, and what a second check says."""

from rich.console import Console

from quant_assets.reporting.data_quality.study import DataQuality, counts
from quant_assets.reporting.formats import count
from quant_assets.reporting.tables import Column, Table
from quant_assets.reporting.terminal import print_line, print_table

NOT_INSTALLED = "Great Expectations is not installed, so nothing was checked again: pip install 'asof[quality]'."
FAILED_SHOWN = 5  # checks


def show(quality: DataQuality, out: Console) -> None:
    quarantined = counts(quality.quarantine, "source", "rule").iter_rows()
    suspicious = counts(quality.findings, "rule").iter_rows()
    unmet = quality.unmet.select("dataset", "rule", "failures").iter_rows()
    rows = (
        *((f"quarantined from {source}", rule, n) for source, rule, n in quarantined),
        *(("suspicious in stored prices", rule, n) for rule, n in suspicious),
        *((f"expectation of {dataset} not met", rule, n) for dataset, rule, n in unmet),
    )
    columns = (Column("what"), Column("rule"), Column("rows", is_numeric=True, format=count))
    print_table(Table(columns, rows, f"Data quality, {quality.days[0]} to {quality.days[-1]}"), out)
    for line in (*([NOT_INSTALLED] if quality.outcomes is None else []), *quality.failed[:FAILED_SHOWN]):
        print_line(line, out)
