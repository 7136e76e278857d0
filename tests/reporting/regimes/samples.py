"""A home with the regimes of two industries: one calm bull throughout, one in a crisis from December on."""

import datetime as dt
from pathlib import Path

import numpy as np

from feature_store.schemas.breaks import BREAKS
from feature_store.schemas.correlations import CORRELATIONS, PAIR_CORRELATIONS
from feature_store.schemas.features import INDUSTRY_RETURNS, MARKET_FEATURES
from feature_store.schemas.fused_regimes import EVERY_STATE, MARKET_FITS, MARKET_REGIME, STATES
from feature_store.schemas.transition_risk import TRANSITION_RISK
from quant_resources.home import Home
from tests.support.accounts import DAYS, frame, home_of, write

TURN = dt.date(2015, 12, 1)
CALM, WILD = 0.08 / 252**0.5, 0.4 / 252**0.5  # volatility of a session


def regimes_home(folder: Path, **overrides: object) -> Home:
    home, rng = home_of(folder, **overrides), np.random.default_rng(3)
    store = home.open_store()
    write(store, STATES, {day: frame([_state(day, name) for name in ("Energy", "Tech")]) for day in DAYS})
    write(store, MARKET_REGIME, {day: frame([_market(day)]) for day in DAYS})
    write(store, MARKET_FITS, {day: frame([_fit(day, k) for k in range(2)]) for day in DAYS})
    returns = {
        day: {name: rng.normal(0, WILD if _is_wild(day, name) else CALM) for name in ("Energy", "Tech")} for day in DAYS
    }
    write(store, INDUSTRY_RETURNS, {
        day: frame([{"event_date": day, "industry": name, "log_return": r, "n_members": 5, "n_volumes": 5}
                    for name, r in returns[day].items()])
        for day in DAYS
    })  # fmt: skip
    write(store, MARKET_FEATURES, {
        day: frame([{"event_date": day, "return_1": sum(returns[day].values()) / 2, "mean_correlation_63": 0.5}])
        for day in DAYS
    })  # fmt: skip
    write(store, BREAKS, {day: frame([_break(day, stream) for stream in ("trend", "volatility")]) for day in DAYS})
    write(store, CORRELATIONS, {
        day: frame([{"event_date": day, "n_industries": 2, "mean_correlation": 0.4, "p_systemic": 0.25,
                     "fit_session": DAYS[0]}])
        for day in DAYS
    })  # fmt: skip
    pair = {"industry": "Energy", "other_industry": "Tech", "correlation": 0.4}
    write(store, PAIR_CORRELATIONS, {day: frame([{"event_date": day, **pair}]) for day in DAYS})
    write(store, TRANSITION_RISK, {
        day: frame([{"event_date": day, "industry": "Energy", "p_flip": 0.9 if TURN > day >= DAYS[30] else 0.1}])
        for day in DAYS
    })  # fmt: skip
    return home


def _is_wild(day: dt.date, industry: str) -> bool:
    return industry == "Energy" and day >= TURN


def _state(day: dt.date, industry: str) -> dict[str, object]:
    wild = _is_wild(day, industry)
    p = dict(zip(EVERY_STATE, (0.7, 0.2, 0.1, 0.0, 0.1, 0.9) if wild else (0.1, 0.2, 0.7, 0.9, 0.1, 0.0), strict=True))
    row = {f"{prefix}p_{state}": value for prefix in ("", "slow_") for state, value in p.items()}
    labels = {"trend": "bear" if wild else "bull", "volatility": "crisis" if wild else "calm"}
    return {"event_date": day, "industry": industry, **row, **labels, "contradiction": 0.25}


def _market(day: dt.date) -> dict[str, object]:
    labels = {"trend": "bull", "volatility": "calm", "risk": "RISK_ON"}
    missing = "missing: vix_term" if day < DAYS[5] else None
    return {
        "event_date": day, **labels, **{f"observed_{name}": label for name, label in labels.items()}, "risk_score": 0.8,
        "risk_model": "e1" if missing else "e2", "risk_fallback": missing, "n_votes": 4, "systemic": False,
        **{f"p_{state}": 1.0 if state in ("bull", "calm") else 0.0 for state in EVERY_STATE},
    }  # fmt: skip


def _fit(day: dt.date, state: int) -> dict[str, object]:
    row = {"event_date": day, "state": state, "fit_session": DAYS[0], "converged": True, "n_observations": 600}
    labels = {"trend": ("bull", "bear")[state], "volatility": ("calm", "crisis")[state]}
    levels = {"return_annual": 0.1 - 0.3 * state, "volatility_annual": 0.1 + 0.3 * state, "mean_vix": 20.0}
    return row | labels | levels | {"fraction": 0.5, "duration_sessions": 40.0}


def _break(day: dt.date, stream: str) -> dict[str, object]:
    near = stream == "volatility" and TURN <= day < TURN + dt.timedelta(days=14)
    return {
        "event_date": day, "industry": "Energy", "stream": stream, "break_probability": 0.9 if near else 0.05,
        "run_length": 3 if near else 60, "severity": 0.8, "shift": 1.5,
    }  # fmt: skip
