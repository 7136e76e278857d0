"""An explanation of an order as facts and tables, which its page and the terminal show alike."""

from collections.abc import Mapping
from typing import Any

from feature_store.schemas.risk import STYLES
from quant_assets.reporting.document import Facts, Sections
from quant_assets.reporting.formats import (
    MISSING,
    basis_points,
    in_basis_points,
    label,
    percent,
    plain,
    ratio,
    shares,
    signed_shares,
    significant,
    timestamp,
    usd,
    weight,
    whole_usd,
)
from quant_assets.reporting.tables import Column, Table

Row = Mapping[str, Any]


def sections(explanation: Row, widest: int | None = None) -> Sections:
    """By heading, in the order of reading.

    Args:
        explanation: as `explanation.explain` returns it.
        widest: characters of an input row that are shown; all where None.
    """
    order, alpha, regime = explanation["order"], explanation["alpha"], explanation["regime"]
    return {
        "Weights": [_weights(order)],
        "Alpha by model, over its horizon": [_by_model(alpha["by_model"])],
        "Alpha combined, over the optimization's horizon": [_combined(alpha)],
        f"Regime of {regime['industry']}": [_regime(regime)],
        "Risk": [_risk(explanation["risk"])],
        "Binding limits": [_limits(explanation["limits"])],
        "Optimization and checks": [_optimization(explanation["optimization"], order)],
        "Expected costs": [_costs(explanation["costs"])],
        f"Fill on {explanation['outcome']['session']}": [_outcome(explanation["outcome"])],
        "Scores of the ridge with the largest contributions": [_contributions(explanation["contributions"])],
        "Input rows, as known at the session": [_inputs(explanation["inputs"], widest)],
        "Provenance": [_provenance(explanation["provenance"])],
    }


def headline(order: Row) -> str:
    return (
        f"{order['order_id']}: {order['side']} {shares(order['shares'])} shares at about "
        f"{usd(order['reference_price_usd'])}, {whole_usd(order['notional_usd'])} or "
        f"{percent(order['fraction_of_nav'])} of NAV; decided at {timestamp(order['decided_at'])} UTC"
    )


def _weights(order: Row) -> Facts:
    to_target = order["shares_to_target"]
    return {
        "held before": f"{weight(order['weight_before'])} ({shares(order['shares_held'])} shares)",
        "target": weight(order["target_weight"]),
        "after the order": weight(order["weight_after"]),
        "benchmark": weight(order["benchmark_weight"]),
        "to the target before rounding": MISSING
        if to_target is None
        else f"{to_target:+,.2f} shares".replace("-", "−"),
    }


def _combined(alpha: Row) -> Facts:
    return {
        "raw, merged by inverse variance": f"{in_basis_points(alpha['raw'])} "
        f"of {alpha['n_predictions'] or 0} predictions",
        "standard error": _root(alpha["variance"]),
        "neutralized": in_basis_points(alpha["neutralized"]),
        "used in the decision": in_basis_points(alpha["used"]),
        "tilt of its industry": in_basis_points(alpha["tilt_used"]),
    }


def _regime(regime: Row) -> Facts:
    states, market = (
        ", ".join(_state(name, value) for name, value in regime[of].items() if not name.startswith("slow_"))
        for of in ("states", "market")
    )
    return {
        "states": states or "none",
        "market": market or "none",
        "view": f"tilt {in_basis_points(regime['tilt'])}, band ±{weight(regime['band'])}",
        "volatility target": percent(regime["volatility_target_annual"]),
    }


def _risk(risk: Row) -> Facts:
    exposures = ", ".join(f"{name} {ratio(risk['exposures'][name])}" for name in STYLES if risk["exposures"])
    return {
        "exposures": exposures or "none: the risk model leaves it out",
        "specific volatility": percent(risk["specific_volatility_annual"]),
        "volatility by its factors": percent(risk["factor_volatility_annual"]),
        "volatility": percent(risk["volatility_annual"]),
    }


def _optimization(optimization: Row, order: Row) -> Facts:
    checks = "made smaller" if order["cut_by_checks"] else "passed unchanged"
    return {
        "status": optimization["status"],
        "detail": optimization["detail"] or MISSING,
        "pre-trade checks": checks,
    }


