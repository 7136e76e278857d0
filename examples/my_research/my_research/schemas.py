"""What is stored, column by column."""

from feature_store.dataset import Dataset, number
from feature_store.schemas.alpha import strategy_dataset
from feature_store.schemas.market import SYMBOL

PATH_EFFICIENCY = Dataset(
    name="my_research/path_efficiency",
    key=("symbol",),
    description="How straight a stock's path was: its return over the sum of its absolute returns.",
    columns=(
        SYMBOL,
        number("efficiency", "ratio", "1 rises every session, -1 falls every session", at_least=-1.0, at_most=1.0),
    ),
)

STRAIGHT_TRENDS = strategy_dataset("my_research/straight_trends", "Straight paths go on.")
