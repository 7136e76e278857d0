"""A linear model of relative returns from scores, and its calibration to money."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from configs.settings import Alpha
from feature_store import sessions as calendar
from feature_store.schemas.alpha import MODEL_FITS, PREDICTIONS
from feature_store.schemas.features import SCORED
from quant_assets.features.panel import Array, window

MODEL = "ridge"
FEATURES = tuple(f"z_{name}" for name in SCORED)
INTERCEPT, CALIBRATION = "intercept", "calibration"


@dataclass(frozen=True)
class Moments:
    """Sums over rows, one block a session: all that a linear fit on any set of sessions needs.

    Attributes:
        sessions: the S event_dates, ascending.
        gram: (S, P, P) sums of x x', where x holds the features and a last 1.
        log, simple: (S, P) sums of x times label_log and label_simple.
        rows: (S,) numbers of rows.
    """

    sessions: list[dt.date]
    gram: Array
    log: Array
    simple: Array
    rows: NDArray[np.int64]

    def total(self, chosen: NDArray[np.bool_]) -> tuple[Array, Array, Array, int]:
        """gram, log, simple and rows of the chosen sessions together."""
        gram, log, simple = self.gram[chosen], self.log[chosen], self.simple[chosen]
        return gram.sum(axis=0), log.sum(axis=0), simple.sum(axis=0), int(self.rows[chosen].sum())


def model_fits(scores: pl.DataFrame, labels: pl.DataFrame, session: dt.date, settings: Alpha) -> pl.DataFrame:
    """Ridge coefficients and calibration in force from the refit `session` on.

    A null score enters as 0, which is the mean of its cross-section; rows without any score or without a label are
    left out. The intercept is not penalized.

    The calibration is the slope through the origin of the simple label on the score of a model that has not seen it:
    fitted on the first sessions of the window, purged where a label's interval [t+1, t+k] reaches into the rest, and
    judged on the rest (`calibration_share` of the sessions). It is held between 0 (a score that points the wrong way
    is worth nothing) and `calibration_cap`. The coefficients themselves are those of the whole window.

    Args:
        scores: rows of STOCK_SCORES.
        labels: rows of LABELS known at the session, so matured; the others are absent, and refused if not.
        session: the refit; event_dates of the last `lookback_sessions` up to it are used.
        settings: horizon, window, penalty and the calibration's share and cap.

    Returns:
        Rows of MODEL_FITS: the features, `intercept` and `calibration`. `n_rows` of the calibration are the held-out
        ones. With fewer than `min_rows` rows coefficients are null; with fewer before the held-out part, only the
        calibration is.

    Raises:
        ValueError: a label that matures after the session.
    """
    sums = moments(*_training_rows(scores, labels, session, settings))
    every = np.ones(len(sums.sessions), dtype=np.bool_)
    coefficients = _coefficients(sums, every, settings)
    slope, held_out = _calibration(sums, settings)
    terms: list[tuple[str, float | None, int]] = [
        *(
            (name, value, int(sums.rows.sum()))
            for name, value in zip((*FEATURES, INTERCEPT), coefficients, strict=True)
        ),
        (CALIBRATION, slope if coefficients[0] is not None else None, held_out),
    ]
    last_label = sums.sessions[-1] if sums.sessions else None
    rows = [(session, MODEL, term, session, value, n, last_label) for term, value, n in terms]
    schema = {name: dtype for name, dtype in MODEL_FITS.schema.items() if name != "known_at"}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _training_rows(
    scores: pl.DataFrame, labels: pl.DataFrame, session: dt.date, settings: Alpha
) -> tuple[pl.Series, Array, Array, Array]:
    """event_date, (n, P-1) features, label_log and label_simple, sorted by event_date and symbol."""
    matured = window(labels, session, settings.lookback_sessions).filter(
        pl.col("horizon_sessions") == settings.horizon_sessions, pl.col("label_log").is_not_null()
    )
    _require_matured(matured, session, settings.horizon_sessions)
    known = scores.filter(pl.any_horizontal(pl.col(FEATURES).is_not_null()))
    rows = matured.join(known, on=["event_date", "symbol"], how="inner").sort("event_date", "symbol")
    return rows["event_date"], _design(rows), rows["label_log"].to_numpy(), rows["label_simple"].to_numpy()


def _design(rows: pl.DataFrame) -> Array:
    """(n, P-1) scores, C-contiguous, 0 where null."""
    return np.ascontiguousarray(rows.select(pl.col(FEATURES).fill_null(0.0)).to_numpy())


def moments(event_date: pl.Series, features: Array, label_log: Array, label_simple: Array) -> Moments:
    """Sums by session of rows sorted by event_date."""
    days = event_date.unique(maintain_order=True)
    starts = np.searchsorted(event_date.to_physical().to_numpy(), days.to_physical().to_numpy())
    edges = np.append(starts, len(event_date)).astype(np.int64)
    gram, log, simple = _blocks(features, label_log, label_simple, edges)
    return Moments(days.to_list(), gram, log, simple, np.diff(edges))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _blocks(
    features: Array, label_log: Array, label_simple: Array, edges: NDArray[np.int64]
) -> tuple[Array, Array, Array]:
    """Sums in row order, session by session: a matrix product would depend on its library's threads and blocking."""
    n_sessions, p = len(edges) - 1, features.shape[1] + 1
    gram, log, simple = np.zeros((n_sessions, p, p)), np.zeros((n_sessions, p)), np.zeros((n_sessions, p))
    x = np.ones(p)
    for s in range(n_sessions):
        for row in range(edges[s], edges[s + 1]):
            x[: p - 1] = features[row]
            for i in range(p):
                log[s, i] += x[i] * label_log[row]
                simple[s, i] += x[i] * label_simple[row]
                for j in range(p):
                    gram[s, i, j] += x[i] * x[j]
    return gram, log, simple


