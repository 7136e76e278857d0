"""The table of planted leaks: what each does, and what catches it first. `docs/leaks.md` is written from it.

`python -m tests.engine.planted` writes it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

from tests.engine import hidden_leaks, reaching
from tests.engine.leaks import LEAKS

PAGE = Path(__file__).parents[2] / "docs" / "leaks.md"
BEGIN, END = "<!-- planted leaks, written by tests/engine/planted.py -->\n", "<!-- end of the planted leaks -->\n"

TEXT = "the text, at load"
CALL = "every call"
CLOSELY = "calls looked at closely"
RUN = "the run's `no_lookahead`"
CYCLE = "a cycle of certification"
INGEST = "the run, before anything is stored"
VENDOR = "the vendor, asked again"
SUBJECT = "the run's `fills_after_decision`"


@dataclass(frozen=True)
class Planted:
    """
    Attributes:
        caught: by which guards, the first one first; none where no recomputation can see it.
        instead: what stands in where nothing catches it.
    """

    name: str
    caught: tuple[str, ...]
    instead: str = ""


# Functions of `reaching` that the text alone shows, or that only a close look at their calls does.
OF_THE_TEXT = {
    "reads_the_files_of_another_package", "asks_numpy_for_today", "hashes_a_text", "caches_a_method",
    "caches_by_an_address", "goes_on_with_an_iterator", "knows_a_table_of_its_module", "holds_a_table",
}  # fmt: skip
ONLY_CLOSELY = {"samples_without_a_seed", "keeps_frames_by_another_name"}
# Those that the hook hears in every run, were the text to miss them.
HEARD = {
    "opens_a_file", "opens_a_file_and_hides_the_error", "reads_a_path", "reads_by_a_method_that_is_handed_on",
    "loads_an_array", "maps_a_file", "asks_sqlite", "asks_the_store", "lists_a_folder", "writes_a_file",
    "loads_a_library", "asks_the_network", "opens_a_socket", "starts_a_process", "opens_by_the_module_of_another",
    "looks_through_all_objects", "draws_from_the_global_generator", "draws_from_numpys_global_generator",
    "starts_a_thread", "starts_a_pool",
}  # fmt: skip
TOOLS = {"marked", "remembered", "reading", "of_anything"}


def functions() -> dict[str, Callable[..., object]]:
    """Functions that reach beyond their inputs, by name."""
    own = {name: f for name, f in vars(reaching).items() if isinstance(f, FunctionType)}
    here = {n: f for n, f in own.items() if f.__module__ == reaching.__name__ and n not in TOOLS}
    return dict(sorted(here.items()))


def guards_of(name: str) -> tuple[str, ...]:
    """What catches one of `functions`, were those before it not there."""
    text = () if name in ONLY_CLOSELY else (TEXT,)
    call = (CALL,) if name in HEARD else ()
    return (*text, *call, *(() if name in OF_THE_TEXT else (CLOSELY,)))


OTHERS = [
    *(Planted(leak.name, (RUN, CYCLE)) for leak in LEAKS),
    Planted("a centred window that was run day by day", (CYCLE,)),
    Planted("a vendor that parses a correction into the row that it corrects", (RUN, CYCLE)),
    Planted("a vendor that parses today's members into every session", (RUN, CYCLE)),
    Planted("a vendor that fetches beyond the day", (INGEST,)),
    Planted("a vendor whose rows are dated after their session", (INGEST,)),
    Planted("a column, a source or an output of hindsight without a named exception", (INGEST,)),
    Planted("the mechanism hands out the latest version of every row", (RUN, CYCLE)),
    Planted("the mechanism fits at the end of the period", (RUN, CYCLE)),
    Planted("a book that fills at the close that its signal saw", (SUBJECT,)),
    Planted("a book that fills at the open before its signal", (SUBJECT,)),
    Planted("a vendor that adjusts its history in silence", (VENDOR,)),
    Planted("a vendor that takes back a row in silence", (VENDOR,)),
    Planted("a vendor that adds a row to an old session in silence", (VENDOR,)),
    Planted(
        "a payload that lies of itself from the first day on",
        (),
        "law 11: what a vendor cannot date is graded *hindsight*, and nothing of that grade is read without a named "
        "exception; a live drop, or a vendor that is asked again, dates what it says later by its arrival",
    ),
    Planted(
        "numbers of the future that were written into the code or the settings",
        (),
        "they count in the fingerprint and lie in the version control, where a reader sees them; every change of them "
        "is a trial of the ledger, and the hold-out judges it",
    ),
    Planted(
        "a compiled library that opens files by itself when it is imported or called",
        (),
        "libraries count by their version and are pinned by `constraints.txt`; those that are known to open files are "
        "rejected by name, and paths that are handed to any other are rejected in checks",
    ),
]


def table() -> list[Planted]:
    of_access = [Planted(name.replace("_", " "), guards_of(name)) for name in functions()]
    hidden = [
        Planted(leak.name, (RUN, CYCLE) if leak.caught_by == hidden_leaks.RUN else (CYCLE,))
        for leak in hidden_leaks.HIDDEN
    ]
    return [*of_access, *hidden, *OTHERS]


def written(rows: Sequence[Planted]) -> str:
    """The table as it stands in the page."""
    lines = ["| leak | caught by |", "| -- | -- |"]
    lines += [f"| {row.name} | {', '.join(row.caught) or f'nothing; {row.instead}'} |" for row in rows]
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table of today."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{written(table())}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
