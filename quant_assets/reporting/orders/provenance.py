"""What an order rests on: rows with when they were known, contributions of scores, and the stored book."""

import datetime as dt
import math
from collections.abc import Sequence

from configs.settings import Profile
from feature_store.dataset import Dataset, Grade
from feature_store.hashing import digest_of
from feature_store.schemas.alpha import COMBINED, MODEL_FITS, PREDICTIONS
from feature_store.schemas.execution import BOOK
from feature_store.schemas.features import STOCK_FEATURES, STOCK_SCORES
from feature_store.schemas.fused_regimes import MARKET_REGIME, STATES
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, INDUSTRIES, MEMBERS, UNIVERSE
from feature_store.schemas.portfolio import VIEWS
from feature_store.schemas.risk import COST_PARAMETERS, EXPOSURES, SPECIFIC_RISK
from feature_store.store import Store
from quant_assets.alpha.models.ridge import INTERCEPT, RIDGE
from quant_assets.engine.identity import settings_of
from quant_assets.graph import all_assets
from quant_assets.reporting.orders.known import KnownRows, Row, side_sign

ACTIONS_SHOWN, SCORES_SHOWN, PLUGIN_ROWS_SHOWN = 5, 8, 5


def inputs_of(known: KnownRows, industry: str, of_plugins: Sequence[Dataset]) -> list[Row]:
    """Rows that the order rests on, with when they were known; of a plugin's dataset without symbols, the first."""
    rows: list[tuple[Dataset, Row]] = [
        (dataset, row) for dataset in (BARS, MEMBERS, UNIVERSE, INDUSTRIES) for row in known.rows(dataset)
    ]
    rows += [(CORPORATE_ACTIONS, row) for row in known.actions()[-ACTIONS_SHOWN:]]
    rows += [(dataset, row) for dataset in (STOCK_FEATURES, STOCK_SCORES) for row in known.rows(dataset)]
    rows += [(dataset, row) for dataset in (STATES, VIEWS) for row in known.rows(dataset, industry=industry)]
    rows += [(MARKET_REGIME, row) for row in known.rows(MARKET_REGIME)]
    rows += [
        (dataset, row) for dataset in (PREDICTIONS, COMBINED, EXPOSURES, SPECIFIC_RISK, COST_PARAMETERS)
        for row in known.rows(dataset)
    ]  # fmt: skip
    rows += [(dataset, row) for dataset in of_plugins for row in known.rows(dataset)[:PLUGIN_ROWS_SHOWN]]
    return [
        {
            "dataset": dataset.name,
            "event_date": row["event_date"],
            "known_at": row["known_at"],
            "row": {name: value for name, value in row.items() if name not in ("event_date", "known_at", "symbol")},
        }
        for dataset, row in rows
    ]


def provenance_of(store: Store, session: dt.date, order: Row, held: Row, profile: Profile) -> Row:
    """Of the book that decided the order."""
    generations = store.history(BOOK, session)
    book = generations[-1]
    return {
        "dataset": book.dataset,
        "session": session,
        "generation": book.generation,
        "generations": len(generations),
        "fingerprint": book.fingerprint,
        "content_hash": book.content_hash,
        "run_id": book.run_id,
        "git_commit": book.git_commit,
        "written_at": book.written_at,
        "latest_known_at": book.latest_known_at,
        "decision_time": store.clock.decision_time(session),
        "grade": Grade(book.grade).label,
        "order_is_of_this_book": held["order_shares"] == side_sign(order) * order["shares"],
        "costs_by_its_settings": book.parts.get("config:Execution") == _execution_settings(profile),
        "parts": book.parts,
    }


def _execution_settings(profile: Profile) -> str:
    """The digest that a book of today would carry."""
    (book,) = (asset for asset in all_assets(profile) if asset.name == BOOK.name)
    return digest_of([settings_of(book, profile)["Execution"]])


def contributions_of(known: KnownRows) -> list[Row]:
    """By horizon of the ridge: coefficient times score, the largest first; with `others` they add up to the score."""
    scores, features = known.row(STOCK_SCORES), known.row(STOCK_FEATURES)
    fits = known.rows(MODEL_FITS, model=RIDGE)
    rows = []
    for horizon in sorted({fit["horizon_sessions"] for fit in fits}):
        b = {fit["term"]: fit["coefficient"] for fit in fits if fit["horizon_sessions"] == horizon}
        if not scores or b.get(INTERCEPT) is None:
            continue
        of = {name: b[name] * scores[name] for name in b if scores.get(name) is not None}
        largest = sorted(of, key=lambda name: (-abs(of[name]), name))[:SCORES_SHOWN]
        for name in largest:
            feature = name.removeprefix("z_")
            rows.append({
                "horizon_sessions": horizon, "term": feature, "value": features.get(feature), "score": scores[name],
                "coefficient": b[name], "contribution": of[name],
            })  # fmt: skip
        rest = math.fsum(of[name] for name in of if name not in largest)
        for term, value in {"others": rest, INTERCEPT: b[INTERCEPT]}.items():
            rows.append({"horizon_sessions": horizon, "term": term, "value": None, "score": None, "coefficient": None,
                         "contribution": value})  # fmt: skip
    return rows
