"""`dagster dev` with the guarded webserver in the place of Dagster's own: what `asof ui` runs."""

from collections.abc import Callable, Sequence
from subprocess import Popen
from typing import Any

from dagster._cli import dev
from dagster_shared.ipc import open_ipc_subprocess

STARTS = open_ipc_subprocess.__name__
STOCK, GUARDED = "dagster_webserver", "quant_resources.dagster.webserver"


def guarded_command(command: Sequence[str]) -> list[str]:
    """A command of `dagster dev` with the module of the webserver replaced; others as they are."""
    return [GUARDED if part == STOCK and command[i - 1] == "-m" else part for i, part in enumerate(command)]


def main() -> None:
    """
    Raises:
        RuntimeError: `dagster dev` starts its webserver otherwise than the pinned version does: nothing is served.
    """
    start: Callable[..., Popen[Any]] = getattr(dev, STARTS)

    def started(parts: Sequence[str], **kwargs: Any) -> Popen[Any]:  # noqa: ANN401 -- as Dagster has it
        replaced = guarded_command(parts)
        if any(STOCK in part or "dagster-webserver" in part for part in replaced):
            raise RuntimeError(f"dagster dev starts its webserver by {replaced[:4]}, unguarded; see constraints.txt")
        return start(replaced, **kwargs)

    setattr(dev, STARTS, started)
    dev.dev_command(auto_envvar_prefix="DAGSTER_DEV")


if __name__ == "__main__":
    main()
