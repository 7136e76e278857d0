"""Results of checks, and the ways in which stored sessions are looked at."""

import datetime as dt
from dataclasses import dataclass, field

from feature_store.check_results import RUN
from feature_store.partition import StoredPartition

ALONE = "alone"  # computed again from what was known at the session
PERTURBED = "perturbed"  # with what came after there, as other values
CUT = "cut"  # what came after was cut off, where it could not be perturbed
ONE_ENTITY = "one entity"  # perturbed, of one entity of the session
CERTIFICATION = "certification"  # alone and perturbed, in a fresh process


@dataclass(frozen=True)
class CheckResult:
    session: dt.date
    check: str
    passed: bool
    detail: str = ""
    look: str = RUN  # how the session was looked at; failures of each are kept apart
    partition: StoredPartition | None = field(default=None, compare=False, repr=False)  # what was checked
