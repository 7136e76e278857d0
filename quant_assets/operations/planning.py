"""`asof plan`: what a backfill of the same range would compute, why, and how long it would take."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from configs.settings import Profile
from feature_store import sessions
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import Due, Plan, plan
from quant_assets.engine.reasons import Reason
from quant_assets.graph import all_assets
from quant_assets.operations.backfill import first_sessions, selected_names
from quant_resources.home import Home


@dataclass(frozen=True)
class Explained:
    """A plan as text and numbers."""

    plan: Plan

    def rows(self) -> list[dict[str, Any]]:
        """One row a dataset of which anything is due."""
        return [_row(due) for due in self.plan.due]

    def reasons(self) -> list[dict[str, Any]]:
        """One row a dataset and reason."""
        return [
            {"dataset": due.dataset, "reason": str(reason), "sessions": len(days), "first": days[0], "last": days[-1]}
            for due in self.plan.due
            for reason, days in due.reasons().items()
        ]

    def summary(self) -> str:
        """One line for people."""
        due = self.plan.due
        if not due:
            return "nothing is due"
        count = sum(len(one.sessions) for one in due)
        upstream = sum(len(one.upstream) for one in due)
        text = f"{count} sessions of {len(due)} datasets are due, {duration(self.plan.seconds)} by stored timings"
        if upstream:
            text += f"; {upstream} of them only if what they read comes out otherwise"
        if self.plan.untimed:
            text += f"; never timed: {', '.join(self.plan.untimed)}"
        return text

    def as_json(self) -> dict[str, Any]:
        datasets = [
            {
                "dataset": due.dataset,
                "due": len(due.sessions),
                "missing": len(due.missing),
                "stale": len(due.stale),
                "upstream": len(due.upstream),
                "first": due.first,
                "reasons": [_as_json(reason, days) for reason, days in due.reasons().items()],
                "seconds": due.seconds,
                "seconds_a_session": dict(due.each),
            }
            for due in self.plan.due
        ]
        return {"datasets": datasets, "seconds": self.plan.seconds, "untimed": self.plan.untimed}


def explain_plan(
    home: Home,
    first: dt.date,
    last: dt.date,
    select: Sequence[str],
    profile: Profile | None = None,
    *,
    ask_vendor: bool = False,
) -> Explained:
    """
    Args:
        profile: in the place of the home's, to see what another setting would touch.
        ask_vendor: of stored sessions of sources too, for what it says now.
    """
    runner = open_runner(home, profile=profile)
    assets = all_assets(runner.profile)
    needed = first_sessions(assets, selected_names(assets, select), first, runner.profile)
    targets = [(asset, sessions.between(needed[asset.name], last)) for asset in assets if asset.name in needed]
    return Explained(plan(runner, targets, explain=True, ask_vendor=ask_vendor))


def _row(due: Due) -> dict[str, Any]:
    reasons = list(due.reasons())
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return {
        "dataset": due.dataset,
        "due": len(due.sessions),
        "missing": len(due.missing),
        "upstream": len(due.upstream),
        "why": f"{_first(reasons)}{more}",
        "seconds": None if due.seconds is None else round(due.seconds, 1),
    }


def _first(reasons: Sequence[Reason]) -> Reason:
    """What comes from the asset itself says more than what comes from elsewhere, and a change more than a removal."""
    last = {"state": 2, "upstream": 3}
    return min(reasons, key=lambda reason: last.get(reason.kind, not reason.text.endswith(" changed")))


def _as_json(reason: Reason, days: Sequence[dt.date]) -> dict[str, Any]:
    return {
        "kind": reason.kind, "text": reason.text, "since": reason.since,
        "sessions": len(days), "first": days[0], "last": days[-1],
    }  # fmt: skip


def duration(seconds: float) -> str:
    """As text, to two significant digits."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
