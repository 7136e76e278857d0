"""When rows of payloads were known, one row at a time. Slow, obvious reference of `ingest.arrivals`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from feature_store.decision_time import DecisionClock, end_of_day


@dataclass(frozen=True)
class Payload:
    """What a vendor said about the days from first to last: by key and rule, a value."""

    first: dt.date
    last: dt.date
    arrived: dt.datetime
    live: bool
    rows: dict[tuple[str, dt.date, dt.datetime], float]  # (symbol, event_date, rule) -> value


def versions(
    payloads: Sequence[Payload], clock: DecisionClock, dated: bool
) -> set[tuple[str, dt.date, float, dt.datetime]]:
    """(symbol, event_date, value, known_at) of every row that says something new."""
    began = payloads[0].arrived
    words: dict[tuple[str, dt.date], list[tuple[dt.datetime, dt.datetime, int, float]]] = {}
    heard: dict[object, float] = {}
    for number, payload in enumerate(payloads):
        for (symbol, day, rule), value in sorted(payload.rows.items()):
            fact = (symbol, day, rule) if dated else (symbol, day)
            if fact in heard and heard[fact] == value:
                continue
            if fact in heard or _late(payloads, number, day, rule, clock) or (payload.live and rule > began):
                known_at = max(rule, payload.arrived)
            else:
                known_at = rule
            heard[fact] = value
            words.setdefault((symbol, day), []).append((known_at, rule, number, value))
    found = set()
    for (symbol, day), said in words.items():
        last_value, newest_rule = None, None
        by_moment: dict[dt.datetime, tuple[dt.datetime, int, float]] = {}
        for known_at, rule, number, value in sorted(said, key=lambda w: (w[0], w[1] if dated else w[2], w[2])):
            if dated and newest_rule is not None and rule < newest_rule:
                continue
            newest_rule = rule
            best = by_moment.get(known_at)
            if best is None or (number, rule) >= (best[1], best[0]):
                by_moment[known_at] = (rule, number, value)
        for known_at in sorted(by_moment):
            value = by_moment[known_at][2]
            if value != last_value:
                found.add((symbol, day, value, known_at))
            last_value = value
    return found


def _late(payloads: Sequence[Payload], number: int, day: dt.date, rule: dt.datetime, clock: DecisionClock) -> bool:
    session = clock.session_of(rule)
    missed = [p for p in payloads[:number] if p.first <= day <= p.last and p.arrived >= end_of_day(session)]
    return bool(missed) and payloads[number].arrived > clock.decision_time(session)
