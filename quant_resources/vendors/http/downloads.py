"""What to request of a vendor, and the requests: only what is missing, page by page, from where it stopped."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http.client import Answer, HttpClient, RejectedError, UnusableError
from quant_resources.vendors.ingest.clock import Clock
from quant_resources.vendors.ingest.raw_payloads import Load, Page, RawStore

REPORT_EVERY = 30.0  # seconds between two lines of progress
# A cursor may be short-lived: pages older than this are requested again from the first on.
RESUME_WITHIN = dt.timedelta(hours=12)
MAX_PAGES = 10_000  # of one load: an answer that always names another page has no end


@dataclass(frozen=True)
class Resource:
    """Something that a vendor has about some days.

    Attributes:
        series: names it in the log; begins with the vendor's name.
        first, last: days that the answer speaks of, `ALL_DAYS` where it speaks of all.
        settled: an answer that arrived from then on is complete.
        request: canonical request of the first page.
        following: request of the page after an answer, or its address as the vendor gives it; None after the last.
        wrong: what is wrong with the answer's object, where it cannot be whole or is not as documented; else None.
        absent: true where a status and an object mean that the vendor has nothing, which is an answer too.
        parses: every function that reads the payload later: what one of them cannot read is not kept.
        hosts: that the vendor calls its own in addresses of pages, beside that of its `base_url`.
    """

    series: str
    first: dt.date
    last: dt.date
    settled: dt.datetime
    request: str
    following: "Callable[[Mapping[str, Any], str], str | None]"
    wrong: Callable[[Mapping[str, Any]], str | None]
    absent: Callable[[int, Mapping[str, Any]], bool] = field(default=lambda status, body: False)
    parses: tuple[Callable[[bytes], object], ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def vendor(self) -> str:
        return self.series.split("/")[0]


def no_page_follows(body: Mapping[str, Any], request: str) -> None:
    """For answers of one page."""


def next_url_follows(body: Mapping[str, Any], request: str) -> str | None:
    """The next page's address, where the answer names one."""
    address = body.get("next_url")
    return address if isinstance(address, str) and address else None


class Downloads:
    """Fetches what is missing into the raw store.

    Args:
        clients: by the vendor's name, made when first needed.
        live: noted with every load that is fetched.
        report: called with a line of progress, now and then.
    """

    def __init__(
        self,
        raw: RawStore,
        clients: Mapping[str, Callable[[], HttpClient]],
        clock: Clock,
        live: bool,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.raw = raw
        self._makers = clients
        self._clients: dict[str, HttpClient] = {}
        self._clock = clock
        self._live = live
        self._report = report or (lambda line: None)
        self._reported_at = clock.monotonic()
        self.fetched = 0
        self.there = 0

    @property
    def sent(self) -> int:
        """Requests sent, tries included."""
        return sum(client.sent for client in self._clients.values())

    def complete(self, resources: Sequence[Resource]) -> None:
        """Fetch those of which the log has no complete load.

        Raises:
            VendorError: one could not be fetched; those before it are kept, and so are its pages that have arrived.
        """
        missing = self._missing(resources)
        self.there += len(resources) - len(missing)
        if not missing:
            return
        with self.raw.locked():
            missing = self._missing(missing)  # another process may have been here
            for i, resource in enumerate(missing):
                self._fetch(resource)
                self.fetched += 1
                self._progress(resource, i + 1, len(missing))

    def _missing(self, resources: Sequence[Resource]) -> list[Resource]:
        loads: dict[str, list[Load]] = {}
        for vendor in {resource.vendor for resource in resources}:
            for load in self.raw.loads(f"{vendor}/"):
                loads.setdefault(load.series, []).append(load)
        return [r for r in resources if not any(covers(load, r) for load in loads.get(r.series, []))]

    def _fetch(self, resource: Resource) -> None:
        pages = self.raw.unfinished(resource.series, resource.first, resource.last)
        begun = pages[0].arrived if pages else None
        if begun is None or begun < resource.settled or begun < self._clock.now() - RESUME_WITHIN:
            self._read(resource, [])
            return
        try:
            self._read(resource, pages)
        except RejectedError:  # a cursor that is no longer known
            self._read(resource, [])

    def _read(self, resource: Resource, pages: list[Page]) -> None:
        """The pages that follow `pages`, to the last."""
        requested = {page.request for page in pages}
        load = pages[0].load if pages else self.raw.next_load()
        request = pages[-1].following if pages else resource.request
        number = len(pages)
        while request is not None:
            if request in requested:
                raise VendorError(f"{resource.series}: its pages lead back to {request}; the vendor must fix that")
            if number >= MAX_PAGES:
                raise VendorError(f"{resource.series}: more than {MAX_PAGES} pages; the vendor must fix that")
            requested.add(request)
            answer = self._answer(resource, request)
            request = self._following(resource, answer)
            self._keep(resource, load, number, answer, request)
            number += 1

    def _answer(self, resource: Resource, request: str) -> Answer:
        try:
            return self._client(resource.vendor).get(request, resource.wrong, resource.absent, resource.parses)
        except UnusableError as error:
            aside = self.raw.set_aside(error.content)
            raise VendorError(
                f"{error}. Nothing of it was stored; the last answer lies in {aside}, to look at"
            ) from None

    def _following(self, resource: Resource, answer: Answer) -> str | None:
        """Canonical request of the next page."""
        if resource.absent(answer.status, answer.body):
            return None
        address = resource.following(answer.body, answer.request)
        return address and self._client(resource.vendor).request_of(address, resource.hosts)

    def _keep(self, resource: Resource, load: int, number: int, answer: Answer, following: str | None) -> None:
        digest = self.raw.put(answer.content)
        page = Page(
            load, number, resource.series, resource.first, resource.last, answer.request, answer.status, digest,
            self._clock.now(), self._live, following,
        )  # fmt: skip
        self.raw.append(page, len(answer.content))

    def _client(self, vendor: str) -> HttpClient:
        if vendor not in self._clients:
            self._clients[vendor] = self._makers[vendor]()
        return self._clients[vendor]

    def _progress(self, resource: Resource, done: int, total: int) -> None:
        now = self._clock.monotonic()
        if now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            self._report(f"{resource.vendor}: {done} of {total}, {self.sent} requests so far, last {resource.series}")


def covers(load: Load, resource: Resource) -> bool:
    """True where the load is complete for the resource."""
    return load.first <= resource.first and resource.last <= load.last and load.begun >= resource.settled


def uncovered(loads: Sequence[Load], settled: Mapping[dt.date, dt.datetime]) -> list[dt.date]:
    """The days of which no load is complete.

    Args:
        settled: by day, the moment from which an answer about it is complete.
    """
    return [
        day
        for day, moment in settled.items()
        if not any(load.first <= day <= load.last and load.begun >= moment for load in loads)
    ]
