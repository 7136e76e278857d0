"""Settings of vendors over HTTP: Polygon, EDGAR, FRED."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings


class Transport(Settings):
    """How a vendor is asked; no value depends on it, so neither a fingerprint nor the config hash does."""

    requests_per_minute: float = Field(60.0, gt=0)
    burst: int = Field(1, ge=1, le=100, description="requests that may go out at once")
    timeout_seconds: float = Field(30.0, gt=0, description="to connect, and between two pieces of an answer")
    tries: int = Field(6, ge=1, le=20)
    longest_wait_seconds: float = Field(60.0, gt=0, description="between two tries, unless the vendor asks for more")
    total_seconds: float = Field(600.0, gt=0, description="of all tries of one request")
    max_megabytes: int = Field(256, ge=1, description="of one answer")


class PolygonSource(Settings):
    """Bars, corporate actions and tickers in the format of Polygon's stocks API; the key is POLYGON_API_KEY."""

    base_url: str = Field("https://api.polygon.io", exclude=True)
    transport: Transport = Field(Transport(requests_per_minute=5), exclude=True)
    tickers: tuple[str, ...] | None = Field(None, description="null: the whole market, one request a session")
    types: tuple[str, ...] = Field(("CS", "ADRC"), description="of securities in bars: common shares and their ADRs")
    benchmarks: tuple[str, ...] = Field((), description="tickers served as market/benchmarks instead")
    recheck_sessions: int = Field(2, ge=0, le=21, description="asked for once more so many sessions later")
    ahead_months: int = Field(2, ge=0, le=12, description="actions are looked for so far ahead of their ex-date")
    gap_sessions: int = Field(10, ge=1, le=63, description="a ticker unseen for longer may name another security")


class EdgarSource(Settings):
    """What companies report to the SEC, from data.sec.gov, which needs no key but wants to know who asks."""

    base_url: str = Field("https://data.sec.gov", exclude=True)
    transport: Transport = Field(Transport(requests_per_minute=300), exclude=True)
    user_agent: str = Field(exclude=True, min_length=8, description="who asks, with an address: Name name@example.com")
    companies: dict[str, Annotated[str, Field(pattern=r"^\d{1,10}$")]] = Field(
        {}, description="symbol to CIK, in quotes; empty: those of the tickers that Polygon gave"
    )


class FredSource(Settings):
    """Macro series with their vintages, from the FRED API; the key is FRED_API_KEY."""

    base_url: str = Field("https://api.stlouisfed.org", exclude=True)
    transport: Transport = Field(Transport(requests_per_minute=60), exclude=True)
    series: dict[str, str] = Field(
        {"VIX_CLOSE": "VIXCLS", "DGS10": "DGS10", "DGS2": "DGS2", "BAA10Y": "BAA10Y", "DFF": "DFF"},
        description="our name to FRED's",
    )
    first_vintage_lag_days: dict[str, int] = Field(
        {}, description="our name to the days after which its values were known before its vintages begin: a rule"
    )


class HttpVendor(Settings):
    """Vendors over HTTP, each for its datasets; docs/vendors.md. What none of them serves is empty."""

    kind: Literal["http"]
    live: bool = Field(False, exclude=True, description="what is fetched from now on is known when it arrives")
    polygon: PolygonSource | None = None
    edgar: EdgarSource | None = None
    fred: FredSource | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "HttpVendor":
        if not (self.polygon or self.edgar or self.fred):
            raise ValueError("name at least one of polygon, edgar, fred")
        if self.edgar and not self.edgar.companies and not self.polygon:
            raise ValueError("edgar needs `companies` (symbol to CIK), or polygon beside it for the tickers")
        return self