def _costs(costs: Row) -> Facts:
    if costs["total_usd"] is None:
        return {"total": "unknown: its cost parameters are"}
    adv = f"{percent(costs['fraction_of_adv'])} of the mean daily dollar volume"
    return {
        "commission": usd(costs["commission_usd"]),
        "half the spread": f"{usd(costs['spread_usd'])} at {basis_points(costs['half_spread_bp'])}",
        "impact": f"{usd(costs['impact_usd'])} for {adv} of {whole_usd(costs['adv_usd'])}",
        "total": f"{usd(costs['total_usd'])}, {basis_points(costs['total_bp'])} of its value",
    }


def _outcome(outcome: Row) -> Facts:
    if outcome.get("fill_price_usd") is None:
        return {"fill": outcome["result"]}
    return {
        "fill": f"{outcome['result']}: {signed_shares(outcome['fill_shares'])} shares "
        f"at {usd(outcome['fill_price_usd'])}, {timestamp(outcome['filled_at'])} UTC",
        "cost": usd(outcome["cost_usd"]),
        "open against reference": basis_points(outcome["open_against_reference_bp"]) + ", positive where it was worse",
    }


def _provenance(provenance: Row) -> Facts:
    facts = {
        "book": f"generation {provenance['generation']} of {provenance['generations']}, "
        f"written {timestamp(provenance['written_at'])} UTC",
        "fingerprint": provenance["fingerprint"],
        "content": provenance["content_hash"],
        "run": provenance["run_id"] or MISSING,
        "commit": provenance["git_commit"] or MISSING,
        "knowledge": f"{provenance['grade']}; the latest of {timestamp(provenance['latest_known_at'])} UTC, "
        f"decided at {timestamp(provenance['decision_time'])} UTC",
    }
    if not provenance["order_is_of_this_book"]:
        facts["warning"] = "execution/orders is of another generation of the book; run `asof backfill`"
    if not provenance["costs_by_its_settings"]:
        facts["warning on costs"] = "the execution settings have changed since; expected costs use the current ones"
    return facts


def _by_model(rows: list[Row]) -> Table:
    columns = (
        Column("model"),
        Column("horizon", is_numeric=True),
        Column("score (log)", is_numeric=True, format=in_basis_points),
        Column("alpha", is_numeric=True, format=in_basis_points),
        Column("standard error", is_numeric=True, format=_root),
        Column("fitted on"),
    )
    names = ("model", "horizon_sessions", "score", "alpha", "variance", "fit_session")
    return Table(columns, tuple(tuple(row[name] for name in names) for row in rows))


def _limits(rows: list[Row]) -> Table:
    numbers = ("value", "lower", "upper", "dual", "violation")
    columns = (
        Column("limit"),
        Column("of"),
        *(Column(name, is_numeric=True, format=significant) for name in numbers),
        Column("relaxed"),
    )
    return Table(
        columns,
        tuple(
            (row["limit"], row["of"], *(row.get(name) for name in numbers[:-1]), row.get("violation") or None,
             "yes" if row.get("relaxed") else "")
            for row in rows
        ),
    )  # fmt: skip


def _contributions(rows: list[Row]) -> Table:
    numbers = ("value", "score", "coefficient")
    columns = (
        Column("horizon", is_numeric=True),
        Column("term"),
        *(Column(name, is_numeric=True, format=significant) for name in numbers),
        Column("contribution", is_numeric=True, format=in_basis_points),
    )
    names = ("horizon_sessions", "term", *numbers, "contribution")
    return Table(columns, tuple(tuple(row[name] for name in names) for row in rows))


def _inputs(rows: list[Row], widest: int | None) -> Table:
    columns = (
        Column("dataset"),
        Column("event date"),
        Column("known at (UTC)", format=timestamp),
        Column("row", is_text=True),
    )
    return Table(
        columns,
        tuple((row["dataset"], row["event_date"], row["known_at"], _short(row["row"], widest)) for row in rows),
    )


def _short(row: Row, widest: int | None) -> str:
    text = ", ".join(f"{name} {plain(value)}" for name, value in row.items() if value is not None)
    return text if widest is None or len(text) <= widest else f"{text[:widest]}…"


def _state(name: str, value: Any) -> str:  # noqa: ANN401 -- of a dataset's row
    """A probability by its state, anything else by its name."""
    return f"{name.removeprefix('p_')} {percent(value)}" if name.startswith("p_") else f"{label(name)} {_label(value)}"


def _label(state: object) -> str:
    return "unknown" if state is None else plain(state)


def _root(variance: float | None) -> str:
    return percent(None if variance is None else variance**0.5)
