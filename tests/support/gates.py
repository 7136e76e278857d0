"""Gates of tests."""

import datetime as dt
from collections.abc import Sequence

from configs.settings import Profile
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.gate import Block, Gate


class OpenGate(Gate):
    """Stops nothing: of what stores without checking, to compare values."""

    def __init__(self) -> None:
        super().__init__(())

    def blocked(
        self, store: Store, profile: Profile, asset: SessionAsset, days: Sequence[dt.date]
    ) -> dict[dt.date, list[Block]]:
        return {}
