"""What Dagster loads: `dagster dev -m quant_assets.definitions`."""

import os

import dagster as dg

from configs.settings import FilesVendor
from feature_store.numeric_platform import warn_unless_in_force
from quant_assets.automation.certification import certification_schedule
from quant_assets.automation.schedules import daily_schedule
from quant_assets.automation.sensors import drop_sensor
from quant_assets.engine.dagster_asset import to_dagster
from quant_assets.graph import all_assets
from quant_resources.dagster.duckdb import Catalogue
from quant_resources.dagster.platform import Platform
from quant_resources.home import Home, usual_workers

ALL_ASSETS = "all_assets"
STEP = "sessions"


def build(home: Home) -> dg.Definitions:
    """The graph under the home's profile."""
    warn_unless_in_force()
    profile = home.profile
    assets = [to_dagster(STEP, all_assets, profile)]
    job = dg.define_asset_job(ALL_ASSETS, selection=dg.AssetSelection.all())
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        schedules=[daily_schedule(job, profile), certification_schedule()],
        sensors=[drop_sensor(job, home)] if isinstance(profile.vendor, FilesVendor) else [],
        resources={
            "platform": Platform(home=str(home.folder), workers=int(os.environ.get("ASOF_WORKERS") or usual_workers())),
            "catalogue": Catalogue(home=str(home.folder)),
        },
        # A range is one step an asset: processes would cost more than they bring, and hold a store each.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    os.umask(0o077)  # a code server writes what is its user's alone, as `asof` does
    return build(Home.of_environment())
