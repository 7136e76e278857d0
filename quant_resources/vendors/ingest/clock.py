"""Time, so that tests need none."""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> dt.datetime:
        """The moment, in UTC: what an arrival is stamped with."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class TokenBucket:
    """At most `per_minute` requests a minute on average, `burst` of them at once."""

    def __init__(self, per_minute: float, burst: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._seen = clock.monotonic()

    def take(self) -> None:
        """Wait until a request may be sent."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        if self._tokens < 1:
            self._clock.sleep((1 - self._tokens) / self._rate)
            self._seen, self._tokens = self._clock.monotonic(), 1.0
        self._tokens -= 1
