"""Dagster's webserver behind the guard of requests: `python -m quant_resources.dagster.webserver`, with its options.

`ASOF_UI_HOSTS` names, with commas, the hosts under which it is served beside this machine's own.
"""

import os
from typing import Any

from dagster_webserver import cli
from dagster_webserver.app import create_app_from_workspace_process_context

from quant_resources.dagster.request_guard import RequestGuard

HOSTS = "ASOF_UI_HOSTS"
MAKES = create_app_from_workspace_process_context.__name__


def allowed_hosts() -> list[str]:
    """Hosts of the environment, without ports."""
    return [host.strip() for host in os.environ.get(HOSTS, "").split(",") if host.strip()]


def guarded_app(*arguments: Any, **options: Any) -> RequestGuard:  # noqa: ANN401 -- as Dagster calls it
    """Dagster's own application, guarded."""
    return RequestGuard(create_app_from_workspace_process_context(*arguments, **options), allowed_hosts())


def main() -> None:
    """Start it; the application that Dagster makes is guarded, or nothing is served."""
    if not hasattr(cli, MAKES):
        raise RuntimeError(
            "dagster-webserver makes its application otherwise than the pinned version; nothing is served"
        )
    setattr(cli, MAKES, guarded_app)
    cli.dagster_webserver(auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main()
