"""The regime page: what the market and each industry are in, how that was known, and what came of it."""

import polars as pl

from quant_assets.reporting.document import Document, Part
from quant_assets.reporting.formats import count, percent, ratio
from quant_assets.reporting.performance.facts import hold_out_text
from quant_assets.reporting.performance.plots import regimes as bands
from quant_assets.reporting.performance.summaries import MARKET_NAME, market_states
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.regimes import plots
from quant_assets.reporting.regimes.hindsight import NOT_INSTALLED
from quant_assets.reporting.regimes.outcomes import HORIZON
from quant_assets.reporting.regimes.snapshot import table
from quant_assets.reporting.regimes.study import CORRELATION_SESSIONS, RegimeStudy, study
from quant_assets.reporting.regimes.terminal import show
from quant_assets.reporting.tables import Table

BAND_HEIGHT = 420  # pixels; eleven industries stand below one another
LIKELY = 0.5  # of a break that is listed
BREAKS_SHOWN = 30
FITS_SHOWN = {
    "return_annual": percent,
    "volatility_annual": percent,
    "fraction": percent,
    "duration_sessions": count,
    "mean_vix": ratio,
    "equity_bond_correlation": ratio,
}


def document(of: RegimeStudy) -> Document:
    sections: dict[str, list[Part]] = {
        f"Industries on {of.latest.session}": [table(of.latest)],
        **_market(of),
        **_industries(of),
        **_correlations(of),
        **_breaks(of),
        **_reliability(of),
        **_transitions(of),
        **_timing(of),
        **_worth(of),
    }
    return Document(f"Regimes of {of.profile}", _facts(of), sections, (of.span.first, of.span.last))


def _facts(of: RegimeStudy) -> dict[str, str]:
    n_fallback = of.market["risk_fallback"].count()
    market = of.latest.market
    models = ", ".join(of.market["risk_model"].drop_nulls().unique().sort().to_list()) or "none"
    return {
        "Sessions": f"{of.span.first} to {of.span.last} ({of.states['event_date'].n_unique()})",
        "Industries": f"{len(of.industries)}",
        "Market": f"{market.get('trend') or 'unknown'}, {market.get('volatility') or 'unknown'}, "
        f"{market.get('risk') or 'unknown'}, as confirmed on {of.latest.session}",
        "Risk appetite": f"by {models}"
        + (f"; on {count(n_fallback)} sessions E1 stood in for E2, whose inputs were missing" if n_fallback else ""),
        "Hold-out": hold_out_text(of.span),
    }


def _market(of: RegimeStudy) -> dict[str, list[Part]]:
    index = of.features.select("event_date", industry=pl.lit(MARKET_NAME), log_return="return_1")
    parts: list[Part] = [
        "The index of all members over its confirmed trend and volatility, as known on each session.",
        bands(market_states(of.market), index, MARKET_NAME, BAND_HEIGHT),
        "The score of risk, from 0 for risk off to 1 for risk on, over its confirmed label.",
        plots.risk_appetite(of.market),
    ]
    if of.fits.height:
        parts += [
            "States in force of the model of equity, bonds, gold and high yield, with what equity did.",
            Table.of(of.fits.select("state", "trend", "volatility", *FITS_SHOWN), FITS_SHOWN),
        ]
    else:
        parts.append("No model of several assets is in force: too few sessions have the returns of all four funds.")
    return {"Regime of the market": parts}


def _industries(of: RegimeStudy) -> dict[str, list[Part]]:
    """Of each, its members' index over the likeliest states."""
    return {
        f"Regime of {industry}": [bands(of.states, of.returns, industry, BAND_HEIGHT)] for industry in of.industries
    }


def _correlations(of: RegimeStudy) -> dict[str, list[Part]]:
    return {
        "Correlations": [
            f"Of the industries in the next session, by the DCC in force on {of.span.last}."
            if of.dcc.height
            else f"Of the industries' returns over the last {CORRELATION_SESSIONS} sessions.",
            plots.correlation_map(of.correlations, of.industries),
            "Their mean, and the probability that they are systemic, as known on each session.",
            plots.correlation_over_time(of.features, of.dcc),
        ]
    }


