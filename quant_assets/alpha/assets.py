"""Models on matured labels, refitted monthly, what each says, and what they say together."""

from feature_store.schemas.alpha import COMBINED, MODEL_FITS, PREDICTIONS
from feature_store.schemas.companies import EARNINGS_DATES
from feature_store.schemas.features import LABELS, STOCK_SCORES
from feature_store.schemas.risk import EXPOSURES
from quant_assets.alpha.blackout import LOOKBACK_SESSIONS
from quant_assets.alpha.combination import combined
from quant_assets.alpha.fits import model_fits, predictions
from quant_assets.alpha.models import registry
from quant_assets.alpha.training.samples import score_names
from quant_assets.engine.asset import Choice, CrossSection, ModelFit, SessionAsset, same, trailing

KINDS = (Choice(registry.__name__, "MODELS", lambda p: tuple(model.kind for model in p.alpha.models)),)
PARAMETERS = ("fit_session", "coefficient", "text")

ASSETS: list[SessionAsset] = [
    ModelFit(
        MODEL_FITS,
        model_fits,
        {
            "scores": trailing(STOCK_SCORES, lambda p: p.alpha.lookback_sessions, lambda p: score_names(p.features)),
            "labels": trailing(LABELS, lambda p: p.alpha.lookback_sessions, columns=("label_log", "label_simple")),
        },
        refit="monthly",
        choices=KINDS,
        metadata=lambda rows: {"worth_something": float((rows.filter(term="calibration")["coefficient"] > 0).sum())},
    ),
    CrossSection(
        PREDICTIONS,
        predictions,
        {"scores": same(STOCK_SCORES, lambda p: score_names(p.features)), "fits": same(MODEL_FITS, PARAMETERS)},
        choices=KINDS,
    ),
    CrossSection(
        COMBINED,
        combined,
        {
            "predictions": same(PREDICTIONS, columns=("alpha", "variance")),
            "exposures": same(EXPOSURES),
            "earnings_dates": trailing(
                EARNINGS_DATES, lambda p: LOOKBACK_SESSIONS if p.alpha.earnings_blackout.sessions else 1
            ),
        },
        metadata=lambda rows: {
            "stocks": float(rows["alpha"].count()),
            "in_blackout": float((rows["in_blackout"] & rows["raw_alpha"].is_not_null()).sum()),
        },
    ),
]
