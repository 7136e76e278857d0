"""Settings of what results are compared with."""

from pydantic import Field

from configs.settings.base import Settings


class Backtest(Settings):
    """What results are compared with."""

    benchmarks: tuple[str, ...] = Field(
        ("RSP", "SPY"), description="symbols of market/benchmarks to compare with, the main one first"
    )