def _breaks(of: RegimeStudy) -> dict[str, list[Part]]:
    if of.breaks.is_empty():
        return {"Calendar of breaks": ["None: regimes/breaks is not stored in this range."]}
    first = pl.col("break_probability").shift().over("industry", "stream").fill_null(0.0) <= LIKELY
    began = of.breaks.sort("industry", "stream", "event_date").filter(pl.col("break_probability") > LIKELY, first)
    names = ("event_date", "industry", "stream", "break_probability", "severity", "shift")
    latest = began.sort("event_date", "industry", "stream", descending=[True, False, False]).select(names)
    formats = {"break_probability": percent, "severity": percent, "shift": ratio}
    return {
        "Calendar of breaks": [
            "The highest probability of each week that volatility or trend had broken lately, as known on the day.",
            plots.calendar_of_breaks(of.breaks),
            f"The latest {BREAKS_SHOWN} of {began.height} breaks, by the session that made them likelier than not.",
            Table.of(latest.head(BREAKS_SHOWN), formats),
        ]
    }


def _reliability(of: RegimeStudy) -> dict[str, list[Part]]:
    if not of.reliability:
        return {"Reliability": [f"None: no {HORIZON} sessions have followed a state yet."]}
    rows = pl.DataFrame(
        {
            "forecast": [curve.forecast for curve in of.reliability],
            "brier_skill": [curve.brier_skill for curve in of.reliability],
            "slope": [curve.slope for curve in of.reliability],
            "mean_gap": [curve.points.error for curve in of.reliability],
            "independent_sessions": [curve.n_independent for curve in of.reliability],
        },
        schema_overrides={"brier_skill": pl.Float64(), "slope": pl.Float64()},
    )
    return {
        "Reliability": [
            f"What the probabilities of a session said of the {HORIZON} sessions after it, all industries together. "
            "They are states, no forecasts of these outcomes: the curve shows what they are worth as such. A slope of "
            "1 is calibrated, less overstates; a skill above 0 beats the frequency of the outcome. Outcomes that "
            "overlap and industries that move together are few independent ones.",
            Table.of(rows, {"brier_skill": ratio, "slope": ratio, "mean_gap": percent}),
            *(plots.reliability(curve) for curve in of.reliability),
        ]
    }


def _transitions(of: RegimeStudy) -> dict[str, list[Part]]:
    parts: list[Part] = ["Of confirmed states, from one session to the next; mean lives in sessions."]
    for name, rows in of.transitions.items():
        formats = {column: percent for column in rows.columns if column.startswith("to ")}
        parts += [f"Of {name}.", Table.of(rows, {**formats, "mean_life": count, "entries": count})]
    return {"Transitions": parts}


def _timing(of: RegimeStudy) -> dict[str, list[Part]]:
    if of.timing is None:
        return {"Delay and false alarms, by hindsight": [NOT_INSTALLED]}
    formats = {"median_delay": count, "missed": percent, "false_alarms_a_year": ratio, "changes_a_year": ratio}
    return {
        "Delay and false alarms, by hindsight": [
            "HINDSIGHT: the confirmed volatility of each industry against segments that ruptures cuts with the whole "
            "range known. The delay is in sessions from the beginning of a segment; a segment that ended undetected is "
            "missed; a false alarm is a change to a state that the segment does not have. Where segments begin is "
            "itself an estimate: planted switches, where the truth is known, are in `python -m benchmarks.regimes`.",
            Table.of(of.timing, formats),
        ]
    }


def _worth(of: RegimeStudy) -> dict[str, list[Part]]:
    parts: list[Part] = [
        "What followed the confirmed states, out of sample: each was known on its session, and the return is that of "
        "the session after the next, the first whole one that an order can reach. Industries in a state count once a "
        "session. A t within 2 is no evidence that the state's return differs from 0.",
    ]
    formats = {
        "fraction": percent,
        "return_annual": percent,
        "volatility_annual": percent,
        "t": ratio,
        "correlation": ratio,
    }
    for name, rows in of.worth.items():
        shown = rows if name.startswith("market") else rows.drop("correlation")
        parts += [f"Of {name}.", Table.of(shown, {k: v for k, v in formats.items() if k in shown.columns})]
    return {"What each state was worth": parts}


PAGE = Page(
    "regimes", "What the market and its industries were in, as known then, and what came of it.", study, document, show
)
