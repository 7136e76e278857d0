"""Performance in a terminal: what must be known first, what was earned, and what the predictions were worth."""

from rich.console import Console

from quant_assets.reporting.formats import coefficient, ratio
from quant_assets.reporting.performance import summaries
from quant_assets.reporting.performance.study import Performance
from quant_assets.reporting.tables import Table
from quant_assets.reporting.terminal import print_facts, print_table


def show(performance: Performance, out: Console) -> None:
    print_facts(performance.facts, out)
    print_table(summaries.metric_table(performance.metrics, title="Profit and loss, net of costs"), out)
    print_table(summaries.metric_table(performance.by_year, "year", "Return by calendar year"), out)
    if performance.information.height:
        table = Table.of(
            performance.information.drop("positive"),
            {"mean_ic": coefficient, "t_hac": ratio},
            {"mean_ic": "mean rank IC", "t_hac": "t"},
            "Information coefficients",
        )
        print_table(table, out)
