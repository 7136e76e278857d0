"""What a reader of the performance page must know first: settings, sessions, grades, hold-out, trials."""

from collections.abc import Iterable

from feature_store.dataset import Grade
from feature_store.partition import StoredPartition
from feature_store.schemas.backtest import PNL
from feature_store.schemas.catalogue import SOURCES
from feature_store.schemas.market import MEMBERS, UNIVERSE
from quant_assets.reporting.evaluation import Evaluation, Span
from quant_assets.reporting.formats import count, percent
from quant_assets.reporting.performance import summaries
from quant_assets.reporting.performance.survivorship import Survivorship
from quant_assets.reporting.trials import Trials
from quant_resources.ledgers.trials import Trial


def facts_of(home: Evaluation, counted: Trials, deflated: float | None, survivorship: Survivorship) -> dict[str, str]:
    """By label, in the order of reading."""
    span, code, profile = home.span, home.code, home.profile
    evaluations = sum(one.evaluations for one in counted.values())
    final = sum(one.final_evaluations for one in counted.values())
    facts = {
        "Profile": f"{profile.name}, {profile.portfolio.mode.replace('_', ' ')}; config {code.config_hash[:12]}",
        "Code": f"version {code.version[:12]}, commit {code.commit or 'unknown'}",
        "Sessions": f"{span.first} to {span.last} ({len(home.sessions)}), from {span.why} on",
        "Members with prices": _coverage(home),
        "Weakest knowledge grade": _grade(home),
        "Fill rule": "orders of session t fill at the open of t+1, or lapse; books are marked at the close",
        "Hold-out": hold_out_text(span),
        "Trials": f"{len(counted)} in the ledger; looks at them: {evaluations}, of which at the hold-out: {final}",
        "Deflated Sharpe ratio": _deflated_text(home.trial, len(counted), deflated),
    }
    if code.stale:
        facts["Stored under other settings or code"] = f"{', '.join(code.stale)}; run `asof backfill`"
    return facts | {"Survivorship gain": _gain(survivorship)}


def hold_out_text(span: Span) -> str:
    if span.hold_out is None:
        return "none is set"
    return f"from {span.hold_out}: " + ("SHOWN, by --final" if span.shows_hold_out else "not shown")


def _deflated_text(trial: Trial, n: int, deflated: float | None) -> str:
    if deflated is None:
        return f"none: {trial.n_observations} returns of the main book have no Sharpe ratio"
    probability = "< 0.001" if deflated < 1e-3 else "> 0.999" if deflated > 1 - 1e-3 else f"{deflated:.3f}"
    return (
        f"{probability} with N = {n}: the probability that the true Sharpe ratio exceeds what the best of N shows by "
        "luck"
    )


def _gain(survivorship: Survivorship) -> str:
    if survivorship.gain_annual is None:
        return "none: too few returns of the universe"
    return (
        f"{percent(survivorship.gain_annual)} a year at least, of the names of the last session over the dated "
        "universe, at equal weights"
    )


def _coverage(home: Evaluation) -> str:
    universe, members = home.read(UNIVERSE, "has_bar"), home.read(MEMBERS, "linked")
    if members.is_empty():
        mean = universe.height / max(universe["event_date"].n_unique(), 1)
        return f"no dated members are stored: the universe is whoever has a bar, {count(mean)} names on average"
    covered = summaries.coverage(members, universe)
    worst = covered.sort("fraction", "event_date").row(0, named=True)
    mean, size = (float(covered[name].to_numpy().mean()) for name in ("fraction", "n_members"))
    return f"{percent(mean)} of {count(size)} on average, {percent(worst['fraction'])} at worst ({worst['event_date']})"


def _grade(home: Evaluation) -> str:
    """The weakest grade of the account, which carries those of all its inputs, and that of each source."""
    first, last = home.span.first, home.span.last
    weakest = _weakest(home.store.partitions(PNL, first, last))
    stored = {name: [p for p in home.store.partitions(name, first, last) if p.rows] for name in SOURCES}
    by_source = [f"{name.removeprefix('market/')} {_weakest(parts)}" for name, parts in stored.items() if parts]
    exceptions = ", ".join(home.profile.exceptions)
    return f"{weakest} ({', '.join(by_source)})" + (f"; named exceptions: {exceptions}" if exceptions else "")


def _weakest(partitions: Iterable[StoredPartition]) -> str:
    return Grade(max(partition.grade for partition in partitions)).label