def _coefficients(sums: Moments, chosen: NDArray[np.bool_], settings: Alpha) -> list[float | None]:
    """Ridge coefficients of the chosen sessions, intercept last; all None with too few rows."""
    gram, log, _, rows = sums.total(chosen)
    if rows < settings.min_rows:
        return [None] * len(gram)
    return [float(value) for value in ridge(gram, log, settings.ridge_penalty)]


def ridge(gram: Array, moment: Array, penalty: float) -> Array:
    """(P,) minimizer of |y - Xb|^2 + penalty * |b without its last|^2, from X'X and X'y; the last is the intercept.

    A tiny share of the largest diagonal is added throughout, so that a feature that is 0 in every row gets 0.
    """
    diagonal = np.full(len(gram), penalty)
    diagonal[-1] = 0.0
    return np.linalg.solve(gram + np.diag(diagonal + 1e-12 * gram.diagonal().max()), moment).astype(np.float64)


def _calibration(sums: Moments, settings: Alpha) -> tuple[float | None, int]:
    """Slope of the simple label on the out-of-fold score, and the number of rows that it was measured on."""
    first, held_out = split(sums.sessions, settings.calibration_share, settings.horizon_sessions)
    coefficients = _coefficients(sums, first, settings)
    gram, _, simple, rows = sums.total(held_out)
    if coefficients[0] is None:
        return None, rows
    b = np.array(coefficients, dtype=np.float64)
    squares = float(b @ gram @ b)  # sum of squared scores
    if not squares > 0:
        return None, rows
    return min(max(float(b @ simple) / squares, 0.0), settings.calibration_cap), rows


def split(event_dates: list[dt.date], share: float, horizon: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which sessions train and which are held out: the latest `share`, at least one, and what its labels do not touch.

    A training session t is kept only if its label's interval [t+1, t+horizon] ends by the first held-out session, whose
    own labels begin on the session after.
    """
    n_held = min(len(event_dates), max(1, round(share * len(event_dates))))
    held_out = np.arange(len(event_dates)) >= len(event_dates) - n_held
    if not len(event_dates):
        return held_out, held_out
    first_held = calendar.index_of(event_dates[-n_held])
    ends = np.array([calendar.index_of(day) + horizon for day in event_dates])
    return ~held_out & (ends <= first_held), held_out


def predictions(scores: pl.DataFrame, fits: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Scores of the session under the model in force, and what they are worth.

    Args:
        scores: rows of STOCK_SCORES.
        fits: rows of MODEL_FITS in force on the session; without any, nothing is predicted.
        session: the partition.

    Returns:
        Rows of PREDICTIONS, sorted by symbol. A null score enters as 0, as it did in the fit; a stock without any score
        is not predicted, nor is any stock while coefficients (for alpha: the calibration) are null.
    """
    today = scores.filter(event_date=session).sort("symbol")
    in_force = fits.filter(pl.col("event_date") == session, pl.col("model") == MODEL)
    coefficient = dict(zip(in_force["term"], in_force["coefficient"], strict=True))
    known = pl.any_horizontal(pl.col(FEATURES).is_not_null())
    score = pl.when(known).then(_linear(coefficient))
    slope = pl.lit(coefficient.get(CALIBRATION), pl.Float64)
    predicted = today.select(
        "event_date",
        "symbol",
        score=score,
        alpha=slope * score,
        fit_session=pl.lit(in_force["fit_session"].max(), pl.Date),
    )
    return predicted.select(name for name in PREDICTIONS.schema if name != "known_at")


def _linear(coefficient: dict[str, float | None]) -> pl.Expr:
    """intercept + sum of coefficient times score, added in the features' order."""
    total = pl.lit(coefficient.get(INTERCEPT), pl.Float64)
    for name in FEATURES:
        total = total + pl.lit(coefficient.get(name), pl.Float64) * pl.col(name).fill_null(0.0)
    return total


def _require_matured(labels: pl.DataFrame, session: dt.date, horizon: int) -> None:
    unripe = labels.filter(pl.col("event_date") > calendar.shift(session, -horizon))
    if len(unripe):
        raise ValueError(
            f"a label of {unripe['event_date'][0]} over {horizon} sessions has not matured by {session}; "
            f"pass labels as known at {session}"
        )
