"""The kinds of models, by the name that `alpha.models` gives."""

from typing import Any

from configs.settings.models import MODEL_SETTINGS
from configs.settings.registration import add_kind
from quant_assets.alpha.models.lightgbm import LightGbm
from quant_assets.alpha.models.protocol import Model
from quant_assets.alpha.models.ridge import Ridge

MODELS: dict[str, type[Model[Any]]] = {"ridge": Ridge, "lightgbm": LightGbm}


def add_model(model: type[Model[Any]]) -> None:
    """Makes a kind of model known, so that `alpha.models` may name it.

    Its code counts in what is stored only where a profile names it, so that no stored session becomes stale.

    Raises:
        ValueError: another model has its kind.
    """
    kind = add_kind(MODEL_SETTINGS, model.settings)
    if MODELS.setdefault(kind, model) is not model:
        raise ValueError(f"kind {kind!r} is that of {MODELS[kind].__qualname__}; rename that of {model.__qualname__}")
