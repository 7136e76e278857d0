"""An explanation as people read it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from feature_store.schemas.risk import STYLES
from quant_assets.reporting.html import MISSING
from quant_assets.reporting.tables import BP, RATIO, SHARE, text

Row = Mapping[str, Any]
WIDEST = 96  # characters of an input row


def show(found: Mapping[str, Any], out: Console) -> None:
    """Print what `explain.explain` returns."""
    order, alpha, regime, risk = found["order"], found["alpha"], found["regime"], found["risk"]
    out.print(_headline(order), markup=False, highlight=False, soft_wrap=True)
    _facts(out, "Weights", _weights(order))
    _listing(
        out,
        "Alpha by model, over its horizon",
        ["model", "horizon", "score (log)", "alpha", "deviation of its error", "fitted on"],
        [
            [
                m["model"],
                m["horizon_sessions"],
                _bp(m["score"]),
                _bp(m["alpha"]),
                _root(m["variance"]),
                m["fit_session"],
            ]
            for m in alpha["by_model"]
        ],
    )  # fmt: skip
    _facts(out, "Alpha combined, over the programme's horizon", _combined(alpha))
    _facts(out, f"Regime of {regime['industry']}", _regime(regime))
    _facts(out, "Risk", _risk(risk))
    _listing(
        out,
        "Limits that bound",
        ["limit", "of", "value", "lower", "upper", "dual", "violation", "relaxed"],
        [
            [limit["limit"], limit["of"], *map(_number, (limit.get(n) for n in ("value", "lower", "upper", "dual"))),
             _number(limit.get("violation") or None), "yes" if limit.get("relaxed") else ""]
            for limit in found["limits"]
        ],
    )  # fmt: skip
    _facts(out, "Programme and checks", _programme(found["programme"], order))
    _facts(out, "Costs expected", _costs(found["costs"]))
    _facts(out, f"What became of it on {found['outcome']['session']}", _outcome(found["outcome"]))
    _listing(
        out,
        "Scores of the ridge with the largest contributions",
        ["horizon", "term", "value", "score", "coefficient", "contribution"],
        [
            [c["horizon_sessions"], c["term"], *map(_number, (c["value"], c["score"], c["coefficient"])),
             _bp(c["contribution"])]
            for c in found["contributions"]
        ],
    )  # fmt: skip
    _listing(
        out,
        "Input rows, as known at the session",
        ["dataset", "speaks of", "known at (UTC)", "row"],
        [[i["dataset"], i["event_date"], _moment(i["known_at"]), _short(i["row"])] for i in found["inputs"]],
    )
    _facts(out, "Provenance", _provenance(found["provenance"]))


def _headline(order: Row) -> str:
    return (
        f"{order['order_id']}: {order['side']} {order['shares']:,.10g} shares at about "
        f"{order['reference_price_usd']:,.2f} USD, {order['notional_usd']:,.0f} USD or "
        f"{text(order['share_of_nav'], SHARE)} of NAV; decided at {_moment(order['decided_at'])} UTC"
    )


def _weights(order: Row) -> Row:
    wanted = order["shares_wanted"]
    return {
        "held before": f"{_weight(order['weight_before'])} ({order['shares_held']:,.10g} shares)",
        "target": _weight(order["target_weight"]),
        "after the order": _weight(order["weight_after"]),
        "benchmark": _weight(order["benchmark_weight"]),
        "wanted before rounding": MISSING if wanted is None else f"{wanted:+,.2f} shares",
    }


def _combined(alpha: Row) -> Row:
    return {
        "raw, merged by inverse variance": f"{_bp(alpha['raw'])} of {alpha['n_predictions'] or 0} predictions",
        "deviation of its error": _root(alpha["variance"]),
        "neutralized": _bp(alpha["neutralized"]),
        "used by the decision": _bp(alpha["used"]),
        "tilt of its industry": _bp(alpha["tilt_used"]),
    }


def _regime(regime: Row) -> Row:
    states = ", ".join(f"{name.removeprefix('p_')} {text(p, SHARE)}" for name, p in regime["states"].items())
    market = ", ".join(f"{name} {_word(word)}" for name, word in regime["market"].items())
    return {
        "states": states or "none",
        "market": market or "none",
        "view": f"tilt {_bp(regime['tilt'])}, band ±{_weight(regime['band'])}",
        "volatility target": text(regime["volatility_target_annual"], SHARE),
    }


def _risk(risk: Row) -> Row:
    exposures = ", ".join(f"{name} {text(risk['exposures'][name], RATIO)}" for name in STYLES if risk["exposures"])
    return {
        "exposures": exposures or "none: the risk model leaves it out",
        "specific volatility": text(risk["specific_volatility_annual"], SHARE),
        "volatility by its factors": text(risk["factor_volatility_annual"], SHARE),
        "volatility": text(risk["volatility_annual"], SHARE),
    }


def _programme(optimization_problem: Row, order: Row) -> Row:
    said = {"status": optimization_problem["status"], "detail": optimization_problem["detail"] or MISSING}
    return said | {"pre-trade checks": "made smaller" if order["cut_by_checks"] else "passed as it was"}


def _costs(costs: Row) -> Row:
    if costs["total_usd"] is None:
        return {"total": "unknown: its cost parameters are"}
    adv = f"{text(costs['share_of_adv'], SHARE)} of the mean daily dollar volume"
    return {
        "commission": _usd(costs["commission_usd"]),
        "half the spread": f"{_usd(costs['spread_usd'])} at {text(costs['half_spread_bp'], BP)}",
        "impact": f"{_usd(costs['impact_usd'])} for {adv} of {costs['adv_usd']:,.0f} USD",
        "total": f"{_usd(costs['total_usd'])}, {text(costs['total_bp'], BP)} of its value",
    }


def _outcome(outcome: Row) -> Row:
    if outcome.get("fill_price_usd") is None:
        return {"fill": outcome["said"]}
    return {
        "fill": f"{outcome['said']}: {outcome['fill_shares']:+,.10g} shares at {outcome['fill_price_usd']:,.2f} USD, "
        f"{_moment(outcome['filled_at'])} UTC",
        "cost": _usd(outcome["cost_usd"]),
        "open against reference": text(outcome["open_against_reference_bp"], BP) + ", positive where it was worse",
    }


def _provenance(provenance: Row) -> Row:
    told = {
        "book": f"generation {provenance['generation']} of {provenance['generations']}, "
        f"written {_moment(provenance['written_at'])} UTC",
        "fingerprint": provenance["fingerprint"],
        "content": provenance["content_hash"],
        "run": provenance["run_id"] or MISSING,
        "commit": provenance["git_commit"] or MISSING,
        "knowledge": f"{provenance['grade']}; the latest of {_moment(provenance['latest_known_at'])} UTC, "
        f"decided at {_moment(provenance['decision_time'])} UTC",
    }
    if not provenance["order_is_of_this_book"]:
        told["beware"] = "execution/orders is of another generation of the book; run `asof backfill`"
    if not provenance["costs_by_its_settings"]:
        told["beware of costs"] = "the execution settings have changed since; expected costs are by those of today"
    return told


def _facts(out: Console, title: str, facts: Row) -> None:
    grid = Table.grid(padding=(0, 2))
    for label, said in facts.items():
        grid.add_row(f"  {escape(label)}", escape(str(said)))
    _title(out, title)
    out.print(grid)


def _listing(out: Console, title: str, names: list[str], rows: Iterable[list[object]]) -> None:
    table = Table(*names)
    for row in rows:
        table.add_row(*(escape("" if value is None else str(value)) for value in row))
    _title(out, title)
    out.print(table if table.row_count else "  none", highlight=False)


def _title(out: Console, title: str) -> None:
    out.print(f"\n[bold]{escape(title)}[/bold]", highlight=False)


def _short(row: Row) -> str:
    said = ", ".join(f"{name} {_number(value)}" for name, value in row.items() if value is not None)
    return said if len(said) <= WIDEST else f"{said[:WIDEST]}…"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)


def _bp(value: float | None) -> str:
    return text(None if value is None else value * 1e4, BP)


def _root(variance: float | None) -> str:
    return text(None if variance is None else variance**0.5, SHARE)


def _weight(value: float | None) -> str:
    return MISSING if value is None else f"{value * 100:.2f} %"


def _usd(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.2f} USD"


def _moment(value: Any) -> str:  # noqa: ANN401 -- a datetime or None
    return MISSING if value is None else f"{value:%Y-%m-%d %H:%M}"
