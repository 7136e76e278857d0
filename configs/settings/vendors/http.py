"""Settings of vendors over HTTP: Polygon, EDGAR, FRED."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings
from configs.settings.units import Count, Months, Seconds, Sessions, Unit


class Transport(Settings):
    """How a vendor is called; no value depends on it, so neither a fingerprint nor the config hash does."""

    requests_per_minute: Annotated[float, Unit("requests a minute")] = Field(
        60.0, gt=0, description="highest rate of requests"
    )
    burst: Count = Field(1, ge=1, le=100, description="requests that may go out at once")
    timeout_seconds: Seconds = Field(30.0, gt=0, description="longest wait to connect, and for more of an answer")
    tries: Count = Field(6, ge=1, le=20, description="attempts of one request")
    longest_wait_seconds: Seconds = Field(
        60.0, gt=0, description="longest wait between two attempts, unless the vendor requires more"
    )
    total_seconds: Seconds = Field(600.0, gt=0, description="longest time of all attempts of one request")
    max_megabytes: Annotated[int, Unit("MB")] = Field(256, ge=1, description="largest answer that is read")


class PolygonSource(Settings):
    """Bars, corporate actions and tickers in the format of Polygon's stocks API; the key is POLYGON_API_KEY."""

    base_url: str = Field("https://api.polygon.io", exclude=True, description="address of the API")
    transport: Transport = Field(
        Transport(requests_per_minute=5), exclude=True, description="how Polygon is called (default: its free plan)"
    )
    tickers: tuple[str, ...] | None = Field(
        None, description="tickers to fetch, a request each; null: the whole market, one request a session"
    )
    types: tuple[str, ...] = Field(
        ("CS", "ADRC"), description="types of securities in bars: common shares and their depositary receipts"
    )
    benchmarks: tuple[str, ...] = Field((), description="tickers served as market/benchmarks, not as market/bars")
    recheck_sessions: Sessions = Field(
        2, ge=0, le=21, description="delay after which a session is fetched once more, for corrections"
    )
    ahead_months: Months = Field(
        2, ge=0, le=12, description="how far ahead of their ex-date corporate actions are looked for"
    )
    gap_sessions: Sessions = Field(
        10, ge=1, le=63, description="longest absence of a ticker; after a longer one it may name another security"
    )


class EdgarSource(Settings):
    """What companies report to the SEC, from data.sec.gov, which needs no key but a contact."""

    base_url: str = Field("https://data.sec.gov", exclude=True, description="address of the API")
    transport: Transport = Field(Transport(requests_per_minute=300), exclude=True, description="how EDGAR is called")
    user_agent: str = Field(
        exclude=True,
        min_length=8,
        description="name and e-mail address of the user, as SEC requires: Name name@example.com",
    )
    companies: dict[str, Annotated[str, Field(pattern=r"^\d{1,10}$")]] = Field(
        {}, description="symbol to CIK, in quotes; empty: the companies whose tickers Polygon served"
    )


class FredSource(Settings):
    """Macro series with their vintages, from the FRED API; the key is FRED_API_KEY."""

    base_url: str = Field("https://api.stlouisfed.org", exclude=True, description="address of the API")
    transport: Transport = Field(Transport(requests_per_minute=60), exclude=True, description="how FRED is called")
    series: dict[str, str] = Field(
        {"VIX_CLOSE": "VIXCLS", "DGS10": "DGS10", "DGS2": "DGS2", "BAA10Y": "BAA10Y", "DFF": "DFF"},
        description="our name of a series to FRED's",
    )
    first_vintage_lag_days: Annotated[dict[str, int], Unit("calendar days")] = Field(
        {}, description="our name of a series to the delay, by rule, of values from before its first vintage"
    )


class HttpVendor(Settings):
    """Vendors over HTTP, each for its datasets; docs/vendors.md. Datasets that none of them serves are empty."""

    kind: Literal["http"] = Field(description="vendors over HTTP")
    live: bool = Field(
        False, exclude=True, description="whether what is fetched from now on counts as known when it arrives"
    )
    polygon: PolygonSource | None = Field(None, description="bars, corporate actions and tickers; null: not used")
    edgar: EdgarSource | None = Field(None, description="reported items of companies; null: not used")
    fred: FredSource | None = Field(None, description="macro series; null: not used")

    @model_validator(mode="after")
    def _names_one(self) -> "HttpVendor":
        if not (self.polygon or self.edgar or self.fred):
            raise ValueError("no vendor is named; add a section polygon, edgar or fred")
        if self.edgar and not self.edgar.companies and not self.polygon:
            raise ValueError(
                "edgar has no companies; add edgar.companies (symbol to CIK), or polygon, which has tickers"
            )
        return self
