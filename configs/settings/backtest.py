"""Settings of what results are compared with."""

from pydantic import Field

from configs.settings.base import Settings


class Backtest(Settings):
    benchmarks: tuple[str, ...] = Field(("RSP", "SPY"), description="symbols of market/benchmarks, first to be beaten")
