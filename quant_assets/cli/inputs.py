"""What was typed, as dates, ranges, settings and homes; what cannot be meant is a usage error."""

import datetime as dt
from pathlib import Path

from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from quant_resources.home import Choice, Home, absolute_profile


class UsageError(ValueError):
    """What was typed cannot be meant."""


def parse_day(text: str | None) -> dt.date | None:
    """A date of the calendar; None stays None."""
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; use YYYY-MM-DD") from None
    known = sessions.all_sessions()
    if not known[0] <= day < known[-1]:
        raise UsageError(f"{day} lies outside the calendar, which runs from {known[0]} to {known[-1]}")
    return day


def parse_as_of(text: str) -> dt.date | dt.datetime:
    """A date, which means its decision time, or a timestamp with a time zone."""
    if len(text) <= 10:
        day = parse_day(text)
        assert day is not None
        return day
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a timestamp; use YYYY-MM-DD or 2018-06-29T14:00+00:00") from None
    if moment.tzinfo is None:
        raise UsageError(f"{text} has no time zone; use {text}+00:00 for UTC, or a date for its decision time")
    parse_day(str(moment.date()))
    return moment


def parse_setting(text: str) -> tuple[str, str]:
    """Key and value of a `--set`."""
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: use KEY=VALUE, for example --set portfolio.weight_cap=0.03")
    return key, value


def new_choice(home: Home, profile: str | None, data: str | None, overrides: list[str] | None) -> Choice:
    """What was typed, over what the home remembers of the same profile."""
    known = home.choice()
    profile = absolute_profile(profile) if profile else None
    another = profile is not None and profile != known.profile
    kept = {} if another else known.overrides
    pairs = kept | dict(parse_setting(text) for text in overrides or [])
    folder = str(Path(data).absolute()) if data else None if another else known.data
    return Choice(profile or known.profile, folder, pairs)


def stored_home() -> Home:
    """The home of the environment.

    Raises:
        UsageError: it holds no store.
    """
    return require_store(Home.of_environment())


def require_store(home: Home) -> Home:
    if not (home.store_folder / "store.json").exists():
        raise UsageError(f"{home.folder} holds no store yet; run `asof demo` or `asof backfill`, or set ASOF_HOME")
    return home


def store_folder(folder: Path) -> Path:
    """Of a home or of a store itself.

    Raises:
        UsageError: neither.
    """
    for candidate in (folder / "store", folder):
        if (candidate / "store.json").exists():
            return candidate
    raise UsageError(f"{folder} holds no store; pass a home or its store folder")


def history_range(profile: Profile, first: str | None, last: str | None) -> tuple[dt.date, dt.date]:
    """First and last session of the typed range, or of the profile's history, that have been decided."""
    history = profile.history
    begin, end = parse_day(first) or history.start, parse_day(last) or history.end
    if begin < history.start:
        raise UsageError(
            f"--from {begin} lies before history.start {history.start} of profile {profile.name}; "
            f"--set history.start={begin}, or start there"
        )
    if history.end is not None and end is not None and end > history.end:
        raise UsageError(
            f"--to {end} lies after history.end {history.end} of profile {profile.name}; "
            f"--set history.end={end}, or end there"
        )
    clock = DecisionClock(profile.decision_minutes_before_open)
    decided = sessions.shift(clock.session_of(dt.datetime.now(dt.UTC)), -1)
    if last and end and end > decided:
        raise UsageError(f"--to {end} has not been decided; the last session that has is {decided}")
    days = sessions.between(begin, min(end or decided, decided))
    if not days:
        raise UsageError(f"no trading session between {begin} and {end or decided}; give --from and --to")
    return days[0], days[-1]
